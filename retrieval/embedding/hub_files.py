"""A hub model's files in the local cache, fetched once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from retrieval.embedding.hub import default_endpoint, fetch
from retrieval.embedding.prepared import lacking, put_in_place, say_nothing, scratch_in
from retrieval.embedding.sources import FastEmbedModel, HubTokenizer

# The small ones first: the first one shows within two seconds whether the hub is there.
_BESIDE = ("config.json", "special_tokens_map.json", "tokenizer_config.json")


def fetch_export(
    model_id: str,
    source: FastEmbedModel,
    cache_dir: Path,
    *,
    hub_endpoint: str | None = None,
    on_step: Callable[[str], None] = say_nothing,
) -> Path:
    """The folder of the export that fastembed runs. Raises HubUnavailable or CacheNotWritable."""
    from fastembed import TextEmbedding

    (known,) = (one for one in TextEmbedding.list_supported_models() if one["model"] == source.name)
    return _fetch_once(
        known["sources"]["hf"],
        source.revision,
        ("tokenizer.json", *known["additional_files"], known["model_file"]),
        cache_dir / model_id / f"export-{source.revision}",
        hub_endpoint=hub_endpoint,
        on_step=on_step,
    )


def fetch_tokenizer(
    model_id: str,
    source: HubTokenizer,
    cache_dir: Path,
    *,
    hub_endpoint: str | None = None,
    on_step: Callable[[str], None] = say_nothing,
) -> Path:
    """The path of a tokenizer.json. Raises HubUnavailable or CacheNotWritable."""
    folder = _fetch_once(
        source.hub_id,
        source.revision,
        ("tokenizer.json",),
        cache_dir / model_id / f"tokenizer-{source.revision}",
        hub_endpoint=hub_endpoint,
        on_step=on_step,
    )
    return folder / "tokenizer.json"


def _fetch_once(
    hub_id: str,
    revision: str,
    names: tuple[str, ...],
    folder: Path,
    *,
    hub_endpoint: str | None,
    on_step: Callable[[str], None],
) -> Path:
    """It appears whole or not at all, and is not looked for again: a branch may move on."""
    if not lacking(folder, names):
        return folder
    endpoint = hub_endpoint or default_endpoint()
    on_step(f"Fetching {hub_id} from {endpoint} to {folder}; this happens once.")
    with scratch_in(folder.parent) as scratch:
        ready = scratch / "ready"
        fetch(
            hub_id,
            (*_BESIDE, *names),
            ready,
            revision=revision,
            optional=_BESIDE,
            endpoint=endpoint,
        )
        put_in_place(ready, folder, scratch, names)
    return folder
