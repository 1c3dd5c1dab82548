"""`kb://` URIs: written and read back, and nothing else taken for one."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.citation_uri import CitationUri, InvalidCitationUri, parse_citation_uri

BASE = "kb://0192e4a7-5c1f-7d8e-9f00-3a2b1c4d5e6f"
DOCUMENT = f"{BASE}/documents/0192e4a7-5c1f-7d8e-9f00-3a2b1c4d5e60"
VERSION = f"{DOCUMENT}/versions/0192e4a7-5c1f-7d8e-9f00-3a2b1c4d5e61"
OFFSETS = st.integers(0, 9_999_999_999)


@given(st.uuids(), st.uuids(), st.uuids(), st.none() | st.tuples(OFFSETS, OFFSETS))
def test_what_is_written_is_read_back(
    base: UUID, document: UUID, version: UUID, span: tuple[int, int] | None
) -> None:
    cited = CitationUri(knowledge_base_id=base, document_id=document, version_id=version, span=span)
    assert parse_citation_uri(str(cited)) == cited
    assert parse_citation_uri(str(cited).upper()) == cited


def test_it_is_what_results_have_in_them() -> None:
    cited = parse_citation_uri(f"{VERSION}?start=3&end=80")
    assert cited.span == (3, 80)
    assert str(cited) == f"{VERSION}?start=3&end=80"
    assert parse_citation_uri(VERSION).span is None


@pytest.mark.parametrize(
    "uri",
    [
        "",
        BASE,
        DOCUMENT,
        f"https{VERSION[2:]}",
        f"{VERSION}/",
        f"{VERSION}?",
        f"{VERSION}?start=3",
        f"{VERSION}?end=3&start=1",
        f"{VERSION}?start=-1&end=3",
        f"{VERSION}?start=a&end=3",
        f"{VERSION}?start=1&end=3&x=y",
        f"{VERSION}?start=1&end=3\n",
        f"{VERSION}?start=1&end=99999999999",
        f"{VERSION}?start=1&end=\N{ARABIC-INDIC DIGIT THREE}",
        VERSION.replace("0192", "x192"),
        VERSION.replace("/versions/", "/version/"),
    ],
)
def test_anything_else_is_refused_with_what_one_looks_like(uri: str) -> None:
    with pytest.raises(InvalidCitationUri, match="kb://<knowledge base>/documents/<document>"):
        parse_citation_uri(uri)
