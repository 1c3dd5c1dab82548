"""`kb retry`: documents that failed, once more, even where they have failed too often."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from kb.catalog.documents import Document
from kb.cli.add import summarise
from kb.cli.following import follow_documents
from kb.cli.session import Session, fail, out, session
from retrieval.scope import Scope

PAGE = 1000


async def retry(knowledge_base: str, document: str | None, *, wait: bool) -> int:
    """Index them again; 1 when one fails again."""
    async with session() as s:
        scope = await s.service.find_knowledge_base(s.team, knowledge_base)
        if document is None:
            failed = [one async for one in _failed(s, scope)]
        else:
            failed = [await s.service.find_document(scope, document)]
            if failed[0].status != "failed":
                fail(f"{document!r} has not failed; it is {failed[0].status or 'pending'}.")
        if not failed:
            out.print("No document has failed.")
            return 0
        for one in failed:
            await s.service.index_again(scope, one)
        if not wait:
            out.print(f"Queued {len(failed):,}")
            return 0
        done = await follow_documents(s, scope, [one.id for one in failed])
    return summarise(done)


async def _failed(s: Session, scope: Scope) -> AsyncGenerator[Document]:
    offset, total = 0, 1
    while offset < total:
        page, total = await s.service.list_documents(scope, limit=PAGE, offset=offset)
        for one in page:
            if one.status == "failed":
                yield one
        offset += PAGE
