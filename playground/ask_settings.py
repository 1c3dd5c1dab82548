"""How a question is asked in the Ask view: what becomes the bodies of two API calls."""

from __future__ import annotations

import json
from typing import Any, cast
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from playground.errors import PlaygroundError
from retrieval.query import MAX_RESULTS, Expansion

DEFAULT_PASSAGES = 5
MAX_ANSWER_TOKENS = 4096


class InvalidFilters(PlaygroundError):
    """Filters are a JSON object, as {"equals": {"key": "item_name", "value": "guide.pdf"}}."""


class AskSettings(BaseModel):
    """One configuration."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    model: str = ""
    """The service's default where it is empty."""

    system_prompt: str = ""
    temperature: float = Field(default=0.2, ge=0, le=2)
    max_tokens: int = Field(default=1024, ge=1, le=MAX_ANSWER_TOKENS)
    """Of the answer."""

    num_results: int = Field(default=DEFAULT_PASSAGES, ge=1, le=MAX_RESULTS)
    alpha: float | None = Field(default=None, ge=0, le=1)
    """As suits the knowledge base where it is None."""

    reranking: bool | None = None
    """As the knowledge base is set where it is None."""

    expand: Expansion = "parent"
    filters: str = ""
    """JSON as it was typed."""

    def retrieve_options(self, question: str) -> dict[str, Any]:
        """The body of `POST /v1/{knowledge_base_uuid}/retrieve`. Raises `InvalidFilters`."""
        return {"query": question, **self._search(), "explain": True}

    def chat_options(self, kb: UUID, question: str) -> dict[str, Any]:
        """The body of `POST /v1/chat/completions`. Raises `InvalidFilters`."""
        system = [{"role": "system", "content": self.system_prompt}] if self.system_prompt else []
        return {
            "model": self.model,
            "messages": [*system, {"role": "user", "content": question}],
            "tools": [
                {
                    "type": "knowledge_base_retrieval",
                    "knowledge_base_id": str(kb),
                    **self._search(),
                }
            ],
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
        }

    def _search(self) -> dict[str, Any]:
        """What both calls have in common."""
        options: dict[str, Any] = {"num_results": self.num_results}
        if self.alpha is not None:
            options["alpha"] = self.alpha
        if filters := self._filters():
            options["filters"] = filters
        if self.reranking is not None:
            options["reranking"] = {"enabled": self.reranking}
        if self.expand != "parent":
            options["expand"] = self.expand
        return options

    def _filters(self) -> dict[str, Any]:
        if not self.filters.strip():
            return {}
        try:
            found = json.loads(self.filters)
        except ValueError as exc:
            raise InvalidFilters(f"Here: {exc}.") from exc
        if not isinstance(found, dict):
            raise InvalidFilters
        return cast("dict[str, Any]", found)
