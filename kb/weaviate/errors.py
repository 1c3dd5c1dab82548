"""What can keep the embedded Weaviate from running."""

from __future__ import annotations

from retrieval.errors import ServiceError


class EmbeddedWeaviateError(ServiceError):
    """The embedded Weaviate does not run."""


class WeaviateMissing(EmbeddedWeaviateError):
    """There is no program `weaviate-server` on the PATH. Put one there, as
    `go install github.com/weaviate/weaviate/cmd/weaviate-server@v1.38.11` does, or set
    KB_WEAVIATE_URL to a server that runs."""


class WeaviateClientMissing(ServiceError):
    """Weaviate's client is not installed; `pip install 'kb[weaviate]'` brings it."""
