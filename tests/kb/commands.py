"""The commands of `kb` run in this process: what starting the program proves, few tests need."""

from __future__ import annotations

import os
from pathlib import Path
from subprocess import CompletedProcess

from typer.testing import CliRunner

from kb.cli.app import app
from tests.kb.programs import PLAIN


def call_kb(
    data_dir: Path, *arguments: str | Path, status: int = 0, stdin: str = "", **settings: str
) -> CompletedProcess[str]:
    """As `run_kb`, but without a second of imports; an error nobody expected is raised here."""
    inherited = {name: None for name in os.environ if name.startswith("KB_")}
    environment = {**inherited, **PLAIN, "KB_DATA_DIR": str(data_dir), **settings}
    given = [str(one) for one in arguments]
    done = CliRunner().invoke(app, given, input=stdin, env=environment)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == status, done.stdout + done.stderr
    return CompletedProcess(given, done.exit_code, done.stdout, done.stderr)
