"""Grids of settings, and their runs on Ray, on this machine or a cluster; all results end up in one folder."""

import itertools
import logging
import os
import re
import socket
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

from cs285.command_line import parse
from cs285.config import Config
from cs285.data.run_folders import RunFolder, read_run, read_runs
from cs285.data.shipped import PROJECT_ROOT, input_files
from cs285.data.whole_files import check_writable, digest, whole_file, whole_folder, write_files
from cs285.errors import InvalidInput, ProcessFailed
from cs285.infrastructure.bc_trainer import BC_Trainer
from cs285.infrastructure.inputs import RunInputs
from cs285.infrastructure.logger import make_run_dir
from cs285.policies.make_policy import is_gpu_work
from cs285.process import usable_cores
from cs285.results.series import identity

IN_THE_RUN_NAME = {"env_name", "do_dagger", "seed", "exp_name"}


def make_grid(assignments: Sequence[str], seeds: int | None, logdir: Path) -> list[Config]:
    """Make a `Config` for every combination of values; experiments are named after the settings that vary.

    ``assignments`` have the form ``size=32,64`` or ``do_dagger=true``, at most one for each setting of run_hw1.py.
    Each combination runs with the seeds 1 to ``seeds``; None: with the seeds in ``assignments`` or the default seed.
    Paths become absolute, for Ray's workers. Raises InvalidInput when a setting is given twice or not allowed.
    """
    if seeds is not None:
        assignments = [*assignments, f"seed={','.join(map(str, range(1, seeds + 1)))}"]
    values = {name: texts.split(",") for name, _, texts in (text.partition("=") for text in assignments)}
    if len(values) < len(assignments) or {"logdir", "resume"} & values.keys():
        raise InvalidInput(f"--set {' '.join(assignments)}: name each setting once, and neither logdir nor resume")
    swept = [name for name, several in values.items() if len(several) > 1 and name not in IN_THE_RUN_NAME]
    grid = []
    for point in itertools.product(*values.values()):
        flags = {"true": "--{}", "false": ""}  # on/off settings; others have a value
        words = [flags.get(text, "--{}={}").format(name, text) for name, text in zip(values, point, strict=True)]
        config = parse(Config, "", list(filter(None, words)))
        parts = [config.experiment, *(f"{name}={getattr(config, name)}" for name in swept), f"seed{config.seed}"]
        changes: dict[str, Any] = {"exp_name": re.sub(r"[^\w.+=,-]", "-", "_".join(parts)), "logdir": logdir}
        paths = {name: path for name, path in vars(config).items() if isinstance(path, Path) and path.exists()}
        absolute: dict[str, Any] = {name: path.absolute() for name, path in paths.items()}
        grid.append(replace(config, **{**absolute, **changes}))
    return grid


def find_runs(configs: Sequence[Config], logdir: Path) -> tuple[list[RunFolder], list[Config]]:
    """Find a complete run folder of each config below ``logdir``; also return the configs that have none.

    A config's folder has its settings, seed and input files. Raises InvalidInput when a folder or file can't be read.
    """
    wanted = {_key(c, {name: digest(path) for name, path in input_files(c).items()}): c for c in configs}
    found = {_key(run.config, run.inputs): run for run in read_runs([logdir]) if run.complete}
    return [found[key] for key in wanted if key in found], [wanted[key] for key in wanted if key not in found]


def _key(config: Config, inputs: Mapping[str, str]) -> tuple[Any, ...]:
    return (*identity(config), config.seed, *sorted(inputs.items()))


def run_missing(
    configs: Sequence[Config], logdir: Path, address: str | None = None, num_cpus: int | None = None
) -> list[RunFolder]:
    """Run the configs that have no complete run folder in ``logdir``; return the complete run folders of all configs.

    ``address`` is HOST:PORT of a Ray cluster's head; None: this machine. ``num_cpus`` is the number of CPUs that runs
    use on this machine at a time (None: all usable cores). The tables of all results are written into ``logdir``.
    Raises InvalidInput for an invalid task, expert, data or folder, and ProcessFailed when runs failed twice.
    """
    if not configs or (num_cpus is not None and num_cpus < 1):
        raise InvalidInput("there is nothing to run: --seeds and --num_cpus must be at least 1, and --tasks not empty")
    failed = list[str]()
    _, missing = find_runs(configs, logdir)
    print(f"{len(configs)} runs, {len(configs) - len(missing)} of them done already", flush=True)
    if missing:
        for config in {identity(config): config for config in missing}.values():
            with RunInputs(replace(config, num_workers=0, scalar_log_freq=-1)):
                pass  # RunInputs raises InvalidInput unless the task, its expert and data are valid
        check_writable(logdir / "run")
        with connected(address, num_cpus or usable_cores()):
            failed = run_all(missing, logdir)
    if runs := read_runs([logdir]):
        print(*write_tables(runs, logdir), sep="\n")
    if failed:
        raise ProcessFailed(f"{len(failed)} of {len(configs)} runs failed twice: {', '.join(failed)}")
    return find_runs(configs, logdir)[0]


def connected(address: str | None, num_cpus: int) -> AbstractContextManager[object]:
    """Connect to Ray, on this machine or a cluster, until the context ends; the arguments are those of `run_missing`.

    Raises InvalidInput when Ray is not installed or no cluster answers, and ProcessFailed when Ray does not start.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # otherwise Ray hides GPUs from runs
    try:
        import ray
    except ImportError as error:
        raise InvalidInput('a sweep needs Ray: pip install -e ".[sweep]"') from error
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address is None:
        places = (str(PROJECT_ROOT), os.environ.get("PYTHONPATH"))  # where Ray's workers find cs285
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, places))
        options |= {"num_cpus": num_cpus, "include_dashboard": False, "object_store_memory": 2**28}
    else:  # checked here, since `ray.init` would wait minutes for a cluster
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host, int(port)), timeout=60).close()
        except (OSError, OverflowError, ValueError) as error:
            needed = "HOST:PORT of a Ray cluster, as `ray start --head` prints it"
            raise InvalidInput(f"--ray_address is {address!r}, where nothing answers; it must be {needed}") from error
    try:
        return ray.init(address or "local", **options)
    except Exception as error:  # Ray's errors have no narrower base class in common
        raise ProcessFailed(f"Ray did not start; {address or 'this machine'} may be too busy: {error}") from error


def run_all(configs: Sequence[Config], logdir: Path) -> list[str]:
    """Run all configs on Ray, the longest first, and return the names of the runs that failed twice.

    A run reserves ``num_workers`` CPUs, at most those of the largest machine. Raises InvalidInput if a write fails.
    """
    import ray

    train = ray.remote(max_retries=1, retry_exceptions=True)(train_run)
    most = max(int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"])  # type: ignore[no-untyped-call]
    running: dict[Any, Config] = {}
    for number, config in enumerate(sorted(configs, key=lambda c: -c.iterations * c.num_agent_train_steps_per_iter)):
        reserved = train.options(num_cpus=min(max(1, config.num_workers or 0), most))
        running[reserved.remote(config, sys.argv, number)] = config  # type: ignore[call-arg]
    failed = []
    while running:
        (reference,), _ = ray.wait(list(running), num_returns=1)
        run_name = running.pop(reference).run_name
        try:
            files = ray.get(reference)
        except ray.exceptions.RayError as error:
            failed.append(run_name)
            *_, reason = str(error).strip().split("\n")
            print(f"{run_name}: failed twice: {reason}", flush=True)
            continue
        with whole_folder(run_dir := make_run_dir(logdir, run_name)) as unfinished:
            write_files(unfinished, files)
        rows, line = read_run(run_dir).rows, "return {Eval_AverageReturn:.1f} ± {Eval_StdReturn:.1f}"
        print(f"{run_dir}: {line.format(**rows[-1]) if rows else 'not evaluated'}", flush=True)
    return failed


def train_run(config: Config, command: Sequence[str], number: int = 0) -> dict[str, bytes]:
    """Train one run in a temporary folder, and return the contents of its files by relative path.

    If ``num_workers`` is None, rollouts run in this process. config.json records ``command``. If there are several
    GPUs, a run that is large enough for a GPU and has no ``which_gpu`` uses GPU ``number`` modulo the number of GPUs.
    """
    sys.argv = list(command)
    if config.which_gpu is None and not config.no_gpu and is_gpu_work(config):
        from torch.cuda import device_count  # imported here, because torch takes two seconds to import

        config = replace(config, which_gpu=number % device_count() if device_count() > 1 else None)
    with tempfile.TemporaryDirectory(prefix="sweep-") as scratch:
        here = replace(config, logdir=Path(scratch), num_workers=config.num_workers or 0, checkpoint_freq=-1)
        with BC_Trainer(here) as trainer:
            trainer.run_training_loop()
        (run_dir,) = Path(scratch).iterdir()
        files = (path for path in run_dir.rglob("*") if path.is_file())
        return {path.relative_to(run_dir).as_posix(): path.read_bytes() for path in files}


def write_tables(runs: Sequence[RunFolder], folder: Path) -> list[Path]:
    """Write results.csv and results.parquet, with a row for each evaluation of each run; return the paths."""
    import pyarrow
    from pyarrow import csv, parquet

    scalars, rows = dict.fromkeys(name for run in runs for row in run.rows for name in row), []
    for run in runs:
        facts = {"run": run.path.name, "method": run.method, **vars(run.config), **scalars}
        facts = {name: fact if isinstance(fact, int | float | None) else str(fact) for name, fact in facts.items()}
        rows += [{**facts, **row, "itr": int(row["itr"])} for row in run.rows]
    table = pyarrow.Table.from_pylist(rows)
    files = {folder / "results.csv": csv.write_csv, folder / "results.parquet": parquet.write_table}
    for path, write in files.items():
        with whole_file(path) as file:
            write(table, file)
    return list(files)
