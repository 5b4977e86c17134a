"""scripts/run_hw1.py, where the assignment's commands look for it."""

import runpy
from pathlib import Path

if __name__ == "__main__":
    runpy.run_path(str(Path(__file__).parents[2] / "scripts" / "run_hw1.py"), run_name="__main__")
