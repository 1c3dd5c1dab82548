"""The body of a chat completion's request."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from kb.api.text import JsonObject, Text
from kb.gateway.turn import Grounding
from kb.gateway.wire.content import RefusalPart, TextPart, TextParts, as_list
from kb.gateway.wire.parameters import Parameters
from kb.gateway.wire.tools import FileSearchBody, FunctionName, McpBody, RetrievalToolBody


class ImageUrl(BaseModel):
    """Where a picture is."""

    url: Text


class ImagePart(BaseModel):
    """A picture."""

    type: Literal["image_url"]
    image_url: ImageUrl


class CalledFunction(BaseModel):
    """Which function, and with what."""

    name: FunctionName
    arguments: Text


class ToolCallBody(BaseModel):
    """A call of an earlier turn."""

    id: Text
    type: Literal["function"] = "function"
    function: CalledFunction


class SystemMessage(BaseModel):
    """What the model is told to be."""

    role: Literal["system", "developer"]
    content: TextParts


class UserMessage(BaseModel):
    """What a person says."""

    role: Literal["user"]
    content: Annotated[
        list[Annotated[TextPart | ImagePart, Field(discriminator="type")]],
        BeforeValidator(lambda value: as_list(value, "text")),
    ]


class AssistantMessage(BaseModel):
    """What the model said."""

    role: Literal["assistant"]
    content: Annotated[
        list[Annotated[TextPart | RefusalPart, Field(discriminator="type")]] | None,
        BeforeValidator(lambda value: as_list(value, "text")),
    ] = None
    tool_calls: list[ToolCallBody] | None = None


class ToolMessage(BaseModel):
    """What a function of the caller's gave."""

    role: Literal["tool"]
    tool_call_id: Text
    content: TextParts


ChatMessage = Annotated[
    SystemMessage | UserMessage | AssistantMessage | ToolMessage, Field(discriminator="role")
]


class FunctionBody(BaseModel):
    """A function of the caller's."""

    name: FunctionName
    description: Text = ""
    parameters: JsonObject | None = None
    strict: bool | None = None


class FunctionToolBody(BaseModel):
    """One in `tools`."""

    type: Literal["function"]
    function: FunctionBody


ChatTool = Annotated[
    FunctionToolBody | RetrievalToolBody | FileSearchBody | McpBody, Field(discriminator="type")
]


class NamedFunction(BaseModel):
    """A function by its name."""

    name: Text


class FunctionChoice(BaseModel):
    """The model must call this function."""

    type: Literal["function"]
    function: NamedFunction


class RetrievalChoice(BaseModel):
    """The model must search."""

    type: Literal["knowledge_base_retrieval", "file_search"]


ChatToolChoice = (
    Literal["auto", "required", "none"]
    | Annotated[FunctionChoice | RetrievalChoice, Field(discriminator="type")]
)


class StreamOptions(BaseModel):
    """What a stream also tells."""

    include_usage: bool = False


class ChatRequest(Parameters):
    """A chat completion. Fields that are not here are ignored."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "model": "extractive",
                    "messages": [{"role": "user", "content": "How long may a parcel wait?"}],
                    "tools": [
                        {
                            "type": "knowledge_base_retrieval",
                            "knowledge_base_id": "6d2b1f4e-0000-4000-8000-000000000000",
                        }
                    ],
                }
            ]
        },
    )

    model: Annotated[Text, Field(min_length=1)]
    messages: Annotated[list[ChatMessage], Field(min_length=1)]
    tools: list[ChatTool] | None = None
    tool_choice: ChatToolChoice | None = None
    parallel_tool_calls: bool | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    """The same, by its newer name."""
    max_tool_calls: Annotated[int, Field(ge=1)] | None = None
    """The most calls that are run here."""
    grounding: Grounding | None = None
    """`strict` tells of sentences that no passage supports."""
    n: Literal[1] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
