"""Run a grid of settings and seeds on this machine or on a Ray cluster; skip runs that are complete in --logdir."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from _checkout import run
from tyro.conf import UseAppendAction, arg


@dataclass(frozen=True)
class Settings:
    set: Annotated[UseAppendAction[tuple[tuple[str, ...], ...]], arg(aliases=["-s"])] = ()
    """Settings of run_hw1.py and their values, such as size=32,64 env_name=Ant-v5,Hopper-v5."""
    seeds: int | None = None  # Number of seeds of each combination. None: those of --set seed=...
    logdir: Path = Path("data/sweep")  # Folder of the run folders and of the tables
    ray_address: str | None = None  # HOST:PORT of a Ray cluster's head. None: this machine.
    num_cpus: int | None = None  # Concurrent runs on this machine. None: one for each usable core.


def main(settings: Settings) -> None:
    from cs285.sweeps.run import make_grid, run_missing

    configs = make_grid([text for texts in settings.set for text in texts], settings.seeds, settings.logdir)
    run_missing(configs, settings.logdir, settings.ray_address, settings.num_cpus)


if __name__ == "__main__":
    run(main, Settings, __doc__)
