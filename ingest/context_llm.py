"""Lines that situate chunks, written by a language model."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from ingest.context import LlmRefused, LlmUnavailable, Span
from retrieval.understanding.chat import Chat, ChatRefused, ChatUnavailable

AT_ONCE = 4  # requests under way, of all documents together
REQUEST_SECONDS = 60.0
PAUSE_SECONDS = 1.0  # before the second try, and twice that before the third and last
LONGEST_PAUSE = 20.0  # whatever the server asks for
LINE_TOKENS = 80

# In characters; 24,000 are some 6,000 tokens, and a chat model reads 8,000 at least.
OPENING = 3_000  # says what the document is
STRIDE = 9_000
MARGIN = 6_000  # before and after a stride

_ROLE = "You describe where parts of a document stand in it, so that a search finds them."
_TASK = (
    "Above is a document. Here is a part of it:\n\n<part>\n{part}\n</part>\n\n"
    "In one sentence of at most 40 words, say what the part is about and where in the document it"
    " stands. Name what the part itself only refers to: the subject, product, period or person."
    " Write in the language of the part. Answer with that sentence and nothing else."
)


class LlmSituate:
    """A `Situate`. Documents may be under way side by side; they share the requests."""

    def __init__(
        self,
        chat: Chat,
        *,
        at_once: int = AT_ONCE,
        seconds: float = REQUEST_SECONDS,
        pause: float = PAUSE_SECONDS,
    ) -> None:
        self._chat = chat
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
        try:
            async with self._turns:
                return await self._ask(_prompt(document, span))
        except ChatUnavailable as exc:
            raise LlmUnavailable(exc.detail) from exc
        except ChatRefused as exc:
            raise LlmRefused(exc.detail) from exc

    async def _ask(self, prompt: str) -> str:
        """What the model says, tried three times where that may help."""
        ask = partial(self._chat.ask, _ROLE, prompt, max_tokens=LINE_TOKENS, seconds=self._seconds)
        for pause in (self._pause, 2 * self._pause):
            try:
                return await ask()
            except ChatUnavailable as exc:
                await asyncio.sleep(min(max(pause, exc.after), LONGEST_PAUSE))
        return await ask()


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
