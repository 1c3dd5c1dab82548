"""A conversation that goes on after calls: which of ours in it nobody has answered."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from kb.gateway.passages import highest_number
from kb.gateway.turn import Message, ToolCall


@dataclass(frozen=True, slots=True, kw_only=True)
class Unanswered:
    """Calls of the last assistant's message that are to be run first."""

    calls: tuple[ToolCall, ...]
    place: int
    """Where in the conversation their answers belong: after those of the message's other calls."""


def unanswered(messages: Sequence[Message], names: Collection[str]) -> Unanswered | None:
    """Calls of the functions with these names that have no answer; none where there are none."""
    last = next((at for at in _backwards(messages) if messages[at].role == "assistant"), None)
    if last is None:
        return None
    place = last + 1
    while place < len(messages) and messages[place].role == "tool":
        place += 1
    answered = {one.tool_call_id for one in messages[last + 1 : place]}
    calls = tuple(
        call for call in messages[last].tool_calls if call.name in names and call.id not in answered
    )
    return Unanswered(calls=calls, place=place) if calls else None


def last_number(messages: Sequence[Message], name: str) -> int:
    """The highest number under which the conversation holds a passage that this function found."""
    ids = {call.id for one in messages for call in one.tool_calls if call.name == name}
    return highest_number([one.text for one in messages if one.tool_call_id in ids])


def _backwards(messages: Sequence[Message]) -> range:
    return range(len(messages) - 1, -1, -1)
