"""What the catalog has to say no to."""

from __future__ import annotations

from retrieval.errors import ServiceError


class NotFound(ServiceError):
    """There is no such thing here, or it belongs to somebody else."""


class NameTaken(ServiceError):
    """A knowledge base of that name exists already; choose another name."""
