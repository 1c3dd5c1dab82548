"""What `input` of a Responses request may hold, and the messages that it is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, BeforeValidator, Discriminator, Tag

from kb.api.text import Text
from kb.gateway.search import NAME as SEARCH
from kb.gateway.turn import Message, ToolCall
from kb.gateway.wire.content import RefusalPart, as_list, kind_of, lines, whole
from kb.gateway.wire.tools import FunctionName

Echoed = Literal["mcp_list_tools", "mcp_call", "reasoning", "web_search_call"]


class InputText(BaseModel):
    """Some text, of whoever wrote it."""

    type: Literal["input_text", "output_text", "text"]
    text: Text


class InputImage(BaseModel):
    """A picture; there are no files here to take it from."""

    type: Literal["input_image"]
    image_url: Text


TEXTS = ("input_text", "output_text", "text")


def _part_tag(value: object) -> str | None:
    kind = kind_of(value)
    return "text" if kind in TEXTS else kind


Part = Annotated[
    Annotated[InputText, Tag("text")]
    | Annotated[InputImage, Tag("input_image")]
    | Annotated[RefusalPart, Tag("refusal")],
    Discriminator(_part_tag),
]


class MessageItem(BaseModel):
    """What somebody said."""

    role: Literal["user", "assistant", "system", "developer"]
    content: Annotated[list[Part], BeforeValidator(lambda value: as_list(value, "input_text"))]


class FunctionCallItem(BaseModel):
    """A call of an earlier turn."""

    type: Literal["function_call"]
    call_id: Text
    name: FunctionName
    arguments: Text


class FunctionCallOutputItem(BaseModel):
    """What a function of the caller's gave."""

    type: Literal["function_call_output"]
    call_id: Text
    output: Annotated[list[Part], BeforeValidator(lambda value: as_list(value, "input_text"))]


class SearchItem(BaseModel):
    """A search of an earlier turn."""

    type: Literal["file_search_call"]
    id: Text
    queries: list[Text] = []


class EchoedItem(BaseModel):
    """What else an earlier turn did or thought. Its answer says what came of it, so the model does
    not see it again."""

    type: Echoed


ECHOED: tuple[str, ...] = get_args(Echoed)


def _item_tag(value: object) -> str:
    kind = kind_of(value)
    return "earlier item" if kind in ECHOED else kind or "message"


Item = Annotated[
    Annotated[MessageItem, Tag("message")]
    | Annotated[FunctionCallItem, Tag("function_call")]
    | Annotated[FunctionCallOutputItem, Tag("function_call_output")]
    | Annotated[SearchItem, Tag("file_search_call")]
    | Annotated[EchoedItem, Tag("earlier item")],
    Discriminator(_item_tag),
]


def as_items(value: object) -> object:
    """A string as what a user says."""
    return [{"role": "user", "content": value}] if isinstance(value, str) else value


def to_messages(items: Sequence[Item], *, resume: bool) -> Iterator[Message]:
    """Calls that follow an assistant's message, or each other, are one message with it.

    A search's passages are not kept, and an answer given since then says what they said. Where none
    was given, as the model had called a function of the caller's, too, `resume` has it run again.
    """
    groups = [list(group) for _, group in groupby(items, key=_is_assistants)]
    last = max((at for at, group in enumerate(groups) if _is_assistants(group[0])), default=-1)
    for at, group in enumerate(groups):
        if _is_assistants(group[0]):
            yield from _assistants(group, resume=resume and at == last)
        else:
            yield from map(_others, group)


def _is_assistants(item: Item) -> bool:
    if isinstance(item, MessageItem):
        return item.role == "assistant"
    return not isinstance(item, FunctionCallOutputItem)


def _assistants(group: Sequence[Item], *, resume: bool) -> Iterator[Message]:
    said, calls = "", list[ToolCall]()
    searches = list[ToolCall]()
    for item in group:
        if isinstance(item, MessageItem):
            if calls:
                yield Message(role="assistant", text=said, tool_calls=tuple(calls))
                said, calls = "", []
            said += whole(_texts(item.content))
        elif isinstance(item, FunctionCallItem):
            calls.append(ToolCall(id=item.call_id, name=item.name, arguments=item.arguments))
        elif isinstance(item, SearchItem) and item.queries:
            query = json.dumps({"query": item.queries[0]}, ensure_ascii=False)
            searches.append(ToolCall(id=item.id, name=SEARCH, arguments=query))
    if calls and resume:
        calls = searches + calls
    if said or calls:
        yield Message(role="assistant", text=said, tool_calls=tuple(calls))


def _others(item: Item) -> Message:
    if isinstance(item, FunctionCallOutputItem):
        return Message(
            role="tool",
            text=lines(_texts(item.output)),
            images=_images(item.output),
            tool_call_id=item.call_id,
        )
    assert isinstance(item, MessageItem)
    return Message(
        role="user" if item.role == "user" else "system",
        text=lines(_texts(item.content)),
        images=_images(item.content),
    )


def _texts(parts: Sequence[Part]) -> list[str]:
    return [part.text for part in parts if not isinstance(part, InputImage)]


def _images(parts: Sequence[Part]) -> tuple[str, ...]:
    return tuple(part.image_url for part in parts if isinstance(part, InputImage))
