"""A sweep's jobs on Ray: on this machine or on a cluster, failures retried, results brought home whole."""

from __future__ import annotations

import sys
import tempfile
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from cs285.config import Config
from cs285.data.run_folders import any_run_below, read_run, read_runs
from cs285.data.whole_files import check_writable
from cs285.envs.make_env import make_env
from cs285.errors import RunsFailed
from cs285.infrastructure.bc_trainer import BC_Trainer, find_expert, load_initial_data
from cs285.infrastructure.many_learners import ManyLearners
from cs285.infrastructure.rollout_workers import usable_cores
from cs285.results.series import OF_A_TASK
from cs285.results.table import write_tables
from cs285.sweeps.grid import Job, make_jobs, missing_runs
from cs285.sweeps.packed_runs import pack_runs, unpack_runs
from cs285.sweeps.ray_cluster import connected

NODE_DEATHS = 3  # how many deaths of its process or node a job survives


@dataclass
class Outcome:
    """How a sweep ended.

    Attributes:
        done: the run folders that it made.
        failed: names of the runs that failed twice, with the reason of each.
        tables: the files that hold all results.
    """

    done: list[Path] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    tables: list[Path] = field(default_factory=list)


def run_missing(configs: Sequence[Config], logdir: Path, address: str | None, num_cpus: int | None) -> None:
    """Run those that are not complete in ``logdir`` yet, and name the tables of all.

    Args:
        configs: of the whole sweep.
        logdir: as of `run_sweep`, and so are the next two.
        address: of a cluster.
        num_cpus: jobs at once.

    Raises:
        RunsFailed: naming the runs that failed twice; the others are there.
    """
    missing = missing_runs(configs, logdir)
    print(f"{len(configs)} runs, {len(configs) - len(missing)} of them done already", flush=True)
    outcome = run_sweep(missing, logdir, address, num_cpus)
    print("\n".join(map(str, outcome.tables)))
    if outcome.failed:
        raise RunsFailed(f"{len(outcome.failed)} of {len(configs)} runs failed twice: {', '.join(outcome.failed)}")


def run_sweep(configs: Sequence[Config], logdir: Path, address: str | None, num_cpus: int | None) -> Outcome:
    """Run some runs, and write the table of all that are in ``logdir``.

    Args:
        configs: of the runs.
        logdir: folder of the run folders; each appears in it when it is whole.
        address: HOST:PORT of a Ray cluster's head; None: this machine.
        num_cpus: jobs at once on this machine; None: one for each usable core.

    Raises:
        InvalidInput: when a run can't be made of its settings, Ray is missing or out of reach, or
            nothing can be written.
    """
    outcome = Outcome()
    if configs:
        check_runs(configs)
        check_writable(logdir / "run")
        with connected(address, num_cpus or usable_cores()) as slots:
            outcome = run_jobs(make_jobs(configs, slots), logdir)
    if any_run_below(logdir):
        outcome.tables = write_tables(read_runs([logdir]), logdir)
    return outcome


def check_runs(configs: Sequence[Config]) -> None:
    """Make environments and read experts and data once, so that mistakes show before anything runs.

    Raises:
        InvalidInput: as `BC_Trainer` would.
    """
    of_a_task = (*OF_A_TASK, "ep_len", "do_dagger")
    for config in {tuple(getattr(c, name) for name in of_a_task): c for c in configs}.values():
        env, spec = make_env(config.env_name, config.ep_len, backend=config.backend)
        env.close()
        find_expert(config, spec)
        load_initial_data(config, spec)


def run_jobs(jobs: Sequence[Job], logdir: Path) -> Outcome:
    """Run all jobs on the Ray that is connected, and put their run folders into ``logdir``.

    A job that fails is tried once more, its runs one by one. A line is printed for each run that
    is done or failed; on a terminal a bar shows the time left.

    Args:
        jobs: in the order in which they are started.
        logdir: folder of the run folders; each appears in it when it is whole.
    """
    import ray

    outcome, waiting = Outcome(), deque(jobs)
    running: dict[Any, Job] = {}
    runs, start = sum(len(job.configs) for job in jobs), time.monotonic()
    done, work = 0.0, sum(job.work for job in jobs)
    train = ray.remote(max_retries=NODE_DEATHS)(train_together)
    with tqdm(total=work, disable=None, bar_format="{l_bar}{bar}| {elapsed}<{remaining}", leave=False) as bar:
        while waiting or running:
            while waiting:  # Ray starts them in this order, as there is room
                job = waiting.popleft()
                cpus = max(1, max(config.num_workers or 0 for config in job.configs))
                running[train.options(num_cpus=cpus).remote(job.configs, sys.argv)] = job
            ready, _ = ray.wait(list(running), timeout=1.0)
            bar.refresh()
            for reference in ready:
                job = running.pop(reference)
                again = _finish(reference, job, logdir, outcome)
                waiting.extend(again)
                if not again:
                    done += job.work
                    bar.update(job.work)
                    left = _duration((time.monotonic() - start) * (work - done) / done)
                    tqdm.write(f"{len(outcome.done) + len(outcome.failed)} of {runs} runs, about {left} left")
    return outcome


def train_together(configs: Sequence[Config], command: Sequence[str]) -> bytes:
    """Train runs of one job in a scratch folder of this machine.

    Args:
        configs: of the runs; without ``num_workers`` they roll out in this process.
        command: what config.json says of how the runs were started.

    Returns:
        Their run folders, as a tar file.
    """
    sys.argv = list(command)
    with tempfile.TemporaryDirectory(prefix="sweep-") as scratch:
        place = Path(scratch)
        here = [  # without checkpoints: a job that dies starts anew
            replace(config, logdir=place, num_workers=config.num_workers or 0, checkpoint_freq=-1) for config in configs
        ]
        if len(here) == 1:
            BC_Trainer(here[0]).run_training_loop()
        else:
            ManyLearners(here).run_training_loop()
        return pack_runs(Path(scratch), logdir=configs[0].logdir)


def _finish(reference: Any, job: Job, logdir: Path, outcome: Outcome) -> list[Job]:
    """Take the results of a job that has ended.

    Returns:
        What is to be tried again.
    """
    import ray

    try:
        folders = unpack_runs(ray.get(reference), logdir)
    except ray.exceptions.RayError as error:
        reason = _reason(error)
        for config in job.configs:
            end = "failed again" if job.attempt else "failed, tried once more"
            tqdm.write(f"{config.run_name}: {end}: {reason}")
        if job.attempt:
            outcome.failed.update({config.run_name: reason for config in job.configs})
            return []
        return [Job((config,), attempt=1) for config in job.configs]
    for folder in folders:
        last = read_run(folder).rows[-1:]
        end = (
            f"return {last[0]['Eval_AverageReturn']:.1f} ± {last[0]['Eval_StdReturn']:.1f}" if last else "not evaluated"
        )
        tqdm.write(f"{folder}: {end}")
    outcome.done += folders
    return []


def _reason(error: BaseException) -> str:
    """The last line of what went wrong, in the process that it happened in."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines or [type(error).__name__])[-1]


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
