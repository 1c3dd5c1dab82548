"""Data sources in the words that a person would use."""

from __future__ import annotations

from collections.abc import Mapping

from kb.catalog.data_sources import DataSource, SourceKind
from kb.catalog.jobs import JobSource

WORDS: Mapping[SourceKind, str] = {
    "documents": "documents",
    "file_upload": "upload",
    "folder": "folder",
    "aws": "bucket",
    "spaces": "bucket",
    "web_crawler": "website",
}


def place(source: DataSource) -> str:
    """Where it is."""
    settings = source.settings
    match source.kind:
        case "documents":
            return "sent one by one"
        case "file_upload":
            return settings["original_file_name"] or settings["stored_object_key"]
        case "folder":
            return settings["path"]
        case "web_crawler":
            return settings["base_url"]
        case "aws" | "spaces":
            return f"{settings['bucket_name']}/{settings['item_path']}"


def fared(newest: JobSource | None) -> str:
    """How its newest job fared with it."""
    if newest is None:
        return "not read yet"
    if not newest.is_done:
        return "under way"
    if newest.status == "failed":
        return f"failed: {newest.error_code}"
    counts = {
        "indexed": newest.indexed,
        "failed": newest.failed + newest.unread,
        "removed": newest.removed,
        "unchanged": newest.unchanged,
    }
    return ", ".join(f"{count} {what}" for what, count in counts.items() if count) or "nothing"
