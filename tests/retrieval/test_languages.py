"""Every language's words are found in their other forms, and codes are codes in all of them."""

# ruff: noqa: RUF001 letters of all scripts

from __future__ import annotations

import pytest

from retrieval.analysis import LANGUAGES, UnknownLanguage, analyze, checked_language
from retrieval.analysis.languages import SIMPLE, STEMMERS, WITHOUT_LATIN_LETTERS

FORMS = {
    "ar": ("الكتاب", "كتاب"),
    "ca": ("bombes", "bomba"),
    "cs": ("čerpadla", "čerpadlo"),
    "da": ("pumperne", "pumper"),
    "de": ("Größen", "Größe"),
    "el": ("μηχανές", "μηχανή"),
    "en": ("pumps", "pump"),
    "eo": ("pumpiloj", "pumpilo"),
    "es": ("bombas", "bomba"),
    "et": ("raamatud", "raamatu"),
    "eu": ("etxeak", "etxe"),
    "fa": ("کتاب\N{ZERO WIDTH NON-JOINER}ها", "کتاب"),
    "fi": ("pumput", "pumpun"),
    "fr": ("chevaux", "cheval"),
    "ga": ("mbád", "bád"),
    "hi": ("लड़कियाँ", "लड़की"),
    "hu": ("szivattyúk", "szivattyú"),
    "hy": ("սեղաններ", "սեղան"),
    "id": ("membaca", "baca"),
    "it": ("pompe", "pompa"),
    "lt": ("siurbliai", "siurblys"),
    "ne": ("घरहरू", "घर"),
    "nl": ("pompen", "pomp"),
    "no": ("pumpene", "pumper"),
    "pl": ("pompy", "pompa"),
    "pt": ("bombas", "bomba"),
    "ro": ("pompele", "pompe"),
    "ru": ("насосы", "насосами"),
    "sr": ("пумпе", "pumpa"),
    "st": ("rekile", "reka"),
    "sv": ("pumparna", "pumpar"),
    "ta": ("வீடுகள்", "வீடு"),
    "tr": ("pompalar", "pompa"),
    "yi": ("טישן", "טיש"),
}
"""By language: two forms of one word, and they are one term."""

SENTENCES = {
    "ar": "المضخة {} متوقفة",
    "de": "Die Pumpe {} steht still",
    "hi": "पंप {} बंद है",
    "ja": "ポンプ{}を交換してください",
    "ko": "펌프 {}를 교체하세요",
    "ru": "Насос {} остановлен",
    "th": "เปลี่ยนปั๊ม{}แล้ว",
    "tr": "Pompa {} durdu",
    "zh": "请更换{}零件",
}
CODES = [
    "VX-2214",
    "kb.toml",
    "10.0.0.1:8080",
    "snake_case_name",
    "ISO/IEC-27001",
    "E17",
    "kb.loadIndex",
]


@pytest.mark.parametrize("language", FORMS)
def test_forms_of_a_word_are_one_term_in_its_language_only(language: str) -> None:
    one, other = FORMS[language]
    assert analyze(one, language) == analyze(other, language) != []
    assert analyze(one, SIMPLE) != analyze(other, SIMPLE)


def test_every_language_with_a_stemmer_is_tried_here() -> None:
    assert FORMS.keys() == STEMMERS.keys()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("code", CODES)
def test_a_code_is_one_term_in_every_language(language: str, code: str) -> None:
    assert analyze(code, language)[0] == analyze(code, "en")[0] == code.lower()


@pytest.mark.parametrize("sentence", SENTENCES.values(), ids=SENTENCES)
@pytest.mark.parametrize("code", CODES)
def test_a_code_is_found_inside_a_text_of_any_script(sentence: str, code: str) -> None:
    """Whatever the text is taken for: a language that is found out may be wrong."""
    for language in LANGUAGES:
        assert code.lower() in analyze(sentence.format(code), language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_name_in_mixed_case_is_found_in_any_case(language: str) -> None:
    whole = analyze("getusername", language)
    for spelling in ("getUserName", "GETUSERNAME", "GetUserName"):
        assert analyze(spelling, language)[:1] == whole
    assert set(analyze("user", language)) <= set(analyze("getUserName", language))


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("更换水泵", ["更换", "换水", "水泵"]),
        ("東京タワー", ["東京", "京タ", "タワ", "ワー"]),
        ("ｶﾞｲﾄﾞ", ["ガイ", "イド"]),
        ("펌프를", ["펌프", "프를"]),
        ("บ้านนก", ["บ้าน", "านน", "นนก"]),
        ("水", ["水"]),
        ("水、油", ["水", "油"]),
    ],
)
def test_scripts_without_spaces_are_cut_in_a_text_of_any_language(
    text: str, terms: list[str]
) -> None:
    assert all(analyze(text, language) == terms for language in LANGUAGES)


def test_a_question_finds_words_inside_a_sentence_without_spaces() -> None:
    assert set(analyze("水泵", "zh")) <= set(analyze("请每三个月更换一次水泵的零件", "zh"))
    assert set(analyze("ปั๊มน้ำ", "th")) <= set(analyze("ต้องเปลี่ยนปั๊มน้ำทุกสามเดือน", "th"))


@pytest.mark.parametrize("language", sorted(WITHOUT_LATIN_LETTERS))
def test_latin_words_in_texts_of_other_scripts_are_english(language: str) -> None:
    assert analyze("the running containers", language) == analyze("running container", "en")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("كتـــاب", "كتاب"),  # stretched
        ("\u0643\u0650\u062a\u0627\u0628", "كتاب"),  # with its short vowel
        ("٢٠٢٤", "2024"),
    ],
)
def test_forms_of_arabic_words_are_one_term(one: str, other: str) -> None:
    assert analyze(one, "ar") == analyze(other, "ar") != []


def test_words_of_india_hold_their_vowel_signs() -> None:
    assert analyze("हिन्दी पुस्तक।", SIMPLE) == ["हिन्दी", "पुस्तक"]


def test_a_simple_text_keeps_all_its_words_as_they_are() -> None:
    assert analyze("The running насосы of the Größe", SIMPLE) == [
        "the",
        "running",
        "насосы",
        "of",
        "the",
        "größe",
    ]


def test_a_language_that_nobody_knows_is_refused_with_those_there_are() -> None:
    assert [checked_language(language) for language in LANGUAGES] == list(LANGUAGES)
    for code in ("xx", "english", "EN", "de-DE", ""):
        with pytest.raises(UnknownLanguage, match="simple") as refusal:
            checked_language(code)
        assert "de, el, en" in str(refusal.value)
