"""Makes the checkout's cs285 importable without installing it, and prepares the process; scripts import it first."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from cs285 import process

process.prepare()
