"""What can go wrong between the gateway and a model's server.

No detail holds what was asked or answered, a key or an address: callers see it, and logs.
"""

from __future__ import annotations

from retrieval.errors import ServiceError


class UpstreamError(ServiceError):
    """The model's server failed."""

    def __init__(self, detail: str = "", *, retry_after: float = 0) -> None:
        """`retry_after` is how many seconds to leave it alone."""
        super().__init__(detail)
        self.retry_after = retry_after


class UpstreamUnavailable(UpstreamError):
    """The model's server does not answer; try again in a moment."""


class UpstreamTimeout(UpstreamError):
    """The model's server takes too long; try again, or ask for less."""


class UpstreamBusy(UpstreamError):
    """The model has too much to do; try again after the time given."""


class UpstreamRefused(UpstreamError):
    """The model's server cannot be asked so; check its configuration."""


class UpstreamUnauthorized(UpstreamRefused):
    """The model's server does not accept the key that is configured for it; correct the key."""


class RequestRefused(UpstreamRefused):
    """The model's server does not accept this request; correct its parameters."""


class ContextOverflow(UpstreamError):
    """The request is longer than what the model reads; shorten it, or ask for fewer passages."""


class BrokenStream(UpstreamError):
    """The model's server broke off in the middle of its answer; try again."""


class NoAnswer(UpstreamError):
    """The model called tools in every round and gave no answer; ask again, or ask for less."""


class UnknownChatModel(UpstreamError):
    """There is no such chat model."""


class InvalidModels(ServiceError):
    """The chat models are not configured correctly; see KB_LLM_MODELS and KB_LLM_MODELS_FILE."""
