"""A bucket as a source: whole, with its own key only, and at no other host than was meant."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import pytest

from ingest.sources.bucket import BucketSource
from ingest.sources.bucket_settings import BucketSettings, checked_endpoint
from ingest.sources.errors import (
    BucketAccessDenied,
    BucketEndpointNotAllowed,
    BucketKeyUnreadable,
    BucketNotFound,
    BucketUnavailable,
    InvalidBucketSettings,
    ItemTooLarge,
    ObjectMissing,
)
from ingest.sources.source import Found, Skipped
from tests.ingest.sources.buckets import KEY, REGION, SECRET, Buckets
from tests.ingest.sources.readings import body, errors, found, items, memories, unchanged
from tests.ingest.sources.site import Reply, Site


def a_source(buckets: Buckets, bucket: str, *, max_bytes: int = 100, **others: Any) -> BucketSource:
    return BucketSource(buckets.settings(bucket, **others), max_bytes=max_bytes)


async def test_every_object_is_known_by_its_key(buckets: Buckets) -> None:
    keys = ["*.txt", "a b+c&é?%20#.txt", "a.txt", "docs/sub/b.txt", "back\\slash", "~.md"]
    bucket = buckets.make({key: key.encode() for key in keys})
    some = await items(a_source(buckets, bucket))
    assert sorted(found(some)) == sorted(keys)
    for one in some:
        assert isinstance(one, Found)
        assert one.item_name == one.key
        assert (await body(one)).decode() == one.key
        assert one.size == len(one.key.encode())


async def test_a_bucket_is_read_page_by_page_to_its_end(buckets: Buckets) -> None:
    keys = [f"{number:04}.txt" for number in range(1203)]
    bucket = buckets.make()
    buckets.put_many(bucket, keys)
    source = a_source(buckets, bucket)
    some = await items(source)
    assert found(some) == keys
    assert unchanged(await items(source, memories(some))) == keys


async def test_only_what_has_changed_is_found_again(buckets: Buckets) -> None:
    bucket = buckets.make({"same": b"x", "changed": b"x", "deleted": b"x"})
    known = memories(await items(a_source(buckets, bucket)))
    buckets.put(bucket, {"same": b"x", "changed": b"y", "new": b"x"})
    buckets.client().delete_object(Bucket=bucket, Key="deleted")
    some = await items(a_source(buckets, bucket), known)
    assert found(some) == ["changed", "new"]
    assert unchanged(some) == ["same"]
    assert len(some) == 3


@pytest.mark.parametrize("prefix", ["docs", "docs/"])
async def test_a_prefix_is_a_folder(buckets: Buckets, prefix: str) -> None:
    keys = ["docs-old/c.txt", "docs.txt", "docs/a.txt", "docs/sub/b.txt", "other/docs/d.txt"]
    bucket = buckets.make(dict.fromkeys(keys, b"x"))
    some = await items(a_source(buckets, bucket, prefix=prefix))
    assert found(some) == ["docs/a.txt", "docs/sub/b.txt"]
    assert await items(a_source(buckets, bucket, prefix="missing")) == []


async def test_a_prefix_can_be_one_object(buckets: Buckets) -> None:
    bucket = buckets.make({"docs/a.txt": b"A", "docs/a.txt.bak": b"B", "docs/empty": b""})
    some = await items(a_source(buckets, bucket, prefix="docs/a.txt"))
    assert found(some) == ["docs/a.txt"]
    again = await items(a_source(buckets, bucket, prefix="docs/a.txt"), memories(some))
    assert unchanged(again) == ["docs/a.txt"]
    for nothing in ("docs/a.txt/", "docs/empty", "docs/missing"):
        assert await items(a_source(buckets, bucket, prefix=nothing)) == []


async def test_what_only_stands_for_a_folder_is_left_out(buckets: Buckets) -> None:
    bucket = buckets.make({"docs/": b"", "docs/a.txt": b"A", "docs": b"real", "empty.txt": b""})
    some = await items(a_source(buckets, bucket))
    assert found(some) == ["docs", "docs/a.txt"]
    assert await body(some[0]) == b"real"
    buckets.put(bucket, {"docs/": b"not empty"})  # the same key to the library
    assert found(await items(a_source(buckets, bucket))) == ["docs", "docs/a.txt"]


@pytest.mark.parametrize("key", ["a//b.txt", "/a.txt", "a/../b.txt", "a/./b.txt"])
async def test_a_key_that_cannot_be_read_is_named(buckets: Buckets, key: str) -> None:
    bucket = buckets.make({"good/a.txt": b"A", f"bad/{key}": b"B"})
    with pytest.raises(BucketKeyUnreadable) as caught:
        await items(a_source(buckets, bucket))
    assert repr(f"bad/{key}") in str(caught.value)
    assert found(await items(a_source(buckets, bucket, prefix="good"))) == ["good/a.txt"]


async def test_what_is_too_large_is_skipped_or_stops_being_read(buckets: Buckets) -> None:
    bucket = buckets.make({"a": b"x" * 100, "b": b"x" * 101})
    some = await items(a_source(buckets, bucket))
    assert errors(some, Skipped) == {"b": ItemTooLarge}
    assert await body(some[0]) == b"x" * 100
    buckets.put(bucket, {"a": b"x" * 101})
    with pytest.raises(ItemTooLarge, match="100 bytes"):
        await body(some[0])


async def test_an_object_comes_in_parts(buckets: Buckets) -> None:
    whole = bytes(range(256)) * 20_000
    bucket = buckets.make({"large": whole})
    (item,) = await items(a_source(buckets, bucket, max_bytes=len(whole)))
    assert isinstance(item, Found)
    parts = [part async for part in item.read()]
    assert b"".join(parts) == whole
    assert max(map(len, parts)) < len(whole)


# What goes wrong.


async def test_an_object_that_is_gone_when_it_is_read_says_so(buckets: Buckets) -> None:
    bucket = buckets.make({"a": b"A"})
    (item,) = await items(a_source(buckets, bucket))
    buckets.client().delete_object(Bucket=bucket, Key="a")
    with pytest.raises(ObjectMissing):
        await body(item)


async def test_a_bucket_that_is_not_there_is_no_empty_bucket(buckets: Buckets) -> None:
    with pytest.raises(BucketNotFound, match="404 NoSuchBucket"):
        await items(a_source(buckets, "no-such-bucket"))
    with pytest.raises(BucketNotFound):
        await items(a_source(buckets, "no-such-bucket", prefix="a.txt"))


async def test_a_key_opens_what_it_may_and_nothing_else(buckets: Buckets) -> None:
    bucket = buckets.make({"a": b"A", "b": b"B"})
    key_id, secret = buckets.new_key(
        ListBucket=[f"arn:aws:s3:::{bucket}"], GetObject=[f"arn:aws:s3:::{bucket}/a"]
    )
    other_id, other_secret = buckets.new_key(ListBucket=["arn:aws:s3:::another"])
    buckets.enforce(after=0)
    try:
        first, second = await items(a_source(buckets, bucket, key_id=key_id, secret_key=secret))
        assert await body(first) == b"A"
        with pytest.raises(BucketAccessDenied, match="403 AccessDenied"):
            await body(second)
        wrongs: list[dict[str, Any]] = [
            {"key_id": key_id, "secret_key": "wrong"},
            {"key_id": "AKIAUNKNOWN", "secret_key": secret},
            {"key_id": other_id, "secret_key": other_secret},
        ]
        for wrong in wrongs:
            with pytest.raises(BucketAccessDenied, match="403") as caught:
                await items(a_source(buckets, bucket, **wrong))
            assert secret not in str(caught.value)
    finally:
        buckets.enforce(after=math.inf)


async def test_a_service_that_is_away_is_no_empty_bucket(site: Site) -> None:
    settings = BucketSettings(bucket="bucket", region=REGION, endpoint=site.url("").rstrip("/"))
    listing = "/bucket?list-type=2"
    for reply in (
        Reply("<Error><Code>Odd</Code></Error>", status=400),
        Reply("no XML"),
        Reply(raw=[b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n<"]),
    ):
        site.routes[listing] = reply
        with pytest.raises(BucketUnavailable):
            await items(BucketSource(settings, max_bytes=100))
    site.routes[listing] = Reply(status=301)
    with pytest.raises(BucketNotFound, match="region"):
        await items(BucketSource(settings, max_bytes=100))
    nobody = dataclasses.replace(settings, endpoint="http://127.0.0.1:9")
    with pytest.raises(BucketUnavailable):
        await items(BucketSource(nobody, max_bytes=100))


LISTING = """<ListBucketResult><Name>bucket</Name><KeyCount>1</KeyCount><Contents>
<Key>a.txt</Key><LastModified>2024-01-01T00:00:00.000Z</LastModified><ETag>"e"</ETag><Size>1</Size>
</Contents><IsTruncated>false</IsTruncated></ListBucketResult>"""


@pytest.mark.parametrize("key", [None, "AKIAOWN"])
async def test_nothing_in_the_servers_environment_is_used(
    site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, key: str | None
) -> None:
    """Each of these variables alone would change where a request goes or what it carries."""
    (tmp_path / "token").write_text("ambient")
    with Site() as ambient:
        elsewhere = ambient.url("").rstrip("/")
        for name, value in {
            "AWS_ACCESS_KEY_ID": "AMBIENT",
            "AWS_SECRET_ACCESS_KEY": "ambient",
            "AWS_SESSION_TOKEN": "ambient",
            "AWS_TOKEN": "ambient",
            "AWS_ENDPOINT": elsewhere,
            "AWS_ENDPOINT_URL": elsewhere,
            "AWS_ENDPOINT_URL_S3": elsewhere,
            "AWS_METADATA_ENDPOINT": elsewhere,
            "AWS_STS_ENDPOINT": elsewhere,
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": elsewhere,
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(tmp_path / "token"),
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "token"),
            "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/ambient",
            "AWS_BUCKET": "ambient",
            "AWS_REGION": "ambient",
            "AWS_DEFAULT_REGION": "ambient",
            "AWS_PROXY_URL": elsewhere,
            "AWS_USER_AGENT": "ambient",
            "AWS_REQUEST_PAYER": "requester",
            "AWS_SKIP_SIGNATURE": "false" if key is None else "true",
            "AWS_UNSIGNED_PAYLOAD": "true",
            "AWS_VIRTUAL_HOSTED_STYLE_REQUEST": "true",
            "AWS_S3_EXPRESS": "true",
            "AWS_SERVER_SIDE_ENCRYPTION": "sse-c",
            "AWS_SSE_CUSTOMER_KEY_BASE64": "YW1iaWVudC1hbWJpZW50LWFtYmllbnQtYW1iaWVudC0=",
        }.items():
            monkeypatch.setenv(name, value)
        site.routes["/bucket?list-type=2"] = Reply(LISTING, content_type="application/xml")
        site.routes["/bucket/a.txt"] = Reply(
            "A", headers={"ETag": '"e"', "Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"}
        )
        settings = BucketSettings(
            bucket="bucket",
            region="own-1",
            endpoint=site.url("").rstrip("/"),
            key_id=key,
            secret_key=None if key is None else "own",
        )
        (item,) = await items(BucketSource(settings, max_bytes=100))
        assert await body(item) == b"A"
        assert ambient.asked == []
    assert site.paths == ["/bucket?list-type=2", "/bucket/a.txt"]
    for asked in site.asked:
        sent = dict(asked.headers)
        authorization = sent.pop("authorization", None)
        assert "ambient" not in str(sent).lower()
        if key is None:
            assert set(sent) == {"host", "accept", "user-agent"}
            assert authorization is None
        else:
            assert set(sent) == {
                *("host", "accept", "user-agent", "x-amz-date", "x-amz-content-sha256")
            }
            assert authorization is not None
            assert f"Credential={key}/" in authorization
            assert "/own-1/s3/" in authorization


# Which bucket it is.


def test_the_services_we_know_need_no_endpoint() -> None:
    assert BucketSettings(bucket="abc", region="eu-west-1").origin == (
        "https://s3.eu-west-1.amazonaws.com"
    )
    assert BucketSettings(bucket="abc", region="fra1", kind="spaces").origin == (
        "https://fra1.digitaloceanspaces.com"
    )


def test_a_secret_is_not_shown() -> None:
    settings = BucketSettings(bucket="abc", region=REGION, key_id=KEY, secret_key=SECRET)
    assert SECRET not in repr(settings)
    assert SECRET not in str(settings)


@pytest.mark.parametrize(
    "wrong",
    [
        *(
            {"region": region}
            for region in ("", "a.b", "a/b", "a@b", "a#", "a:1", "A", "a-", "a\n")
        ),
        *({"region": region} for region in ("evil.test/", "evil.test#", "é1", "x" * 33)),
        *({"bucket": bucket} for bucket in ("", "ab", "a/b", "A-b", "a..b", "-ab", "a_b", "abc\n")),
        *({"bucket": bucket} for bucket in ("x" * 64, "../etc", "a?b", "a b")),
        *({"prefix": prefix} for prefix in ("/", "/a", "a//b", "a/../b", "./a", "a\n", "x" * 1025)),
        *({"endpoint": url} for url in ("s3.test", "https://s3.test/", "https://s3.test/x", "")),
        *({"endpoint": url} for url in ("ftp://s3.test", "https://k:s@s3.test", "HTTPS://s3.test")),
        *({"key_id": key} for key in ("", "a/b", "a b", "a\r\nb", "é")),
        *({"secret_key": secret} for secret in ("", "a b", "a\n", "é")),
        *({"key_id": None}, {"secret_key": None}, {"kind": "gcs"}),
    ],
)
def test_what_is_no_bucket_is_refused(wrong: dict[str, Any]) -> None:
    right: dict[str, Any] = {"bucket": "abc", "region": REGION, "key_id": KEY, "secret_key": SECRET}
    BucketSettings(**right)
    with pytest.raises(InvalidBucketSettings) as caught:
        BucketSettings(**(right | wrong))
    assert SECRET not in str(caught.value)


def test_an_endpoint_is_one_that_the_operator_has_opened() -> None:
    allowed = ["https://s3.example.org", "http://minio.internal:9000/"]
    assert checked_endpoint("https://S3.example.org:443/", allowed) == "https://s3.example.org"
    assert checked_endpoint("http://minio.internal:9000", allowed) == "http://minio.internal:9000"
    for other in (
        *(
            "http://s3.example.org",
            "https://s3.example.org:444",
            "https://s3.example.org.evil.test",
        ),
        *("https://s3.example.org@evil.test", "https://evil.test/s3.example.org", "s3.example.org"),
        *("https://s3.example.org/x", "https://s3.example.org/?x", "http://169.254.169.254", ""),
    ):
        with pytest.raises(BucketEndpointNotAllowed, match="KB_S3_ENDPOINTS"):
            checked_endpoint(other, allowed)
    with pytest.raises(BucketEndpointNotAllowed):
        checked_endpoint("https://s3.example.org", [])
