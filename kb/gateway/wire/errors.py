"""What is wrong with a request, or with a model's answer, in the eyes of a wire format."""

from __future__ import annotations

from kb.gateway.errors import InvalidTurn
from kb.gateway.upstream.errors import UpstreamError


class NothingIsStored(InvalidTurn):
    """This service stores no prompts and no answers: send the whole conversation instead."""


class UnsupportedToolset(InvalidTurn):
    """An MCP server and what may be called of it must be named plainly: a toolset for each server,
    and either all of its tools or a list of those that may be called."""


class UnreadableArguments(UpstreamError):
    """The model called a function with arguments that are no JSON object; ask again."""
