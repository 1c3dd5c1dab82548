"""What can go wrong between the playground and the service, as whoever uses it should hear it."""

from __future__ import annotations

from retrieval.errors import ServiceError


class PlaygroundError(ServiceError):
    """The playground could not do what was asked."""


class Unreachable(PlaygroundError):
    """The service does not answer; start it with `kb up`, or mend KB_URL."""


class NoKey(PlaygroundError):
    """There is no API key: set KB_API_KEY to one that `kb key create` made."""


class KeyRefused(PlaygroundError):
    """The API key is wrong or revoked; `kb key create` makes another one."""


class StillUnderWay(PlaygroundError):
    """The one before is still under way: wait for it to end, or stop it."""


class Refused(PlaygroundError):
    """The service refused."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        """Of the HTTP response; 200 where an answer broke off under way."""
        self.code = code
        """The problem's `id`, as `not_found`."""

    def __str__(self) -> str:
        return self.detail
