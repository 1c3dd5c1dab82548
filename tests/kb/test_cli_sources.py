"""Data sources, jobs and schedules from the command line, on real folders, sites and buckets."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any
from uuid import uuid4

import pytest

from kb.postgres.embedded import EmbeddedPostgres
from tests.ingest.sources.buckets import KEY, REGION, SECRET, Buckets
from tests.ingest.sources.site import Site, page
from tests.kb.commands import call_kb
from tests.kb.programs import data_folder
from tests.kb.tables import one_line, row

ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")


@dataclass(frozen=True)
class Home:
    """A data folder, and a folder that data sources may read."""

    data: Path
    open: Path

    def kb(self, *arguments: str | Path, status: int = 0, **more: str) -> CompletedProcess[str]:
        """Run a command with that folder opened."""
        opened = json.dumps([str(self.open)])
        return call_kb(self.data, *arguments, status=status, KB_SOURCE_FOLDERS=opened, **more)

    def json(self, *arguments: str) -> Any:
        return json.loads(self.kb(*arguments, "--json").stdout)

    def new(self, name: str, **files: str) -> Path:
        """A knowledge base, and a folder of that name with these Markdown files."""
        self.kb("create", name)
        folder = self.open / name
        folder.mkdir()
        for file, text in files.items():
            (folder / f"{file}.md").write_text(text)
        return folder


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    with data_folder() as folder, EmbeddedPostgres(folder):
        (folder / "open").mkdir()
        yield Home(folder, folder / "open")


def test_a_folder_is_indexed_when_added_and_followed_by_every_sync(home: Home) -> None:
    folder = home.new("zoo", fox="A quick fox.", owl="A sleepy owl.")
    added = home.kb("source", "add", "zoo", "folder", folder).stdout
    assert row(added, str(folder) + " ")[1:] == ["2", "0", "0", "0", "0"]
    assert "A quick fox." in home.kb("search", "zoo", "fox", "--top-k", "1").stdout

    same = home.kb("sync", "zoo").stdout
    assert row(same, str(folder))[1:] == ["0", "0", "0", "2", "0"]
    assert "Nothing has changed" in same

    (folder / "owl.md").unlink()
    (folder / "fox.md").write_text("A slow fox.")
    (folder / "empty.md").write_text("")
    changed = home.kb("sync", "zoo", status=1).stdout
    assert row(changed, str(folder))[1:5] == ["1", "1", "1", "0"]
    assert "failed empty.md: There is no text in this file." in changed
    found = home.kb("search", "zoo", "which animal is it").stdout
    assert "slow fox" in found
    assert "quick" not in found
    assert "owl" not in found

    (source,) = home.json("source", "list", "zoo")
    assert source["folder_data_source"] == {"path": str(folder)}
    listed = home.kb("source", "list", "zoo").stdout
    assert source["uuid"] in listed
    assert "1 indexed, 1 failed, 1 removed" in listed
    status = home.kb("status", "zoo").stdout
    assert f"folder {folder}: 1 indexed, 1 failed, 1 removed" in status
    assert re.search(r"Index version 1 +live, section chunks", status)


def test_a_source_is_removed_with_its_documents_for_good(home: Home) -> None:
    folder = home.new("farm", cow="A cow gives milk.")
    added = home.kb("source", "add", "farm", "folder", folder).stdout
    source = ID.search(added)
    assert source
    asked = home.kb("source", "remove", "farm", source.group(), status=1)
    assert "for good?" in asked.stdout
    assert "milk" in home.kb("search", "farm", "cow").stdout
    home.kb("source", "remove", "farm", source.group(), "--yes")
    assert home.kb("search", "farm", "cow").stdout == "Nothing found.\n"
    assert "No data sources yet" in home.kb("source", "list", "farm").stdout
    assert "no data sources" in home.kb("sync", "farm", status=1).stderr


def test_a_source_may_be_cut_otherwise_than_the_rest(home: Home) -> None:
    folder = home.new("cut", one="One sentence. Another one.")
    home.kb(
        *("source", "add", "cut", "folder", folder, "--no-wait"),
        *("--strategy", "sentence_window", "--window-size", "2"),
    )
    (source,) = home.json("source", "list", "cut")
    assert source["chunking_algorithm"] == "CHUNKING_ALGORITHM_SENTENCE_WINDOW"
    assert source["chunking_options"]["window_size"] == 2
    assert "2 on either side" in home.kb("source", "list", "cut").stdout
    assert "live, section chunks" in home.kb("status", "cut").stdout


def test_a_website_is_crawled_as_far_as_asked_and_without_the_tags(home: Home) -> None:
    home.kb("create", "site")
    local: dict[str, Any] = {"KB_FETCH_NETWORKS": '["127.0.0.1/32"]', "KB_CRAWL_DELAY_SECONDS": "0"}
    with Site() as site:
        site.routes["/docs/"] = page("/docs/a", "/blog", text="<nav>Menu of it.</nav>The docs.")
        site.routes["/docs/a"] = page(text="About parcels.")
        site.routes["/blog"] = page(text="About holidays.")
        url = site.url("/docs/")
        added = home.kb(
            *("source", "add", "site", "website", url, "--exclude-tags", "nav, footer"), **local
        ).stdout
        assert row(added, f"{url} ")[1:3] == ["2", "0"]
        refused = home.kb("sync", "site", status=1).stdout  # without the network allowed
    assert "The host is not on the public internet" in refused
    found = home.kb("search", "site", "parcels docs menu holidays").stdout
    assert "The docs." in found
    assert "About parcels." in found
    assert "Menu" not in found
    assert "holidays" not in found


def test_a_bucket_is_read_with_a_secret_that_was_no_argument(home: Home) -> None:
    home.kb("create", "pail")
    with Buckets() as buckets:
        bucket = buckets.make({"in/a.txt": b"In the bucket.", "out.txt": b"Not asked for."})
        opened: dict[str, Any] = {"KB_S3_ENDPOINTS": json.dumps([buckets.endpoint])}
        add = ("source", "add", "pail", "bucket", bucket, "--region", REGION)
        added = home.kb(
            *(*add, "--prefix", "in/", "--endpoint", buckets.endpoint, "--key-id", KEY),
            stdin=f"{SECRET}\n",
            **opened,
        ).stdout
        assert row(added, f"{bucket}/in/ ")[1:3] == ["1", "0"]
        closed = home.kb(*add, "--endpoint", buckets.endpoint, status=1).stderr
    assert "KB_S3_ENDPOINTS" in one_line(closed)
    assert SECRET not in json.dumps(home.json("source", "list", "pail"))
    no_secret = home.kb(*add, "--key-id", KEY, status=1).stderr
    assert "standard input, which is empty" in one_line(no_secret)


def test_what_cannot_be_a_source_is_refused_in_a_sentence(home: Home, tmp_path: Path) -> None:
    home.new("none")
    mistakes: dict[tuple[str | Path, ...], str] = {
        ("folder", tmp_path): f"KB_SOURCE_FOLDERS='[\"{tmp_path}\"]'",
        ("folder", tmp_path / "missing"): "There is no folder",
        ("website", "ftp://example.org/"): "Only http and https URLs",
        ("website", "https://example.org/", "--region", "x"): "--region does nothing for a website",
        ("bucket", "reports"): "needs its --region",
        ("folder", home.open / "none", "--overlap", "3"): "overlap belongs to the strategy fixed",
    }
    for arguments, says in mistakes.items():
        done = home.kb("source", "add", "none", *arguments, status=1)
        assert says in one_line(done.stderr)
    unknown = home.kb("source", "add", "nowhere", "folder", home.open / "none", status=1)
    assert "Knowledge base 'nowhere'." in one_line(unknown.stderr)
    assert home.json("source", "list", "none") == []
    assert home.json("jobs", "none") == []
    assert "No jobs yet." in home.kb("jobs", "none").stdout


def test_jobs_are_queued_listed_shown_reported_and_cancelled(home: Home, tmp_path: Path) -> None:
    folder = home.new("work", good="Good.", bad="")
    home.kb("source", "add", "work", "folder", folder, status=1)
    (job,) = home.json("jobs", "work")
    shown = home.kb("job", "show", job["uuid"]).stdout
    assert re.search(r"Status +partial", shown)
    assert row(shown, str(folder))[1:3] == ["1", "1"]
    assert "failed bad.md: There is no text" in shown
    assert home.json("job", "show", job["uuid"]) == job
    printed = home.kb("job", "report", job["uuid"]).stdout
    outcomes = {one["item_name"]: one["outcome"] for one in csv.DictReader(printed.splitlines())}
    assert outcomes == {"bad.md": "failed", "good.md": "indexed"}
    file = tmp_path / "report.csv"
    home.kb("job", "report", job["uuid"], "-o", file)
    assert file.read_text() == printed
    assert "ended already" in home.kb("job", "cancel", job["uuid"], status=1).stderr

    (source,) = home.json("source", "list", "work")
    queued = home.kb("sync", "work", "--source", source["uuid"], "--no-wait").stdout
    waiting = ID.search(queued)
    assert waiting
    listed = home.kb("jobs", "work").stdout
    assert [line.split()[1] for line in listed.splitlines()[1:]] == ["pending", "partial"]
    home.kb("job", "cancel", waiting.group())
    assert re.search(r"Status +cancelled", home.kb("job", "show", waiting.group()).stdout)

    shutil.rmtree(folder)
    gone = home.kb("sync", "work", status=1).stdout
    assert f"failed {folder}: The folder cannot be read" in gone


def test_unknown_ids_are_one_sentence_and_no_ids_are_wrong_usage(home: Home) -> None:
    home.new("ids", one="One.")
    home.kb("source", "add", "ids", "folder", home.open / "ids", "--no-wait")
    unknown = str(uuid4())
    for arguments in (
        ("sync", "ids", "--source", unknown),
        ("source", "remove", "ids", unknown, "--yes"),
        ("job", "show", unknown),
        ("job", "cancel", unknown),
        ("job", "report", unknown),
    ):
        assert unknown in one_line(home.kb(*arguments, status=1).stderr)
    home.kb("job", "show", "nonsense", status=2)


def test_a_schedule_is_set_replaced_shown_and_removed(home: Home) -> None:
    home.new("daily")
    assert "A schedule of" in home.kb("schedule", "show", "daily", status=1).stderr
    home.kb("schedule", "set", "daily", "--days", "mon", "--at", "04:00")
    said = home.kb("schedule", "set", "daily", "--days", "wed, MON", "--at", "05:30").stdout
    assert re.search(r"next run is on (Mon|Wed) \d{4}-\d\d-\d\d 05:30 UTC", said)
    shown = home.kb("schedule", "show", "daily").stdout
    assert re.search(r"Days +mon, wed", shown)
    assert re.search(r"Last run +none yet", shown)
    found = home.json("schedule", "show", "daily")
    assert (found["days"], found["time"]) == ([1, 3], "05:30:00")
    wrong = home.kb("schedule", "set", "daily", "--days", "someday", "--at", "05:30", status=1)
    assert "mon,tue" in one_line(wrong.stderr)
    home.kb("schedule", "set", "daily", "--days", "mon", "--at", "25:00", status=2)
    home.kb("schedule", "remove", "daily")
    assert "A schedule of" in home.kb("schedule", "remove", "daily", status=1).stderr
