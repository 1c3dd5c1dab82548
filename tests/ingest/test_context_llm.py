"""A language model that situates chunks, over HTTP: what it is sent, and what may go wrong."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic
from typing import Any, cast

import pytest

from ingest.context import LlmRefused, LlmUnavailable
from ingest.context_llm import AT_ONCE, OPENING, LlmSituate, excerpt
from retrieval.understanding.chat import open_chat

TEXT = "Pumps\n\nThe pump is red. It was mended in May."
PART = (TEXT.index("It was"), len(TEXT))
LONG = "".join(f"Line {number:06} of the manual.\n" for number in range(4_000))

Reply = tuple[int, dict[str, str], bytes]


def completion(content: str | None, finish_reason: str = "stop") -> Reply:
    message = {"role": "assistant", "content": content}
    choice = {"index": 0, "message": message, "finish_reason": finish_reason}
    body = {"id": "1", "object": "chat.completion", "model": "m", "choices": [choice]}
    return 200, {"Content-Type": "application/json"}, json.dumps(body).encode()


def fault(status: int, message: str = "no", **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return status, named, json.dumps({"error": {"message": message}}).encode()


class Server(ThreadingHTTPServer):
    """Speaks the wire format of chat completions; what it says is up to each test."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.reply: Callable[[int], Reply] = lambda number: completion("The red pump.")
        """What the n-th request gets, from 1."""
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.lock = threading.Lock()
        self.under_way, self.most = 0, 0
        self.gate: threading.Barrier | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server = cast("Server", self.server)
        with server.lock:
            server.requests.append({"path": self.path, **body})
            server.headers.append(dict(self.headers))
            number = len(server.requests)
            server.under_way += 1
            server.most = max(server.most, server.under_way)
        if server.gate is not None:
            server.gate.wait(30)
        status, headers, content = server.reply(number)
        with server.lock:
            server.under_way -= 1
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        with suppress(ConnectionError):  # where the client did not wait
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        del format, args


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.05])
        thread.start()
        yield server
        server.shutdown()
        thread.join()


async def lines(server: Server, text: str = TEXT, *spans: tuple[int, int]) -> list[str]:
    async with open_chat(server.url, model="small", api_key="secret", seconds=30) as chat:
        return await LlmSituate(chat, pause=0.01)(text, spans or [PART])


# What is asked


async def test_the_model_is_shown_the_document_first_and_then_the_part(server: Server) -> None:
    assert await lines(server) == ["The red pump."]
    (request,) = server.requests
    assert request["path"] == "/v1/chat/completions"
    assert (request["model"], request["temperature"]) == ("small", 0)
    assert request["max_tokens"] <= 100
    prompt = request["messages"][-1]["content"]
    assert prompt.index(TEXT) < prompt.index("<part>\nIt was mended in May.\n</part>")
    assert server.headers[0]["Authorization"] == "Bearer secret"


async def test_a_model_that_asks_for_no_key_is_sent_none(server: Server) -> None:
    async with open_chat(f"{server.url}/", model="small", seconds=30) as chat:
        await LlmSituate(chat)(TEXT, [PART])
    assert "Authorization" not in server.headers[0]
    assert server.requests[0]["path"] == "/v1/chat/completions"


async def test_lines_come_in_the_order_of_the_parts(server: Server) -> None:
    spans = [(start, start + 27) for start in range(0, 27 * 40, 27)]
    count = len(spans)
    said: dict[int, str] = {}

    def reply(number: int) -> Reply:
        prompt = server.requests[number - 1]["messages"][-1]["content"]
        said[number] = prompt.partition("<part>\n")[2][:11]
        return completion(said[number])

    server.reply = reply
    assert await lines(server, LONG, *spans) == [f"Line {n:06}" for n in range(count)]


async def test_no_more_requests_are_under_way_than_allowed_for_all_documents(
    server: Server,
) -> None:
    server.gate = threading.Barrier(AT_ONCE)  # each waits until that many are there
    assert len(await lines(server, TEXT, *[PART] * 3 * AT_ONCE)) == 3 * AT_ONCE
    assert server.most == AT_ONCE


# What it is shown


def test_neighbours_are_shown_the_same_excerpt_to_the_letter() -> None:
    shown = [excerpt(LONG, start) for start in range(0, len(LONG), 100)]
    assert len(set(shown)) < len(shown) / 50
    assert max(map(len, shown)) < 30_000


@pytest.mark.parametrize("start", [0, 5_000, 9_001, 18_000, 55_555, len(LONG) - 30])
def test_an_excerpt_holds_the_opening_and_what_is_around_the_part(start: int) -> None:
    shown = excerpt(LONG, start)
    assert shown.startswith(LONG[:OPENING])
    assert LONG[max(0, start - 5_000) : start + 5_000] in shown


def test_a_short_document_is_shown_whole() -> None:
    assert excerpt(LONG[:20_000], 19_000) == LONG[:20_000]


# What may go wrong


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_what_may_pass_is_tried_again(server: Server, status: int) -> None:
    server.reply = lambda number: fault(status) if number < 3 else completion("At last.")
    assert await lines(server) == ["At last."]


async def test_what_does_not_pass_is_left_to_the_queue(server: Server) -> None:
    server.reply = lambda number: fault(503, "loading the model")
    with pytest.raises(LlmUnavailable, match=r"503.*loading the model"):
        await lines(server)
    assert len(server.requests) == 3


async def test_a_server_that_asks_for_time_gets_it(server: Server) -> None:
    times: list[float] = []

    def reply(number: int) -> Reply:
        times.append(monotonic())
        return fault(429, Retry_After="1") if number == 1 else completion("Rested.")

    server.reply = reply
    assert await lines(server) == ["Rested."]
    assert times[1] - times[0] >= 1


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 422])
async def test_what_will_not_pass_is_not_tried_again(server: Server, status: int) -> None:
    server.reply = lambda number: (status, {"Location": "http://127.0.0.1:1/"}, b"no\0 model")
    with pytest.raises(LlmRefused, match=rf"check its address.*{status}") as refused:
        await lines(server)
    assert len(server.requests) == 1
    assert "\0" not in str(refused.value)


@pytest.mark.parametrize(
    "body", [b"", b"<html>Sign in</html>", b"[]", b'{"choices": []}', b'{"choices": [{}]}']
)
async def test_a_page_that_is_no_completion_is_refused(server: Server, body: bytes) -> None:
    server.reply = lambda number: (200, {}, body)
    with pytest.raises(LlmRefused, match="no chat completions"):
        await lines(server)


async def test_one_part_that_is_refused_ends_the_others(server: Server) -> None:
    server.reply = lambda number: fault(401) if number == 2 else completion("Fine.")
    with pytest.raises(LlmRefused):
        await lines(server, TEXT, *[PART] * 200)
    assert len(server.requests) < 200


async def test_an_address_where_nobody_listens_is_unavailable(server: Server) -> None:
    url = server.url
    server.server_close()
    async with open_chat(url, model="small", seconds=30) as chat:
        with pytest.raises(LlmUnavailable):
            await LlmSituate(chat, pause=0.01)(TEXT, [PART])


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/v1", "127.0.0.1/v1", "http://[::1/v1"])
async def test_what_is_no_address_is_refused(url: str) -> None:
    async with open_chat(url, model="small", seconds=30) as chat:
        with pytest.raises(LlmRefused):
            await LlmSituate(chat, pause=0.01)(TEXT, [PART])


async def test_a_server_that_never_ends_its_answer_is_given_up_on(server: Server) -> None:
    done = threading.Event()

    def reply(number: int) -> Reply:
        done.wait(30)
        return completion("Too late.")

    server.reply = reply
    async with open_chat(server.url, model="small", seconds=30) as chat:
        with pytest.raises(LlmUnavailable):
            await LlmSituate(chat, seconds=0.2, pause=0.01)(TEXT, [PART])
    done.set()


async def test_thoughts_are_no_part_of_the_line(server: Server) -> None:
    server.reply = lambda number: completion("<think>\nA pump?\n</think>\n\nThe red pump.")
    assert await lines(server) == ["The red pump."]


async def test_a_model_that_only_thinks_is_refused_and_one_that_says_nothing_is_not(
    server: Server,
) -> None:
    server.reply = lambda number: completion(None)
    assert await lines(server) == [""]
    server.reply = lambda number: completion("<think>Well, a pump is", "length")
    with pytest.raises(LlmRefused, match="thinks for too long"):
        await lines(server)
