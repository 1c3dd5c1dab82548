"""A data source as a request describes it: exactly one object, named after its kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from ingest.errors import IngestError
from kb.api.chunking_request import ChunkingRequest
from kb.api.text import JsonObject, Text
from kb.api.unset import OptionalText, Unset
from kb.catalog.data_sources import SourceKind


class InvalidDataSource(IngestError):
    """A data source is described by exactly one of web_crawler_data_source, spaces_data_source,
    aws_data_source, file_upload_data_source and folder_data_source."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What there is to know of a data source, in the service's terms."""

    kind: SourceKind
    settings: dict[str, Any]
    credentials: dict[str, str]


class WebCrawlerRequest(BaseModel):
    """A website, crawled as far as its robots.txt allows."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    base_url: Text
    """Where the crawl starts; with `SITEMAP` that of the sitemap."""
    crawling_option: Annotated[
        Literal["UNKNOWN", "SCOPED", "PATH", "DOMAIN", "SUBDOMAINS", "SITEMAP"] | None, Unset
    ] = None
    """`SCOPED`, which is taken unless given, reads that page only; `PATH` what is below it,
    `DOMAIN` its host, `SUBDOMAINS` the hosts below that too, `SITEMAP` what the sitemap lists."""
    exclude_tags: list[Text] | None = None
    """HTML elements that are left out, such as `nav` and `footer`."""
    embed_media: bool | None = None
    """Kept and shown, and without effect: images are not indexed."""

    def described(self) -> Described:
        """Its settings."""
        option = self.crawling_option
        settings = {
            "base_url": self.base_url,
            "crawling_option": "SCOPED" if option in (None, "UNKNOWN") else option,
            "exclude_tags": self.exclude_tags or [],
            "embed_media": bool(self.embed_media),
        }
        return Described(kind="web_crawler", settings=settings, credentials={})


class BucketRequest(BaseModel):
    """A bucket, or a folder in it."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    bucket_name: Text
    region: OptionalText = None
    item_path: OptionalText = None
    """A folder or an object; all of the bucket unless given."""
    key_id: OptionalText = None
    """With `secret_key`, for buckets that are not public. Neither is ever shown again."""
    secret_key: Annotated[SecretStr | None, Unset] = None
    endpoint: OptionalText = None
    """Another S3-compatible service, if the operator has allowed it with KB_S3_ENDPOINTS."""

    def described(self, kind: Literal["aws", "spaces"]) -> Described:
        """Its settings, and apart from them its credentials."""
        credentials: dict[str, str] = {}
        if self.key_id is not None:
            credentials["key_id"] = self.key_id
        if self.secret_key is not None:
            credentials["secret_key"] = self.secret_key.get_secret_value()
        settings = {
            "bucket_name": self.bucket_name,
            "region": self.region or "",
            "item_path": (self.item_path or "").lstrip("/"),  # "/" is the whole bucket to many
            "endpoint": self.endpoint,
        }
        return Described(kind=kind, settings=settings, credentials=credentials)


class FileUploadRequest(BaseModel):
    """A file that was sent to a presigned URL."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    stored_object_key: Text
    """`object_key` of the presigned URL."""
    original_file_name: OptionalText = None
    """What to call the document; the name it was presigned for unless given."""
    size_in_bytes: Annotated[int | None, Field(ge=0), Unset] = None

    def described(self) -> Described:
        """Its settings."""
        return Described(kind="file_upload", settings=self.model_dump(), credentials={})


class FolderRequest(BaseModel):
    """A folder on the server, which the operator has opened with KB_SOURCE_FOLDERS."""

    path: Text

    def described(self) -> Described:
        """Its settings."""
        return Described(kind="folder", settings=self.model_dump(), credentials={})


class DataSourceRequest(ChunkingRequest):
    """One of the objects, and how its documents are cut if not as in the knowledge base."""

    model_config = ConfigDict(
        use_attribute_docstrings=True,
        json_schema_extra={
            "examples": [{"web_crawler_data_source": {"base_url": "https://example.org/docs/"}}]
        },
    )

    web_crawler_data_source: WebCrawlerRequest | None = None
    spaces_data_source: BucketRequest | None = None
    aws_data_source: BucketRequest | None = None
    file_upload_data_source: FileUploadRequest | None = None
    folder_data_source: FolderRequest | None = None
    dropbox_data_source: JsonObject | None = None
    """Not supported."""
    google_drive_data_source: JsonObject | None = None
    """Not supported."""
    bucket_name: OptionalText = None
    """Deprecated, with `bucket_region`, `region` and `item_path`: use `spaces_data_source`."""
    bucket_region: OptionalText = None
    region: OptionalText = None
    item_path: OptionalText = None

    def described(self) -> Described:
        """What is described. Raises `InvalidDataSource` unless that is one thing."""
        for name in ("dropbox_data_source", "google_drive_data_source"):
            if getattr(self, name) is not None:
                raise InvalidDataSource(f"{name} is not supported; send the files themselves.")
        found: list[Described] = []
        if self.spaces_data_source is not None:
            found.append(self.spaces_data_source.described("spaces"))
        if self.aws_data_source is not None:
            found.append(self.aws_data_source.described("aws"))
        others = (
            self.web_crawler_data_source,
            self.file_upload_data_source,
            self.folder_data_source,
        )
        found += [other.described() for other in others if other is not None]
        if not found and self.bucket_name is not None:
            flat = BucketRequest(
                bucket_name=self.bucket_name,
                region=self.bucket_region or self.region,
                item_path=self.item_path,
            )
            found = [flat.described("spaces")]
        if len(found) != 1:
            raise InvalidDataSource(f"Here are {len(found)}.")
        return found[0]
