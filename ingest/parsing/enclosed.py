"""The files inside a container as sections of its document, and a list of those not read."""

from __future__ import annotations

from collections.abc import Callable

from ingest.parsing.composer import Composer
from ingest.parsing.detect import detect
from ingest.parsing.document import ParsedDocument
from ingest.parsing.errors import EmptyDocument, ParseError, ParserCrashed
from ingest.parsing.parsers import PARSERS, load

NOT_READ = "Not read"
_MAX_REASON = 300  # characters; a library's message can quote half the file


class Enclosed:
    """Adds files to a document, each under a heading. One that cannot be read costs no other."""

    def __init__(self, composer: Composer, *, level: int) -> None:
        self._composer = composer
        self._level = level
        self._errors: list[tuple[str, ParseError]] = []
        self._read = 0

    def add(
        self,
        name: str,
        parse: Callable[[], ParsedDocument],
        *,
        heading: str,
        keep_pages: bool = False,
    ) -> ParsedDocument | None:
        """Parse a file and nest its document under this heading; None where it cannot be read."""
        try:
            document = parse()
        except ParseError as exc:
            self._errors.append((name, exc))
            return None
        except MemoryError:
            raise  # of the whole parse: there may be none left for the next file
        except Exception as exc:  # noqa: BLE001 - a parser's fault must not cost the other files
            self._errors.append((name, ParserCrashed(f"{type(exc).__name__}: {exc}")))
            return None
        self._composer.add("heading", heading, level=self._level)
        self._composer.nest(document, below=self._level, keep_pages=keep_pages)
        self._read += 1
        return document

    def list_unread(self) -> None:
        """Add the section that names what was not read and why; none where all was."""
        if not self._errors:
            return
        self._composer.add("heading", NOT_READ, level=self._level)
        for name, error in self._errors:
            reason = " ".join(str(error).split())[:_MAX_REASON]
            self._composer.add("list_item", f"{name}: {reason}")

    def require_one(self) -> None:
        """Raise unless some file was read: their one kind of error, or EmptyDocument."""
        if self._read:
            return
        if not self._errors:
            raise EmptyDocument("There are no files in it.")
        name, error = self._errors[0]
        if len(self._errors) == 1:
            raise error
        if all(type(other) is type(error) for _, other in self._errors):
            raise type(error)(f"{name}: {error.detail}") from error
        raise EmptyDocument(f"None of its {len(self._errors)} files can be read.") from error


def parse_file(data: bytes, name: str) -> ParsedDocument:
    """The document of a file in any supported format. Raises what its parser raises."""
    return load(PARSERS[detect(data, name)])(data)
