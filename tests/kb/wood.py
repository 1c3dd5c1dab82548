"""A small knowledge base with questions whose answers are known."""

from __future__ import annotations

ANIMALS = {
    "fox": "digs a den under the old oak",
    "owl": "hunts mice above the meadow",
    "bear": "sleeps from November to March",
    "toad": "lays its eggs in the pond",
    "crow": "builds a nest of dry twigs",
    "hare": "outruns every hound in spring",
    "wolf": "howls at the edge of the moor",
    "newt": "breathes through its moist skin",
}
FILES = {
    f"{name}.md": f"# The {name}\n\n"
    + f"The {name} is at home in this wood. It {does}. Nobody has ever minded.\n"
    for name, does in ANIMALS.items()
}


def questions() -> list[dict[str, object]]:
    """One on each animal, as a line of a dataset's file holds it; the answer is quoted."""
    return [
        {
            "question": f"What about the {name}?",
            "gold": [{"document": f"{name}.md", "quote": f"It {does}."}],
            "id": name,
        }
        for name, does in ANIMALS.items()
    ]
