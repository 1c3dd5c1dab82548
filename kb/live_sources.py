"""Stored data sources to live ones: what their settings may say, and what reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingest.sources.source import Source
from kb.catalog.data_sources import DataSource, SourceKind
from kb.vault import Vault

if TYPE_CHECKING:
    from ingest.sources.guarded import GuardedFetcher


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveSources:
    """Opens data sources within what the operator of this installation allows."""

    vault: Vault
    fetcher: GuardedFetcher
    user_agent: str
    delay_seconds: float
    """Between two requests to one website."""

    max_bytes: int
    """Of one item."""

    folders: Sequence[Path]
    """Those on the server that may be read, with what is in them."""

    endpoints: Sequence[str]
    """Those of S3-compatible services that may be named."""

    def check(
        self, kind: SourceKind, settings: Mapping[str, Any], credentials: Mapping[str, str]
    ) -> None:
        """Raises the `IngestError` that says what is wrong with them."""
        self._open(kind, settings, credentials)

    def open(self, source: DataSource) -> Source | None:
        """What reads it; none where there is nothing to read again.

        Raises an `IngestError` where it is no longer allowed, and `CredentialsUnreadable`.
        """
        credentials = self.vault.decrypt(source.credentials) if source.credentials else {}
        return self._open(source.kind, source.settings, credentials)

    def _open(
        self, kind: SourceKind, settings: Mapping[str, Any], credentials: Mapping[str, str]
    ) -> Source | None:
        match kind:
            case "web_crawler":
                from ingest.sources.crawl_settings import CrawlSettings
                from ingest.sources.urls import parse_url
                from ingest.sources.web import WebSource

                crawl = CrawlSettings(
                    seed=str(parse_url(settings["base_url"])),
                    scope=settings["crawling_option"],
                    exclude_tags=tuple(settings["exclude_tags"]),
                    user_agent=self.user_agent,
                    delay_seconds=self.delay_seconds,
                )
                return WebSource(crawl, self.fetcher)
            case "folder":
                from ingest.sources.folder import FolderSource, checked_folder

                folder = checked_folder(settings["path"], self.folders)
                return FolderSource(folder, max_bytes=self.max_bytes)
            case "aws" | "spaces":
                from ingest.sources.bucket import BucketSource
                from ingest.sources.bucket_settings import BucketSettings, checked_endpoint

                endpoint = settings["endpoint"]
                bucket = BucketSettings(
                    kind=kind,
                    bucket=settings["bucket_name"],
                    region=settings["region"],
                    prefix=settings["item_path"],
                    endpoint=endpoint and checked_endpoint(endpoint, self.endpoints),
                    key_id=credentials.get("key_id"),
                    secret_key=credentials.get("secret_key"),
                )
                return BucketSource(bucket, max_bytes=self.max_bytes)
            case "documents" | "file_upload":
                return None
