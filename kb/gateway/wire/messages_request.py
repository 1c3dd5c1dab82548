"""The body of a Messages request."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag

from kb.api.text import JsonObject, Text
from kb.gateway.turn import Grounding
from kb.gateway.wire.content import TextParts, as_list, kind_of
from kb.gateway.wire.messages_content import Block
from kb.gateway.wire.tools import (
    FileSearchBody,
    FunctionName,
    McpBody,
    RetrievalToolBody,
    ToolBody,
)


class MessageBody(BaseModel):
    """What was said."""

    role: Literal["user", "assistant", "system"]
    content: Annotated[list[Block], BeforeValidator(lambda value: as_list(value, "text"))]


class ClientTool(BaseModel):
    """A function of the caller's."""

    type: Literal["custom"] | None = None
    name: FunctionName
    description: Text = ""
    input_schema: JsonObject
    strict: bool | None = None


class ToolSwitch(BaseModel):
    """Whether a tool may be called."""

    enabled: bool = True


class McpToolset(ToolBody):
    """Which tools of a server in `mcp_servers` may be called."""

    type: Literal["mcp_toolset"]
    mcp_server_name: Text
    default_config: ToolSwitch | None = None
    configs: dict[Text, ToolSwitch] | None = None
    cache_control: JsonObject | None = None


def _tool_tag(value: object) -> str:
    return kind_of(value) or "custom"


MessagesTool = Annotated[
    Annotated[ClientTool, Tag("custom")]
    | Annotated[RetrievalToolBody, Tag("knowledge_base_retrieval")]
    | Annotated[FileSearchBody, Tag("file_search")]
    | Annotated[McpBody, Tag("mcp")]
    | Annotated[McpToolset, Tag("mcp_toolset")],
    Discriminator(_tool_tag),
]


class McpServerTools(ToolBody):
    """Which tools of a server may be called, as the first MCP connector said it."""

    enabled: bool | None = None
    allowed_tools: list[Text] | None = None


class McpServer(ToolBody):
    """A remote MCP server."""

    type: Literal["url"]
    name: FunctionName
    url: Text
    authorization_token: Annotated[Text | None, Field(repr=False)] = None
    tool_configuration: McpServerTools | None = None


class MessagesToolChoice(BaseModel):
    """What the model must do."""

    type: Literal["auto", "any", "tool", "none"]
    name: Text = ""
    disable_parallel_tool_use: bool = False


class OutputFormat(BaseModel):
    """JSON that keeps to a schema."""

    model_config = ConfigDict(populate_by_name=True)

    type: Literal["json_schema"]
    json_schema: Annotated[JsonObject, Field(alias="schema")]


class OutputConfig(BaseModel):
    """How the answer is to be written."""

    format: OutputFormat | None = None


class CountRequest(BaseModel):
    """What a model would read."""

    model_config = ConfigDict(
        use_attribute_docstrings=True,
        json_schema_extra={
            "examples": [
                {
                    "model": "extractive",
                    "max_tokens": 1000,
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
    messages: Annotated[list[MessageBody], Field(min_length=1)]
    system: TextParts | None = None
    tools: list[MessagesTool] | None = None
    tool_choice: MessagesToolChoice | None = None
    mcp_servers: list[McpServer] | None = None


class MessagesRequest(CountRequest):
    """A message to be written. Fields that are not here are ignored."""

    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_tool_calls: Annotated[int, Field(ge=1)] | None = None
    """The most calls that are run here."""
    grounding: Grounding | None = None
    """`strict` tells of sentences that no passage supports."""
    temperature: Annotated[float, Field(ge=0, le=1)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    top_k: int | None = None
    stop_sequences: list[Text] | None = None
    output_config: OutputConfig | None = None
    stream: bool | None = None
