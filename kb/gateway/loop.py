"""The tool loop: the model is asked, what it calls is run, it is asked again with the outcome."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from kb.gateway.completion import Asked, Complete, RoundFinished, TextPart
from kb.gateway.continuation import unanswered
from kb.gateway.events import Event, Finished, FunctionCall, StopReason, Usage
from kb.gateway.own_tools import MAX_ARGUMENTS, OwnTool, Work
from kb.gateway.parallel import at_once
from kb.gateway.plain_text import AnswerText
from kb.gateway.turn import MAX_ROUNDS, FunctionTool, Message, ToolCall, ToolChoice, Turn
from kb.gateway.upstream.errors import NoAnswer

NO_MORE_CALLS = "Not run: no more tool calls are allowed in this turn. Answer from what you have."
NO_SUCH_TOOL = "There is no such tool. Use one of those that you were given, or answer."


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What the model may call."""

    functions: tuple[FunctionTool, ...]
    """Of all tools, in the order in which the model is told of them."""

    own: Sequence[OwnTool]
    choice: ToolChoice
    """Of the first round, with a name where one is `named`."""


class Loop:
    """One turn. Nothing of it is kept once it is over."""

    def __init__(
        self,
        turn: Turn,
        messages: Sequence[Message],
        offer: Offer,
        *,
        complete: Complete,
        text: AnswerText,
    ) -> None:
        self._turn = turn
        self._messages = list(messages)
        self._offer = offer
        self._own = {function.name: own for own in offer.own for function in own.functions}
        self._theirs = {one.name for one in offer.functions} - self._own.keys()
        self._complete = complete
        self._text = text
        self._round = RoundFinished(reason="stop")
        self._usage = Usage()
        self._calls_run = 0

    async def events(self) -> AsyncGenerator[Event]:
        """From the first round to `Finished`. Raises `NoAnswer`, and what the model's server
        raises."""
        async with aclosing(self._run_unanswered()) as events:
            async for event in events:
                yield event
        for number in range(1, MAX_ROUNDS + 1):
            async with aclosing(self._ask(number)) as events:
                async for event in events:
                    yield event
            calls = self._calls_of(self._round)
            is_last = number == MAX_ROUNDS
            if is_last and calls and not self._messages[-1].text.strip():
                raise NoAnswer(f"{self._turn.model}: {MAX_ROUNDS} rounds.")
            if is_last or not calls:
                yield self._finished(self._round.reason, number)
                return
            theirs = [call for call in calls if call.name in self._theirs]
            ours = [call for call in calls if call.name not in self._theirs]
            async with aclosing(self._run(ours, self._messages)) as events:
                async for event in events:
                    yield event
            for call in theirs:
                yield FunctionCall(call=call)
            if theirs or self._tokens_left == 0:
                yield self._finished("tool_calls" if theirs else "length", number)
                return

    async def _ask(self, number: int) -> AsyncGenerator[Event]:
        """One round with the model, whose end is kept."""
        said: list[str] = []
        async with aclosing(self._complete(self._asked(number))) as parts:
            async for part in parts:
                if isinstance(part, TextPart):
                    said.append(part.text)
                    for event in self._text.feed(part.text):
                        yield event
                elif self._turn.parallel_tool_calls:
                    self._round = part
                else:  # there are servers that do not see to it
                    self._round = replace(part, calls=part.calls[:1])
        for event in self._text.end_round():
            yield event
        self._usage += self._round.usage
        calls = tuple(_told_again(call) for call in self._round.calls)
        self._messages.append(Message(role="assistant", text="".join(said), tool_calls=calls))

    async def _run_unanswered(self) -> AsyncGenerator[Event]:
        """What an earlier turn of the same conversation left to be run."""
        left = unanswered(self._messages, self._own.keys())
        if left is None:
            return
        answers: list[Message] = []
        async with aclosing(self._run(left.calls, answers)) as events:
            async for event in events:
                yield event
        self._messages[left.place : left.place] = answers

    async def _run(
        self, calls: Sequence[ToolCall], answers: list[Message]
    ) -> AsyncGenerator[Event]:
        """Run these calls at once; each has an answer in the end, in their order."""
        claimed = [self._claim(call) for call in calls]
        work = [one for one in claimed if isinstance(one, Work)]
        for one in work:
            yield one.started
        outcomes = iter(await at_once(one.run() for one in work))
        for call, one in zip(calls, claimed, strict=True):
            if isinstance(one, Work):
                event, text = next(outcomes)()
                yield event
            else:
                text = one
            answers.append(Message(role="tool", text=text, tool_call_id=call.id))

    def _claim(self, call: ToolCall) -> Work | str:
        own = self._own.get(call.name)
        if own is None:
            return NO_SUCH_TOOL
        most = self._turn.max_tool_calls
        if most is not None and self._calls_run >= most:
            return NO_MORE_CALLS
        claimed = own.claim(call)
        self._calls_run += isinstance(claimed, Work)
        return claimed

    def _calls_of(self, finished: RoundFinished) -> Sequence[ToolCall]:
        """What is to be run; nothing of a round that was cut off, whose calls may be, too."""
        return finished.calls if finished.reason == "stop" and not self._must_answer else ()

    @property
    def _must_answer(self) -> bool:
        return self._turn.tool_choice.mode == "none"

    def _asked(self, number: int) -> Asked:
        is_last = number == MAX_ROUNDS
        # A choice that is forced for longer never lets the model answer.
        choice = self._offer.choice if number == 1 or self._must_answer else ToolChoice()
        return Asked(
            model=self._turn.model,
            messages=tuple(self._messages),
            functions=() if is_last else self._offer.functions,
            choice=ToolChoice() if is_last else choice,
            parallel_tool_calls=self._turn.parallel_tool_calls,
            parameters=self._turn.parameters,
            max_tokens=self._tokens_left,
        )

    @property
    def _tokens_left(self) -> int | None:
        if self._turn.max_tokens is None:
            return None
        return max(0, self._turn.max_tokens - self._usage.output_tokens)

    def _finished(self, reason: StopReason, rounds: int) -> Finished:
        return Finished(
            reason=reason, usage=self._usage, rounds=rounds, dropped_citations=self._text.dropped
        )


def _told_again(call: ToolCall) -> ToolCall:
    """As the model finds it in the next round: what no tool takes would only fill its context."""
    return call if len(call.arguments) <= MAX_ARGUMENTS else replace(call, arguments="{}")
