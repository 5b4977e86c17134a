"""Series: runs with the same settings and different seeds."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from cs285.config import Config
from cs285.data.run_folders import RunFolder
from cs285.errors import InvalidInput
from cs285.results.intervals import Summary, summarize

# Settings of how a run is computed, and of what is saved and logged; they change no evaluation.
NON_RESULT_SETTINGS = {"seed", "exp_name", "logdir", "num_workers", "no_gpu", "which_gpu", "resume"}
NON_RESULT_SETTINGS |= {"video_log_freq", "scalar_log_freq", "checkpoint_freq", "save_params"}
RESULT_SETTINGS = tuple(field.name for field in fields(Config) if field.name not in NON_RESULT_SETTINGS)
DEFAULT_POLICY = "cs285.policies.make_policy:make_mlp_policy"
DEFAULTS = {None: "default", DEFAULT_POLICY: "default"}
RETURN = "Eval_AverageReturn"


def identity(config: Config) -> tuple[Any, ...]:
    """The settings that decide a run's result except its seed, as a hashable key."""
    return tuple(config.iterations if name == "n_iter" else getattr(config, name) for name in RESULT_SETTINGS)


class Series:
    """Runs with the same settings, input files and policy, each with another seed.

    Attributes:
        runs: the runs, sorted by seed.
        config: settings of the first run; the others differ in `NON_RESULT_SETTINGS` only.
        task: the environment's id.
        method: ``BC`` or ``DAgger``.
        seeds: the seeds.
        iterations: the iterations that at least one run evaluated.
        last: the last iteration that all runs evaluated; the last of any where they have none in common.
        facts: the settings that decide the result, as text, with digests of the input files and the policy's maker.
    """

    def __init__(self, runs: Sequence[RunFolder]) -> None:
        self.runs = tuple(sorted(runs, key=lambda run: run.config.seed))
        first = self.runs[0]
        self.config, self.method, self.task = first.config, first.method, first.config.env_name
        self.seeds = tuple(run.config.seed for run in self.runs)
        evaluated = [set(run.iterations) for run in self.runs]
        self.iterations = tuple(sorted(set.union(*evaluated)))
        self.last = max(set.intersection(*evaluated) or self.iterations, default=-1)
        values = dict(zip(RESULT_SETTINGS, identity(self.config), strict=True))
        values["make_policy"] = first.policy.get("make_policy", DEFAULT_POLICY)
        self.facts = {name: DEFAULTS.get(value, str(value)) for name, value in values.items()}
        for name in first.inputs.keys() & self.facts.keys():
            self.facts[name] += f" (SHA-256 {first.inputs[name][:6]})"

    def values(self, name: str, itr: int) -> list[float]:
        """A scalar in one iteration, from each run that has both."""
        return [row[name] for run in self.runs for row in run.rows if row["itr"] == itr and name in row]

    def summary(self, itr: int) -> Summary:
        """The statistics of the mean return in one iteration over the seeds."""
        return summarize(self.values(RETURN, itr))

    def rollout_std(self, itr: int) -> float:
        """Standard deviation of the return over the episodes of one policy, root mean square over the seeds."""
        return float(np.sqrt(np.mean(np.square(self.values("Eval_StdReturn", itr)))))

    def expert(self) -> tuple[float, float | None]:
        """Mean and standard deviation of the expert's return; mean of its data and None where it was not measured."""
        first = self.iterations[0]
        if means := self.values("Expert_AverageReturn", first):
            return float(np.mean(means)), float(np.mean(self.values("Expert_StdReturn", first)))
        return self.values("Initial_DataCollection_AverageReturn", first)[0], None

    def command(self) -> str:
        """A command line that repeats the runs, of the user's own script where that made the policy."""
        flags = ["--env_name", shlex.quote(self.task), *(["--do_dagger"] if self.config.do_dagger else [])]
        usual = identity(Config(env_name=self.task, do_dagger=self.config.do_dagger))
        for name, value, default in zip(RESULT_SETTINGS, identity(self.config), usual, strict=True):
            if value != default:
                flags += [f"--{name}", shlex.quote(str(value))]
        flags += ["--seeds" if len(self.seeds) > 1 else "--seed", ",".join(map(str, self.seeds))]
        return f"python {shlex.quote(self.script)} {' '.join(flags)}"

    @property
    def script(self) -> str:
        """The script that made the runs: run_hw1.py, or the module of the user's own make_policy."""
        policy = self.facts["make_policy"]
        return "scripts/run_hw1.py" if policy == "default" else f"{policy.partition(':')[0].replace('.', '/')}.py"


def group_by_settings(runs: Sequence[RunFolder]) -> list[Series]:
    """Group runs that differ in their seed only; runs without an evaluation are left out.

    Raises InvalidInput when no run has an evaluation, or two have the same settings, input files, policy and seed.
    """
    groups: dict[tuple[Any, ...], dict[int, RunFolder]] = {}
    for run in (run for run in runs if run.rows):
        key = (*identity(run.config), *sorted(run.inputs.items()), *sorted(run.policy.items()))
        other = groups.setdefault(key, {}).setdefault(run.config.seed, run)
        if other is not run:
            same = f"seed {run.config.seed} and the same settings"
            raise InvalidInput(f"two runs with {same}: {other.path} and {run.path}; name one of them with --runs")
    if not groups:
        raise InvalidInput(f"no run has an evaluation: {', '.join(str(run.path) for run in runs)}")
    series = [Series(list(group.values())) for group in groups.values()]
    return sorted(series, key=lambda s: (s.task, s.config.num_agent_train_steps_per_iter, s.config.eval_batch_size))


def differing(series: Sequence[Series]) -> list[str]:
    """Names of the `Series.facts` in which some of the series differ."""
    return [name for name in series[0].facts if len({s.facts[name] for s in series}) > 1]


def numeric_settings(series: Sequence[Series]) -> list[str]:
    """Names of the settings in which some of the series differ, and which are a number in each."""
    numbers = [name for name in RESULT_SETTINGS if all(type(getattr(s.config, name)) in (int, float) for s in series)]
    return [name for name in differing(series) if name in numbers]


def group_by_parameter(series: Sequence[Series], parameter: str) -> list[list[Series]]:
    """Group series that differ in one numeric setting only, sorted by it, into groups of at least two."""
    groups: dict[tuple[Any, ...], list[Series]] = {}
    for s in sorted(series, key=lambda s: float(getattr(s.config, parameter))):
        groups.setdefault(tuple(item for item in s.facts.items() if item[0] != parameter), []).append(s)
    return [group for group in groups.values() if len(group) > 1]


def series_names(series: Sequence[Series], left_out: Sequence[str] = ()) -> list[str]:
    """A name for each series: its method, and the settings or else the architecture in which the series differ."""
    shown = [name for name in differing(series) if name not in ("do_dagger", *left_out)]
    facts, names = [s.facts for s in series], []
    for s in series:
        architecture = [s.runs[0].policy.get("architecture", "")] if facts.count(s.facts) > 1 else []
        names.append(" ".join([s.method, *(f"{name}={s.facts[name]}" for name in shown), *architecture]))
    return names
