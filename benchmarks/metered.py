"""`kb` with a meter on its embedding model: the log's path first, then what `kb` is given."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.peers.meter import meter
from kb.cli import main

if __name__ == "__main__":
    meter(Path(sys.argv.pop(1)))
    main()
