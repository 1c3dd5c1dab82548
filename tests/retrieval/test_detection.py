"""What language a document is taken for, and which ones a question may be in."""

# ruff: noqa: RUF001 letters of all scripts

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.analysis import DEFAULT_LANGUAGE, LANGUAGES
from retrieval.analysis.detection import detect, likeliest

TEXTS = {
    "ar": "يجب صيانة المضخة كل ثلاثة أشهر وإلا فإنها ستتوقف عن العمل.",
    "cs": "Čerpadlo je nutné udržovat každé tři měsíce, jinak přestane fungovat.",
    "de": "Die Pumpe muss alle drei Monate gewartet werden, sonst bleibt sie stehen.",
    "el": "Η αντλία πρέπει να συντηρείται κάθε τρεις μήνες, αλλιώς θα σταματήσει.",
    "en": "The pump must be serviced every three months, or it will come to a stop.",
    "es": "La bomba debe revisarse cada tres meses; de lo contrario, dejará de funcionar.",
    "fi": "Pumppu on huollettava kolmen kuukauden välein, muuten se pysähtyy.",
    "fr": "La pompe doit être entretenue tous les trois mois, sinon elle s'arrêtera.",
    "hi": "पंप की हर तीन महीने में मरम्मत होनी चाहिए, नहीं तो वह बंद हो जाएगा।",
    "hu": "A szivattyút háromhavonta karban kell tartani, különben leáll.",
    "it": "La pompa deve essere revisionata ogni tre mesi, altrimenti si ferma.",
    "ja": "ポンプは三か月ごとに点検してください。点検しないと止まります。",
    "ko": "펌프는 3개월마다 점검해야 합니다. 그렇지 않으면 멈춥니다.",
    "nl": "De pomp moet om de drie maanden worden onderhouden, anders valt hij stil.",
    "pl": "Pompę należy serwisować co trzy miesiące, w przeciwnym razie się zatrzyma.",
    "pt": "A bomba deve ser revisada a cada três meses, caso contrário ela vai parar.",
    "ro": "Pompa trebuie întreținută la fiecare trei luni, altfel se va opri.",
    "ru": "Насос необходимо обслуживать каждые три месяца, иначе он остановится.",
    "sv": "Pumpen måste underhållas var tredje månad, annars stannar den.",
    "th": "ต้องบำรุงรักษาปั๊มทุกสามเดือน มิฉะนั้นปั๊มจะหยุดทำงาน",
    "tr": "Pompanın üç ayda bir bakımı yapılmalıdır, aksi takdirde durur.",
    "zh": "水泵必须每三个月维护一次，否则会停止工作。",
}


@pytest.mark.parametrize("language", TEXTS)
def test_a_sentence_is_taken_for_what_it_is(language: str) -> None:
    assert detect(TEXTS[language]) == language
    assert detect(TEXTS[language].upper()) == language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Pumpa se mora servisirati svaka tri mjeseca, inače će stati i oprema neće raditi.", "sr"),
        ("Pumpa må vedlikehaldast kvar tredje månad, elles stoggar ho og vi får ikkje vatn.", "no"),
        (
            "水泵必須每三個月維護一次，否則會停止工作。更換零件之前，請先關閉電源。",
            "zh",
        ),
    ],
)
def test_a_near_relative_stands_for_a_language_without_analyser(text: str, language: str) -> None:
    assert detect(text) == language


@pytest.mark.parametrize(
    "text",
    [
        "Насос потрібно обслуговувати кожні три місяці, інакше він зупиниться.",
        "Máy bơm phải được bảo dưỡng ba tháng một lần, nếu không nó sẽ dừng lại.",
        "יש לטפל במשאבה כל שלושה חודשים, אחרת היא תפסיק לעבוד.",
    ],
)
def test_what_has_no_analyser_is_left_as_it_is(text: str) -> None:
    assert detect(text) == "simple"


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n\t",
        "VX-2214",
        "12.5 3.14 2024-01-31",
        "Name;Date;Sum\n1;2022;143\n2;2023;814",
        "for (int i = 0; i < n; i++) { a[i] += b[i]; }",
        "x" * 10_000,
    ],
)
def test_what_is_too_short_or_no_language_is_the_default(text: str) -> None:
    assert detect(text) == DEFAULT_LANGUAGE


def test_a_long_text_is_judged_by_all_of_it() -> None:
    """Not by the licence before it, nor by the table after it."""
    book = TEXTS["en"] * 30 + TEXTS["de"] * 20_000 + "1;2;3\n" * 1000
    assert detect(book) == "de"


@settings(deadline=None)  # the first text waits for the model
@given(text=st.text(), languages=st.lists(st.sampled_from(LANGUAGES), min_size=1, unique=True))
def test_any_text_has_one_answer(text: str, languages: list[str]) -> None:
    assert detect(text) == detect(text)
    assert detect(text) in LANGUAGES
    chosen = likeliest(text, languages)
    assert chosen
    assert chosen == [language for language in languages if language in chosen]


def test_eight_threads_detect_as_one_does() -> None:
    texts = list(TEXTS.values()) * 4
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(detect, texts)) == list(TEXTS) * 4


@pytest.mark.parametrize("language", ["en", "de", "fr", "ru", "ja"])
def test_a_question_rules_out_the_languages_that_it_is_not_in(language: str) -> None:
    assert likeliest(TEXTS[language], ["en", "de", "fr", "ru", "ja"]) == [language]


@pytest.mark.parametrize("text", ["", "VX-2214", "2024"])
def test_a_question_of_codes_may_be_in_any(text: str) -> None:
    assert likeliest(text, ["en", "de", "simple"]) == ["en", "de", "simple"]


def test_a_language_that_is_never_detected_is_never_ruled_out() -> None:
    assert likeliest(TEXTS["en"], ["en", "de", "yi"]) == ["en", "yi"]
