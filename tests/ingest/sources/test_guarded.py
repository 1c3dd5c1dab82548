"""The fetcher against a real server that does what hostile servers do."""

from __future__ import annotations

import asyncio
import gzip
import ssl
import zlib
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path

import pytest

from ingest.sources.errors import (
    BlockedAddress,
    BlockedPort,
    FetchError,
    FetchFailed,
    FetchTimeout,
    InsecureRedirect,
    InvalidUrl,
    ResponseTooLarge,
    TooManyRedirects,
    UnknownHost,
    UnsupportedContentType,
    UnsupportedScheme,
)
from ingest.sources.guarded import GuardedFetcher
from ingest.sources.urls import Url
from tests.certificates import write_certificate
from tests.ingest.sources.site import LOOPBACK, Names, Reply, Site, local_fetcher, moved

MIB = 1024 * 1024


async def test_a_page_comes_with_what_the_server_says_of_it(site: Site) -> None:
    site.routes["/a?b=1"] = Reply(
        "Grüße".encode("latin-1"),
        content_type='Text/HTML; Charset="ISO-8859-1"',
        headers={"ETag": '"v1"', "Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"},
    )
    fetched = await local_fetcher().get(site.url("/a?b=1#part"), headers={"User-Agent": "test/1"})
    assert fetched.body.decode("latin-1") == "Grüße"
    assert (fetched.status, fetched.content_type, fetched.charset) == (
        200,
        "text/html",
        "ISO-8859-1",
    )
    assert (fetched.etag, fetched.last_modified) == ('"v1"', "Mon, 01 Jan 2024 00:00:00 GMT")
    assert fetched.url == site.url("/a?b=1")
    assert site.asked[0].headers["user-agent"] == "test/1"


async def test_a_missing_page_is_an_answer_too(site: Site) -> None:
    fetched = await local_fetcher().get(site.url("/missing"))
    assert (fetched.status, fetched.body) == (404, b"")


# Where it does not go.

FORBIDDEN = [
    "http://127.0.0.1:{port}/",
    "http://127.0.0.2:{port}/",
    "http://0.0.0.0:{port}/",
    "http://[::]:{port}/",
    "http://[::1]:{port}/",
    "http://[::ffff:127.0.0.1]:{port}/",
    "http://[::ffff:10.0.0.1]/",
    "http://[64:ff9b::7f00:1]:{port}/",
    "http://[2002:7f00:1::]:{port}/",
    "http://10.0.0.1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://100.100.100.200/",
    "http://①②⑦.⓪.⓪.①:{port}/",
]
UNREADABLE = [
    "http://2130706433:{port}/",
    "http://0x7f000001:{port}/",
    "http://0177.0.0.1:{port}/",
    "http://127.1:{port}/",
    "http://public.test@127.0.0.1:{port}/",
    "http://127.0.0.1:{port}\\@public.test/",
    "http://public.test:80@127.0.0.1:{port}/",
]


@pytest.mark.parametrize("url", FORBIDDEN)
async def test_no_private_address_is_connected_to(site: Site, url: str) -> None:
    with pytest.raises(BlockedAddress):
        await GuardedFetcher().get(url.format(port=site.port))
    assert site.asked == []


@pytest.mark.parametrize("url", UNREADABLE)
async def test_no_disguised_url_is_connected_to(site: Site, url: str) -> None:
    with pytest.raises(InvalidUrl):
        await local_fetcher().get(url.format(port=site.port))
    assert site.asked == []


@pytest.mark.parametrize("url", [*FORBIDDEN[1:5], *FORBIDDEN[6:12], *UNREADABLE])
async def test_no_redirect_leads_to_a_forbidden_place(site: Site, url: str) -> None:
    site.routes["/"] = moved(url.format(port=site.port))
    with pytest.raises((BlockedAddress, InvalidUrl)):
        await local_fetcher().get(site.url())
    assert site.paths == ["/"]


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1/"])
async def test_no_redirect_leads_to_another_scheme(site: Site, url: str) -> None:
    site.routes["/"] = moved(url)
    with pytest.raises(UnsupportedScheme):
        await local_fetcher().get(site.url())


async def test_a_public_page_cannot_redirect_to_this_machine(site: Site) -> None:
    """Both names lead to the server, but only one of its addresses is allowed."""
    site.routes["/"] = moved(f"http://inside.test:{site.port}/secret")
    names = Names(inside=[["127.0.0.2"]])
    with pytest.raises(BlockedAddress):
        await local_fetcher(names).get(site.url(host="outside.test"))
    assert site.paths == ["/"]


@pytest.mark.parametrize(
    "answer",
    [["10.0.0.1"], ["::1"], ["127.0.0.1", "192.168.0.1"], ["127.0.0.1", "::ffff:10.0.0.1"]],
)
async def test_a_name_with_any_private_address_is_refused(site: Site, answer: list[str]) -> None:
    with pytest.raises(BlockedAddress) as caught:
        await local_fetcher(Names(evil=[answer])).get(site.url(host="evil.test"))
    assert site.asked == []
    assert not any(address in str(caught.value) for address in answer)


@pytest.mark.parametrize("answer", [[], ["nonsense"]])
async def test_a_name_without_addresses_is_no_host(site: Site, answer: list[str]) -> None:
    with pytest.raises((UnknownHost, BlockedAddress)):
        await local_fetcher(Names(nowhere=[answer])).get(site.url(host="nowhere.test"))


async def test_the_address_that_was_checked_is_the_one_connected_to(site: Site) -> None:
    """The name turns private right after the check; nobody asks a second time."""
    site.routes["/"] = Reply("Public.")
    names = Names(rebind=[["127.0.0.1"], ["127.0.0.2"]])
    fetcher = local_fetcher(names)
    assert (await fetcher.get(site.url(host="rebind.test"))).body == b"Public."
    assert names.asked == ["rebind.test"]
    assert [asked.peer for asked in site.asked] == ["127.0.0.1"]
    assert site.asked[0].headers["host"] == f"rebind.test:{site.port}"
    with pytest.raises(BlockedAddress):
        await fetcher.get(site.url(host="rebind.test"))
    assert len(site.asked) == 1


async def test_a_redirect_to_the_same_host_is_checked_anew(site: Site) -> None:
    site.routes["/"] = moved("/next")
    names = Names(rebind=[["127.0.0.1"], ["127.0.0.2"]])
    with pytest.raises(BlockedAddress):
        await local_fetcher(names).get(site.url(host="rebind.test"))
    assert site.paths == ["/"]


async def test_the_second_address_is_tried_where_the_first_is_dead(site: Site) -> None:
    site.routes["/"] = Reply("Here.")
    fetcher = GuardedFetcher(
        allowed_networks=[ip_network("127.0.0.0/24")],
        resolver=Names(two=[["127.0.0.9", "127.0.0.1"]]),
    )
    assert (await fetcher.get(site.url(host="two.test"))).body == b"Here."


@pytest.mark.parametrize("port", [1, 22, 25, 110, 1023])
async def test_ports_of_other_protocols_are_refused(port: int) -> None:
    with pytest.raises(BlockedPort):
        await local_fetcher().get(f"http://127.0.0.1:{port}/")


async def test_a_port_can_be_allowed() -> None:
    fetcher = GuardedFetcher(allowed_networks=LOOPBACK, allowed_ports=[81])
    with pytest.raises(FetchFailed):  # nobody listens there, but it was tried
        await fetcher.get("http://127.0.0.1:81/")


async def test_proxies_of_the_environment_are_not_used(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/")
    site.routes["/"] = Reply("Direct.")
    assert (await local_fetcher().get(site.url())).body == b"Direct."


async def test_an_international_name_is_looked_up_and_sent_in_its_ascii_form(site: Site) -> None:
    site.routes["/"] = Reply("Bücher.")
    names = Names()
    await local_fetcher(names).get(site.url(host="bücher.test"))
    assert names.asked == ["xn--bcher-kva.test"]
    assert site.asked[0].headers["host"] == f"xn--bcher-kva.test:{site.port}"


# Redirects.


async def test_redirects_are_followed_to_their_end(site: Site) -> None:
    for number in range(10):
        site.routes[f"/{number}"] = moved(
            f"{number + 1}", status=(301, 302, 303, 307, 308)[number % 5]
        )
    site.routes["/10"] = Reply("Arrived.")
    fetched = await local_fetcher().get(site.url("/0"))
    assert (fetched.url, fetched.body) == (site.url("/10"), b"Arrived.")


async def test_an_eleventh_redirect_is_not_followed(site: Site) -> None:
    for number in range(12):
        site.routes[f"/{number}"] = moved(f"/{number + 1}")
    with pytest.raises(TooManyRedirects):
        await local_fetcher().get(site.url("/0"))
    assert len(site.paths) == 11


async def test_a_redirect_in_a_circle_is_left_at_once(site: Site) -> None:
    site.routes["/a"], site.routes["/b"] = moved("/b"), moved("/a#again")
    with pytest.raises(TooManyRedirects):
        await local_fetcher().get(site.url("/a"))
    assert site.paths == ["/a", "/b"]


async def test_whoever_calls_can_forbid_a_redirect(site: Site) -> None:
    class NotThere(FetchError):
        """No."""

    async def admit(url: Url) -> None:
        raise NotThere(str(url))

    site.routes["/a"] = moved("/b")
    with pytest.raises(NotThere) as caught:
        await local_fetcher().get(site.url("/a"), admit=admit)
    assert caught.value.detail == site.url("/b")
    assert site.paths == ["/a"]


async def test_secrets_stay_with_the_origin_they_are_meant_for(site: Site) -> None:
    secrets = {"Authorization": "Bearer x", "Cookie": "a=b", "X-Api-Key": "y", "Accept": "*/*"}
    site.routes["one.test/a"] = moved("/b")
    site.routes["one.test/b"] = moved(
        f"http://two.test:{site.port}/c", headers={"Set-Cookie": "s=1"}
    )
    site.routes["two.test/c"] = moved(f"http://one.test:{site.port}/d")
    site.routes["/d"] = Reply("End.")
    await local_fetcher().get(site.url("/a", host="one.test"), headers=secrets)
    sent = [set(asked.headers) & {name.lower() for name in secrets} for asked in site.asked]
    everything = {"authorization", "cookie", "x-api-key", "accept"}
    assert sent == [everything, everything, {"accept"}, {"accept"}]
    assert not any("s=1" in asked.headers.get("cookie", "") for asked in site.asked)


async def test_a_caller_cannot_change_what_the_connection_rests_on(site: Site) -> None:
    site.routes["/"] = Reply("x")
    await local_fetcher().get(site.url(), headers={"Host": "inside.test", "Connection": "upgrade"})
    assert site.asked[0].headers["host"] == f"127.0.0.1:{site.port}"
    assert site.asked[0].headers["connection"] == "close"


@pytest.mark.parametrize("value", ["a\r\nX-Injected: b", "a\0b"])
async def test_a_header_cannot_smuggle_another_one(site: Site, value: str) -> None:
    with pytest.raises(FetchFailed):
        await local_fetcher().get(site.url(), headers={"If-None-Match": value})
    assert site.asked == []


# Too much, too slow, broken.


async def test_a_page_past_the_limit_is_refused(site: Site) -> None:
    site.routes["/"] = Reply(bytes(50 * MIB))
    with pytest.raises(ResponseTooLarge):
        await local_fetcher().get(site.url())
    site.routes["/"] = Reply(bytes(1000))
    assert len((await local_fetcher(body_bytes=1000).get(site.url())).body) == 1000
    with pytest.raises(ResponseTooLarge):
        await local_fetcher(body_bytes=999).get(site.url())


def _endless(piece: bytes, *, head: bytes = b"HTTP/1.1 200 OK\r\n\r\n") -> Iterator[bytes]:
    yield head
    while True:
        yield piece


async def test_a_page_without_end_is_refused(site: Site) -> None:
    site.routes["/"] = Reply(raw=_endless(bytes(MIB)))
    with pytest.raises(ResponseTooLarge):
        await local_fetcher(body_bytes=4 * MIB).get(site.url())


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nX-Slow: "])
async def test_a_server_that_drips_is_left(site: Site, head: bytes) -> None:
    def drip() -> Iterator[bytes]:
        yield head
        while not site.stopped.wait(0.05):
            yield b"x"

    site.routes["/"] = Reply(raw=drip())
    with pytest.raises(FetchTimeout):
        await local_fetcher(total_seconds=0.5).get(site.url())


async def test_a_server_that_says_continue_for_ever_is_left(site: Site) -> None:
    site.routes["/"] = Reply(raw=_endless(b"HTTP/1.1 100 Continue\r\n\r\n", head=b""))
    with pytest.raises(FetchTimeout):
        await local_fetcher(total_seconds=0.5).get(site.url())


async def test_redirects_share_one_time_limit(site: Site) -> None:
    def late(number: int) -> Iterator[bytes]:
        site.stopped.wait(0.3)
        yield b"HTTP/1.1 302 Found\r\nLocation: /%d\r\nContent-Length: 0\r\n\r\n" % (number + 1)

    for number in range(10):
        site.routes[f"/{number}"] = Reply(raw=late(number))
    with pytest.raises(FetchTimeout):
        await local_fetcher(total_seconds=0.7).get(site.url("/0"))
    assert len(site.paths) < 5


async def test_a_name_server_that_never_answers_is_left() -> None:
    async def silent(host: str, port: int) -> list[str]:
        await asyncio.Event().wait()
        return []

    limited = local_fetcher(connect_seconds=0.1)
    limited._resolver = silent  # pyright: ignore[reportPrivateUsage] - a fault injected
    with pytest.raises(FetchTimeout):
        await limited.get("http://slow.test/")


@pytest.mark.parametrize("size", [70 * 1024, 300 * 1024])
async def test_a_header_past_the_limit_is_refused(site: Site, size: int) -> None:
    head = b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * size + b"\r\nContent-Length: 0\r\n\r\n"
    site.routes["/"] = Reply(raw=[head])
    with pytest.raises(ResponseTooLarge):
        await local_fetcher().get(site.url())


def _gzipped(data: bytes, coding: str = "gzip") -> Reply:
    return Reply(data, headers={"Content-Encoding": coding})


async def test_a_compressed_page_is_unpacked(site: Site) -> None:
    text = bytes(range(256)) * 10_000
    site.routes["/one"] = _gzipped(gzip.compress(text))
    site.routes["/two"] = _gzipped(gzip.compress(text) + gzip.compress(b"more") + bytes(8))
    assert (await local_fetcher().get(site.url("/one"))).body == text
    assert (await local_fetcher().get(site.url("/two"))).body == text + b"more"
    assert site.asked[0].headers["accept-encoding"] == "gzip"


@pytest.mark.parametrize("size", [256 * 1024 - 1, 256 * 1024, 512 * 1024, 1024 * 1024])
async def test_nothing_is_lost_at_the_edges_of_pieces(site: Site, size: int) -> None:
    site.routes["/"] = _gzipped(gzip.compress(bytes(size)))
    assert (await local_fetcher().get(site.url())).body == bytes(size)


async def test_a_gzip_bomb_is_stopped_while_it_unpacks(site: Site) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(packer.compress(bytes(MIB)) for _ in range(200)) + packer.flush()
    assert len(bomb) < MIB
    site.routes["/"] = _gzipped(bomb)
    with pytest.raises(ResponseTooLarge):
        await local_fetcher(body_bytes=8 * MIB).get(site.url())


@pytest.mark.parametrize("coding", ["br", "deflate", "gzip, gzip", "GZIP,identity"])
async def test_compression_that_was_not_asked_for_is_refused(site: Site, coding: str) -> None:
    site.routes["/"] = _gzipped(gzip.compress(gzip.compress(b"x")), coding)
    with pytest.raises(FetchFailed):
        await local_fetcher().get(site.url())


@pytest.mark.parametrize("body", [b"no gzip", gzip.compress(b"x" * 1000)[:-9]], ids=["none", "cut"])
async def test_broken_compression_is_an_error(site: Site, body: bytes) -> None:
    site.routes["/"] = _gzipped(body)
    with pytest.raises(FetchFailed):
        await local_fetcher().get(site.url())


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"220 mail.example.org ESMTP\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
    ],
)
async def test_a_server_that_breaks_the_protocol_is_an_error(site: Site, raw: bytes) -> None:
    site.routes["/"] = Reply(raw=[raw])
    with pytest.raises(FetchFailed):
        await local_fetcher().get(site.url())


async def test_a_content_length_that_lies_changes_nothing(site: Site) -> None:
    site.routes["/"] = Reply(raw=[b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", b"x" * 5000])
    assert (await local_fetcher().get(site.url())).body == b"xx"


async def test_other_content_is_refused_unread(site: Site) -> None:
    site.routes["/"] = Reply(
        raw=_endless(bytes(MIB), head=b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\n\r\n")
    )
    with pytest.raises(UnsupportedContentType):
        await local_fetcher().get(site.url(), content_types={"text/html"})


async def test_nobody_listening_is_an_error() -> None:
    with Site() as gone:
        url = gone.url()
    with pytest.raises(FetchFailed):
        await local_fetcher().get(url)


# TLS.


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_certificate(tmp_path_factory.mktemp("tls") / "secure.pem", "secure.test")


@pytest.fixture
def secure(certificate: Path) -> Iterator[tuple[Site, list[str | None]]]:
    """A server over TLS, and the names that clients asked it for."""
    asked: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.sni_callback = lambda _socket, name, _context: asked.append(name)
    with Site(tls=context) as site:
        yield site, asked


def _trusting(certificate: Path) -> GuardedFetcher:
    return GuardedFetcher(
        allowed_networks=LOOPBACK,
        resolver=Names(),
        ssl_context=ssl.create_default_context(cafile=certificate),
    )


async def test_tls_is_for_the_name_though_the_connection_is_to_the_address(
    secure: tuple[Site, list[str | None]], certificate: Path
) -> None:
    site, names = secure
    site.routes["/"] = Reply("Secret.")
    url = site.url(host="secure.test", scheme="https")
    assert (await _trusting(certificate).get(url)).body == b"Secret."
    assert names == ["secure.test"]


async def test_a_certificate_for_another_name_is_refused(
    secure: tuple[Site, list[str | None]], certificate: Path
) -> None:
    site, _ = secure
    with pytest.raises(FetchFailed):
        await _trusting(certificate).get(site.url(host="other.test", scheme="https"))
    with pytest.raises(FetchFailed):  # the usual authorities do not know it either
        await local_fetcher().get(site.url(host="secure.test", scheme="https"))
    assert site.asked == []


async def test_a_redirect_from_https_to_http_is_refused(
    secure: tuple[Site, list[str | None]], certificate: Path
) -> None:
    site, _ = secure
    site.routes["/"] = moved("http://secure.test/")
    with pytest.raises(InsecureRedirect):
        await _trusting(certificate).get(site.url(host="secure.test", scheme="https"))
