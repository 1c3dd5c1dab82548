"""What a turn cannot be: told before the model is asked."""

from __future__ import annotations

from retrieval.errors import ServiceError


class InvalidTurn(ServiceError):
    """The request cannot be answered as it is."""


class NoMessages(InvalidTurn):
    """There is nothing to answer; send at least one message of the user's."""


class TooManyTools(InvalidTurn):
    """The request has more tools than one turn may have; leave some out."""


class TooManyKnowledgeBases(InvalidTurn):
    """The request searches more knowledge bases than one turn may; leave some out."""


class NoKnowledgeBase(InvalidTurn):
    """A retrieval tool names no knowledge base; give the id of one at least."""


class ToolNameTaken(InvalidTurn):
    """Two tools go by one name; rename yours."""


class UnknownToolChoice(InvalidTurn):
    """The tool that must be used is not among the request's tools; add it, or choose `auto`."""


class ExtractiveNeedsRetrieval(InvalidTurn):
    """The model `extractive` only quotes; add a knowledge_base_retrieval tool."""


class NoModel(InvalidTurn):
    """No language model is configured; set KB_LLM_URL, or ask the model `extractive`."""
