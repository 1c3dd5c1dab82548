"""Settings: each documented, each read from the environment, and a wrong one named."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

import pytest
from pydantic import ValidationError

from kb.gateway.upstream.models import ChatModelEntry
from kb.settings import Settings
from retrieval.embedding.entries import FastEmbedEntry

SAMPLES: dict[str, tuple[str, object]] = {
    "data_dir": ("/srv/kb", Path("/srv/kb")),
    "database_url": ("postgresql://a:b@c/d", "postgresql://a:b@c/d"),
    "database_connections": ("8", 8),
    "model_dir": ("/srv/model", Path("/srv/model")),
    "embedding_precision": ("fp32", "fp32"),
    "embedding_threads": ("3", 3),
    "embedding_models": (
        '[{"id": "small", "fastembed": "BAAI/bge-small-en-v1.5"}]',
        (FastEmbedEntry(id="small", fastembed="BAAI/bge-small-en-v1.5"),),
    ),
    "embedding_model": ("small", "small"),
    "embeddings_url": ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1"),
    "embeddings_api_key": ("sk-secret", "sk-secret"),
    "cached_queries": ("0", 0),
    "host": ("0.0.0.0", "0.0.0.0"),
    "port": ("9000", 9000),
    "allowed_hosts": ('["kb.example.org"]', ("kb.example.org",)),
    "allowed_origins": ('["https://example.org"]', ("https://example.org",)),
    "max_upload_bytes": ("5", 5),
    "parser_memory_bytes": ("134217728", 134217728),
    "parser_seconds": ("2.5", 2.5),
    "ocr": ("off", "off"),
    "ocr_languages": ('["eng", "deu"]', ("eng", "deu")),
    "llm_url": ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1"),
    "llm_model": ("qwen", "qwen"),
    "llm_api_key": ("sk-secret", "sk-secret"),
    "llm_models": (
        '[{"id": "qwen", "urls": ["http://127.0.0.1:8000/v1"]}]',
        (ChatModelEntry.model_validate({"id": "qwen", "urls": ["http://127.0.0.1:8000/v1"]}),),
    ),
    "llm_models_file": ("/etc/kb/models.toml", Path("/etc/kb/models.toml")),
    "llm_concurrency": ("16", 16),
    "llm_wait_seconds": ("2.5", 2.5),
    "exclude_flagged_passages": ("true", True),
    "store": ("weaviate", "weaviate"),
    "weaviate_url": ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
    "weaviate_grpc_port": ("50052", 50052),
    "weaviate_api_key": ("secret", "secret"),
    "rerank_model": ("BAAI/bge-reranker-v2-m3", "BAAI/bge-reranker-v2-m3"),
    "rerank_url": ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1"),
    "rerank_kind": ("tei", "tei"),
    "rerank_api_key": ("secret", "secret"),
    "rerank_timeout": ("2.5", 2.5),
    "worker_concurrency": ("2", 2),
    "secret_key": ("a secret", "a secret"),
    "source_folders": ('["/srv/docs"]', (Path("/srv/docs"),)),
    "s3_endpoints": ('["https://s3.example.org"]', ("https://s3.example.org",)),
    "fetch_networks": ('["10.0.0.0/8"]', (ip_network("10.0.0.0/8"),)),
    "fetch_ports": ("[81]", (81,)),
    "crawler_user_agent": ("acme/1.0", "acme/1.0"),
    "crawl_delay_seconds": ("1.5", 1.5),
    "blobs_bucket": ("files", "files"),
    "blobs_region": ("fra1", "fra1"),
    "blobs_endpoint": ("https://s3.example.org", "https://s3.example.org"),
    "blobs_prefix": ("kb/", "kb/"),
    "blobs_key_id": ("AKIAEXAMPLE", "AKIAEXAMPLE"),
    "blobs_secret_key": ("a/secret", "a/secret"),
    "api_key": ("kb_secret", "kb_secret"),
}


COMPANIONS = {"rerank_url": ("KB_RERANK_MODEL", "bge-reranker")}
"""What a setting cannot do without."""


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_says_what_it_is_for(name: str) -> None:
    text = Settings.model_fields[name].description
    assert text
    assert text.endswith(".")
    assert len(text) > 25


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_read_from_the_environment(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, expected = SAMPLES[name]
    if name in COMPANIONS:
        monkeypatch.setenv(*COMPANIONS[name])
    monkeypatch.setenv(f"KB_{name.upper()}", given)
    found = getattr(Settings(), name)
    revealed = getattr(found, "get_secret_value", lambda: found)()
    assert revealed == expected
    assert revealed != getattr(Settings.model_construct(), name)
    monkeypatch.setenv(f"KB_{name.upper()}", "")
    assert getattr(Settings(), name) == getattr(Settings.model_construct(), name)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("port", "99999"),
        ("port", "http"),
        ("database_connections", "3"),
        ("embedding_precision", "fp16"),
        ("embedding_threads", "0"),
        ("max_upload_bytes", "0"),
        ("parser_memory_bytes", "1000"),
        ("parser_seconds", "0"),
        ("worker_concurrency", "0"),
    ],
)
def test_a_value_that_cannot_work_is_refused_by_name(
    name: str, wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"KB_{name.upper()}", wrong)
    with pytest.raises(ValidationError) as caught:
        Settings()
    assert [error["loc"] for error in caught.value.errors()] == [(name,)]


def test_a_server_that_reranks_needs_the_name_of_its_model(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KB_RERANK_URL", "http://127.0.0.1:8000/v1")
    with pytest.raises(ValidationError, match="KB_RERANK_MODEL") as caught:
        Settings()
    assert [error["loc"] for error in caught.value.errors()] == [("rerank_url",)]


def test_secrets_do_not_show_when_settings_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KB_DATABASE_URL", "postgresql://a:hunter2@c/d")
    monkeypatch.setenv("KB_API_KEY", "kb_hunter2")
    settings = Settings()
    assert "hunter2" not in f"{settings!r} {settings} {settings.model_dump_json()}"


def test_the_service_listens_to_this_machine_only_unless_told() -> None:
    assert Settings.model_fields["host"].default == "127.0.0.1"
