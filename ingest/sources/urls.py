"""URLs, parsed once: what is checked is what is connected to and what is sent.

Two parsers that read a URL differently are how checks are bypassed, so no other part of the
package parses one. The form is normal (RFC 3986, section 6): equal URLs are equal strings.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from urllib.parse import quote, urljoin

import idna

from ingest.sources.errors import InvalidUrl, UnsupportedScheme

DEFAULT_PORTS = {"http": 80, "https": 443}

_LONGEST = 8192  # characters; RFC 9110 asks for 8000 at least
_LONGEST_NAME = 253  # RFC 1035
# Blanks, controls, backslashes and lone surrogates are what parsers disagree about.
_DISPUTED = re.compile(
    r"[\x00-\x20\x7f-\xa0\\\u1680\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ud800-\udfff]"
)
_PARTS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)([^?#]*)(?:\?([^#]*))?(?:#.*)?")
_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]]+)(?::([0-9]{0,5}))?", re.ASCII)
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"  # underscores are no RFC, but in use
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})|%")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


@dataclass(frozen=True, slots=True)
class Url:
    """An http or https URL in normal form, without fragment and credentials."""

    scheme: str
    host: str
    """A lower-case ASCII name, or an IP address; IPv6 without brackets."""
    port: int
    path: str
    """Begins with a slash."""
    query: str
    """Without the question mark; empty where there is none."""

    @property
    def authority(self) -> str:
        """Host and port as the Host header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """Scheme, host and port: what one robots.txt and one set of credentials belong to."""
        return f"{self.scheme}://{self.authority}"

    @property
    def target(self) -> str:
        """Path and query, as the request line has them."""
        return f"{self.path}?{self.query}" if self.query else self.path

    def __str__(self) -> str:
        return self.origin + self.target


def parse_url(text: str) -> Url:
    """The URL in normal form. Raises InvalidUrl, and UnsupportedScheme for all but http(s)."""
    if len(text) > _LONGEST:
        raise InvalidUrl(f"It is longer than {_LONGEST} characters.")
    if _DISPUTED.search(text):
        raise InvalidUrl("It has a blank, a control character or a backslash in it.")
    parts = _PARTS.fullmatch(text)
    if parts is None:
        if _SCHEME.match(text) and not text.lower().startswith(("http:", "https:")):
            raise UnsupportedScheme(f"Not {text.partition(':')[0]!r}.")
        raise InvalidUrl
    scheme, authority, path, query = parts[1].lower(), parts[2], parts[3], parts[4] or ""
    if scheme not in DEFAULT_PORTS:
        raise UnsupportedScheme(f"Not {scheme!r}.")
    host, port = _parse_authority(authority, scheme)
    return Url(scheme, host, port, _without_dots(escaped(path)) or "/", escaped(query))


def resolve(base: Url, reference: str) -> Url:
    """What a link on the page `base` leads to. Raises InvalidUrl and UnsupportedScheme."""
    # Browsers drop line breaks inside of a link, and blanks around it.
    reference = re.sub(r"[\t\r\n]", "", reference).strip(" \f").replace(" ", "%20")
    if _DISPUTED.search(reference):
        raise InvalidUrl("It has a blank, a control character or a backslash in it.")
    try:
        return parse_url(urljoin(str(base), reference))
    except ValueError as exc:  # urljoin, for brackets that hold no address
        raise InvalidUrl from exc


def escaped(text: str) -> str:
    """A path or query where only what must be percent-encoded is, in capitals."""
    return quote(_ESCAPE.sub(_normal_escape, text), safe="!$&'()*+,/:;=?@[]~%")


def _normal_escape(match: re.Match[str]) -> str:
    if match[1] is None:
        return "%25"
    character = chr(int(match[1], 16))
    return character if character in _UNRESERVED else match[0].upper()


def _parse_authority(authority: str, scheme: str) -> tuple[str, int]:
    if "@" in authority:
        raise InvalidUrl("Leave out the user name and password before the @.")
    parts = _AUTHORITY.fullmatch(authority)
    if parts is None:
        raise InvalidUrl("It has no host name that can be read.")
    port = int(parts[2] or DEFAULT_PORTS[scheme])
    if not 0 < port < 65536:
        raise InvalidUrl(f"There is no port {port}.")
    return _parse_host(parts[1]), port


def _parse_host(text: str) -> str:
    if text.startswith("["):
        try:
            return str(IPv6Address(text[1:-1]))
        except AddressValueError as exc:
            raise InvalidUrl(f"{text} is no IPv6 address.") from exc
    if len(text) > _LONGEST_NAME:
        raise InvalidUrl("The host name is longer than any name may be.")
    host = _ascii_name(text).removesuffix(".")
    # "2130706433", "0x7f.1" and "0177.0.0.1" are addresses to some resolvers and names to others.
    if _NUMBER.fullmatch(host.rpartition(".")[2]):
        try:
            return str(IPv4Address(host))
        except AddressValueError as exc:
            raise InvalidUrl("Write an IP address as four decimal numbers.") from exc
    if len(host) > _LONGEST_NAME or not _NAME.fullmatch(host):
        raise InvalidUrl("The host name has characters or lengths that no name may have.")
    return host


def _ascii_name(text: str) -> str:
    """The name as it is looked up; look-alike digits and dots become plain ones here."""
    if text.isascii():
        return text.lower()
    try:
        return idna.encode(text, uts46=True, std3_rules=True).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError) as exc:
        raise InvalidUrl("The host name has characters that no name may have.") from exc


def _without_dots(path: str) -> str:
    """The path with `.` and `..` worked out (RFC 3986, 5.2.4)."""
    kept: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments and segments[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)
