"""The tree of a reStructuredText file through docutils, set up for hostile input.

docutils types little of what is used here; its nodes are `Any`, here and in `rst`.
"""
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportMissingTypeStubs=false

from __future__ import annotations

from typing import Any, cast

from docutils.frontend import get_default_settings
from docutils.parsers.rst import Parser
from docutils.utils import SystemMessage, new_document

MAX_LINE = 10_000  # characters; docutils looks for markup in longer lines at its leisure

# What docutils lets out at odd input, next to its own error.
FAULTS: tuple[type[Exception], ...] = (
    SystemMessage,
    ValueError,
    LookupError,
    AttributeError,
    TypeError,
    AssertionError,
    NotImplementedError,
    RecursionError,
    ArithmeticError,
)


def rst_tree(text: str) -> Any:
    """The document as parsed, before the transforms, which would take out what it complains about.

    No file is read or included, nothing is fetched, no markup is passed through, and complaints
    stay in the tree instead of going to the terminal. Raises one of FAULTS where it gives up.
    """
    settings = get_default_settings(cast(Any, Parser))
    settings._disable_config = True
    settings.file_insertion_enabled = False
    settings.raw_enabled = False
    settings.report_level = 5
    settings.halt_level = 5
    settings.warning_stream = False
    settings.line_length_limit = MAX_LINE
    settings.syntax_highlight = "none"  # else it cuts code into pieces, through another library
    settings.smart_quotes = False
    settings.language_code = "en"
    document = new_document("document", settings)
    Parser().parse(text, document)
    return document
