"""Which bucket, of which S3-compatible service, and the key to it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from ingest.sources.errors import BucketEndpointNotAllowed, InvalidBucketSettings, InvalidUrl
from ingest.sources.urls import parse_url

BucketKind = Literal["aws", "spaces"]

_BUCKET = re.compile(r"(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
# Neither a dot nor a slash: it becomes a part of the host name.
_REGION = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")
_KEY_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+=@-]{0,127}")
_SECRET = re.compile(r"[!-~]{1,256}")
_LONGEST_KEY = 1024  # bytes, in S3


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketSettings:
    """One bucket. Raises InvalidBucketSettings for what cannot be one."""

    bucket: str
    region: str
    kind: BucketKind = "aws"
    """Whose service it is, where no endpoint is named."""
    endpoint: str | None = None
    """As `checked_endpoint` gives it; the bucket is then a part of the path."""
    prefix: str = ""
    """A folder in the bucket; without a slash at its end it may also be one object."""
    key_id: str | None = None
    """Without one, requests are anonymous, as public buckets admit them."""
    secret_key: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not _BUCKET.fullmatch(self.bucket):
            raise InvalidBucketSettings(
                "A bucket's name has 3 to 63 lower-case letters, digits, hyphens and dots."
            )
        if not _REGION.fullmatch(self.region):
            raise InvalidBucketSettings("A region is written like us-east-1 or fra1.")
        if self.kind not in get_args(BucketKind):
            raise InvalidBucketSettings(f"kind is one of {', '.join(get_args(BucketKind))}.")
        if self.endpoint is not None and _origin(self.endpoint) != self.endpoint:
            raise InvalidBucketSettings("An endpoint is written like https://s3.example.org.")
        if (self.key_id is None) != (self.secret_key is None):
            raise InvalidBucketSettings("The key and its secret come together or not at all.")
        if self.key_id is not None and not _KEY_ID.fullmatch(self.key_id):
            raise InvalidBucketSettings("The key has characters that no key has.")
        if self.secret_key is not None and not _SECRET.fullmatch(self.secret_key):
            raise InvalidBucketSettings("The secret has characters that no secret has.")
        if self.prefix and not _is_key(self.prefix.removesuffix("/")):
            raise InvalidBucketSettings("A prefix is written like reports/2024/.")

    @property
    def origin(self) -> str:
        """Where requests go: scheme, host and port."""
        if self.endpoint is not None:
            return self.endpoint
        match self.kind:
            case "aws":
                return f"https://s3.{self.region}.amazonaws.com"
            case "spaces":
                return f"https://{self.region}.digitaloceanspaces.com"

    @property
    def folder(self) -> str:
        """The prefix with a slash at its end; empty for the whole bucket."""
        return f"{self.prefix.removesuffix('/')}/" if self.prefix else ""


def checked_endpoint(endpoint: str, allowed: Sequence[str]) -> str:
    """The endpoint in normal form. Raises BucketEndpointNotAllowed unless it is an allowed one."""
    origin = _origin(endpoint)
    if origin is None or origin not in map(_origin, allowed):
        raise BucketEndpointNotAllowed
    return origin


def _origin(url: str) -> str | None:
    """Scheme, host and port in normal form; None for what has more to it or is no URL."""
    try:
        parsed = parse_url(url)
    except InvalidUrl:
        return None
    return parsed.origin if parsed.target == "/" else None


def _is_key(text: str) -> bool:
    """Whether it is a key that no client writes in another way."""
    parts = text.split("/")
    return (
        text.isprintable()
        and len(text.encode("utf-8", "surrogatepass")) <= _LONGEST_KEY
        and not any(part in ("", ".", "..") for part in parts)
    )
