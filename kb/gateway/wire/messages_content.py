"""Blocks of content in a Messages request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, BeforeValidator, Discriminator, Field, Tag

from kb.api.text import JsonObject, Text
from kb.gateway.wire.content import TextPart, TextParts, as_list, kind_of, lines
from kb.gateway.wire.tools import FunctionName

Echoed = Literal[
    "thinking",
    "redacted_thinking",
    "mcp_tool_use",
    "mcp_tool_result",
    "server_tool_use",
    "web_search_tool_result",
]


class Base64Source(BaseModel):
    """A picture in the request."""

    type: Literal["base64"]
    media_type: Text
    data: Text

    @property
    def as_url(self) -> str:
        """With its bytes in it."""
        return f"data:{self.media_type};base64,{self.data}"


class UrlSource(BaseModel):
    """A picture elsewhere."""

    type: Literal["url"]
    url: Text

    @property
    def as_url(self) -> str:
        """Where it is."""
        return self.url


class ImageBlock(BaseModel):
    """A picture."""

    type: Literal["image"]
    source: Annotated[Base64Source | UrlSource, Field(discriminator="type")]


class SearchResultBlock(BaseModel):
    """A passage that the client found."""

    type: Literal["search_result"]
    source: Text
    title: Text
    content: list[TextPart]

    @property
    def text(self) -> str:
        """What the model reads."""
        return _sourced(self.title, self.source, lines(part.text for part in self.content))


class PlainTextSource(BaseModel):
    """A document's text."""

    type: Literal["text"]
    data: Text

    @property
    def text(self) -> str:
        """All of it."""
        return self.data


class ContentSource(BaseModel):
    """A document's text in blocks."""

    type: Literal["content"]
    content: TextParts

    @property
    def text(self) -> str:
        """All of it."""
        return lines(part.text for part in self.content)


class DocumentBlock(BaseModel):
    """A document as text; files are put into a knowledge base instead."""

    type: Literal["document"]
    source: Annotated[PlainTextSource | ContentSource, Field(discriminator="type")]
    title: Text | None = None
    context: Text | None = None

    @property
    def text(self) -> str:
        """What the model reads."""
        return _sourced(self.title, self.context, self.source.text)


def _sourced(title: str | None, source: str | None, text: str) -> str:
    return lines(part for part in (title, source, text) if part)


ReadBlock = Annotated[
    TextPart | ImageBlock | SearchResultBlock | DocumentBlock, Field(discriminator="type")
]


class ToolResultBlock(BaseModel):
    """What a function of the caller's gave."""

    type: Literal["tool_result"]
    tool_use_id: Text
    content: Annotated[
        list[ReadBlock] | None, BeforeValidator(lambda value: as_list(value, "text"))
    ] = None
    is_error: bool | None = None

    @property
    def text(self) -> str:
        """What the model reads; chat completions have no other way to say that it failed."""
        text = lines(texts(self.content or ()))
        return f"Error: {text}" if self.is_error else text


class ToolUseBlock(BaseModel):
    """A call of an earlier turn."""

    type: Literal["tool_use"]
    id: Text
    name: FunctionName
    input: JsonObject


class EchoedBlock(BaseModel):
    """What an earlier turn did or thought. Its answer says what came of it, and its passages'
    numbers mean nothing in this turn, so the model does not see it again."""

    type: Echoed


ECHOED: tuple[str, ...] = get_args(Echoed)
READ = ("text", "image", "search_result", "document")


def _tag(value: object) -> str | None:
    kind = kind_of(value)
    if kind in ECHOED:
        return "earlier block"
    return "text, image, search_result or document" if kind in READ else kind


Block = Annotated[
    Annotated[ReadBlock, Tag("text, image, search_result or document")]
    | Annotated[ToolUseBlock, Tag("tool_use")]
    | Annotated[ToolResultBlock, Tag("tool_result")]
    | Annotated[EchoedBlock, Tag("earlier block")],
    Discriminator(_tag),
]


def texts(blocks: Sequence[Block]) -> list[str]:
    """Of those that have some."""
    readable = (TextPart, SearchResultBlock, DocumentBlock)
    return [block.text for block in blocks if isinstance(block, readable)]


def images(blocks: Sequence[Block]) -> tuple[str, ...]:
    """Where the pictures among them are."""
    return tuple(block.source.as_url for block in blocks if isinstance(block, ImageBlock))
