"""Selection of run folders by the flags --runs and --where of the scripts."""

import sys
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Annotated

from tyro.conf import UseAppendAction, arg

from cs285.data.run_folders import RunFolder, read_runs
from cs285.errors import InvalidInput


@dataclass(frozen=True)
class RunSelection:
    """Flags that select run folders; the settings class of a script can inherit from this class."""

    runs: Annotated[UseAppendAction[tuple[tuple[Path, ...], ...]], arg(aliases=["-r"])] = ()
    """Run folders, or folders that contain run folders. Default: data."""
    where: Annotated[UseAppendAction[tuple[tuple[str, ...], ...]], arg(aliases=["-w"])] = ()
    """Use only runs with these settings, such as size=64 env_name=Ant-v5."""

    def read(self) -> tuple[list[RunFolder], list[str]]:
        """Read the selected runs; of runs with the same settings and seed, keep the one that `newest_runs` selects.

        Returns these runs, and a line of text for each run that is left out or incomplete; the lines are also printed
        on stderr. Raises InvalidInput when there is no run, or when a file of a run is invalid.
        """
        from cs285.results.series import newest_runs

        paths = [*chain(*self.runs)] or [Path("data")]
        if not (runs := read_runs(paths)):
            raise InvalidInput(f"no run folders (config.json and log.csv) below {', '.join(map(str, paths))}")
        for condition in chain(*self.where):
            name, _, wanted = condition.partition("=")
            texts = [str(vars(run.config).get(name, "no setting")) for run in runs]
            runs = [run for run, text in zip(runs, texts, strict=True) if text == wanted]
            if not runs:
                raise InvalidInput(f"--where {condition}: no run has it; {name} is {', '.join(sorted({*texts}))}")
        used = newest_runs(runs)
        other = "not used: another run with the same settings is complete, or newer"
        lines = [f"{run.path}: {other}" for run in runs if run not in used]
        for run in (run for run in used if not run.complete):
            lines.append(f"{run.path}: incomplete run, {len(run.rows)} of {len(run.config.evaluated)} evaluations used")
        print(end="".join(f"{line}\n" for line in lines), file=sys.stderr)
        return used, lines
