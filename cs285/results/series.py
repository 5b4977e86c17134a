"""Series, which are runs with the same settings and different seeds, and statistics over the seeds."""

import json
import shlex
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
from scipy import stats

from cs285.config import Config
from cs285.data.run_folders import RunFolder
from cs285.envs.make_env import V2_IDS
from cs285.errors import InvalidInput

# Settings in which the runs of a series may differ: the seed, names, hardware, and what is saved and logged.
NON_RESULT_SETTINGS = {"seed", "exp_name", "logdir", "num_workers", "no_gpu", "which_gpu", "resume"}
NON_RESULT_SETTINGS |= {"video_log_freq", "scalar_log_freq", "checkpoint_freq", "save_params", "expert_eval_episodes"}
RESULT_SETTINGS = tuple(field.name for field in fields(Config) if field.name not in NON_RESULT_SETTINGS)
DEFAULT_POLICY = "cs285.policies.make_policy:make_mlp_policy"
FILES = ("expert_data", "expert_policy_file")
RETURN = "Eval_AverageReturn"
# A BC series and a DAgger series can be compared if they differ in these settings only. BC does not use do_dagger,
# n_iter and batch_size. `role` compares the numbers of gradient steps. eval_batch_size changes the measurement only.
MAY_DIFFER = {"do_dagger", "n_iter", "num_agent_train_steps_per_iter", "batch_size", "eval_batch_size"}
METHODS = ("BC", "BC, as many gradient steps as DAgger", "DAgger")


class Summary(NamedTuple):
    """Statistics over one or more seeds, with one value for each seed."""

    seeds: int
    mean: float
    std: float  # standard deviation with divisor n - 1; 0 for one seed
    iqm: float  # interquartile mean: mean of the values' middle half
    low: float  # low and high: ends of the 95 % bootstrap interval of the IQM; with one seed, both are the IQM
    high: float


def summarize(*samples: Sequence[float] | np.typing.NDArray[np.float64]) -> Summary:
    """Compute the statistics of all values in ``samples``; a sample has the values of one or more seeds.

    The interval comes from 10 000 resamples with a fixed seed, and each sample is resampled separately (Agarwal et al.
    2021, "Deep RL at the edge of the statistical precipice"). It has no width if the values in each sample are equal.
    """

    def interquartile_mean(*parts: Any, axis: int = 0) -> Any:
        return stats.trim_mean(np.concatenate(parts, axis), 0.25, axis=axis)

    values = np.concatenate(samples)
    iqm = low = high = float(interquartile_mean(values))
    if any(np.ptp(sample) > 0 for sample in samples):  # with one seed in each sample, scipy's bootstrap fails
        options: dict[str, Any] = {"n_resamples": 10_000, "method": "percentile", "rng": np.random.default_rng(0)}
        low, high = map(float, stats.bootstrap(samples, interquartile_mean, **options).confidence_interval)
    std = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    return Summary(len(values), float(np.mean(values)), std, iqm, low, high)


def identity(config: Config) -> tuple[tuple[str, str], ...]:
    """Name and text of each setting, except the seed, that decides the result of a run; None becomes "default"."""
    values = {**vars(config), "n_iter": config.iterations, "learning_rate": float(config.learning_rate)}
    limit = 1000 if config.env_name in V2_IDS else getattr(gym.registry.get(config.env_name), "max_episode_steps", None)
    values["ep_len"] = config.ep_len or limit
    values["env_kwargs"] = json.dumps(config.env_kwargs, sort_keys=True) if config.env_kwargs else None
    return tuple((name, "default" if values[name] is None else str(values[name])) for name in RESULT_SETTINGS)


class Series:
    """Runs with the same settings, input files and policy, each with another seed.

    ``config`` has the settings of the first run. ``gradient_steps`` is the number of a run's gradient steps over all
    iterations. ``iterations`` are the iterations that at least one run evaluated. ``last`` is the last iteration that
    all runs evaluated. ``facts`` maps the name of each setting that decides the result to its value as text. The text
    of an input file contains the file's digest. The entry ``make_policy`` is the function that made the policy.
    """

    def __init__(self, runs: Sequence[RunFolder]) -> None:
        self.runs = tuple(sorted(runs, key=lambda run: run.config.seed))
        first = self.runs[0]
        self.config, self.method, self.task = first.config, first.method, first.config.env_name
        self.gradient_steps = self.config.iterations * self.config.num_agent_train_steps_per_iter
        self.seeds = tuple(run.config.seed for run in self.runs)
        evaluated = [set(run.iterations) for run in self.runs]
        self.iterations = tuple(sorted(set.union(*evaluated)))
        self.last = max(set.intersection(*evaluated) or self.iterations, default=-1)
        policy = first.policy.get("make_policy", DEFAULT_POLICY)
        self.facts = {**dict(identity(self.config)), "make_policy": "default" if policy == DEFAULT_POLICY else policy}
        for name in first.inputs.keys() & self.facts.keys():
            self.facts[name] += f" (SHA-256 {first.inputs[name][:6]})"

    def values(self, name: str, itr: int) -> list[float]:
        """The values of the scalar ``name`` in one iteration, one from each run that logged the scalar then."""
        return [row[name] for run in self.runs for row in run.rows if row["itr"] == itr and name in row]

    def summary(self, itr: int) -> Summary:
        """Statistics over the seeds of the mean return in one iteration; for one seed, ``std`` is over the episodes."""
        summary = summarize(self.values(RETURN, itr))
        return summary if summary.seeds > 1 else summary._replace(std=self.rollout_std(itr))

    def rollout_std(self, itr: int) -> float:
        """Population standard deviation of the return over the episodes of all seeds; seeds have equal weights."""
        within = np.mean(np.square(self.values("Eval_StdReturn", itr)))
        return float(np.sqrt(within + np.var(self.values(RETURN, itr))))

    def expert(self) -> tuple[float, float | None]:
        """Mean and standard deviation of the expert's return; if not measured, the recorded data's mean and None."""
        first = self.iterations[0]
        if means := self.values("Expert_AverageReturn", first):
            return float(np.mean(means)), float(np.mean(self.values("Expert_StdReturn", first)))
        return self.values("Initial_DataCollection_AverageReturn", first)[0], None

    def percent(self, value: float) -> float:
        """Convert a return to per cent of the expert's return; NaN where the expert's return is not positive."""
        expert, _ = self.expert()
        return 100 * value / expert if expert > 0 else np.nan

    def command(self) -> str:
        """Command line that repeats the runs, by run_hw1.py or by the user's own script (see `script`)."""
        flags = ["--env_name", shlex.quote(self.task), *(["--do_dagger"] if self.config.do_dagger else [])]
        usual = identity(Config(env_name=self.task, do_dagger=self.config.do_dagger))
        flags += [f"--{name} {shlex.quote(text)}" for name, text in identity(self.config) if (name, text) not in usual]
        flags += ["--seeds" if len(self.seeds) > 1 else "--seed", ",".join(map(str, self.seeds))]
        return f"python {shlex.quote(self.script)} {' '.join(flags)}"

    @property
    def script(self) -> str:
        """Path of the script that made the runs: run_hw1.py, or the module of the user's own make_policy."""
        policy = self.facts["make_policy"]
        return "scripts/run_hw1.py" if policy == "default" else f"{policy.partition(':')[0].replace('.', '/')}.py"


def group_by_settings(runs: Sequence[RunFolder]) -> list[Series]:
    """Group runs that differ only in their seed into series; runs without an evaluation are left out.

    Of several runs with the same settings and seed, `newest_runs` selects one. Raises InvalidInput if no run is left.
    """
    groups: dict[tuple[Any, ...], list[RunFolder]] = {}
    for run in newest_runs([run for run in runs if run.rows]):
        groups.setdefault(_key(run), []).append(run)
    if not groups:
        raise InvalidInput(f"no run has an evaluation: {', '.join(str(run.path) for run in runs)}")
    series = [Series(group) for group in groups.values()]
    return sorted(series, key=lambda s: (s.task, s.config.num_agent_train_steps_per_iter, s.config.eval_batch_size))


def newest_runs(runs: Sequence[RunFolder]) -> list[RunFolder]:
    """Of runs with equal settings, inputs, policy and seed, select the newest complete run, or else the newest run."""
    ordered = sorted(runs, key=lambda run: (run.complete, run.started))
    return list({(*_key(run), run.config.seed): run for run in ordered}.values())


def _key(run: RunFolder) -> tuple[Any, ...]:
    return (*identity(run.config), *sorted(run.inputs.items()), *sorted(run.policy.items()))


def compared(series: Sequence[Series]) -> dict[str, dict[str, Series]]:
    """Select the series to compare; for each task, the result has a dict from the method (of `METHODS`) to its series.

    A DAgger series is compared with the BC series of the same settings that took the gradient steps of one or of all
    iterations. On a task without DAgger, all BC series are selected. Raises InvalidInput if a method has several.
    """
    tasks: dict[str, dict[str, Series]] = {}
    daggers = by_task(series, "DAgger")
    for s in series:
        for method in filter(None, {role(s, other) for other in daggers.get(s.task, [s])}):
            if other := tasks.setdefault(s.task, {}).get(method):
                names = ", ".join(differing([s, other])) or "the architecture of the policy"
                raise InvalidInput(f"{method} on {s.task} has series that differ in {names}; use --where to select one")
            tasks[s.task][method] = s
    return tasks


def role(series: Series, other: Series) -> str | None:
    """The entry of `METHODS` by which a series is compared with ``other``, a DAgger series or itself; None if not."""
    if series.method == "DAgger":
        return "DAgger"
    steps = {other.gradient_steps: METHODS[1], other.config.num_agent_train_steps_per_iter: METHODS[0]}
    return steps.get(series.gradient_steps) if MAY_DIFFER.issuperset(differing([series, other])) else None


def differing(series: Sequence[Series]) -> list[str]:
    """Names of the `Series.facts` in which some of the series differ."""
    return [name for name in series[0].facts if len({s.facts[name] for s in series}) > 1]


def by_task(series: Sequence[Series], method: str) -> dict[str, list[Series]]:
    """The series of a method for each task, in alphabetical order of the tasks."""
    tasks = sorted({s.task for s in series if s.method == method})
    return {task: [s for s in series if (s.task, s.method) == (task, method)] for task in tasks}


def group_by_parameter(series: Sequence[Series], parameter: str) -> list[list[Series]]:
    """Groups of at least two series that differ only in the numeric setting ``parameter``, in order of its values."""
    groups: dict[tuple[Any, ...], list[Series]] = {}
    numeric = [s for s in series if parameter in s.facts and type(getattr(s.config, parameter, None)) in (int, float)]
    for s in sorted(numeric, key=lambda s: float(getattr(s.config, parameter))):
        groups.setdefault(tuple(item for item in s.facts.items() if item[0] != parameter), []).append(s)
    return [group for group in groups.values() if len(group) > 1]


def series_names(series: Sequence[Series], left_out: Sequence[str] = ()) -> list[str]:
    """A name for each series: the method, settings that differ and, if all settings are equal, the architecture."""
    shown = [name for name in differing(series) if name not in ("do_dagger", *left_out)]
    facts, names = [s.facts for s in series], []
    for s in series:
        architecture = [s.runs[0].policy.get("architecture", "")] if facts.count(s.facts) > 1 else []
        values = (f"{name}={Path(s.facts[name]).name if name in FILES else s.facts[name]}" for name in shown)
        names.append(" ".join([s.method, *values, *architecture]))
    return names
