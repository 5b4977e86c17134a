"""Run folders with given returns, written without training."""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from cs285.config import Config
from cs285.infrastructure.logger import make_run_dir


def write_run(
    logdir: Path,
    returns: Sequence[float],
    std: float = 10.0,
    expert: float = 100.0,
    inputs: Mapping[str, str] | None = None,
    policy: Mapping[str, str] | None = None,
    columns: Mapping[str, Sequence[float]] | None = None,
    **settings: Any,
) -> Path:
    """Write a run folder with one evaluation for each mean return in ``returns``; several returns make a DAgger run.

    The task is Hopper-v5 unless ``settings`` name another. ``std`` is the standard deviation of the returns in each
    evaluation, and ``expert`` is the mean return of the expert.
    ``columns`` has the values of further scalars by name, one for each evaluation. ``inputs`` and ``policy`` become the
    entries of these names in config.json.
    """
    settings = {"env_name": "Hopper-v5", **settings}
    if len(returns) > 1:
        settings = {"do_dagger": True, "n_iter": len(returns), **settings}
    config = Config(logdir=logdir, **settings)
    run_dir = make_run_dir(logdir, config.run_name)
    content = {"settings": asdict(replace(config, n_iter=config.iterations)), "inputs": dict(inputs or {})}
    content["policy"] = dict(policy or {})
    (run_dir / "config.json").write_text(json.dumps(content, default=str), encoding="utf-8")
    references = {"Initial_DataCollection_AverageReturn": expert + 1, "Expert_AverageReturn": expert}
    references["Expert_StdReturn"] = 2.0
    with (run_dir / "log.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.DictWriter(file, ["itr", "Eval_AverageReturn", "Eval_StdReturn", *references, *(columns or {})])
        rows.writeheader()
        for itr, mean in enumerate(returns):
            scalars = {name: values[itr] for name, values in (columns or {}).items()}
            rows.writerow({"itr": itr, "Eval_AverageReturn": mean, "Eval_StdReturn": std, **references, **scalars})
    return run_dir
