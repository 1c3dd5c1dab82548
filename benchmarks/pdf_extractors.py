"""Which PDF library reads fastest, and which keeps words, headings and tables: by measurement."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress, TaskID

from benchmarks import extraction
from benchmarks.beir import VARIABLE
from benchmarks.peers.environment import PYTHON, PeersMissing, require
from benchmarks.service import ROOT
from benchmarks.terminal import err, progress_bars

WORKER = ROOT / "benchmarks" / "peers" / "pdf_text.py"
REPORTS = Path("financebench_subset", "pdfs")
REFERENCED = Path("docling_tests", "pdf")
SAMPLE = 20  # every so many pages: what slow libraries read, and what words are compared on


@dataclass(frozen=True, slots=True)
class Candidate:
    """A way to read PDF that Apache-2.0 software may be built on."""

    name: str
    licence: str
    pages: int = 1
    """A slow one reads every so many of the pages,"""
    files: int = 1
    """or of the files, where it cannot leave pages out."""
    own_engine: bool = False
    """Has a vote on which words a page has; those that share an engine have one between them."""
    marks: bool = False
    """Says what is a heading."""


CANDIDATES = (
    Candidate("kb", "pypdfium2's", marks=True),
    Candidate("pypdfium2", "BSD-3-Clause", own_engine=True),
    Candidate("pdf_oxide", "MIT or Apache-2.0", own_engine=True),
    Candidate("pdf_oxide, Markdown", "MIT or Apache-2.0", marks=True),
    Candidate("kreuzberg", "MIT"),
    Candidate("kreuzberg, Markdown", "MIT", files=5, marks=True),
    Candidate("pypdf", "BSD-3-Clause", pages=SAMPLE, own_engine=True),
    Candidate("pdfminer.six", "MIT", pages=SAMPLE, own_engine=True),
    Candidate("pdfplumber", "MIT", pages=SAMPLE),
)


@dataclass(slots=True)
class Reading:
    """What one library made of some files."""

    version: str = ""
    size: int = 0
    pages: dict[tuple[str, int], str] = field(default_factory=dict[tuple[str, int], str])
    """Text by file and page index."""
    whole: dict[str, str] = field(default_factory=dict[str, str])
    """Text by file, with what is marked as heading or table."""
    seconds: float = 0.0
    """Of processor time, all threads together."""
    peak: int = 0
    failures: list[str] = field(default_factory=list[str])


@dataclass(frozen=True, slots=True)
class Row:
    """One candidate's figures; shares are of 1."""

    candidate: Candidate
    version: str
    pages: int
    speed: float
    found: float
    extra: float
    headings: float | None
    rows: float
    cells: float
    peak: int
    size: int
    failures: Sequence[str]


app = typer.Typer(add_completion=False, rich_markup_mode="markdown", pretty_exceptions_enable=False)


@app.command(epilog="Example:  `KB_BENCH_DATA=data python -m benchmarks.pdf_extractors`")
def main(
    bench_data: Annotated[
        Path,
        typer.Option(envvar=VARIABLE, help=f"Folder that holds {REPORTS} and {REFERENCED}."),
    ],
    peers: Annotated[
        Path, typer.Option(help="The Python that has the libraries we do not use.")
    ] = PYTHON,
    files: Annotated[
        int | None, typer.Option(min=1, help="Read so many of the reports only.")
    ] = None,
) -> None:
    """Read financial reports and docling's examples with each library, one process at a time.

    Speed is pages per second of processor time. Words are compared with those that two of four
    unrelated engines agree on, and so are the rows of tables: lines that end in two figures.
    Headings are compared with docling's references.
    """
    try:
        require(peers)
        reports = _pdfs(bench_data / REPORTS)[:files]
        references = _references(bench_data / REFERENCED)
    except PeersMissing as exc:
        err.print(f"[red]Error:[/] {exc}", soft_wrap=True)
        raise typer.Exit(2) from exc
    read: dict[str, Reading] = {}
    referenced: dict[str, Reading] = {}
    with progress_bars() as progress:
        total = sum(len(reports[:: one.files]) + len(references) for one in CANDIDATES)
        bar = progress.add_task("Reading", total=total)
        for candidate in CANDIDATES:
            python = Path(sys.executable) if candidate.name == "kb" else peers
            some = reports[:: candidate.files]
            read[candidate.name] = _read(python, candidate, candidate.pages, some, progress, bar)
            referenced[candidate.name] = _read(python, candidate, 1, references, progress, bar)
    rows = [_row(one, read, referenced, references) for one in CANDIDATES]
    print(_table(rows))
    print()
    print(_verdict(rows))


def _pdfs(folder: Path) -> list[Path]:
    found = sorted(folder.glob("*.pdf"))
    if not found:
        raise PeersMissing(f"There are no PDF files in {folder}.")
    return found


def _references(folder: Path) -> dict[Path, str]:
    """docling's examples that have a Markdown text to compare with."""
    pairs = (
        (path, folder / "groundtruth" / f"{path.stem}.md") for path in _pdfs(folder / "sources")
    )
    return {path: text.read_text("utf-8") for path, text in pairs if text.exists()}


def _read(
    python: Path,
    candidate: Candidate,
    step: int,
    files: Iterable[Path],
    progress: Progress,
    bar: TaskID,
) -> Reading:
    """Run the worker on the files, in a process of its own."""
    reading = Reading()
    progress.update(bar, description=candidate.name)
    paths = [str(path) for path in files]
    with subprocess.Popen(
        [str(python), str(WORKER), candidate.name, str(step), *paths],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # some complain of every page
        text=True,
    ) as process:
        assert process.stdout
        installed: dict[str, Any] = json.loads(process.stdout.readline() or "{}")
        reading.version, reading.size = installed.get("version", "?"), installed.get("size", 0)
        for path, line in zip(paths, process.stdout, strict=False):
            _take(reading, Path(path).name, json.loads(line))
            progress.advance(bar)
    if process.returncode:
        after = f"after {len(reading.whole)} files"
        reading.failures.append(f"its process ended with {process.returncode} {after}")
    return reading


def _take(reading: Reading, name: str, line: dict[str, Any]) -> None:
    pages: dict[str, str] = line["pages"]
    reading.seconds += line["seconds"]
    reading.peak = max(reading.peak, line["peak"])
    whole = pages.pop("-1", None)
    reading.pages |= {(name, int(index)): text for index, text in pages.items()}
    reading.whole[name] = "\n".join(pages.values()) if whole is None else whole
    if line["error"]:
        reading.failures.append(f"{name}: {line['error']}")
    elif not any(text.strip() for text in pages.values()):
        reading.failures.append(f"{name}: no text")


def _row(
    candidate: Candidate,
    read: Mapping[str, Reading],
    referenced: Mapping[str, Reading],
    references: Mapping[Path, str],
) -> Row:
    reports, examples = read[candidate.name], referenced[candidate.name]
    votes = [read[one.name] for one in CANDIDATES if one.own_engine]
    kept = Counter[str]()
    for page in {page for vote in votes for page in vote.pages if page[1] % SAMPLE == 0}:
        if page[0] not in reports.whole:
            continue
        texts, text = [vote.pages.get(page, "") for vote in votes], reports.pages.get(page, "")
        words, got = (
            extraction.agreed([extraction.words(one) for one in texts]),
            extraction.words(text),
        )
        kept["all words"] += words.total()
        kept["words"] += (words & got).total()
        kept["added"] += (got - words).total()
        rows = extraction.agreed([extraction.rows(one) for one in texts])
        kept["all rows"] += rows.total()
        kept["rows"] += (rows & extraction.rows(text)).total()
        kept["cells"] += (rows & extraction.rows_in_cells(text)).total()
    for path, reference in references.items():
        titles = Counter(extraction.headings(reference))
        kept["all headings"] += titles.total()
        kept["headings"] += (
            titles & Counter(extraction.headings(examples.whole.get(path.name, "")))
        ).total()
    return Row(
        candidate=candidate,
        version=reports.version,
        pages=len(reports.pages),
        speed=len(reports.pages) / reports.seconds if reports.seconds else 0.0,
        found=kept["words"] / kept["all words"],
        extra=kept["added"] / kept["all words"],
        headings=kept["headings"] / kept["all headings"] if candidate.marks else None,
        rows=kept["rows"] / kept["all rows"],
        cells=kept["cells"] / kept["all rows"],
        peak=max(reports.peak, examples.peak),
        size=reports.size,
        failures=[*reports.failures, *examples.failures],
    )


def _table(rows: Sequence[Row]) -> str:
    """The figures as a Markdown table."""
    lines = [
        "| extractor | licence | MB | pages | pages/s | words found | words added | headings"
        " | rows on one line | rows in cells | peak MB | failures |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        name, _, form = row.candidate.name.partition(",")
        headings = "" if row.headings is None else f"{row.headings:.1%}"
        lines.append(
            f"| {name} {row.version}{f', {form.strip()}' if form else ''}"
            f" | {row.candidate.licence} | {row.size / 1e6:.1f}"
            f" | {row.pages:,} | {row.speed:.0f} | {row.found:.1%} | {row.extra:.1%}"
            f" | {headings} | {row.rows:.1%} | {row.cells:.1%}"
            f" | {row.peak / 1e6:.0f} | {len(row.failures)} |"
        )
    for row in rows:
        lines += [f"{row.candidate.name} failed: {failure}" for failure in row.failures]
    return "\n".join(lines)


def _verdict(rows: Sequence[Row]) -> str:
    """The best of those that keep what a citation needs: words, headings, and rows in cells."""
    ours = next(row for row in rows if row.candidate.name == "kb")
    others = [row for row in rows if row.candidate.marks and row is not ours]
    fastest = max(rows, key=lambda row: row.speed)
    rivals = "; ".join(
        f"{row.candidate.name} {row.speed:.0f} pages/s, {row.headings:.0%} and {row.cells:.0%}"
        for row in others
    )
    return (
        f"kb reads {ours.speed:.0f} pages/s and keeps {ours.headings:.0%} of the headings and"
        f" {ours.cells:.0%} of the table rows in their cells ({rivals}); the fastest without"
        f" layout is {fastest.candidate.name} with {fastest.speed:.0f}."
    )


if __name__ == "__main__":
    app()
