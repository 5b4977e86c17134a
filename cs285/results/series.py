"""Series: runs with the same settings and different seeds."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from dataclasses import fields, replace
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
        self.config, self.method = self.runs[0].config, self.runs[0].method
        self.task = self.config.env_name
        self.seeds = tuple(run.config.seed for run in self.runs)
        evaluated = [set(run.iterations) for run in self.runs]
        self.iterations = tuple(sorted(set.union(*evaluated)))
        self.last = max(set.intersection(*evaluated) or self.iterations, default=-1)
        values = dict(zip(RESULT_SETTINGS, identity(self.config), strict=True))
        self.facts = {name: "default" if value is None else str(value) for name, value in values.items()}
        for name in self.runs[0].inputs.keys() & self.facts.keys():
            self.facts[name] += f" (SHA-256 {self.runs[0].inputs[name][:6]})"
        make_policy = self.runs[0].policy.get("make_policy", DEFAULT_POLICY)
        self.facts["make_policy"] = "default" if make_policy == DEFAULT_POLICY else make_policy

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
        """A command line that repeats the runs; a comment in it names a policy that run_hw1.py does not make."""
        shown = replace(self.config, n_iter=None)
        if shown.iterations != self.config.iterations:
            shown = self.config
        flags = []
        for name in RESULT_SETTINGS:
            value = getattr(shown, name)
            if value != getattr(Config(), name) or name == "env_name":
                flags.append(f"--{name}" if value is True else f"--{name} {shlex.quote(str(value))}")
        seeds = f"--seeds {','.join(map(str, self.seeds))}" if len(self.seeds) > 1 else f"--seed {self.seeds[0]}"
        policy = self.facts["make_policy"]
        comment = [] if policy == "default" else [f"# make_policy={policy}"]
        return " ".join(["python scripts/run_hw1.py", *flags, seeds, *comment])


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
            raise InvalidInput(f"two runs with {same}: {other.path} and {run.path}; name one of them")
    if not groups:
        raise InvalidInput(f"no run has an evaluation: {', '.join(str(run.path) for run in runs)}")
    series = [Series(list(group.values())) for group in groups.values()]
    return sorted(series, key=lambda s: (s.task, s.config.num_agent_train_steps_per_iter, s.config.eval_batch_size))


def group_by_parameter(series: Sequence[Series], parameter: str) -> list[list[Series]]:
    """Group series that differ in one numeric setting only, sorted by it, into groups of at least two."""
    groups: dict[tuple[Any, ...], list[Series]] = {}
    for s in sorted(series, key=lambda s: float(getattr(s.config, parameter))):
        groups.setdefault(tuple(item for item in s.facts.items() if item[0] != parameter), []).append(s)
    return [group for group in groups.values() if len(group) > 1]


def differing(series: Sequence[Series]) -> list[str]:
    """Names of the `Series.facts` in which some of the series differ."""
    return [name for name in series[0].facts if len({s.facts[name] for s in series}) > 1]


def numeric_settings(series: Sequence[Series]) -> list[str]:
    """Names of the settings in which some of the series differ, and which are a number in each."""
    settings = [name for name in differing(series) if name in RESULT_SETTINGS]
    return [name for name in settings if all(type(getattr(s.config, name)) in (int, float) for s in series)]


def series_names(series: Sequence[Series], left_out: Sequence[str] = ()) -> list[str]:
    """A name for each series: its method, and the settings in which the series differ."""
    shown = [name for name in differing(series) if name not in ("do_dagger", *left_out)]
    names = []
    for s in series:
        ambiguous = sum(other.facts == s.facts for other in series) > 1
        architecture = [s.runs[0].policy.get("architecture", "")] if ambiguous else []
        names.append(" ".join([s.method, *(f"{name}={s.facts[name]}" for name in shown), *architecture]))
    return names


def select(runs: Sequence[RunFolder], conditions: Sequence[str]) -> list[RunFolder]:
    """Select the runs that meet all conditions, such as ``size=64``; raise InvalidInput when there is none."""
    known = [field.name for field in fields(Config)]
    for condition in conditions:
        name, _, wanted = condition.partition("=")
        if name not in known:
            raise InvalidInput(f"{condition!r} is not SETTING=VALUE; settings are {', '.join(known)}")
        values = sorted({str(getattr(run.config, name)) for run in runs})
        runs = [run for run in runs if str(getattr(run.config, name)) == wanted]
        if not runs:
            raise InvalidInput(f"no run has {condition}; {name} is {', '.join(values)}")
    return list(runs)


def print_incomplete(runs: Sequence[RunFolder]) -> list[str]:
    """Print a line on stderr for each incomplete run, with the number of its evaluations, and return these lines."""
    counts = [(run.path, len(run.rows), len(run.expected)) for run in runs if not run.complete]
    lines = [f"{path}: incomplete run, {count} of {expected} evaluations used" for path, count, expected in counts]
    for line in lines:
        print(line, file=sys.stderr)
    return lines
