from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from kb.gateway.upstream.errors import InvalidModels, UnknownChatModel
from kb.gateway.upstream.models import ChatModels, configured, read_models_file
from tests.kb.gateway.upstream.asking import entry

URL = "http://127.0.0.1:8000/v1"
SERVED = {
    "id": "qwen3-8b",
    "urls": ["http://10.0.0.1:8000/v1", "http://10.0.0.2:8000/v1"],
    "model": "Qwen/Qwen3-8B",
    "api_key": "sk-secret",
    "context_length": 40960,
    "max_output_tokens": 4096,
    "parameters": {"temperature": 0.2},
    "concurrency": 32,
    "input_price": 0.05,
    "output_price": 0.1,
    "tags": ["local"],
}
TOML = """
[[models]]
id = "qwen3-8b"
urls = ["http://10.0.0.1:8000/v1", "http://10.0.0.2:8000/v1"]
model = "Qwen/Qwen3-8B"
api_key = "sk-secret"
context_length = 40960
max_output_tokens = 4096
parameters = { temperature = 0.2 }
concurrency = 32
input_price = 0.05
output_price = 0.1
tags = ["local"]
"""


class TestAnEntry:
    def test_needs_a_name_and_a_server(self) -> None:
        assert entry(URL).served_model == "tiny"
        assert entry(URL, model="org/tiny").served_model == "org/tiny"

    @pytest.mark.parametrize(
        ("wrong", "said"),
        [
            ({"urls": []}, "at least 1 item"),
            ({"urls": ["ftp://example.com"]}, "URL scheme"),
            ({"id": "two words"}, "match pattern"),
            ({"context_length": 0}, "greater than or equal to 1"),
            ({"output_price": -1}, "greater than or equal to 0"),
            ({"colour": "red"}, "Extra inputs"),
        ],
    )
    def test_says_what_is_wrong_with_it(self, wrong: dict[str, object], said: str) -> None:
        with pytest.raises(ValidationError, match=said):
            entry(**{"urls": [URL], **wrong})

    def test_shows_no_key(self) -> None:
        assert "sk-secret" not in repr(entry(URL, api_key="sk-secret"))


class TestTheModels:
    def test_are_found_by_their_ids(self) -> None:
        models = ChatModels([entry(URL, id="a"), entry(URL, id="b")])
        assert models.by_id("b").id == "b"
        assert [one.id for one in models] == ["a", "b"]

    def test_that_are_asked_for_in_vain_are_answered_with_those_there_are(self) -> None:
        models = ChatModels([entry(URL, id="a"), entry(URL, id="b")])
        with pytest.raises(UnknownChatModel, match="'c' is not one of: a, b"):
            models.by_id("c")
        with pytest.raises(UnknownChatModel, match="none, as KB_LLM_URL is not set"):
            ChatModels([]).by_id("x" * 1000)

    def test_have_different_ids(self) -> None:
        with pytest.raises(InvalidModels, match="Two of them are called tiny"):
            ChatModels([entry(URL), entry(URL)])

    def test_come_from_all_settings_in_order(self, tmp_path: Path) -> None:
        file = tmp_path / "models.json"
        file.write_text(json.dumps([SERVED]), "utf-8")
        models = configured(
            [entry(URL)], file=file, url=URL, model="gpt", api_key=SecretStr("sk-secret")
        )
        assert [one.id for one in models] == ["gpt", "tiny", "qwen3-8b"]
        first = models.by_id("gpt")
        assert [str(url) for url in first.urls] == [URL]
        assert first.api_key == SecretStr("sk-secret")

    def test_are_none_where_nothing_is_set(self) -> None:
        assert list(configured([])) == []
        assert list(configured([], url=URL)) == []


class TestAFile:
    def test_may_be_json_or_toml(self, tmp_path: Path) -> None:
        listed, tables = tmp_path / "models.json", tmp_path / "models.toml"
        listed.write_text(json.dumps([SERVED]), "utf-8")
        tables.write_text(TOML, "utf-8")
        assert read_models_file(listed) == read_models_file(tables)
        (model,) = read_models_file(tables)
        assert (model.concurrency, model.input_price, model.tags) == (32, 0.05, ("local",))

    @pytest.mark.parametrize(
        ("name", "text", "said"),
        [
            ("models.json", "[", "cannot be read: Expecting value"),
            ("models.toml", "[[models", "cannot be read"),
            ("models.toml", "", "models.toml: it: Input should be a valid list"),
            ("models.json", json.dumps([{**SERVED, "id": None}]), "0.id: Input should be a valid"),
            ("models.json", json.dumps([{**SERVED, "api_key": ["sk-secret"]}]), "0.api_key"),
        ],
    )
    def test_says_what_is_wrong_with_it_and_no_key(
        self, tmp_path: Path, name: str, text: str, said: str
    ) -> None:
        (tmp_path / name).write_text(text, "utf-8")
        with pytest.raises(InvalidModels, match=said) as caught:
            read_models_file(tmp_path / name)
        assert "sk-secret" not in f"{caught.value} {caught.value.__cause__}"

    def test_must_be_there(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidModels, match="No such file"):
            read_models_file(tmp_path / "models.json")
