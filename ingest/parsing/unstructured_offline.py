"""The partitioners of `unstructured`, made to work without a network, spaCy or telemetry.

`unstructured` 0.27 asks a spaCy model whether a line reads like prose, and downloads that model
from the internet at first use; spaCy and numba are 350 MB installed. All it takes from there are
the three functions below, through `unstructured.nlp.tokenize`, and what they decide (narrative or
other text) is one and the same paragraph to us. So a module with simple versions of them takes
that place before the partitioners are imported, and spaCy need not be installed at all.

Its list of 400,000 English words goes the same way: 56 MB that nothing we call consults, and that
would make each fork of the parsing process three times slower.

The library also reports each use to its vendor unless told not to. Importing this module tells it;
only the processes that parse import it, and everything of `unstructured` is imported from here, so
that none of it comes sooner. The version is pinned, and a test fails when the library starts to
take other names from the replaced modules.
"""

from __future__ import annotations

import os
import re
import sys
from types import ModuleType

from ingest.parsing.telemetry import OPT_OUT

TOKENIZE = "unstructured.nlp.tokenize"
WORDS = "unstructured.nlp.english_words"

_WORD = re.compile(r"\w+|[^\w\s]")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
_VERB = re.compile(
    r"(?:am|is|are|was|were|be|been|has|have|had|do|does|did|can|could|will|would|shall|should"
    r"|may|might|must|\w{2,}(?:ed|ing|izes?|ises?|ify|ifies))",
    re.IGNORECASE,
)


def word_tokenize(text: str) -> list[str]:
    """Words and punctuation marks."""
    return _WORD.findall(text)


def sent_tokenize(text: str) -> list[str]:
    """Sentences, cut after a full stop, question or exclamation mark."""
    return _SENTENCE_END.split(text.strip())


def pos_tag(text: str) -> list[tuple[str, str]]:
    """Each word with "VB" where it looks like a verb, else "NN"."""
    return [(word, "VB" if _VERB.fullmatch(word) else "NN") for word in word_tokenize(text)]


def _replace(name: str, **content: object) -> None:
    module = ModuleType(name, doc=__doc__)
    vars(module).update(content)
    sys.modules[name] = module


# At import and not in a function: it must come before the next imports, in any process.
os.environ.update(OPT_OUT)
_replace(TOKENIZE, pos_tag=pos_tag, sent_tokenize=sent_tokenize, word_tokenize=word_tokenize)
_replace(WORDS, ENGLISH_WORDS=frozenset[str]())

from unstructured.documents.elements import (  # noqa: E402
    CodeSnippet,
    Element,
    Footer,
    Header,
    ListItem,
    PageBreak,
    Table,
    Title,
)
from unstructured.partition.docx import partition_docx  # noqa: E402
from unstructured.partition.html import partition_html  # noqa: E402

__all__ = [
    "TOKENIZE",
    "WORDS",
    "CodeSnippet",
    "Element",
    "Footer",
    "Header",
    "ListItem",
    "PageBreak",
    "Table",
    "Title",
    "partition_docx",
    "partition_html",
]
