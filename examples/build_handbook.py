"""Builds the demo handbook: five volumes of Markdown become one file in each format `kb` reads."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from examples.handbook_writers import as_docx, as_html, as_markdown, as_pdf, as_text
from examples.handbook_writers.blocks import Volume, parse

HANDBOOK = Path(__file__).parent / "handbook"
SOURCE = HANDBOOK / "source"

VOLUMES: dict[str, tuple[str, Callable[[Volume], bytes]]] = {
    "volume-1-people": (".docx", as_docx.write),
    "volume-2-instruments": (".pdf", as_pdf.write),
    "volume-3-visitors": (".html", as_html.write),
    "volume-4-safety": (".txt", as_text.write),
    "volume-5-computing": (".md", as_markdown.write),
}


def build() -> dict[str, bytes]:
    """Every output by its file name. The same source always gives the same bytes."""
    outputs: dict[str, bytes] = {}
    for name, (suffix, write) in VOLUMES.items():
        source = (SOURCE / f"{name}.md").read_text(encoding="utf-8")
        outputs[name + suffix] = write(parse(name, source))
    return outputs


def stale(folder: Path, outputs: dict[str, bytes]) -> list[str]:
    """The files in the folder that are missing or differ from what the source says."""
    return [
        name
        for name, content in outputs.items()
        if not (folder / name).is_file() or (folder / name).read_bytes() != content
    ]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m examples.build_handbook", description=__doc__)
    parser.add_argument("--output", type=Path, default=HANDBOOK, help="folder to write to")
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail if a file is out of date"
    )
    options = parser.parse_args()
    folder: Path = options.output
    outputs = build()
    if options.check:
        out_of_date = stale(folder, outputs)
        for name in out_of_date:
            print(f"{name} is out of date; run python -m examples.build_handbook", file=sys.stderr)
        return 1 if out_of_date else 0
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in outputs.items():
        (folder / name).write_bytes(content)
        print(f"{name}: {len(content):,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
