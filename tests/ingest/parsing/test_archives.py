"""Archives: the documents in them, and the bombs."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.parsing import archive, budget
from ingest.parsing.document import ParsedDocument, verify
from ingest.parsing.errors import (
    CorruptDocument,
    DocumentTooLarge,
    EmptyDocument,
    EncryptedDocument,
    ParseError,
    UnsupportedFormat,
)
from ingest.parsing.members import MAX_PATH, members, natural, shown_path
from tests.ingest.parsing import document_samples, samples
from tests.ingest.parsing.document_samples import (
    flagged,
    lying,
    many_empty_files,
    overlapping_bomb,
    packed,
)


def outline(document: ParsedDocument) -> list[tuple[str, int | None, str]]:
    verify(document)
    return [(block.kind, block.level, document.text_of(block)) for block in document.blocks]


def reading(data: bytes, path: str) -> bytes:
    with members(data) as opened:
        return opened.read(path)


class TestArchive:
    def test_each_document_is_a_section_in_natural_order(self) -> None:
        document = archive.parse(
            packed(
                {
                    "notes/10.txt": "Ten.",
                    "notes/9.md": "# Nine\n\nText.",
                    "__MACOSX/notes/._9.md": "junk",
                    ".DS_Store": "junk",
                    "a/Thumbs.db": "junk",
                    "b.html": samples.HTML,
                }
            )
        )
        assert document.title is None
        assert outline(document)[:2] == [("heading", 1, "b.html"), ("heading", 2, "All about lids")]
        assert outline(document)[-5:] == [
            ("heading", 1, "notes/9.md"),
            ("heading", 2, "# Nine"),
            ("paragraph", None, "Text."),
            ("heading", 1, "notes/10.txt"),
            ("paragraph", None, "Ten."),
        ]
        assert "junk" not in document.text

    def test_a_document_that_cannot_be_read_costs_no_other(self) -> None:
        document = archive.parse(
            packed({"a.pdf": b"%PDF-1.7\n garbage", "b.txt": "Text.", "c.txt": " "})
        )
        assert outline(document)[:3] == [
            ("heading", 1, "b.txt"),
            ("paragraph", None, "Text."),
            ("heading", 1, "Not read"),
        ]
        unread = [text for kind, _, text in outline(document) if kind == "list_item"]
        assert [text.partition(":")[0] for text in unread] == ["a.pdf", "c.txt"]
        assert "damaged" in unread[0]

    def test_a_single_document_keeps_its_pages_and_title(self) -> None:
        document = archive.parse(packed({"report.pdf": samples.pdf(2, title="The Report of Lids")}))
        verify(document)
        assert document.title == "The Report of Lids"
        assert document.page_count == 2
        assert {block.page for block in document.blocks[1:]} == {1, 2}

    def test_pages_of_several_documents_are_left_out(self) -> None:
        document = archive.parse(packed({"a.pdf": samples.pdf(), "b.txt": "Text."}))
        assert document.page_count is None
        assert {block.page for block in document.blocks} == {None}

    def test_archives_and_mails_inside_are_opened(self) -> None:
        inner = packed({"mail.eml": document_samples.EML})
        document = archive.parse(packed({"inner.zip": inner, "z.txt": "Text."}))
        verify(document)
        care = next(block for block in document.blocks if document.text_of(block) == "# Care")
        assert care.section_path == (
            *("inner.zip", "mail.eml", "Lids for boxes", "Attachment: lids.md", "Care"),
        )

    @pytest.mark.parametrize(
        ("data", "error"),
        [
            (packed({}), EmptyDocument),
            (packed({"a.txt": "", "b.bin": bytes(range(256))}), EmptyDocument),
            (packed({"a.bin": bytes(range(256))}), UnsupportedFormat),
            (flagged(packed({"a.txt": "Text."}), 1), EncryptedDocument),
            (packed({"a.txt": "Text."})[:-30], CorruptDocument),
            (packed({"a.txt": "Text."})[20:], CorruptDocument),
            (b"", CorruptDocument),
            (b"PK\x05\x06", CorruptDocument),
        ],
    )
    def test_where_nothing_can_be_read_says_why(self, data: bytes, error: type[ParseError]) -> None:
        with pytest.raises(ParseError) as raised:
            archive.parse(data)
        assert type(raised.value) is error


class TestPaths:
    @pytest.mark.parametrize(
        ("name", "shown"),
        [
            ("../../etc/passwd", "etc/passwd"),
            ("/etc/passwd", "etc/passwd"),
            ("C:\\Users\\a.txt", "Users/a.txt"),
            ("a/./b//c.txt", "a/b/c.txt"),
            ("a\u202etxt.exe\n", "atxt.exe"),
            ("..", "unnamed"),
        ],
    )
    def test_are_shown_safely(self, name: str, shown: str) -> None:
        assert shown_path(name) == shown

    @given(name=st.text(max_size=600))
    def test_can_always_be_headings(self, name: str) -> None:
        path = shown_path(name)
        assert 0 < len(path) <= MAX_PATH
        assert not path.startswith("/")
        assert ".." not in path.split("/")
        natural(path)

    def test_sort_as_people_count(self) -> None:
        paths = ["b/1.txt", "a10.txt", "a9.txt", "B/2.txt"]
        assert sorted(paths, key=natural) == ["a9.txt", "a10.txt", "b/1.txt", "B/2.txt"]

    def test_are_read_in_utf_8_even_where_the_file_does_not_say_so(self) -> None:
        data = packed({"Käse.txt": "Text."}).replace(b"\x00\x08", b"\x00\x00")
        assert archive.parse(data).blocks[0].section_path == ("Käse.txt",)


class TestBombs:
    def test_files_that_share_bytes_are_refused(self) -> None:
        bomb = overlapping_bomb()
        assert len(bomb) < 60_000
        with pytest.raises(CorruptDocument, match="share bytes"):
            archive.parse(bomb)

    def test_a_file_that_unpacks_to_many_times_its_size_is_stopped(self) -> None:
        with pytest.raises(DocumentTooLarge, match="200 times"):
            archive.parse(packed({"zeros.txt": bytes(50_000_000)}))

    def test_gigabytes_in_packed_archives_are_stopped(self) -> None:
        inner = packed({"zeros.txt": bytes(100_000_000)})
        bomb = packed({f"{number}.zip": inner for number in range(40)})
        bomb = packed({"bomb.zip": bomb})
        assert len(bomb) < 12_000
        with pytest.raises(DocumentTooLarge):
            archive.parse(bomb)

    def test_a_bomb_costs_no_document_beside_it(self) -> None:
        document = archive.parse(packed({"a.txt": "Text.", "zeros.txt": bytes(20_000_000)}))
        assert outline(document)[1] == ("paragraph", None, "Text.")
        assert "zeros.txt: The file or the text in it is larger" in document.text

    def test_archives_inside_each_other_end_somewhere(self) -> None:
        data = packed({"a.txt": "Text."})
        for _ in range(50):
            data = packed({"a.zip": data})
        with pytest.raises(DocumentTooLarge, match="packed inside more than 8"):
            archive.parse(data)

    def test_too_many_files_are_refused_unlisted(self) -> None:
        with pytest.raises(DocumentTooLarge, match="100000 files"):
            archive.parse(many_empty_files(100_000))

    def test_files_in_all_archives_together_are_counted(self) -> None:
        inner = many_empty_files(3000)
        document = archive.parse(
            packed({"0.txt": "Text.", **{f"{number}.zip": inner for number in range(1, 5)}})
        )
        assert "4.zip: The file or the text in it is larger" in document.text
        assert "3.zip: There is no text in this file." in document.text

    @pytest.mark.parametrize("declared", [0, 1, 5999])
    def test_a_file_larger_than_it_says_is_damaged(self, declared: int) -> None:
        with pytest.raises(CorruptDocument):
            archive.parse(lying(packed({"a.txt": "Text. " * 1000}), declared))

    @pytest.mark.parametrize("declared", [6001, 2**31, 2**32 - 2])
    def test_a_file_smaller_than_it_says_is_read_as_it_is(self, declared: int) -> None:
        data = lying(packed({"a.txt": "Text. " * 1000}), declared)
        assert reading(data, "a.txt") == b"Text. " * 1000

    def test_bytes_of_all_files_together_are_counted(self) -> None:
        data = packed({f"{number}.txt": f"{number}" * 1000 for number in range(1, 5)})
        with budget.container() as spent:
            spent.spend_bytes(spent.limits.total_bytes - 2500)
            document = archive.parse(data)
        unread = [text for kind, _, text in outline(document) if kind == "list_item"]
        assert [text.partition(":")[0] for text in unread] == ["3.txt", "4.txt"]

    def test_no_document_sees_what_another_spent(self) -> None:
        data = packed({"a.txt": "Text.", "inner.zip": many_empty_files(6000)})
        assert archive.parse(data) == archive.parse(data)

    @pytest.mark.parametrize("method", [12, 14])  # bzip2 and LZMA, of which no piece is bounded
    def test_methods_that_cannot_be_bounded_are_refused(self, method: int) -> None:
        file = document_samples.packed_by(method, {"a.txt": b"Text."})
        with pytest.raises(UnsupportedFormat, match="Deflate"):
            reading(file, "a.txt")


def _overwritten(edit: tuple[float, bytes]) -> bytes:
    data, (place, piece) = packed({"a.txt": "Text.", "b.md": "# B"}), edit
    start = int(place * len(data))
    return data[:start] + piece + data[start + len(piece) :]


EDITS = st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=6))


@given(data=st.one_of(st.binary(max_size=300), EDITS.map(_overwritten)))
@settings(max_examples=150, deadline=None)
def test_mutated_archives_give_a_document_or_a_typed_error(data: bytes) -> None:
    try:
        document = archive.parse(data)
    except ParseError:
        return
    verify(document)
