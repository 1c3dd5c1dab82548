"""Documents and questions about them, small enough to be embedded in a second or two."""

from __future__ import annotations

from ingest.parsing import markdown
from ingest.parsing.document import ParsedDocument
from playground.corpus import Corpus
from retrieval.eval.question import Gold, Question

SUBJECTS = {
    "kettle": "boils a litre of water in two minutes",
    "pump": "lifts oil from the cellar to the roof",
    "lathe": "turns brass to a tenth of a millimetre",
    "clock": "loses one second in four hundred days",
    "furnace": "melts glass at eleven hundred degrees",
    "telescope": "gathers the light of faint galaxies",
    "printer": "lays down wax in layers of twenty microns",
    "scale": "weighs letters to the nearest gram",
}
FILLER = "It stands in the workshop, is cleaned on Fridays, and belongs to everybody who asks. "


def text_about(name: str, does: str) -> str:
    """A page with the one sentence that answers what the thing does in its middle."""
    return f"# The {name}\n\n{FILLER * 6}\n\nThe {name} {does}.\n\n{FILLER * 6}\n"


TEXTS = {f"{name}.md": text_about(name, does) for name, does in SUBJECTS.items()}


def documents() -> dict[str, ParsedDocument]:
    return {name: markdown.parse(text.encode()) for name, text in TEXTS.items()}


def questions() -> list[Question]:
    """One for each, with the sentence as its gold."""
    return [
        Question(
            id=name,
            question=f"What does the {name} do?",
            gold=[Gold(document=f"{name}.md", quote=f"The {name} {does}.")],
        )
        for name, does in SUBJECTS.items()
    ]


def corpus() -> Corpus:
    return Corpus.of(documents(), questions())
