"""A model's files from the Hugging Face hub, or soon an error that says why not.

`hf_hub_download` retries a silent hub for minutes, and fastembed's own download for 39 s, so the
files are streamed here: with the hub library's session, which knows proxies, tokens and
HF_HUB_OFFLINE, and with deadlines of our own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from pathlib import Path
from threading import Thread

from retrieval.errors import RetrievalError

READ_TIMEOUT_S = 10.0
"""The longest silence in the middle of a file."""
FILE_DEADLINE_S = 600.0
"""The longest one file may take: 90 MB at 150 kB/s."""


class HubUnavailable(RetrievalError):
    """The hub did not give the model's files."""


def default_endpoint() -> str:
    """The hub's address: HF_ENDPOINT where that is set, as everywhere in the hub's library."""
    from huggingface_hub.constants import ENDPOINT

    return ENDPOINT


def fetch(
    hub_id: str,
    names: Sequence[str],
    into: Path,
    *,
    revision: str,
    optional: Collection[str] = (),
    endpoint: str | None = None,
    timeout: float = 2.0,
) -> None:
    """Download the named files of a model's branch, tag or commit into the folder `into`.

    Those of them that are `optional` may be missing there. `timeout`, in seconds, is all the time
    the hub has to deliver the first file, name lookup included: name a small one first.
    Raises HubUnavailable; the caller checks the hashes.
    """

    from huggingface_hub import hf_hub_url  # takes a second: before the clock is started

    def download(name: str) -> None:
        url = hf_hub_url(hub_id, name, revision=revision, endpoint=endpoint)
        path = into / name
        path.parent.mkdir(parents=True, exist_ok=True)
        _download(url, path, connect_timeout=timeout, may_be_missing=name in optional)

    _within(timeout, lambda: download(names[0]))
    for name in names[1:]:
        download(name)


def _download(url: str, path: Path, *, connect_timeout: float, may_be_missing: bool) -> None:
    import httpx
    from huggingface_hub import get_session
    from huggingface_hub.utils import (
        build_hf_headers,  # pyright: ignore[reportUnknownVariableType] a bare `dict` in its types
    )

    deadline = time.monotonic() + FILE_DEADLINE_S
    try:
        with get_session().stream(
            "GET",
            url,
            headers=build_hf_headers(),
            follow_redirects=True,
            timeout=httpx.Timeout(READ_TIMEOUT_S, connect=connect_timeout),
        ) as response:
            if may_be_missing and response.status_code == 404:
                return
            response.raise_for_status()
            with path.open("wb") as file:
                for block in response.iter_bytes():
                    file.write(block)
                    if time.monotonic() > deadline:
                        raise TimeoutError(f"no end after {FILE_DEADLINE_S:.0f} s")
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as exc:
        raise HubUnavailable(f"{url}: {str(exc) or type(exc).__name__}") from exc


def _within(seconds: float, call: Callable[[], None]) -> None:
    """Run `call`, but stop waiting after `seconds`: no socket's timeout covers the name lookup."""
    outcome: Future[None] = Future()

    def run() -> None:
        try:
            outcome.set_result(call())
        except BaseException as exc:  # noqa: BLE001 raised again where the outcome is read
            outcome.set_exception(exc)

    # A daemon, so that what is not waited for does not keep the process from ending either.
    Thread(target=run, name="hub", daemon=True).start()
    try:
        outcome.result(seconds)
    except FutureTimeout as exc:
        raise HubUnavailable(f"It sent nothing within {seconds:g} s.") from exc
