"""What a caller asks of a model, whichever wire format it came in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from retrieval.query import Expansion

Role = Literal["system", "user", "assistant", "tool"]
Grounding = Literal["off", "strict"]

DEFAULT_RESULTS = 10  # DigitalOcean's
DEFAULT_PASSAGE_TOKENS = 6000
MAX_ROUNDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A model's wish to have a tool run."""

    id: str
    name: str
    arguments: str
    """JSON as the model wrote it; it may be none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message of the conversation."""

    role: Role
    text: str = ""
    images: tuple[str, ...] = ()
    """URLs, `data:` among them, that stand after the text."""

    tool_calls: tuple[ToolCall, ...] = ()
    """Of an assistant's message."""

    tool_call_id: str | None = None
    """Of a tool's message: the call that it answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionTool:
    """A function of the caller's: its calls are handed back."""

    name: str
    description: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """JSON schema of its arguments."""

    strict: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalTool:
    """Knowledge bases that the model may search; its calls are run here."""

    knowledge_base_ids: tuple[UUID, ...]
    num_results: int = DEFAULT_RESULTS
    alpha: float | None = None
    filters: Mapping[str, Any] = field(default_factory=dict[str, Any])
    reranking: bool | None = None
    """As the knowledge base is set unless given."""

    expand: Expansion = "parent"
    max_tokens: int = DEFAULT_PASSAGE_TOKENS
    """The most that the texts of one search may take."""

    max_uses: int | None = None
    """The most searches in this turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class McpTool:
    """A remote MCP server, whose tools' calls are run there."""

    label: str
    url: str
    authorization: str | None = field(default=None, repr=False)
    """Sent to that server and to nobody else."""

    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    allowed_tools: tuple[str, ...] | None = None
    """All of them unless given."""


Tool = FunctionTool | RetrievalTool | McpTool


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolChoice:
    """What the model must do in its first round; later rounds are always free."""

    mode: Literal["auto", "required", "none", "named"] = "auto"
    name: str | None = None
    """The function that is `named`; none stands for the retrieval tool."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One request."""

    model: str
    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice = field(default_factory=ToolChoice)
    parallel_tool_calls: bool = True
    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What goes to the model's server as it is, by its names in chat completions: temperature, stop
    and the like."""

    max_tokens: int | None = None
    """The most that the model may write in all rounds together."""

    max_tool_calls: int | None = None
    """The most calls that are run here."""

    grounding: Grounding = "off"
    """`strict` tells of sentences that no passage supports."""

    @property
    def retrieval_tools(self) -> tuple[RetrievalTool, ...]:
        """Those of its tools."""
        return tuple(tool for tool in self.tools if isinstance(tool, RetrievalTool))
