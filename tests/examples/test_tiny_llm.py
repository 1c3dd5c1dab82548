"""The language model that comes with us."""

from __future__ import annotations

from hashlib import sha256

from examples.tiny_llm import MODEL


def test_its_readme_names_the_file_that_is_there() -> None:
    readme = MODEL.with_name("README.md").read_text()
    assert f"`{sha256(MODEL.read_bytes()).hexdigest()}`" in readme
