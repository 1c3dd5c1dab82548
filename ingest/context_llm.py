"""Lines that situate chunks, from a language model behind OpenAI's chat completions API."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import httpx
from pydantic import BaseModel, ValidationError

from ingest.context import LlmRefused, LlmUnavailable, Span, one_line

AT_ONCE = 4  # requests under way, of all documents together
REQUEST_SECONDS = 60.0
PAUSE_SECONDS = 1.0  # before the second try, and twice that before the third and last
LONGEST_PAUSE = 20.0  # whatever the server asks for
LINE_TOKENS = 80
DETAIL_CHARS = 300  # of what a server says is wrong

# In characters; 24,000 are some 6,000 tokens, and a chat model reads 8,000 at least.
OPENING = 3_000  # says what the document is
STRIDE = 9_000
MARGIN = 6_000  # before and after a stride

_AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
_THOUGHTS = re.compile(r"<think>.*?(?:</think>|$)", re.DOTALL)
_ROLE = "You describe where parts of a document stand in it, so that a search finds them."
_TASK = (
    "Above is a document. Here is a part of it:\n\n<part>\n{part}\n</part>\n\n"
    "In one sentence of at most 40 words, say what the part is about and where in the document it"
    " stands. Name what the part itself only refers to: the subject, product, period or person."
    " Write in the language of the part. Answer with that sentence and nothing else."
)


class _Message(BaseModel):
    content: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Completion(BaseModel):
    """What is read of an answer."""

    choices: list[_Choice]


@asynccontextmanager
async def open_llm(
    url: str,
    *,
    model: str,
    api_key: str | None = None,
    at_once: int = AT_ONCE,
    seconds: float = REQUEST_SECONDS,
    pause: float = PAUSE_SECONDS,
) -> AsyncGenerator[LlmSituate]:
    """A model that situates chunks. `url` is what `/chat/completions` is put after."""
    headers = {} if api_key is None else {"Authorization": f"Bearer {api_key}"}
    async with httpx.AsyncClient(headers=headers, timeout=seconds) as client:
        yield LlmSituate(
            client,
            f"{url.rstrip('/')}/chat/completions",
            model,
            at_once=at_once,
            seconds=seconds,
            pause=pause,
        )


class LlmSituate:
    """A `Situate`. Documents may be under way side by side; they share the requests."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        url: str,
        model: str,
        *,
        at_once: int,
        seconds: float,
        pause: float,
    ) -> None:
        self._client = client
        self._url = url
        self._model = model
        self._seconds = seconds
        self._pause = pause
        self._turns = asyncio.Semaphore(at_once)

    async def __call__(self, document: str, spans: Sequence[Span]) -> list[str]:
        """A line for each span. The first error ends the other requests as well."""
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._line(document, span)) for span in spans]
        except ExceptionGroup as errors:
            first = errors.exceptions[0]
            raise first from first.__cause__
        return [task.result() for task in tasks]

    async def _line(self, document: str, span: Span) -> str:
        async with self._turns:
            return _answer(await self._ask(_prompt(document, span)))

    async def _ask(self, prompt: str) -> _Choice:
        """What the model says, tried three times where that may help."""
        for pause in (self._pause, 2 * self._pause):
            try:
                return await self._post(prompt)
            except LlmUnavailable as exc:
                await asyncio.sleep(min(max(pause, exc.after), LONGEST_PAUSE))
        return await self._post(prompt)

    async def _post(self, prompt: str) -> _Choice:
        body = {
            "model": self._model,
            "messages": [
                {"role": "system", "content": _ROLE},
                {"role": "user", "content": prompt},
            ],
            "temperature": 0,
            "max_tokens": LINE_TOKENS,
        }
        try:
            # httpx bounds each reading, and not how many there are.
            async with asyncio.timeout(self._seconds):
                response = await self._client.post(self._url, json=body)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as exc:
            raise LlmRefused(f"{exc}.") from exc
        except (httpx.HTTPError, TimeoutError) as exc:
            raise LlmUnavailable(str(exc) or type(exc).__name__) from exc
        return _choice(response)


def excerpt(document: str, start: int) -> str:
    """What a model is shown of a document for a part that begins here, and for those near it.

    Servers keep what they made of the beginning of a prompt, so that neighbours are cheap as long
    as the excerpt is the same to the letter.
    """
    if len(document) <= OPENING + STRIDE + 2 * MARGIN:
        return document
    near = start // STRIDE * STRIDE
    first, end = near - MARGIN, near + STRIDE + MARGIN
    if first <= OPENING:
        return document[:end]
    return f"{document[:OPENING]}\n[...]\n{document[first:end]}"


def _prompt(document: str, span: Span) -> str:
    part = document[slice(*span)]
    around = excerpt(document, span[0])
    return f"<document>\n{around}\n</document>\n\n{_TASK.format(part=part)}"


def _choice(response: httpx.Response) -> _Choice:
    """The first choice in an answer. Raises what the status or the body says is wrong."""
    if response.status_code in _AGAIN:
        wait = response.headers.get("Retry-After", "")
        raise LlmUnavailable(_detail(response), after=float(wait) if wait.isdecimal() else 0)
    if not response.is_success:
        raise LlmRefused(_detail(response))
    try:
        return _Completion.model_validate_json(response.content).choices[0]
    except (ValidationError, IndexError) as exc:
        raise LlmRefused("What answers there is no chat completions API.") from exc


def _answer(choice: _Choice) -> str:
    text = _THOUGHTS.sub("", choice.message.content or "").strip()
    if not text and choice.finish_reason == "length":
        raise LlmRefused("It thinks for too long before it answers; take a model that does not.")
    return text


def _detail(response: httpx.Response) -> str:
    return f"It answers {response.status_code}: {one_line(response.text)[:DETAIL_CHARS]}"
