"""Which language a text is in: py3langid's model, which knows 139, and what we make of its answers.

It is loaded when it is first asked for: a second of work and 80 MB.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from threading import Lock

from py3langid.langid import (  # pyright: ignore[reportMissingTypeStubs] untyped
    MODEL_FILE,
    LanguageIdentifier,
)

from retrieval.analysis.languages import DEFAULT_LANGUAGE, LANGUAGES, SIMPLE, Language

SAMPLES = 4
SAMPLE_CHARACTERS = 1000
# Of 1,750 pieces of 200 characters in 41 languages 0.6 % are less sure than this, of program code
# and tables most.
SURE = 0.5
# XQuAD in English and German in one index, nDCG@10 by words alone. English questions: 0.957 with
# the language known, 0.913 with the analysers of both, 0.956 so; German: 0.936, 0.919, 0.936.
# Without their question words, which are what tells: 0.963, 0.955, 0.958 and 0.936, 0.932, 0.934.
DOUBTFUL = 0.05

NO_LANGUAGE = "zxx"
# Near enough for the other's stemmer, by measurement, or another name of it.
RELATIVES = {
    "ary": "ar",
    "arz": "ar",
    "bs": "sr",
    "hr": "sr",
    "ms": "id",
    "nn": "no",
    "wuu": "zh",
    "yue": "zh",
}

_loading = Lock()


def detect(text: str) -> Language:
    """What to analyse the text as; `DEFAULT_LANGUAGE` for one that is too short to tell.

    A long text is judged by samples from all over it. Yiddish is not known.
    """
    label, share = _ranking(text)[0]
    return DEFAULT_LANGUAGE if label == NO_LANGUAGE or share < SURE else _language(label)


def likeliest(text: str, languages: Sequence[Language]) -> list[Language]:
    """Those of the languages that the text may well be in, in their order; one at least."""
    shares: dict[Language, float] = {}
    for label, share in _ranking(text):
        if label != NO_LANGUAGE:
            shares.setdefault(_language(label), share)
    best = max(shares.get(language, 0) for language in languages)
    return [one for one in languages if shares.get(one, best) >= DOUBTFUL * best]


def _language(label: str) -> Language:
    language = RELATIVES.get(label, label)
    return language if language in LANGUAGES else SIMPLE


def _ranking(text: str) -> list[tuple[str, float]]:
    """Every label that the model knows with its share of the probability, the likeliest first."""
    with _loading:
        identifier = _identifier()
    return identifier.rank(_sample(text))  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] untyped


def _sample(text: str) -> str:
    apart = len(text) // SAMPLES
    if apart <= SAMPLE_CHARACTERS:
        return text
    starts = range(0, apart * SAMPLES, apart)
    return " ".join(text[start : start + SAMPLE_CHARACTERS] for start in starts)


@cache
def _identifier() -> LanguageIdentifier:
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)  # pyright: ignore[reportUnknownMemberType] untyped
