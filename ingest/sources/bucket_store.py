"""The one client for S3-compatible buckets: it goes where its settings say, with their key only.

`obstore` reads every `AWS_*` variable of the server's environment, and asks the machine it runs on
for credentials where it is given none. So each setting that could lead to another host or lend the
server's own rights is set here, whatever its value.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from obstore.exceptions import (
    BaseError,
    InvalidPathError,
    PermissionDeniedError,
    UnauthenticatedError,
)
from obstore.store import S3Store

from ingest.sources.bucket_settings import BucketSettings
from ingest.sources.errors import (
    BucketAccessDenied,
    BucketError,
    BucketKeyUnreadable,
    BucketNotFound,
    BucketUnavailable,
    ObjectMissing,
)

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig, S3Config, S3Credential

_RETRIES: RetryConfig = {
    "max_retries": 3,
    "retry_timeout": timedelta(seconds=60),
    "backoff": {
        "init_backoff": timedelta(milliseconds=200),
        "max_backoff": timedelta(seconds=5),
        "base": 2,
    },
}
_STATUS = re.compile(r"status code: ([1-5][0-9]{2})")
_CODE = re.compile(r"<Code>(\w{1,64})</Code>")
_KEY = re.compile(r'Path "(.{0,1024}?)"(?:: | contained )', re.DOTALL)
_ELSEWHERE = frozenset({"NoSuchBucket", "PermanentRedirect", "AuthorizationHeaderMalformed"})
_NO_LOCATION = "redirect without LOCATION"  # what AWS sends for a bucket of another region


def open_bucket(settings: BucketSettings, *, for_writing: bool = False) -> S3Store:
    """A client for the bucket. It connects with the first request."""
    config: S3Config = {
        "region": settings.region,
        "aws_endpoint_url_s3": settings.origin,
        "virtual_hosted_style_request": False,
        "s3_express": False,
        "skip_signature": settings.key_id is None,
        "request_payer": False,
        # One request for each, as not every service knows how to delete many at once.
        "disable_bulk_delete": True,
    }
    if not for_writing:
        # Reading asks for no encryption, but would send along a customer key of the environment.
        config["server_side_encryption"] = "AES256"
    options: ClientConfig = {
        "allow_http": settings.origin.startswith("http://"),
        "connect_timeout": timedelta(seconds=10),
        "read_timeout": timedelta(seconds=30),
        "timeout": timedelta(minutes=10),
    }

    def credentials() -> S3Credential:
        return {
            "access_key_id": settings.key_id or "",
            "secret_access_key": settings.secret_key or "",
            "token": None,
            "expires_at": None,
        }

    return S3Store(
        settings.bucket,
        config=config,
        client_options=options,
        retry_config=_RETRIES,
        credential_provider=None if settings.key_id is None else credentials,
    )


@contextmanager
def bucket_errors() -> Generator[None]:
    """Raises what goes wrong with a bucket as a BucketError."""
    try:
        yield
    except (BaseError, FileNotFoundError) as exc:
        raise _typed(exc) from exc


def _typed(exc: Exception) -> BucketError:
    text = str(exc)
    if isinstance(exc, InvalidPathError):
        key = _KEY.search(text)
        return BucketKeyUnreadable(f"It is {key[1]!r}." if key else "")
    status, code = _STATUS.search(text), _CODE.search(text)
    answer = " ".join(found[1] for found in (status, code) if found)
    detail = f"It answers {answer}." if answer else ""
    if (code and code[1] in _ELSEWHERE) or _NO_LOCATION in text:
        return BucketNotFound(detail)
    if isinstance(exc, FileNotFoundError):
        return ObjectMissing(detail)
    refused = isinstance(exc, (PermissionDeniedError, UnauthenticatedError))
    if refused or (status and status[1] in ("401", "403")):
        return BucketAccessDenied(detail)
    return BucketUnavailable(detail)
