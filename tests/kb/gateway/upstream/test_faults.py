"""Servers that fail, each in its own way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from itertools import repeat

import pytest

from kb.gateway.completion import RoundFinished, TextPart
from kb.gateway.events import Usage
from kb.gateway.upstream import client, pool
from kb.gateway.upstream.client import Patience
from kb.gateway.upstream.errors import (
    BrokenStream,
    ContextOverflow,
    RequestRefused,
    UnknownChatModel,
    UpstreamBusy,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnauthorized,
    UpstreamUnavailable,
)
from kb.gateway.upstream.upstream import Upstream
from tests.kb.gateway.upstream.asking import SEARCH, answer, question, upstream
from tests.kb.gateway.upstream.test_refusals import LLAMA_CPP, VLLM
from tests.llm.scripted import CUT, DONE, Reply, ScriptedServer, calls, chunk, event, says, scripted

NOBODY = "http://127.0.0.1:1/v1"  # a port that nothing listens on
BRIEF = Patience(first_token=0.4, between_tokens=0.4)
ROLE = chunk({"role": "assistant", "content": ""})
PARIS = chunk({"content": "Paris"})


@pytest.fixture(autouse=True)
def _brief_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trying again takes no time."""
    monkeypatch.setattr(pool, "PAUSES", (0.01, 0.01))


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with scripted() as server:
        yield server


@pytest.fixture
async def ask(server: ScriptedServer) -> AsyncIterator[Upstream]:
    async with upstream(server.url, api_key="sk-secret") as opened:
        yield opened


class TestAnAnswer:
    async def test_is_streamed_as_it_comes(self, server: ScriptedServer, ask: Upstream) -> None:
        more = asyncio.Event()
        server.replies.append(Reply(ROLE, PARIS, more, *says(" it is.")))
        async with aclosing(ask(question())) as parts:
            assert await anext(parts) == TextPart(text="Paris")
            more.set()
            assert await anext(parts) == TextPart(text=" it is.")
            assert await anext(parts) == RoundFinished(
                reason="stop", usage=Usage(input_tokens=7, output_tokens=3)
            )
        assert server.requests[0].headers["authorization"] == "Bearer sk-secret"
        assert server.requests[0].path == "/v1/chat/completions"

    async def test_leaves_the_connection_for_the_next_one(
        self, server: ScriptedServer, ask: Upstream
    ) -> None:
        for _ in range(3):
            assert (await answer(ask, question()))[0] == "ok"
        assert server.connections == 1

    async def test_may_have_calls(self, server: ScriptedServer, ask: Upstream) -> None:
        said = calls(("search", '{"query": "a"}'), ("search", "no JSON"), reason="stop")
        server.replies.append(Reply(*said))
        _, finished = await answer(ask, question(functions=(SEARCH,)))
        assert [one.arguments for one in finished.calls] == ['{"query": "a"}', "no JSON"]

    async def test_may_come_in_any_bytes_with_comments_between(
        self, server: ScriptedServer, ask: Upstream
    ) -> None:
        said = b": hello\r\n\r\n" + b"".join(says("Zürich ist", " schön.\u2028Ja.".strip()))
        lines = said.replace(b"\n", b"\r\n").replace(b'"choices"', b'\r\ndata: "choices"')
        server.replies.append(Reply(*(bytes([one]) for one in lines)))
        assert (await answer(ask, question()))[0] == "Zürich istschön.\u2028Ja."

    async def test_needs_no_done_once_it_has_a_reason(
        self, server: ScriptedServer, ask: Upstream
    ) -> None:
        server.replies.append(Reply(PARIS, chunk({}, "length")))
        assert (await answer(ask, question())) == ("Paris", RoundFinished(reason="length"))

    async def test_needs_no_reason_once_it_is_done(
        self, server: ScriptedServer, ask: Upstream
    ) -> None:
        server.replies.append(Reply(PARIS, DONE))
        assert (await answer(ask, question())) == ("Paris", RoundFinished(reason="stop"))

    async def test_is_over_when_it_is_done_though_the_connection_stays(
        self, server: ScriptedServer, ask: Upstream, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(client, "END_SECONDS", 0.05)
        server.replies.append(Reply(*says("Paris"), repeated=repeat(0.05)))
        assert (await answer(ask, question()))[0] == "Paris"
        async with asyncio.timeout(1):
            await server.requests[0].gone.wait()

    async def test_that_comes_all_at_once_leaves_others_their_turn(
        self, server: ScriptedServer, ask: Upstream, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(client, "BURST_SECONDS", 0.0)
        server.replies.append(Reply(b"".join(says(*["word "] * 200))))
        turns = 0

        async def work() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        working = asyncio.create_task(work())
        at = [turns async for _ in ask(question())]
        working.cancel()
        assert len(set(at)) == len(at) > 200

    async def test_of_an_unknown_model_is_none(self, ask: Upstream) -> None:
        with pytest.raises(UnknownChatModel, match="'gpt-9' is not one of: tiny"):
            ask(replace(question(), model="gpt-9"))


class TestATimeout:
    @pytest.mark.parametrize("said", [(), (b": still thinking\n\n",)])
    async def test_before_the_first_token_is_not_tried_again(
        self, server: ScriptedServer, said: tuple[bytes, ...]
    ) -> None:
        server.replies.append(Reply(*said, repeated=repeat(0.1)))
        async with upstream(server.url, patience=BRIEF) as ask:
            with pytest.raises(UpstreamTimeout):
                await answer(ask, question())
        assert len(server.requests) == 1
        await asyncio.wait_for(server.requests[0].gone.wait(), 1)

    async def test_between_tokens_ends_the_answer_though_comments_come(
        self, server: ScriptedServer
    ) -> None:
        comments = (step for _ in range(1000) for step in (0.1, b": ping\n\n"))
        server.replies.append(Reply(PARIS, repeated=comments))
        async with upstream(server.url, patience=BRIEF) as ask:
            parts = ask(question())
            assert await anext(parts) == TextPart(text="Paris")
            with pytest.raises(UpstreamTimeout):
                await anext(parts)
        await asyncio.wait_for(server.requests[0].gone.wait(), 1)

    async def test_is_none_while_tokens_come(self, server: ScriptedServer) -> None:
        slowly = (step for _ in range(5) for step in (0.15, PARIS))
        server.replies.append(Reply(*slowly, *says("!")))
        async with upstream(server.url, patience=BRIEF) as ask:
            assert (await answer(ask, question()))[0] == "Paris" * 5 + "!"

    async def test_does_not_count_how_long_the_reader_takes(self, server: ScriptedServer) -> None:
        server.replies.append(Reply(*says("Par", "is")))
        async with upstream(server.url, patience=BRIEF) as ask:
            text = ""
            async for part in ask(question()):
                await asyncio.sleep(0.5)
                text += part.text if isinstance(part, TextPart) else ""
        assert text == "Paris"

    async def test_asks_another_server_before_the_first_token(self, server: ScriptedServer) -> None:
        server.replies.append(Reply(repeated=repeat(0.1)))
        async with (
            scripted(Reply(*says("Paris"))) as other,
            upstream(server.url, other.url, patience=BRIEF) as ask,
        ):
            assert (await answer(ask, question()))[0] == "Paris"


class TestAServerThatFails:
    @pytest.mark.parametrize(
        "failure",
        [
            Reply(status=500),
            Reply(status=503, headers={"retry-after": "0"}),
            Reply(status=429, headers={"retry-after": "0"}),
            Reply(CUT),
            Reply(ROLE, CUT),
            Reply(ROLE),
            Reply(ROLE, b"data: {nonsense\n\n"),
            Reply(event({"error": {"message": "out of memory", "code": 500}}), DONE),
            Reply(*calls(("search", "{}"))[:-3], CUT),
        ],
    )
    async def test_is_asked_again_while_nothing_was_told(
        self, server: ScriptedServer, ask: Upstream, failure: Reply
    ) -> None:
        server.replies.extend([failure, failure, Reply(*says("Paris"))])
        assert (await answer(ask, question()))[0] == "Paris"
        assert len(server.requests) == 3

    async def test_is_asked_three_times_and_no_more(
        self, server: ScriptedServer, ask: Upstream
    ) -> None:
        server.replies.extend([Reply(b"out of memory", status=500)] * 4)
        with pytest.raises(UpstreamUnavailable, match="tiny: it answers 500: out of memory"):
            await answer(ask, question())
        assert len(server.requests) == 3

    @pytest.mark.parametrize(
        "rest",
        [
            (CUT,),
            (),
            (b"data: {nonsense\n\n",),
            (event({"error": {"message": "out of memory", "code": 500}}), DONE),
            (chunk({}, "abort"), DONE),
        ],
    )
    async def test_in_the_middle_of_an_answer_is_not_asked_again(
        self, server: ScriptedServer, ask: Upstream, rest: tuple[bytes, ...]
    ) -> None:
        server.replies.append(Reply(PARIS, *rest))
        parts = ask(question())
        assert await anext(parts) == TextPart(text="Paris")
        with pytest.raises(BrokenStream):
            await anext(parts)
        assert len(server.requests) == 1

    async def test_is_stood_in_for_by_another(self, server: ScriptedServer) -> None:
        server.replies.append(Reply(status=500))
        async with scripted() as other, upstream(server.url, other.url) as ask:
            assert (await answer(ask, question()))[0] == "ok"
            assert (len(server.requests), len(other.requests)) == (1, 1)

    async def test_rests_while_another_answers_and_is_asked_again_afterwards(
        self, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(pool, "REST_SECONDS", 0.3)
        server.replies.append(Reply(status=503))
        async with scripted() as other, upstream(server.url, other.url) as ask:
            for _ in range(3):
                await answer(ask, question())
            assert (len(server.requests), len(other.requests)) == (1, 3)
            await asyncio.sleep(0.4)
            await answer(ask, question())
            assert (len(server.requests), len(other.requests)) == (2, 3)

    async def test_that_is_not_there_is_stood_in_for(self, server: ScriptedServer) -> None:
        async with upstream(NOBODY, server.url) as ask:
            assert (await answer(ask, question()))[0] == "ok"
        async with upstream(NOBODY) as ask:
            with pytest.raises(UpstreamUnavailable, match="tiny: ConnectError"):
                await answer(ask, question())

    async def test_is_left_alone_for_as_long_as_it_asks(
        self, server: ScriptedServer, ask: Upstream, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        slept: list[float] = []
        monkeypatch.setattr(pool, "LONGEST_PAUSE", 1.0)
        server.replies.append(Reply(status=429, headers={"retry-after": "1"}))
        begun = asyncio.get_running_loop().time()
        assert (await answer(ask, question()))[0] == "ok"
        slept.append(asyncio.get_running_loop().time() - begun)
        assert slept[0] >= 1
        server.replies.append(Reply(status=429, headers={"retry-after": "60"}))
        with pytest.raises(UpstreamBusy) as caught:
            await answer(ask, question())
        assert caught.value.retry_after == 60
        assert len(server.requests) == 3


class TestAServerThatRefuses:
    @pytest.mark.parametrize("said", [VLLM, LLAMA_CPP])
    async def test_a_context_that_is_too_long(
        self, server: ScriptedServer, ask: Upstream, said: dict[str, object]
    ) -> None:
        server.replies.append(Reply(event(said).removeprefix(b"data: "), status=400))
        with pytest.raises(ContextOverflow):
            await answer(ask, question())
        assert len(server.requests) == 1

    async def test_the_key_is_not_asked_again_and_shows_no_key(
        self, server: ScriptedServer, ask: Upstream
    ) -> None:
        server.replies.append(Reply(b"wrong key: sk-secret", status=401))
        with pytest.raises(UpstreamUnauthorized) as caught:
            await answer(ask, question())
        assert "sk-secret" not in str(caught.value)
        assert len(server.requests) == 1

    async def test_parameters_says_why(self, server: ScriptedServer, ask: Upstream) -> None:
        server.replies.append(Reply(b'{"error": {"message": "top_p is 2"}}', status=400))
        with pytest.raises(RequestRefused, match="tiny: it answers 400: top_p is 2"):
            await answer(ask, question())

    async def test_to_stream_is_no_server_for_us(
        self, server: ScriptedServer, ask: Upstream
    ) -> None:
        server.replies.append(Reply(b"{}", headers={"content-type": "application/json"}))
        with pytest.raises(UpstreamRefused, match="does not stream"):
            await answer(ask, question())

    async def test_without_end_is_read_no_further_than_is_told(
        self, server: ScriptedServer, ask: Upstream
    ) -> None:
        server.replies.append(Reply(status=404, repeated=repeat(b"nothing here " * 100)))
        with pytest.raises(UpstreamRefused, match="nothing here"):
            await answer(ask, question())


class TestLeaving:
    async def test_in_the_middle_ends_the_request_at_the_server(
        self, server: ScriptedServer, ask: Upstream
    ) -> None:
        for_ever = (step for _ in repeat(None) for step in (0.01, PARIS))
        server.replies.append(Reply(PARIS, repeated=for_ever))
        async with aclosing(ask(question())) as parts:
            async for part in parts:
                assert part == TextPart(text="Paris")
                break
        async with asyncio.timeout(1):
            await server.requests[0].gone.wait()

    async def test_before_the_first_token_does_so_too(
        self, server: ScriptedServer, ask: Upstream
    ) -> None:
        server.replies.append(Reply(repeated=repeat(0.01)))
        task = asyncio.create_task(answer(ask, question()))
        while not server.requests:
            await asyncio.sleep(0.01)
        task.cancel()
        async with asyncio.timeout(1):
            await server.requests[0].gone.wait()
        with pytest.raises(asyncio.CancelledError):
            await task

    async def test_gives_the_turn_to_the_next(self, server: ScriptedServer) -> None:
        server.replies.append(Reply(PARIS, repeated=repeat(0.01)))
        async with upstream(server.url, concurrency=1) as ask:
            async with aclosing(ask(question())) as parts:
                await anext(parts)
            assert (await answer(ask, question()))[0] == "ok"


class TestManyAtOnce:
    async def test_wait_for_their_turn(self, server: ScriptedServer) -> None:
        server.replies.extend(Reply(0.05, *says("ok")) for _ in range(12))
        async with upstream(server.url, concurrency=3) as ask:
            said = await asyncio.gather(*(answer(ask, question()) for _ in range(12)))
        assert [text for text, _ in said] == ["ok"] * 12
        assert server.most_at_once == 3

    async def test_wait_no_longer_than_they_may(self, server: ScriptedServer) -> None:
        server.replies.append(Reply(PARIS, repeated=repeat(0.01)))
        async with upstream(server.url, concurrency=1, wait=0.2) as ask:
            async with aclosing(ask(question())) as parts:
                await anext(parts)
                with pytest.raises(UpstreamBusy, match="tiny: 1 requests are under way") as caught:
                    await answer(ask, question())
            assert caught.value.retry_after == 0.2
            assert len(server.requests) == 1

    async def test_are_shared_among_the_servers(self, server: ScriptedServer) -> None:
        async with scripted() as other, upstream(server.url, other.url) as ask:
            for one in (server, other):
                one.replies.extend(Reply(0.3, *says("ok")) for _ in range(4))
            await asyncio.gather(*(answer(ask, question()) for _ in range(8)))
            assert (server.most_at_once, other.most_at_once) == (4, 4)


class TestHealth:
    async def test_counts_the_servers_that_answer(self, server: ScriptedServer) -> None:
        async with scripted() as broken, upstream(server.url, broken.url, NOBODY) as ask:
            broken.models_status = 503
            server.models_status = 404
            (health,) = await ask.health()
        assert (health.id, health.servers, health.answering) == ("tiny", 3, 1)

    async def test_is_asked_for_once_in_a_while(
        self, server: ScriptedServer, ask: Upstream
    ) -> None:
        await asyncio.gather(*(ask.health() for _ in range(20)))
        assert server.checks == 1
