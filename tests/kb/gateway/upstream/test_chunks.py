from __future__ import annotations

import json
from typing import Any

import pytest

from kb.gateway.completion import RoundFinished
from kb.gateway.events import Usage
from kb.gateway.upstream import chunks
from kb.gateway.upstream.chunks import Round, StreamedError
from kb.gateway.upstream.errors import BrokenStream


def read(*deltas: dict[str, Any], reason: str | None = "stop") -> tuple[str, RoundFinished]:
    """What becomes of an answer of these deltas."""
    answer = Round()
    choices: list[dict[str, Any]] = [{"index": 0, "delta": delta} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": reason})
    text = "".join(answer.read(json.dumps({"choices": [one]})) for one in choices)
    return text + answer.rest(), answer.finished()


def fragment(arguments: str | None = None, **more: Any) -> dict[str, Any]:
    """A piece of a tool call; `name` is the function's."""
    name = {"name": more.pop("name")} if "name" in more else {}
    return {"tool_calls": [{**more, "function": {**name, "arguments": arguments}}]}


def calls(*deltas: dict[str, Any], reason: str | None = "tool_calls") -> list[tuple[str, str]]:
    """Names and arguments."""
    return [(one.name, one.arguments) for one in read(*deltas, reason=reason)[1].calls]


class TestToolCalls:
    def test_come_in_fragments_that_are_told_apart_by_index(self) -> None:
        assert calls(
            fragment("", index=0, id="a", name="search"),
            fragment("", index=1, id="b", name="weather"),
            fragment('{"q', index=0),
            fragment('{"city"', index=1),
            fragment('": 1}', index=0),
            fragment(": 2}", index=1),
        ) == [("search", '{"q": 1}'), ("weather", '{"city": 2}')]

    def test_keep_their_ids(self) -> None:
        _, finished = read(fragment("{}", index=0, id="a", name="search"))
        assert [one.id for one in finished.calls] == ["a"]

    def test_get_an_id_where_the_server_gives_none(self) -> None:
        _, finished = read(
            fragment("{}", index=0, name="search"), fragment("{}", index=1, id="", name="search")
        )
        assert len({one.id for one in finished.calls} - {""}) == 2

    def test_may_all_have_index_0_and_ids_of_their_own(self) -> None:
        assert calls(
            fragment("{}", index=0, id="a", name="search"),
            fragment("[]", index=0, id="b", name="weather"),
        ) == [("search", "{}"), ("weather", "[]")]

    def test_may_repeat_id_and_name_in_each_fragment(self) -> None:
        assert calls(
            fragment("{", index=0, id="a", name="search"),
            fragment("}", index=0, id="a", name="search"),
        ) == [("search", "{}")]

    def test_are_found_whatever_the_reason_to_stop(self) -> None:
        _, finished = read(fragment("{}", index=0, id="a", name="search"), reason="stop")
        assert finished.reason == "stop"
        assert len(finished.calls) == 1

    def test_may_be_null_as_may_anything_else(self) -> None:
        answer = Round()
        nothing = {"content": None, "tool_calls": None, "refusal": None}
        for choice in (None, [], [{"index": 0, "delta": None}], [{"delta": nothing}]):
            assert answer.read(json.dumps({"choices": choice, "usage": None})) == ""
        assert answer.finished() == RoundFinished(reason="stop")

    def test_without_a_name_are_none(self) -> None:
        with pytest.raises(BrokenStream, match="without a name"):
            read(fragment("{}", index=0, id="a"))

    def test_may_be_a_megabyte_long_and_no_more_than_four(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pieces = [fragment("x" * 16_384, index=0, id="a", name="search")] * 64
        assert calls(*pieces) == [("search", "x" * 1_048_576)]
        monkeypatch.setattr(chunks, "MAX_ARGUMENTS", 1_000_000)
        with pytest.raises(BrokenStream, match="more than 1000000 characters"):
            calls(*pieces)


class TestText:
    def test_is_told_without_reasoning(self) -> None:
        text, _ = read(
            {"reasoning_content": "France? ", "content": None},
            {"reasoning": "Easy."},
            {"content": "<think>Really?</think>"},
            {"content": "Paris."},
        )
        assert text == "Paris."

    def test_that_may_have_been_a_thought_is_told_at_the_end(self) -> None:
        assert read({"content": "<thin"})[0] == "<thin"

    def test_of_a_refusal_is_text(self) -> None:
        assert read({"refusal": "I must not."})[0] == "I must not."

    def test_of_other_choices_is_left_out(self) -> None:
        answer = Round()
        said = {"choices": [{"index": 1, "delta": {"content": "Rome"}}]}
        assert answer.read(json.dumps(said)) == ""


class TestTheEnd:
    @pytest.mark.parametrize(
        ("said", "reason"),
        [
            ("stop", "stop"),
            ("tool_calls", "stop"),
            ("function_call", "stop"),
            ("eos_token", "stop"),
            ("length", "length"),
            ("content_filter", "content_filter"),
        ],
    )
    def test_has_one_of_our_reasons(self, said: str, reason: str) -> None:
        assert read({"content": "Paris"}, reason=said)[1].reason == reason

    @pytest.mark.parametrize("said", ["error", "abort"])
    def test_may_be_no_good_one(self, said: str) -> None:
        with pytest.raises(BrokenStream, match=said):
            read({"content": "Par"}, reason=said)

    @pytest.mark.parametrize(
        ("said", "usage"),
        [
            (None, Usage()),
            ({"prompt_tokens": 7}, Usage(input_tokens=7)),
            ({"prompt_tokens": None, "completion_tokens": None}, Usage()),
            (
                {
                    "prompt_tokens": 7,
                    "completion_tokens": 3,
                    "prompt_tokens_details": {"cached_tokens": 5},
                },
                Usage(input_tokens=7, output_tokens=3, cached_tokens=5),
            ),
            (
                {"prompt_tokens": 7, "prompt_tokens_details": {"cached_tokens": None}},
                Usage(input_tokens=7),
            ),
        ],
    )
    def test_tells_the_tokens_that_the_server_counted(
        self, said: dict[str, Any] | None, usage: Usage
    ) -> None:
        answer = Round()
        answer.read(json.dumps({"choices": [], "usage": said}))
        assert answer.finished().usage == usage


@pytest.mark.parametrize("data", ["{", "[]", '"secret"', '{"choices": "secret"}'])
def test_what_is_no_chunk_breaks_the_stream_and_is_not_repeated(data: str) -> None:
    with pytest.raises(BrokenStream) as caught:
        Round().read(data)
    assert "secret" not in f"{caught.value} {caught.value.__cause__}"


@pytest.mark.parametrize("error", ['{"message": "no memory"}', '"no memory"'])
def test_a_chunk_may_be_an_error(error: str) -> None:
    with pytest.raises(StreamedError):
        Round().read(f'{{"error": {error}}}')
