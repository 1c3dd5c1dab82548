"""Do the store and the catalog agree? Which chunks nobody owns, and which documents lack theirs."""

from __future__ import annotations

from dataclasses import dataclass

from kb.catalog import documents
from kb.catalog.documents import Document
from kb.service import Service
from retrieval.postgres import scoped
from retrieval.scope import Scope
from retrieval.store import StoredDocument


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What the live index holds beside what the catalog says it should."""

    agreeing: int
    """Documents whose chunks are all there, of the right version."""

    pending: int
    """Documents not compared, because they are queued, under way or failed."""

    unowned: list[StoredDocument]
    """In the index, but no document of the knowledge base."""

    lacking: list[Document]
    """Indexed by the catalog's account, but not so in the index."""

    @property
    def agrees(self) -> bool:
        """Nothing to mend."""
        return not self.unowned and not self.lacking


async def compare(service: Service, scope: Scope) -> Comparison:
    """Compare, while documents may come and go. Raises `NotFound`."""
    live = await service.index(scope)
    # The index first: what is in it by then is in the catalog after, unless it was deleted.
    held = await live.store.documents(scope, live.version)
    async with scoped(service.pool, scope) as conn:
        listed = await documents.list_page(scope, conn)
    known = {one.id for one in listed}
    compared = [one for one in listed if one.status == "indexed"]
    right = {(one.document.document_id, one.document.version_id, one.chunks) for one in held}
    lacking = [
        one for one in compared if one.chunks and (one.id, one.version_id, one.chunks) not in right
    ]
    if lacking:  # unless it was written between the two looks
        again = await live.store.documents(scope, live.version)
        right = {(one.document.document_id, one.document.version_id, one.chunks) for one in again}
        lacking = [one for one in lacking if (one.id, one.version_id, one.chunks) not in right]
    return Comparison(
        agreeing=len(compared) - len(lacking),
        pending=len(listed) - len(compared),
        unowned=[one for one in held if one.document.document_id not in known],
        lacking=lacking,
    )


async def mend(service: Service, scope: Scope, found: Comparison) -> None:
    """Remove the chunks nobody owns, and queue the documents that lack theirs."""
    live = await service.index(scope)
    for one in found.unowned:
        await live.store.replace(scope, live.version, one.document, [], [])
    for document in found.lacking:
        await service.index_again(scope, document)
