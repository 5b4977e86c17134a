"""Runs that belong together: the same settings, different seeds."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from cs285.config import Config
from cs285.data.run_folders import RunFolder
from cs285.errors import InvalidInput
from cs285.results.intervals import Summary, summarize

# settings that say where and how a run is computed or logged, not what it computes
NON_RESULT_SETTINGS = {
    *("seed", "seeds", "exp_name", "logdir", "num_workers", "no_gpu", "which_gpu"),
    *("video_log_freq", "scalar_log_freq", "checkpoint_freq", "save_params", "resume"),
}
RESULT_SETTINGS = tuple(field.name for field in fields(Config) if field.name not in NON_RESULT_SETTINGS)
FILES = ("expert_policy_file", "expert_data")
OF_A_TASK = ("env_name", *FILES, "backend")


def identity(config: Config) -> tuple[Any, ...]:
    """What decides a run's result, but for its seed: equal for runs that belong together."""
    return tuple(config.iterations if name == "n_iter" else getattr(config, name) for name in RESULT_SETTINGS)


@dataclass(frozen=True)
class Series:
    """Runs that differ in their seed only, and read the same files; each has one evaluation or more.

    Attributes:
        runs: in the order of their seeds.
    """

    runs: tuple[RunFolder, ...]

    @property
    def config(self) -> Config:
        """The settings of the first, which speak for all."""
        return self.runs[0].config

    @property
    def inputs(self) -> Mapping[str, str]:
        """SHA-256 of the files that they read, by setting; empty when none of them says."""
        return next((run.inputs for run in self.runs if run.inputs), {})

    @property
    def task(self) -> str:
        """The environment's id."""
        return self.config.env_name

    @property
    def method(self) -> str:
        """``BC`` or ``DAgger``."""
        return self.runs[0].method

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds of the runs."""
        return tuple(run.config.seed for run in self.runs)

    @property
    def iterations(self) -> tuple[int, ...]:
        """The iterations that some run evaluated."""
        return tuple(sorted({itr for run in self.runs for itr in run.iterations}))

    @property
    def last(self) -> int:
        """The last iteration that all runs have, or else the last of all."""
        common = set.intersection(*(set(run.iterations) for run in self.runs))
        return max(common or self.iterations)

    def values(self, name: str, itr: int) -> list[float]:
        """A scalar in one iteration, of each run that has both."""
        return [row[name] for run in self.runs for row in run.rows if row["itr"] == itr and name in row]

    def summary(self, name: str, itr: int) -> Summary:
        """The statistics of a scalar in one iteration over the seeds."""
        return summarize(self.values(name, itr))

    def rollout_std(self, itr: int) -> float:
        """Standard deviation of the return over the episodes of one policy, root mean square over the seeds."""
        return float(np.sqrt(np.mean(np.square(self.values("Eval_StdReturn", itr)))))

    @property
    def command(self) -> str:
        """A command line that gives these runs."""
        config, default = self.config, Config()
        flags = []
        for name in RESULT_SETTINGS:
            value = getattr(config, name)
            if name == "n_iter" and config.iterations == replace(config, n_iter=None).iterations:
                continue
            if value != getattr(default, name) or name == "env_name":
                flags.append(f"--{name}" if value is True else f"--{name} {shlex.quote(str(value))}")
        seeds = f"--seeds {','.join(map(str, self.seeds))}" if len(self.seeds) > 1 else f"--seed {self.seeds[0]}"
        return " ".join(["python scripts/run_hw1.py", *flags, seeds])

    @property
    def expert(self) -> tuple[float, float | None]:
        """Mean return of the expert and its standard deviation; of its recorded data where it was not measured."""
        first = self.iterations[0]
        if means := self.values("Expert_AverageReturn", first):
            return float(np.mean(means)), float(np.mean(self.values("Expert_StdReturn", first)))
        return self.values("Initial_DataCollection_AverageReturn", first)[0], None


def group_by_settings(runs: Sequence[RunFolder]) -> list[Series]:
    """Put runs together that differ in nothing but their seed; runs without an evaluation are left out.

    A run that does not say what its files were belongs to the others with its settings, where these agree.

    Raises:
        InvalidInput: when no run was evaluated, or two have the same settings, files and seed.
    """
    evaluated = [run for run in runs if run.rows]
    known: dict[tuple[Any, ...], set[tuple[tuple[str, str], ...]]] = {}
    for run in evaluated:
        known.setdefault(identity(run.config), set()).update([_files(run.inputs)] if run.inputs else [])
    groups: dict[tuple[Any, ...], dict[int, RunFolder]] = {}
    for run in evaluated:
        files = known[identity(run.config)]
        of_the_others = next(iter(files)) if len(files) == 1 else ()
        group = groups.setdefault((*identity(run.config), _files(run.inputs) or of_the_others), {})
        if (other := group.setdefault(run.config.seed, run)) is not run:
            raise InvalidInput(
                f"two values for seed {run.config.seed}, iteration {run.iterations[0]} "
                f"of the same settings: {other.path} and {run.path}; name one of them"
            )
    if not groups:
        raise InvalidInput(f"no run was evaluated yet: {', '.join(str(run.path) for run in runs)}")
    return [Series(tuple(group[seed] for seed in sorted(group))) for group in groups.values()]


def select(runs: Sequence[RunFolder], conditions: Sequence[str]) -> list[RunFolder]:
    """The runs whose settings are as ``conditions`` say.

    Args:
        runs: to choose from.
        conditions: such as ``size=64``.

    Raises:
        InvalidInput: when a condition names no setting, or no run is left.
    """
    names = [field.name for field in fields(Config)]
    for condition in conditions:
        name, _, wanted = condition.partition("=")
        if name not in names:
            raise InvalidInput(f"{condition!r} is no setting of a run with a value; settings are {', '.join(names)}")
        values = sorted({str(getattr(run.config, name)) for run in runs})
        runs = [run for run in runs if str(getattr(run.config, name)) == wanted]
        if not runs:
            raise InvalidInput(f"no run has {condition}; {name} is {', '.join(values)}")
    return list(runs)


def differing_settings(series: Sequence[Series]) -> list[str]:
    """The settings in which some of the series differ; of a file, in its path or in what is in it."""
    values = {name: {(str(getattr(s.config, name)), s.inputs.get(name)) for s in series} for name in RESULT_SETTINGS}
    return [name for name, different in values.items() if len(different) > 1]


def studies(series: Sequence[Series]) -> dict[str, list[Series]]:
    """Series of BC on one task that differ in a single setting with numbers for values.

    Returns:
        For each such setting but eval_batch_size, which changes the measurement alone, its largest
        set of series.
    """
    found: dict[str, list[Series]] = {}
    for name in RESULT_SETTINGS:
        if name == "eval_batch_size" or not isinstance(getattr(Config(), name), (int, float)):
            continue
        groups: dict[tuple[Any, ...], list[Series]] = {}
        for s in series:
            if s.method == "BC":
                others = tuple(getattr(s.config, other) for other in RESULT_SETTINGS if other != name)
                groups.setdefault((*others, _files(s.inputs)), []).append(s)
        largest = max(groups.values(), key=len, default=[])
        if len(largest) > 1:
            found[name] = largest
    return found


def usual(series: Sequence[Series], method: str) -> list[Series]:
    """For each task its series with the settings that most tasks share, or that it has most of, of one method.

    They may differ in eval_batch_size.
    """
    chosen: dict[str, list[Series]] = {}
    for group in _by_settings(series, method):
        for task in {s.task for s in group} - chosen.keys():
            chosen[task] = [s for s in group if s.task == task]
    return sorted((s for of_task in chosen.values() for s in of_task), key=_order)


def across_tasks(series: Sequence[Series], method: str) -> list[Series]:
    """The `usual` series, and those with other numbers of gradient steps on as many tasks, two or more."""
    groups = _by_settings(series, method)
    most = {s.task for s in groups[0]} if groups else set()
    chosen = {id(s): s for s in usual(series, method)}
    for group in groups[1:]:
        differing = differing_settings([groups[0][0], group[0]])
        as_many = len({s.task for s in group}) == len(most) > 1
        if as_many and set(differing) <= {*OF_A_TASK, "eval_batch_size", "num_agent_train_steps_per_iter"}:
            chosen |= {id(s): s for s in group}
    return sorted(chosen.values(), key=_order)


def _by_settings(series: Sequence[Series], method: str) -> list[list[Series]]:
    """The series of one method, apart by settings, those first that most tasks have, then the most usual ones."""
    apart = [name for name in RESULT_SETTINGS if name not in (*OF_A_TASK, "eval_batch_size")]
    groups: dict[tuple[Any, ...], list[Series]] = {}
    for s in series:
        if s.method == method:
            groups.setdefault(tuple(getattr(s.config, name) for name in apart), []).append(s)
    return sorted(
        groups.values(),
        key=lambda group: (-len({s.task for s in group}), -len(group), _changed(group[0].config, apart)),
    )


def _changed(config: Config, names: Sequence[str]) -> int:
    """How many of some settings are not the default."""
    usual_ones = Config(do_dagger=config.do_dagger)
    both = zip(RESULT_SETTINGS, identity(config), identity(usual_ones), strict=True)
    return sum(value != default for name, value, default in both if name in names)


def _files(inputs: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(inputs.items()))


def _order(series: Series) -> tuple[str, int, int]:
    config = series.config
    return series.task, config.num_agent_train_steps_per_iter, config.eval_batch_size


def check_one_task(series: Sequence[Series], what: str) -> None:
    """Refuse series of different tasks.

    Raises:
        InvalidInput: naming the tasks.
    """
    tasks = sorted({s.task for s in series})
    if len(tasks) > 1:
        raise InvalidInput(f"runs of different tasks in {what}: {', '.join(tasks)}; choose one with --env_name")
