"""What the gateway adds to a model's server: time to the first token, and time per token."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Annotated

import httpx
import psutil
import typer
from rich.table import Table

from benchmarks.metrics import percentile
from benchmarks.service import ROOT, Running, ServiceFailed, running
from benchmarks.terminal import err, out, progress_bars

MODEL = "paced"
FIRST = 0.1  # seconds
INTERVAL = 0.02  # a model of some size on a GPU
TOKENS = 100
LASTS = FIRST + TOKENS * INTERVAL
TURNS = 2  # of each way
IN_TURN = 2  # streams of each caller that are counted
JUDGED = 16  # streams at a time
MAX_FIRST = 0.010  # seconds added
MAX_TOKEN = 0.05  # share added
WARM_UP = 300  # requests before memory is looked at
MAX_GROWTH = 16 * 1024 * 1024  # bytes

app = typer.Typer(add_completion=False, rich_markup_mode="markdown", pretty_exceptions_enable=False)


@dataclass
class Streams:
    """Seconds of each stream: until its first token, and between its tokens on average."""

    first: list[float] = field(default_factory=list[float])
    token: list[float] = field(default_factory=list[float])


@dataclass(frozen=True, slots=True)
class Row:
    """So many streams at a time."""

    clients: int
    direct: Streams
    gateway: Streams

    @property
    def added_first(self) -> float:
        """Seconds, by medians."""
        return percentile(self.gateway.first, 50) - percentile(self.direct.first, 50)

    @property
    def added_token(self) -> float:
        """A share, by medians."""
        return percentile(self.gateway.token, 50) / percentile(self.direct.token, 50) - 1


@app.command(epilog="Example:  `python -m benchmarks.gateway --clients 1,16`")
def main(
    clients: Annotated[str, typer.Option(help="Streams at a time, in turn.")] = "1,16,64",
    requests: Annotated[int, typer.Option(min=1, help="To look at memory after.")] = 2000,
) -> None:
    """Stream answers from a paced server directly and through the gateway, in turns.

    Callers begin evenly over the time that a stream lasts, and each then asks again when it has its
    answer: so many streams run at a time, and they do not all begin at once.
    Ends with 1 where 16 streams at a time get their first token more than 10 ms later or each token
    more than 5 % later, or where the service's memory grows by more than 16 MiB over the requests.
    """
    try:
        with (
            _upstream() as upstream,
            TemporaryDirectory(prefix="kb-gateway-", ignore_cleanup_errors=True) as name,
        ):
            folder = Path(name)
            folder.chmod(0o711)  # PostgreSQL's unprivileged account must get through
            settings = {"KB_LLM_URL": upstream, "KB_LLM_MODEL": MODEL}
            with running(folder / "data", settings=settings) as service:
                rows = asyncio.run(
                    _measure(upstream, service, [int(n) for n in clients.split(",")])
                )
                before, after = asyncio.run(_memory(service, requests))
    except ServiceFailed as exc:
        err.print(f"[red]Error:[/] {exc}", soft_wrap=True)
        raise typer.Exit(2) from exc
    out.print(_table(rows))
    out.print(
        f"Memory of the service before and after {requests:,} requests:"
        f" {before / 1e6:.0f} MB, {after / 1e6:.0f} MB"
    )
    missed = [
        f"{row.clients} streams: {what}"
        for row in rows
        if row.clients == JUDGED
        for what, is_missed in (
            ("the first token", row.added_first > MAX_FIRST),
            ("time per token", row.added_token > MAX_TOKEN),
        )
        if is_missed
    ]
    if after - before > MAX_GROWTH:
        missed.append("memory grows")
    for what in missed:
        out.print(f"[red]Missed:[/] {what}")
    raise typer.Exit(1 if missed else 0)


@contextmanager
def _upstream() -> Generator[str]:
    """The paced server in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.paced_upstream", str(FIRST), str(INTERVAL)]
    with subprocess.Popen(
        [*command, str(TOKENS)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


async def _measure(upstream: str, service: Running, clients: Sequence[int]) -> list[Row]:
    rows: list[Row] = []
    limits = httpx.Limits(max_connections=None)
    async with (
        httpx.AsyncClient(base_url=upstream, timeout=60, limits=limits) as direct,
        _through(service) as gateway,
    ):
        with progress_bars() as progress:
            bar = progress.add_task("Streaming", total=len(clients) * TURNS * 2)
            for count in clients:
                row = Row(count, Streams(), Streams())
                for _ in range(TURNS):
                    for client, streams in ((direct, row.direct), (gateway, row.gateway)):
                        begins = [number * LASTS / count for number in range(count)]
                        await asyncio.gather(
                            *(_caller(client, streams, after=after) for after in begins)
                        )
                        progress.advance(bar)
                rows.append(row)
    return rows


async def _memory(service: Running, requests: int) -> tuple[int, int]:
    """Resident bytes of the service before and after so many requests, eight at a time."""
    process = psutil.Process(service.pid)

    async def ask(client: httpx.AsyncClient, count: int) -> None:
        for _ in range(count // 8):
            await asyncio.gather(*(_token_times(client, 2) for _ in range(8)))

    async with _through(service) as client:
        await ask(client, WARM_UP)
        before = process.memory_info().rss
        await ask(client, requests)
        return before, process.memory_info().rss


def _through(service: Running) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=f"{service.url}/v1",
        headers={"authorization": f"Bearer {service.api_key}"},
        timeout=60,
        limits=httpx.Limits(max_connections=None),
    )


async def _caller(client: httpx.AsyncClient, streams: Streams, *, after: float) -> None:
    """One stream after the other, from so many seconds on."""
    await asyncio.sleep(after)
    await _stream(client, Streams())  # until then not all callers have begun
    for _ in range(IN_TURN):
        await _stream(client, streams)


async def _stream(client: httpx.AsyncClient, streams: Streams) -> None:
    """One answer, timed."""
    began = perf_counter()
    times = await _token_times(client, TOKENS)
    streams.first.append(times[0] - began)
    streams.token.append((times[-1] - times[0]) / (TOKENS - 1))


async def _token_times(client: httpx.AsyncClient, tokens: int) -> list[float]:
    """When each token came."""
    body = {
        "model": MODEL,
        "stream": True,
        "max_tokens": tokens,
        "messages": [{"role": "user", "content": "Say it."}],
    }
    async with client.stream("POST", "/chat/completions", json=body) as response:
        if not response.is_success:
            raise ServiceFailed((await response.aread()).decode())
        times = [perf_counter() async for line in response.aiter_lines() if _holds_text(line)]
    if len(times) != tokens:
        raise ServiceFailed(f"{len(times)} of {tokens} tokens came.")
    return times


def _holds_text(line: str) -> bool:
    return line.startswith("data: {") and any(
        choice["delta"].get("content") for choice in json.loads(line[6:])["choices"]
    )


def _table(rows: Sequence[Row]) -> Table:
    table = Table("streams", title=f"{TOKENS} tokens, one each {INTERVAL * 1000:.0f} ms")
    for column in (
        *("first token, ms", "through the gateway", "added, ms"),
        *("per token, ms", "through the gateway", "added, %"),
    ):
        table.add_column(column, justify="right")
    for row in rows:
        table.add_row(
            str(row.clients),
            *(f"{percentile(one.first, 50) * 1000:.1f}" for one in (row.direct, row.gateway)),
            f"{row.added_first * 1000:.1f}",
            *(f"{percentile(one.token, 50) * 1000:.2f}" for one in (row.direct, row.gateway)),
            f"{row.added_token * 100:.1f}",
        )
    return table


if __name__ == "__main__":
    app()
