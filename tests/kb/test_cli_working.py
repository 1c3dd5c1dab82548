"""Work that commands wait for, leave behind, or do for others: `kb worker`, `kb retry`, Ctrl-C."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kb.postgres.embedded import EmbeddedPostgres
from tests.ingest.sources.site import Reply, Site, page
from tests.kb.commands import call_kb
from tests.kb.programs import KB, data_folder, environment, eventually
from tests.kb.tables import one_line, row


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    with data_folder() as folder, EmbeddedPostgres(folder):
        (folder / "files").mkdir()
        yield folder


def interrupted(
    home: Path, *arguments: str | Path, number: int, when: Callable[[str], object], **more: str
) -> tuple[str, str, int]:
    """Run a command, send it a signal as soon as what it printed says so; all that it printed."""
    process = subprocess.Popen(
        [KB, *arguments],
        env=environment(home, more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd="/",
    )
    assert process.stdout
    said = ""
    while not when(said):
        line = process.stdout.readline()
        assert line, process.communicate()
        said += line
    process.send_signal(number)
    rest, errors = process.communicate(timeout=120)
    return said + rest, errors, process.returncode


def documents(home: Path, knowledge_base: str) -> dict[str, Any]:
    return json.loads(call_kb(home, "status", knowledge_base, "--json").stdout)


def test_a_worker_does_what_others_queue_until_it_is_stopped(home: Path) -> None:
    call_kb(home, "create", "queue")
    (home / "files" / "a.md").write_text("Queued for somebody else.")
    opened: dict[str, Any] = {"KB_SOURCE_FOLDERS": json.dumps([str(home / "files")])}
    call_kb(home, "source", "add", "queue", "folder", home / "files", "--no-wait", **opened)
    assert documents(home, "queue")["documents"] == 0

    def is_done(said: str) -> bool:
        if "Ready" in said:
            eventually(lambda: documents(home, "queue")["chunks"] == 1)
        return "Ready" in said

    said, errors, status = interrupted(
        home, "worker", "--concurrency", "2", number=signal.SIGTERM, when=is_done, **opened
    )
    assert said.startswith("Ready for 2 documents at a time")
    assert errors.splitlines()[-1] == "Stopped."
    assert status == 0


def _nothing_until(event: threading.Event) -> Iterator[bytes]:
    event.wait(120)
    yield b""


def test_what_ctrl_c_interrupts_stays_queued(home: Path) -> None:
    call_kb(home, "create", "site")
    local: dict[str, Any] = {"KB_FETCH_NETWORKS": '["127.0.0.1/32"]', "KB_CRAWL_DELAY_SECONDS": "0"}
    with Site() as site:
        interruption = threading.Event()
        site.routes["/"] = Reply(raw=_nothing_until(interruption))
        url = site.url()
        _, errors, status = interrupted(
            *(home, "source", "add", "site", "website", url),
            number=signal.SIGINT,
            when=lambda said: "Added website" in said,
            **local,
        )
        interruption.set()
        site.routes["/"] = page(text="A page.")
        assert status == 130
        assert "What is queued goes on with the next `kb up` or `kb worker`." in errors
        assert "Traceback" not in errors
        (source,) = json.loads(call_kb(home, "source", "list", "site", "--json").stdout)
        assert source["web_crawler_data_source"]["base_url"] == url
        call_kb(home, "sync", "site", **local)  # its turn comes after the one that was interrupted
    jobs = json.loads(call_kb(home, "jobs", "site", "--json").stdout)
    assert len(jobs) == 2
    assert {job["phase"] for job in jobs} == {"BATCH_JOB_PHASE_SUCCEEDED"}
    assert documents(home, "site")["documents"] == 1


def test_retrying_indexes_what_failed_and_nothing_else(home: Path) -> None:
    call_kb(home, "create", "again")
    assert call_kb(home, "retry", "again").stdout == "No document has failed.\n"
    ballast = f"<!-- {'x' * 1_000_000} -->" * 40
    texts = {"good.md": "Good.", "large.html": f"<p>Large.</p>{ballast}", "none.md": ""}
    for name, text in texts.items():
        (home / name).write_text(text)
    little: dict[str, Any] = {"KB_PARSER_MEMORY_BYTES": str(64 * 1024 * 1024)}
    added = call_kb(home, "add", "again", *(home / name for name in texts), status=1, **little)
    assert "failed large.html: Reading this file took too much memory" in added.stdout
    one = call_kb(home, "retry", "again", "large.html").stdout
    assert row(one, "indexed")[:2] == ["indexed", "1"]
    rest = call_kb(home, "retry", "again", status=1).stdout
    assert row(rest, "indexed")[1] == "0"
    assert "failed none.md: There is no text" in rest
    refused = call_kb(home, "retry", "again", "good.md", status=1).stderr
    assert "'good.md' has not failed; it is indexed." in one_line(refused)
    unknown = call_kb(home, "retry", "again", "missing.md", status=1).stderr
    assert "Document 'missing.md'." in one_line(unknown)
