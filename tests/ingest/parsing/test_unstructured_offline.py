"""`unstructured` works without spaCy and asks nothing of the network."""

from __future__ import annotations

import ast
import importlib.metadata
import subprocess
import sys
from pathlib import Path

import unstructured

from ingest.parsing import unstructured_offline

PACKAGE = Path(unstructured.__path__[0])
# What is behind the partitioners we import; others (argilla, translate) are never loaded.
USERS = {
    unstructured_offline.TOKENIZE: {"pos_tag", "sent_tokenize", "word_tokenize"},
    unstructured_offline.WORDS: {"ENGLISH_WORDS"},
}
ELSEWHERE = {"staging/argilla.py", "cleaners/translate.py"}


def test_the_version_is_the_one_this_was_made_for() -> None:
    assert importlib.metadata.version("unstructured") == "0.27.32"


def test_it_takes_only_the_names_we_replace() -> None:
    taken: dict[str, set[str]] = {name: set() for name in USERS}
    for path in PACKAGE.rglob("*.py"):
        if str(path.relative_to(PACKAGE)) in ELSEWHERE:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module in taken:
                taken[node.module].update(alias.name for alias in node.names)
            elif isinstance(node, ast.Import):
                assert not taken.keys() & {alias.name for alias in node.names}
    assert taken == USERS


def test_everything_of_it_is_imported_through_one_file() -> None:
    folder = Path(unstructured_offline.__file__).parent
    users = {path.name for path in folder.glob("*.py") if _imports(path, "unstructured")}
    assert users == {"unstructured_offline.py"}


def _imports(path: Path, package: str) -> bool:
    return any(
        isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == package
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
    )


def test_it_makes_no_connection_and_starts_no_program() -> None:
    program = """
import sys
def refuse(event, args):
    if event.startswith(("socket.connect", "socket.getaddrinfo", "subprocess.")):
        print(event, args)
sys.addaudithook(refuse)
from ingest.parsing.html import parse
from ingest.parsing.docx import parse as parse_docx
from tests.ingest.parsing import samples
assert "close" in parse(samples.HTML).text
assert "Manual" in parse_docx(samples.word()).text
assert not {"spacy", "numba"} & sys.modules.keys()
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": ":".join(entry or "." for entry in sys.path)},
    )
    assert (done.stdout, done.returncode) == ("", 0), done.stderr


def test_the_service_itself_loads_no_parser() -> None:
    program = "import ingest.parsing.jail, sys; print('unstructured' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": ":".join(entry or "." for entry in sys.path)},
    )
    assert done.stdout == "False\n"


def test_the_replacements_cut_words_and_sentences() -> None:
    assert unstructured_offline.word_tokenize("Lids, boxes.") == ["Lids", ",", "boxes", "."]
    assert unstructured_offline.sent_tokenize("One. Two? Three") == ["One.", "Two?", "Three"]
    assert ("closing", "VB") in unstructured_offline.pos_tag("a lid closing a box")
