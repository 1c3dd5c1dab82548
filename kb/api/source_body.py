"""Data sources as DigitalOcean renders them. Credentials are not shown to anybody."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from kb.api.chunking_body import ChunkingBody, algorithm, options
from kb.catalog.data_sources import DataSource, SourceKind
from kb.catalog.jobs import JobSource
from kb.job_bodies import IndexedDataSourceBody
from retrieval.index import ChunkSettings


class WebCrawlerBody(BaseModel):
    """A website."""

    base_url: str
    crawling_option: str
    exclude_tags: list[str]
    embed_media: bool


class BucketBody(BaseModel):
    """A bucket, without the key to it."""

    bucket_name: str
    region: str
    item_path: str
    endpoint: str | None


class FileUploadBody(BaseModel):
    """A file that came to a presigned URL."""

    stored_object_key: str
    original_file_name: str | None
    size_in_bytes: str | None

    @classmethod
    def of(cls, source: DataSource) -> FileUploadBody:
        """DigitalOcean has 64-bit numbers as strings."""
        size = source.settings["size_in_bytes"]
        return cls.model_validate(
            {**source.settings, "size_in_bytes": None if size is None else str(size)}
        )


class FolderBody(BaseModel):
    """A folder on the server."""

    path: str


class DataSourceBody(ChunkingBody):
    """A data source; of the objects that describe it, the one of its kind is not null."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    uuid: UUID
    knowledge_base_uuid: UUID
    created_at: datetime
    updated_at: datetime
    kind: SourceKind
    """`documents` are those that were sent to the knowledge base one by one."""
    web_crawler_data_source: WebCrawlerBody | None
    spaces_data_source: BucketBody | None
    aws_data_source: BucketBody | None
    file_upload_data_source: FileUploadBody | None
    folder_data_source: FolderBody | None
    bucket_name: str | None
    """Deprecated, with `region` and `item_path`: they are in the objects."""
    region: str | None
    item_path: str | None
    last_datasource_indexing_job: IndexedDataSourceBody | None

    @classmethod
    def of(
        cls, source: DataSource, chunking: ChunkSettings, last_job: JobSource | None
    ) -> DataSourceBody:
        """One data source, how it is cut and how its last job fares with it."""
        kind, settings = source.kind, source.settings
        bucket = BucketBody.model_validate(settings) if kind in ("spaces", "aws") else None
        return cls(
            uuid=source.id,
            knowledge_base_uuid=source.knowledge_base_id,
            created_at=source.created_at,
            updated_at=source.updated_at,
            chunking_algorithm=algorithm(chunking),
            chunking_options=options(chunking),
            kind=kind,
            web_crawler_data_source=(
                WebCrawlerBody.model_validate(settings) if kind == "web_crawler" else None
            ),
            spaces_data_source=bucket if kind == "spaces" else None,
            aws_data_source=bucket if kind == "aws" else None,
            file_upload_data_source=FileUploadBody.of(source) if kind == "file_upload" else None,
            folder_data_source=FolderBody.model_validate(settings) if kind == "folder" else None,
            bucket_name=bucket and bucket.bucket_name,
            region=bucket and bucket.region,
            item_path=bucket and bucket.item_path,
            last_datasource_indexing_job=last_job and IndexedDataSourceBody.of(last_job),
        )
