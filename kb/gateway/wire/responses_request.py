"""The body of a Responses request."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from kb.api.text import JsonObject, Text
from kb.gateway.turn import Grounding
from kb.gateway.wire.chat_request import FunctionBody, NamedFunction, RetrievalChoice
from kb.gateway.wire.errors import NothingIsStored
from kb.gateway.wire.parameters import Parameters
from kb.gateway.wire.responses_input import Item, as_items
from kb.gateway.wire.telling import Json
from kb.gateway.wire.tools import FileSearchBody, McpBody, RetrievalToolBody

SEARCH_RESULTS = "file_search_call.results"


class ResponsesFunction(FunctionBody):
    """A function of the caller's."""

    type: Literal["function"]


ResponsesTool = Annotated[
    ResponsesFunction | RetrievalToolBody | FileSearchBody | McpBody, Field(discriminator="type")
]


class FunctionChoice(NamedFunction):
    """The model must call this function."""

    type: Literal["function"]


ResponsesToolChoice = (
    Literal["auto", "required", "none"]
    | Annotated[FunctionChoice | RetrievalChoice, Field(discriminator="type")]
)


class TextFormat(BaseModel):
    """Plain text, any JSON, or JSON that keeps to a schema."""

    model_config = ConfigDict(extra="allow")

    type: Literal["text", "json_object", "json_schema"] = "text"

    def to_response_format(self) -> Json | None:
        """As chat completions have it."""
        if self.type == "text":
            return None
        if self.type == "json_object":
            return {"type": self.type}
        return {"type": self.type, self.type: dict(self.__pydantic_extra__ or {})}


class TextOptions(BaseModel):
    """How the answer is to be written."""

    format: TextFormat | None = None
    verbosity: Text | None = None


class ReasoningOptions(BaseModel):
    """How long the model is to think."""

    effort: Text | None = None


class ResponsesRequest(Parameters):
    """A response. Fields that are not here are ignored, `store` among them: nothing is stored."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "model": "extractive",
                    "input": "How long may a parcel wait?",
                    "tools": [
                        {
                            "type": "file_search",
                            "vector_store_ids": ["6d2b1f4e-0000-4000-8000-000000000000"],
                        }
                    ],
                }
            ]
        },
    )

    model: Annotated[Text, Field(min_length=1)]
    input: Annotated[list[Item], BeforeValidator(as_items), Field(min_length=1)]
    instructions: Text | None = None
    tools: list[ResponsesTool] | None = None
    tool_choice: ResponsesToolChoice | None = None
    parallel_tool_calls: bool | None = None
    max_output_tokens: Annotated[int, Field(ge=1)] | None = None
    max_tool_calls: Annotated[int, Field(ge=1)] | None = None
    """The most calls that are run here."""
    grounding: Grounding | None = None
    """`strict` tells of sentences that no passage supports."""
    text: TextOptions | None = None
    reasoning: ReasoningOptions | None = None
    include: list[Text] | None = None
    """`file_search_call.results` has the passages told of."""
    metadata: dict[str, Text] | None = None
    stream: bool | None = None
    background: Literal[False] | None = None
    previous_response_id: Text | None = None
    """Refused: nothing is stored."""
    conversation: Text | JsonObject | None = None
    """Refused as well."""
    prompt: JsonObject | None = None
    """Refused as well."""

    def require_nothing_stored(self) -> None:
        """Raises `NothingIsStored`."""
        for name in ("previous_response_id", "conversation", "prompt"):
            if getattr(self, name) is not None:
                raise NothingIsStored(f"There is no {name}.")
