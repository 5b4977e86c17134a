"""What a run needs beside its settings: rollout workers, its expert and the expert's recorded episodes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from cs285.config import Config
from cs285.data.expert_data import load_expert_data
from cs285.data.provenance import digest
from cs285.data.shipped import input_files, shipped_data, shipped_expert
from cs285.data.trajectory import Trajectory
from cs285.envs.layouts import check_convertible, conversion_notice, convert_observations
from cs285.envs.make_env import TaskSpec
from cs285.errors import InvalidInput, error_context
from cs285.infrastructure.actions import expert_actions
from cs285.infrastructure.metrics import return_statistics
from cs285.infrastructure.rollout_workers import RolloutWorkers
from cs285.infrastructure.seeding import Stream, episode_seeds
from cs285.infrastructure.utils import sample_trajectories
from cs285.policies.base_policy import BasePolicy
from cs285.policies.external_policy import as_policy
from cs285.policies.loaded_gaussian_policy import load_expert

EXPERT_SEED = 0  # the same episodes measure the expert in every run, whatever its seed


class RunInputs:
    """What a run needs beside its settings; runs that differ in their seed only can share it. A context manager.

    Attributes:
        digests: SHA-256 of the files that were read, by setting.
        rollouts: roll out policies in the run's environment.
        background: evaluates beside training.
        initial_expertdata: the expert's recorded episodes.
        expert_policy: relabels; None for behavioural cloning without an expert.
        expert_scalars: waits for the expert's measured return and gives its scalars.
    """

    def __init__(self, config: Config, expert: object | None = None) -> None:
        """Start the workers, read the files and begin to measure the expert; arguments as of `BC_Trainer`."""
        self.digests = {name: digest(path) for name, path in input_files(config, expert).items()}
        films = config.video_log_freq != -1
        with ExitStack() as on_failure:  # No thread has started yet, so that the workers can be forked.
            needed = max(config.batch_size, config.eval_batch_size)  # an episode has at least one step
            self.rollouts = RolloutWorkers(
                config.env_name, config.ep_len, config.num_workers, config.backend, films, episodes_needed=needed
            )
            self.background = Background(self.rollouts)
            on_failure.callback(self.background.close)
            on_failure.callback(self.rollouts.close)  # first, which cancels what runs in the background
            self.initial_expertdata = load_initial_data(config, self.rollouts.spec)
            self.expert_policy = find_expert(config, self.rollouts.spec, expert, self.initial_expertdata)
            self.expert_scalars = start_expert_evaluation(config, self.background, self.expert_policy)
            self._owned = on_failure.pop_all()

    def __enter__(self) -> RunInputs:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._owned.close()


class Background:
    """Evaluation rollouts in a thread beside training, where worker processes run the episodes."""

    def __init__(self, rollouts: RolloutWorkers) -> None:
        self.rollouts = rollouts
        self._thread = ThreadPoolExecutor(1)

    def start(self, policy: BasePolicy, min_timesteps: int, seeds: Iterator[int]) -> Future[list[Trajectory]]:
        """Begin `sample_trajectories`; without workers for the policy the future is finished when this returns."""
        if self.rollouts.in_workers(policy):
            return self._thread.submit(self._sample, policy, min_timesteps, seeds)
        finished: Future[list[Trajectory]] = Future()
        finished.set_result(self._sample(policy, min_timesteps, seeds))
        return finished

    def _sample(self, policy: BasePolicy, min_timesteps: int, seeds: Iterator[int]) -> list[Trajectory]:
        return sample_trajectories(self.rollouts, policy, min_timesteps, seeds)[0]

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(cancel_futures=True)


def start_expert_evaluation(config: Config, background: Background, expert: BasePolicy | None) -> Callable[[], Any]:
    """Begin to measure the expert's return, if there is an expert and anything is logged.

    Returns:
        A function that waits for the measurement and returns its scalars.
    """
    if expert is None or config.scalar_log_freq == -1:
        return dict
    with error_context(f"the expert on {config.env_name}", 0):
        seeds = episode_seeds(EXPERT_SEED, Stream.EXPERT, itr=0)
        evaluation = background.start(expert, config.eval_batch_size, seeds)

    def wait() -> dict[str, float]:
        with error_context(f"the expert on {config.env_name}", 0):
            measured = return_statistics(evaluation.result(), "Expert")
        return {name: measured[name] for name in ("Expert_AverageReturn", "Expert_StdReturn")}

    return wait


def find_expert(
    config: Config, spec: TaskSpec, expert: object | None, paths: Sequence[Trajectory]
) -> BasePolicy | None:
    """The expert of a run: the object that was passed, the file that was named, or the one that ships for the task.

    Args:
        config: the run's settings.
        spec: facts of its task.
        expert: a policy, an object with ``get_action``, or a function; None: a file.
        paths: the expert's episodes, to try the expert on.

    Returns:
        None when there is none and behavioural cloning can do without.

    Raises:
        InvalidInput: when DAgger has no expert, or it can't be used.
    """
    path = config.expert_policy_file or shipped_expert(config.env_name)
    if expert is not None:
        policy = as_policy(expert, len(spec.ob_shape))
    elif path is not None:
        policy = load_expert(path, config.env_name, spec)
    elif config.do_dagger:
        raise InvalidInput(f"no expert ships for {config.env_name}; name one with --expert_policy_file")
    else:
        return None
    expert_actions(policy, paths[0].observations[:2], spec)  # fail now rather than after the first iteration
    return policy


def load_initial_data(config: Config, spec: TaskSpec) -> list[Trajectory]:
    """The expert's recorded episodes, in the environment's observation layout.

    Raises:
        InvalidInput: when the file can't be used, or its sizes don't fit the environment.
    """
    path = config.expert_data or shipped_data(config.env_name)
    if path is None:
        raise InvalidInput(f"no expert data ships for {config.env_name}; name a file with --expert_data")
    paths = load_expert_data(path, spec.time_limit)
    ob_shape = paths[0].observations.shape[1:]
    if len(ob_shape) == len(spec.ob_shape) == 1 and ob_shape != spec.ob_shape:
        check_convertible(config.env_name, ob_shape[0], spec.ob_dim, what=str(path))
        print(conversion_notice(str(path), config.env_name, ob_shape[0], spec.ob_dim), file=sys.stderr)
        paths = [_convert(trajectory, config.env_name, spec.ob_dim) for trajectory in paths]
    check_sizes(path, config.env_name, spec, paths)
    return paths


def check_sizes(path: Path, env_name: str, spec: TaskSpec, paths: Sequence[Trajectory]) -> None:
    """Refuse recorded episodes whose observations or actions have another kind or size than the environment's.

    Raises:
        InvalidInput: naming both.
    """
    if not paths:
        return
    first = paths[0]
    ob_shape, ob_dtype = first.observations.shape[1:], first.observations.dtype
    if ob_shape != spec.ob_shape or ob_dtype != spec.ob_dtype:
        there, here = f"{ob_dtype} of shape {ob_shape}", f"{spec.ob_dtype} of shape {spec.ob_shape}"
        raise InvalidInput(f"{path}: its observations are {there}, but those of {env_name} are {here}")
    if first.discrete != spec.discrete:
        kinds = ("discrete", "continuous") if first.discrete else ("continuous", "discrete")
        raise InvalidInput(f"{path}: its actions are {kinds[0]}, but those of {env_name} are {kinds[1]}")
    if not spec.discrete and first.actions.shape[1] != spec.ac_dim:
        raise InvalidInput(f"{path}: actions of {first.actions.shape[1]} numbers, but {env_name} has {spec.ac_dim}")
    if spec.discrete:
        choices = np.concatenate([trajectory.actions for trajectory in paths])
        low, high = choices.min(), choices.max()
        if low < 0 or high >= spec.ac_dim:
            allowed = f"{env_name} has choices 0 to {spec.ac_dim - 1}"
            raise InvalidInput(f"{path}: actions from {low} to {high}, but {allowed}")


def _convert(trajectory: Trajectory, env_name: str, ob_dim: int) -> Trajectory:
    """The same trajectory with its observations in another known layout of the task."""
    return replace(
        trajectory,
        observations=convert_observations(trajectory.observations, env_name, ob_dim),
        next_observations=convert_observations(trajectory.next_observations, env_name, ob_dim),
    )
