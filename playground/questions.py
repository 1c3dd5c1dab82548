"""Questions written by the service's language model about a knowledge base's own documents."""

from __future__ import annotations

import asyncio
from uuid import UUID

from playground.long_work import LongWork, Tell
from playground.service_models import ServiceChat
from playground.sweep import Step
from playground.tuning import NothingToTune, Stopped
from playground.workplace import Workplace
from retrieval.eval.synthetic import Written, write_questions


def writing(work: Workplace, kb: UUID, *, model: str, count: int, seed: int) -> LongWork[object]:
    """Have so many questions written; its result is `Written`, whose questions are drafts."""
    stopped = Stopped()

    def write(tell: Tell) -> object:
        listed = {
            one.item_name: one for one in work.client.documents(kb) if one.status == "indexed"
        }
        if not listed:
            raise NothingToTune

        async def read(name: str) -> str | None:
            one = listed[name]
            return await asyncio.to_thread(work.client.text, kb, one.uuid, one.version_uuid)

        async def told(done: int) -> None:
            stopped.check()
            tell(Step(doing=f"{done} of {count} questions written", done=done / count))

        async def run() -> Written:
            return await write_questions(
                {name: one.size_in_bytes for name, one in listed.items()},
                read,
                ServiceChat(work.client, model),
                count=count,
                seed=seed,
                on_progress=told,
            )

        return asyncio.run(run())

    return LongWork(write, stopped.stop)
