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
# Of 1,700 pieces of 200 characters in 41 languages 0.6 % are less sure than this; of tables, short
# names and much program code nearly all.
SURE = 0.5
# XQuAD in English and German in one index, nDCG@10 by words alone. English questions: 0.957 with
# the language known, 0.913 with the analysers of both, 0.956 so; German: 0.936, 0.919, 0.936.
# Without their question words, which are what tells: 0.963, 0.955, 0.958 and 0.936, 0.932, 0.934.
DOUBTFUL = 0.1

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
    shares = _shares(text)
    code = max(shares, key=shares.__getitem__)
    return DEFAULT_LANGUAGE if code == NO_LANGUAGE or shares[code] < SURE else _language(code)


def likeliest(text: str, languages: Sequence[Language]) -> list[Language]:
    """Those of the languages that the text may well be in, in their order; one at least."""
    known: dict[Language, float] = {}
    for code, share in _shares(text).items():
        if code != NO_LANGUAGE:
            known[_language(code)] = max(share, known.get(_language(code), 0))
    best = max(known.get(language, 0) for language in languages)
    return [one for one in languages if known.get(one, best) >= DOUBTFUL * best]


def _language(code: str) -> Language:
    return code if code in LANGUAGES else SIMPLE


def _shares(text: str) -> dict[str, float]:
    """What the model gives each language, relatives together; all of it is 1."""
    with _loading:
        identifier = _identifier()
    ranking: list[tuple[str, float]] = identifier.rank(_sample(text))  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] untyped
    shares: dict[str, float] = {}
    for label, share in ranking:
        code = RELATIVES.get(label, label)
        shares[code] = shares.get(code, 0) + share
    return shares


def _sample(text: str) -> str:
    apart = len(text) // SAMPLES
    if apart <= SAMPLE_CHARACTERS:
        return text
    starts = range(0, apart * SAMPLES, apart)
    return " ".join(text[start : start + SAMPLE_CHARACTERS] for start in starts)


@cache
def _identifier() -> LanguageIdentifier:
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)  # pyright: ignore[reportUnknownMemberType] untyped
