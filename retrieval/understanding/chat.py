"""A language model behind OpenAI's chat completions API, asked one thing at a time."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx
from pydantic import BaseModel, ValidationError

from retrieval.errors import RetrievalError

DETAIL_CHARS = 300  # of what a server says is wrong

_AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
_THOUGHTS = re.compile(r"<think>.*?(?:</think>|$)", re.DOTALL)


class ChatUnavailable(RetrievalError):
    """The language model does not answer; try again in a moment."""

    def __init__(self, detail: str = "", *, after: float = 0) -> None:
        """`after` is how many seconds the server asks to be left alone."""
        super().__init__(detail)
        self.after = after


class ChatRefused(RetrievalError):
    """The language model cannot be asked so; check its address, its name and the key."""


class _Message(BaseModel):
    content: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Completion(BaseModel):
    """What is read of an answer."""

    choices: list[_Choice]


@asynccontextmanager
async def open_chat(
    url: str, *, model: str, api_key: str | None = None, seconds: float
) -> AsyncGenerator[Chat]:
    """A model to ask. `url` is what `/chat/completions` is put after; `seconds` is what an answer
    may take unless a question says otherwise."""
    headers = {} if api_key is None else {"Authorization": f"Bearer {api_key}"}
    timeout = httpx.Timeout(None, connect=seconds)  # each question has a limit of its own
    async with httpx.AsyncClient(headers=headers, timeout=timeout) as client:
        yield Chat(client, f"{url.rstrip('/')}/chat/completions", model, seconds=seconds)


class Chat:
    """Safe to use from many tasks at once; whoever wants a second try makes it."""

    def __init__(self, client: httpx.AsyncClient, url: str, model: str, *, seconds: float) -> None:
        self._client = client
        self._url = url
        self._model = model
        self._seconds = seconds

    async def ask(
        self, role: str, prompt: str, *, max_tokens: int, seconds: float | None = None
    ) -> str:
        """What the model says, without its thoughts. Raises `ChatUnavailable` or `ChatRefused`."""
        body = {
            "model": self._model,
            "messages": [
                {"role": "system", "content": role},
                {"role": "user", "content": prompt},
            ],
            "temperature": 0,
            "max_tokens": max_tokens,
        }
        try:
            # httpx bounds each reading, and not how many there are.
            async with asyncio.timeout(seconds or self._seconds):
                response = await self._client.post(self._url, json=body)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as exc:
            raise ChatRefused(f"{exc}.") from exc
        except (httpx.HTTPError, TimeoutError) as exc:
            raise ChatUnavailable(str(exc) or type(exc).__name__) from exc
        return _answer(_choice(response))


def _choice(response: httpx.Response) -> _Choice:
    """The first choice in an answer. Raises what the status or the body says is wrong."""
    if response.status_code in _AGAIN:
        wait = response.headers.get("Retry-After", "")
        raise ChatUnavailable(_detail(response), after=float(wait) if wait.isdecimal() else 0)
    if not response.is_success:
        raise ChatRefused(_detail(response))
    try:
        return _Completion.model_validate_json(response.content).choices[0]
    except (ValidationError, IndexError) as exc:
        raise ChatRefused("What answers there is no chat completions API.") from exc


def _answer(choice: _Choice) -> str:
    text = _THOUGHTS.sub("", choice.message.content or "").strip()
    if not text and choice.finish_reason == "length":
        raise ChatRefused("It thinks for too long before it answers; take a model that does not.")
    return text


def _detail(response: httpx.Response) -> str:
    said = " ".join(response.text.replace("\0", " ").split())[:DETAIL_CHARS]
    return f"It answers {response.status_code}: {said}"
