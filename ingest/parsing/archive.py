"""ZIP archives: the documents in one, each a section named by its path in the archive."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from ingest.parsing.composer import Composer
from ingest.parsing.document import ParsedDocument
from ingest.parsing.enclosed import Enclosed, parse_file
from ingest.parsing.members import Member, Members, members


def parse(data: bytes) -> ParsedDocument:
    """Read a ZIP of documents; archives and mails in it are opened too, on the same budget.

    A single document keeps its title and its pages. Of several, each would count its pages anew,
    and none is the title of all. Raises EmptyDocument where nothing in it can be read, or the
    error that all its files have in common.
    """
    composer = Composer()
    enclosed = Enclosed(composer, level=1)
    only: ParsedDocument | None = None
    with members(data) as opened:
        found = opened.documents()
        alone = len(found) == 1
        for member in found:
            document = enclosed.add(
                member.path,
                partial(_parse, opened, member),
                heading=member.path,
                keep_pages=alone,
            )
            only = document if alone else None
    enclosed.require_one()
    enclosed.list_unread()
    if only is not None:
        return composer.finish(title=only.title, page_count=only.page_count)
    return replace(composer.finish(), title=None)


def _parse(opened: Members, member: Member) -> ParsedDocument:
    return parse_file(opened.read(member), member.path)
