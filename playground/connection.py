"""Requests to the service with a key, and its refusals as errors of ours."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

import httpx
from httpx_sse import EventSource

from playground.errors import KeyRefused, Refused, Unreachable

SECONDS = 120.0  # a language model may think for a while before it says the first word
UNAUTHORIZED = 401
PER_PAGE = 200  # the most that the API gives


class Connection:
    """Keeps connections open between calls. Safe to use from many threads."""

    def __init__(self, url: str, key: str) -> None:
        self.url = url.rstrip("/")
        self._http = httpx.Client(
            base_url=self.url,
            headers={"authorization": f"Bearer {key}"},
            timeout=httpx.Timeout(SECONDS, connect=10),
            trust_env=False,  # a proxy is not between us and our own service
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """No request may be under way."""
        self._http.close()

    def send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: object = None,
        files: Mapping[str, tuple[str, bytes]] | None = None,
    ) -> httpx.Response:
        """The answer. Raises `KeyRefused`, `Refused` or `Unreachable`."""
        given = {name: value for name, value in (params or {}).items() if value is not None}
        with _reachable(self.url):
            response = self._http.request(method, path, params=given, json=json, files=files)
        _check(response)
        return response

    def pages(
        self, path: str, key: str, *, params: Mapping[str, Any] | None = None
    ) -> Iterator[Any]:
        """What the list under `key` holds, on all pages, read as it is asked for."""
        page = 1
        while True:
            asked = {**(params or {}), "page": page, "per_page": PER_PAGE}
            body = self.send("GET", path, params=asked).json()
            yield from body[key]
            if page >= body["meta"]["pages"]:
                return
            page += 1

    def events(self, path: str, json: object) -> Iterator[str]:
        """The data of server-sent events as they come; closing it ends the request.

        Raises as `send` does.
        """
        with _reachable(self.url), self._http.stream("POST", path, json=json) as response:
            if response.is_error:
                response.read()
            _check(response)
            for event in EventSource(response).iter_sse():
                yield event.data


@contextmanager
def _reachable(url: str) -> Generator[None]:
    try:
        yield
    except (httpx.TransportError, httpx.InvalidURL) as exc:
        raise Unreachable(f"It is at {url}: {exc or type(exc).__name__}.") from exc


def _check(response: httpx.Response) -> None:
    if response.is_success:
        return
    if response.status_code == UNAUTHORIZED:
        raise KeyRefused
    raise _refusal(response)


def _refusal(response: httpx.Response) -> Refused:
    """What the problem says, in the API's own envelope or in OpenAI's."""
    try:
        body = response.json()
        told = body.get("error", body)
        return Refused(
            response.status_code, told.get("id") or told.get("code") or "", told["message"]
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        words = f"The service answered {response.status_code} {response.reason_phrase}."
        return Refused(response.status_code, "", words)
