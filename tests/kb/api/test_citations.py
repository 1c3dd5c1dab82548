"""Citations over HTTP: exactly the quoted text, the page it is on, and `kb://` URIs."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from PIL import Image

from kb.service import Service
from kb.worker import Worker
from tests.ingest.parsing import samples
from tests.kb.api.client import Api, client_of, message_of
from tests.kb.teams import new_team

STRANGE = "# Ω𝛀 — naïve cafe\u0301\n\nThe telescope 🔭 saw \U0001d518 and עברית.\n"


@pytest.fixture(scope="module")
async def api(app: FastAPI, service: Service, worker: Worker) -> AsyncIterator[Api]:
    """One team for the whole module: its tests only ask."""
    team, secret = await new_team(service)
    async with client_of(app, secret) as http:
        yield Api(http, team, secret, service, worker)


@pytest.fixture(scope="module")
async def base(api: Api) -> UUID:
    return await api.filled({"report.pdf": samples.pdf(pages=3), "strange.md": STRANGE})


async def version_of(api: Api, base: UUID, name: str) -> str:
    document = await api.document(base, name)
    return f"/v1/{base}/documents/{document['uuid']}/versions/{document['version_uuid']}"


async def whole(api: Api, path: str) -> str:
    answer = await api.http.get(f"{path}/text")
    assert answer.status_code == 200
    return answer.text


async def picture(api: Api, path: str, **params: Any) -> Image.Image:
    answer = await api.http.get(path, params=params)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["x-content-type-options"] == "nosniff"
    return Image.open(io.BytesIO(answer.content)).convert("RGB")


def yellow(image: Image.Image) -> int:
    """Pixels that are marked."""
    counted = image.getcolors(image.width * image.height)
    assert counted
    colours = ((count, colour) for count, colour in counted if isinstance(colour, tuple))
    return sum(count for count, (red, _, blue) in colours if red - blue > 100)


async def test_every_quote_reads_back_as_plain_text(api: Api, base: UUID) -> None:
    for question in ("telescope", "lazy dog", "lids"):
        for one in (await api.retrieve(base, question))["results"]:
            cited = one["citation"]
            path = f"/v1/{base}/documents/{cited['document_id']}/versions/{cited['version_id']}"
            span = {"start": cited["char_start"], "end": cited["char_end"]}
            answer = await api.http.get(f"{path}/text", params=span)
            assert answer.content == one["text_content"].encode()
            assert answer.headers["content-type"] == "text/plain; charset=utf-8"
            assert answer.headers["x-content-type-options"] == "nosniff"
            same = await api.ok("GET", "/v1/citations", params={"uri": cited["uri"]})
            assert same == {
                "text_content": one["text_content"],
                "item_name": one["metadata"]["item_name"],
                "citation": cited,
            }


async def test_a_version_without_a_span_is_its_whole_text(api: Api, base: UUID) -> None:
    path = await version_of(api, base, "strange.md")
    text = await whole(api, path)
    assert "🔭" in text
    for start, end in ((0, 1), (2, 5), (0, len(text)), (4, 4), (len(text), len(text))):
        answer = await api.http.get(f"{path}/text", params={"start": start, "end": end})
        assert answer.text == text[start:end]
    _, _, _, _, document, _, version = path.split("/")
    uri = f"kb://{base}/documents/{document}/versions/{version}"
    cited = await api.ok("GET", "/v1/citations", params={"uri": uri})
    assert cited["text_content"] == text
    assert cited["citation"]["uri"] == uri
    assert (cited["citation"]["char_start"], cited["citation"]["char_end"]) == (0, len(text))


async def test_a_span_outside_is_refused_with_what_is_inside(api: Api, base: UUID) -> None:
    path = await version_of(api, base, "strange.md")
    length = len(await whole(api, path))
    for start, end in ((0, length + 1), (length + 1, length + 2), (5, 3), (10**9, 10**9)):
        params = {"start": start, "end": end}
        says = await api.refused(400, "GET", f"{path}/text", params=params)
        assert f"characters 0 to {length}" in says
        uri = f"kb:/{path.removeprefix('/v1')}?start={start}&end={end}"
        assert f"0 to {length}" in await api.refused(
            400, "GET", "/v1/citations", params={"uri": uri}
        )
    for params in ({"start": 1}, {"end": 1}, {"start": -1, "end": 2}, {"start": 0, "end": 2**70}):
        assert await api.refused(400, "GET", f"{path}/text", params=params)


async def test_a_uri_that_is_none_is_refused_and_one_of_nothing_not_found(
    api: Api, base: UUID
) -> None:
    for uri in ("", "https://example.org", f"kb://{base}", f"kb://{base}/documents/1/versions/2"):
        says = await api.refused(400, "GET", "/v1/citations", params={"uri": uri})
        assert "kb://<knowledge base>" in says
    assert "uri" in await api.refused(400, "GET", "/v1/citations")
    nothing = f"kb://{base}/documents/{uuid4()}/versions/{uuid4()}"
    assert await api.refused(404, "GET", "/v1/citations", params={"uri": nothing})


async def test_another_team_sees_none_of_it(api: Api, base: UUID, other: Api) -> None:
    path = await version_of(api, base, "report.pdf")
    uri = f"kb:/{path.removeprefix('/v1')}?start=0&end=5"
    assert await api.ok("GET", "/v1/citations", params={"uri": uri})
    assert await other.refused(404, "GET", "/v1/citations", params={"uri": uri})
    assert await other.refused(404, "GET", f"{path}/text")
    assert await other.refused(404, "GET", f"{path}/pages/1.png")
    async with httpx.AsyncClient(transport=api.http._transport, base_url="http://kb.test") as http:  # pyright: ignore[reportPrivateUsage]
        for place in ("text", "pages/1.png"):
            answer = await http.get(f"{path}/{place}")
            assert answer.status_code == 401
            message_of(answer)


async def test_a_page_is_drawn_with_the_span_marked(api: Api, base: UUID) -> None:
    path = await version_of(api, base, "report.pdf")
    text = await whole(api, path)
    start = text.index("jumps over", text.index("Chapter C"))
    span = {"start": start, "end": start + len("jumps over")}
    plain = await picture(api, f"{path}/pages/2.png")
    assert plain.size == (1191, 1684)  # A4 at 144 dpi
    assert yellow(plain) == 0
    marked = await picture(api, f"{path}/pages/2.png", **span)
    assert marked.size == plain.size
    assert 500 < yellow(marked) < marked.width * marked.height / 100
    longer = await picture(api, f"{path}/pages/2.png", start=start, end=start + 200)
    assert yellow(longer) > 5 * yellow(marked)
    small = await picture(api, f"{path}/pages/2.png", scale=0.5, **span)
    assert small.size == (298, 421)
    assert yellow(small)


async def test_a_span_over_two_pages_is_marked_on_each(api: Api, base: UUID) -> None:
    path = await version_of(api, base, "report.pdf")
    text = await whole(api, path)
    chapter = text.index("Chapter C")
    span = {"start": chapter - 10, "end": chapter + 9}
    for page in (1, 2):
        assert yellow(await picture(api, f"{path}/pages/{page}.png", **span))
    says = await api.refused(400, "GET", f"{path}/pages/3.png", params=span)
    assert "on page 1, 2, not on 3" in says


async def test_pages_that_cannot_be_shown(api: Api, base: UUID) -> None:
    path = await version_of(api, base, "report.pdf")
    assert "It has 3." in await api.refused(404, "GET", f"{path}/pages/4.png")
    for page in ("0", "-1", "x", "1.5"):
        assert "page" in await api.refused(400, "GET", f"{path}/pages/{page}.png")
    for scale in (0, 9, "large", "nan"):
        says = await api.refused(400, "GET", f"{path}/pages/1.png", params={"scale": scale})
        assert "scale" in says
    too_large = await api.refused(400, "GET", f"{path}/pages/1.png", params={"scale": 8})
    assert "At most 5.6" in too_large
    length = len(await whole(api, path))
    params = {"start": 0, "end": length + 1}
    assert f"0 to {length}" in await api.refused(400, "GET", f"{path}/pages/1.png", params=params)
    strange = await version_of(api, base, "strange.md")
    says = await api.refused(400, "GET", f"{strange}/pages/1.png")
    assert "Only pages of PDF files" in says
    assert "strange.md" in says
    gone = path.replace(path.split("/")[-1], str(uuid4()))
    assert await api.refused(404, "GET", f"{gone}/pages/1.png")
