"""One parser, one form: what is checked is what is fetched."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.sources.errors import InvalidUrl, UnsupportedScheme
from ingest.sources.urls import parse_url, resolve


@pytest.mark.parametrize(
    ("given_url", "normal"),
    [
        ("http://example.org", "http://example.org/"),
        ("HTTP://EXAMPLE.org:80/A#part", "http://example.org/A"),
        ("https://example.org:443/?q=1", "https://example.org/?q=1"),
        ("https://example.org:8443/", "https://example.org:8443/"),
        ("http://example.org./a", "http://example.org/a"),
        ("http://example.org/a/./b/../c/", "http://example.org/a/c/"),
        ("http://example.org/../../a", "http://example.org/a"),
        ("http://example.org/a/..", "http://example.org/"),
        ("http://example.org/docs/%2e%2E/private", "http://example.org/private"),
        ("http://example.org/%7euser/%c3%a9", "http://example.org/~user/%C3%A9"),
        ("http://example.org/é?ü=1", "http://example.org/%C3%A9?%C3%BC=1"),
        ("http://example.org/100%", "http://example.org/100%25"),
        ("http://example.org/index.html", "http://example.org/index.html"),
        ("http://example.org/?utm_source=x", "http://example.org/?utm_source=x"),
        ("http://example.org//a//b", "http://example.org//a//b"),
        ("http://bücher.example/", "http://xn--bcher-kva.example/"),
        ("http://[::1]:8080/", "http://[::1]:8080/"),
        ("http://[0:0::0:1]/", "http://[::1]/"),
    ],
)
def test_equal_urls_become_equal_strings(given_url: str, normal: str) -> None:
    assert str(parse_url(given_url)) == normal


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.org",
        "//example.org/",
        "http:/example.org",
        "http://",
        "http:///path",
        "http://user@example.org/",
        "http://user:password@example.org/",
        "http://example.org@127.0.0.1/",
        "http://example.org:80@127.0.0.1/",
        "http://127.0.0.1\\@example.org/",
        "http://example.org\\.evil.test/",
        "http://example.org /",
        "http://exam\tple.org/",
        "http://example.org/\r\nX: y",
        "http://example.org/\ud800",
        "http://example.org:99999/",
        "http://example.org:0/",
        "http://example.org:8x/",
        "http://exa%6dple.org/",
        "http://-example.org/",
        "http://example..org/",
        "http://[::1/",
        "http://[fe80::1%25eth0]/",
        "http://[::1]x/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0x7f.0.0.1/",
        "http://017700000001/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://127.0.0.1.1/",
        "http://256.0.0.1/",
        "http://example.0x1/",
        "http://" + "a" * 64 + ".org/",
        "http://example.org/" + "a" * 9000,
    ],
)
def test_what_parsers_could_disagree_about_is_refused(url: str) -> None:
    with pytest.raises(InvalidUrl):
        parse_url(url)


def test_a_password_in_a_url_is_named_as_the_reason() -> None:
    with pytest.raises(InvalidUrl, match="user name and password"):
        parse_url("http://user:password@example.org/")


@pytest.mark.parametrize(
    "url", ["ftp://example.org/", "file:///etc/passwd", "gopher://x/", "javascript:alert(1)"]
)
def test_other_schemes_are_refused(url: str) -> None:
    with pytest.raises(UnsupportedScheme):
        parse_url(url)


@pytest.mark.parametrize("host", ["①②⑦.⓪.⓪.①", "127。0。0。1", "127.0.0.1"])
def test_look_alike_digits_and_dots_are_read_as_the_address_they_mean(host: str) -> None:
    assert parse_url(f"http://{host}/").host == "127.0.0.1"


@pytest.mark.parametrize(
    ("reference", "target"),
    [
        ("b", "http://example.org/docs/b"),
        (" b c\n", "http://example.org/docs/b%20c"),
        ("../x?y#z", "http://example.org/x?y"),
        ("//other.org/x", "http://other.org/x"),
        ("?page=2", "http://example.org/docs/a?page=2"),
        ("#part", "http://example.org/docs/a"),
    ],
)
def test_links_are_resolved_as_browsers_do(reference: str, target: str) -> None:
    assert str(resolve(parse_url("http://example.org/docs/a"), reference)) == target


@pytest.mark.parametrize("reference", ["mailto:a@b.org", "http://[x", "\\\\evil.test\\", "/\x01"])
def test_links_that_lead_to_no_page_are_refused(reference: str) -> None:
    with pytest.raises(InvalidUrl):
        resolve(parse_url("http://example.org/"), reference)


@given(st.text(alphabet="aB%2eEf/.?é&= +~:@", max_size=30))
def test_the_normal_form_is_its_own_normal_form(rest: str) -> None:
    url = parse_url(f"http://example.org/{rest}".replace(" ", ""))
    assert parse_url(str(url)) == url
    assert str(url).isascii()
    assert not {".", ".."} & set(url.path.split("/"))
