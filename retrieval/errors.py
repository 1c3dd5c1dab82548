"""Errors of the whole service: the docstring is the message, the argument is the particular."""

from __future__ import annotations

import inspect


class ServiceError(Exception):
    """Something went wrong."""

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail)
        self.detail = detail

    def __str__(self) -> str:
        message = " ".join((inspect.getdoc(type(self)) or "").split())
        return f"{message} {self.detail}".strip()


class RetrievalError(ServiceError):
    """The index could not do what was asked."""
