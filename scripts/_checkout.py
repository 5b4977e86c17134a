"""Makes this checkout's package cs285 importable without installation, and prepares the process for a script."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from cs285.process import prepare

prepare()  # called before the next import, so that signals during this slow import are handled

from cs285.command_line import check_at_least, run  # noqa: E402

__all__ = ["check_at_least", "run"]
