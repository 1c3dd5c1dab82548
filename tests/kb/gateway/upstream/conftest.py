"""The real model."""

from __future__ import annotations

from tests.llm.fixtures import llm

__all__ = ["llm"]
