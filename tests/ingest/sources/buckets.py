"""A real S3 server on 127.0.0.1, which can be told to look at signatures and policies."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.request import Request, urlopen
from uuid import uuid4

import boto3  # pyright: ignore[reportMissingTypeStubs] - it has none
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends
from moto.server import ThreadedMotoServer

from ingest.sources.bucket_settings import BucketSettings

REGION = "us-east-1"
_boto3: Any = boto3
_backends: Any = s3_backends
KEY, SECRET = "AKIAEXAMPLE", "a/secret+key"


class Buckets:
    """The server; each bucket has a name of its own."""

    def __init__(self) -> None:
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)

    def __enter__(self) -> Buckets:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()

    @property
    def endpoint(self) -> str:
        host, port = self._server.get_host_and_port()
        return f"http://{host}:{port}"

    def client(self, service: str = "s3") -> Any:
        return _boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
        )

    def make(self, objects: Mapping[str, bytes] | None = None) -> str:
        """A bucket with these objects."""
        name = f"bucket-{uuid4().hex}"
        self.client().create_bucket(Bucket=name)
        self.put(name, objects or {})
        return name

    def put(self, bucket: str, objects: Mapping[str, bytes]) -> None:
        client = self.client()
        for key, body in objects.items():
            client.put_object(Bucket=bucket, Key=key, Body=body)

    def put_many(self, bucket: str, keys: Sequence[str]) -> None:
        """Objects of one byte, past HTTP, which takes 20 ms for each."""
        for key in keys:
            _backends[DEFAULT_ACCOUNT_ID]["aws"].put_object(bucket, key, b"x")

    def keys(self, bucket: str) -> list[str]:
        return [
            one["Key"] for one in self.client().list_objects_v2(Bucket=bucket).get("Contents", ())
        ]

    def uploads(self, bucket: str) -> list[str]:
        """Keys of which only parts are there."""
        found = self.client().list_multipart_uploads(Bucket=bucket)
        return [one["Key"] for one in found.get("Uploads", ())]

    def settings(self, bucket: str, **others: Any) -> BucketSettings:
        given: dict[str, Any] = {"key_id": KEY, "secret_key": SECRET, **others}
        return BucketSettings(bucket=bucket, region=REGION, endpoint=self.endpoint, **given)

    def new_key(self, **allowed: list[str]) -> tuple[str, str]:
        """A key, and its secret, that may do these actions on these resources."""
        iam, user = self.client("iam"), uuid4().hex
        iam.create_user(UserName=user)
        statements = [
            {"Effect": "Allow", "Action": f"s3:{action}", "Resource": resources}
            for action, resources in allowed.items()
        ]
        policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
        iam.put_user_policy(UserName=user, PolicyName="policy", PolicyDocument=policy)
        made = iam.create_access_key(UserName=user)["AccessKey"]
        return made["AccessKeyId"], made["SecretAccessKey"]

    def enforce(self, *, after: float) -> None:
        """Look at signatures and policies once so many more requests have come."""
        url = f"{self.endpoint}/moto-api/reset-auth"
        headers = {"Content-Type": "text/plain"}
        urlopen(Request(url, data=str(after).encode(), headers=headers)).close()
