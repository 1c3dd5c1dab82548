"""Citations read back: exactly the quoted text, and where in its document it stands."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from ingest.parsing import wire
from ingest.parsing.document import Block, ParsedDocument
from kb import document_versions
from kb.catalog import documents, index_versions
from kb.catalog.errors import NotFound
from kb.service import Service
from retrieval.citation_uri import CitationUri
from retrieval.errors import ServiceError
from retrieval.postgres import scoped
from retrieval.scope import Scope, TeamScope

LONGEST = 2_000_000_000  # no text is longer, and PostgreSQL's substr counts in 32 bits


class InvalidSpan(ServiceError):
    """That span of characters cannot be shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """A span of a document version's text."""

    uri: CitationUri
    item_name: str
    version_number: int
    text: str
    char_start: int
    char_end: int
    page: int | None
    """The one it starts on; none for formats without pages."""

    section_path: tuple[str, ...]
    """Titles of the headings around all of it, outermost first."""


async def read(service: Service, scope: Scope, cited: CitationUri) -> str:
    """The text that is cited, all of the version's where no span is. Raises `NotFound` or
    `InvalidSpan`.
    """

    async def text(start: int, end: int) -> str:
        return await service.read_text(
            scope, cited.document_id, cited.version_id, start=start, end=end
        )

    if cited.span is None:
        return await text(0, LONGEST)
    start, end = cited.span
    if 0 <= start < end <= LONGEST:
        found = await text(start, end)
        if len(found) == end - start:
            return found
    whole = await text(0, LONGEST)
    if not 0 <= start <= end <= len(whole):
        raise InvalidSpan(outside(start, end, len(whole)))
    return whole[start:end]


async def quote(service: Service, team: TeamScope, cited: CitationUri) -> Quote:
    """The same with all that is known of where it stands."""
    scope = team.knowledge_base(cited.knowledge_base_id)
    text = await read(service, scope, cited)
    document = await service.document(scope, cited.document_id)
    versions = await document_versions.list_all(service, scope, cited.document_id)
    start, end = cited.span or (0, len(text))
    parsed = await parsed_version(service, scope, cited)
    blocks = [one for one in parsed.blocks if one.char_start < end and start < one.char_end]
    return Quote(
        uri=cited,
        item_name=document.item_name,
        version_number=next(one.number for one in versions if one.id == cited.version_id),
        text=text,
        char_start=start,
        char_end=end,
        page=blocks[0].page if blocks else None,
        section_path=_common_path(blocks),
    )


async def parsed_version(service: Service, scope: Scope, cited: CitationUri) -> ParsedDocument:
    """What the live index's parser made of a version. Raises `NotFound`."""
    async with scoped(service.pool, scope) as conn:
        live = await index_versions.live(scope, conn)
        kept = await documents.read_parsed(
            scope, conn, cited.version_id, parser=live.settings.parser
        )
    if kept is None:
        raise NotFound(f"A text of version {cited.version_id}.")
    return await asyncio.to_thread(lambda: wire.decode(zlib.decompress(kept)))


def outside(start: int, end: int, length: int) -> str:
    """What is wrong with a span of a text so long."""
    return f"It is {start} to {end}; the text has characters 0 to {length}."


def _common_path(blocks: Sequence[Block]) -> tuple[str, ...]:
    """The headings around all of them."""
    if not blocks:
        return ()
    common = blocks[0].section_path
    for block in blocks[1:]:
        shared = 0
        for ours, theirs in zip(common, block.section_path, strict=False):
            if ours != theirs:
                break
            shared += 1
        common = common[:shared]
    return common
