"""Inputs of a run: rollout workers, the expert and the expert's recorded episodes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np

from cs285.config import Config
from cs285.data.expert_data import load_expert_data
from cs285.data.shipped import input_files, shipped_data, shipped_expert, versions_with_files
from cs285.data.trajectory import Array, Trajectory
from cs285.data.whole_files import digest
from cs285.envs.layouts import convert_observations, print_conversion
from cs285.envs.make_env import TaskSpec
from cs285.errors import InvalidInput, error_context
from cs285.infrastructure.actions import expert_actions, renumber
from cs285.infrastructure.metrics import return_statistics
from cs285.infrastructure.rollout_workers import RolloutWorkers
from cs285.infrastructure.seeding import Stream, episode_seeds
from cs285.infrastructure.utils import sample_n_trajectories, sample_trajectories
from cs285.policies.base_policy import BasePolicy
from cs285.policies.external_policy import as_policy, random_policy
from cs285.policies.loaded_gaussian_policy import load_expert

EXPERT_SEED = 0  # seed for evaluating the expert and the random policy, whatever the run's own seed is
NAMES = {"Expert": "the expert", "Random": "the random policy"}  # names of the two policies in messages
RANDOM_STEPS = 1000  # minimum steps of the random policy's evaluation; --eval_batch_size is used if it is smaller


class RunInputs:
    """Context manager of a run's rollout workers, expert and data, which runs with other seeds can share.

    ``initial_expertdata`` has the expert's recorded episodes. ``expert_policy`` is None if behavioural cloning has no
    expert. ``digests`` maps each setting that names an input file to the file's SHA-256.
    """

    def __init__(self, config: Config, expert: object | None = None) -> None:
        self._config, self._expert = config, expert
        self.digests = {name: digest(path) for name, path in input_files(config, expert).items()}
        films = config.video_log_freq != -1
        with ExitStack() as on_failure:
            needed = max(config.batch_size, config.eval_batch_size)  # bound on the episodes: each has at least one step
            self.rollouts = RolloutWorkers(  # made before any thread, since a process with threads forks no workers
                config.env_name, config.ep_len, config.num_workers, config.backend, films, needed, config.env_kwargs
            )
            self._thread = ThreadPoolExecutor(1)
            on_failure.callback(self._thread.shutdown, cancel_futures=True)
            on_failure.callback(self.rollouts.close)  # runs before `shutdown`, since the thread waits for rollouts
            self.initial_expertdata = load_initial_data(config, self.rollouts.spec)
            self.expert_policy = find_expert(config, self.rollouts.spec, expert, self.initial_expertdata)
            self._references: dict[str, Future[list[Trajectory]]] | None = None
            self._owned = on_failure.pop_all()

    def start_references(self) -> None:
        """Start to evaluate the expert and a random policy, unless this is done already or no scalars are logged."""
        config = self._config
        if self._references is not None or config.scalar_log_freq == -1:
            return
        self._references, steps, episodes = {}, config.eval_batch_size, config.expert_eval_episodes
        seeds = [episode_seeds(EXPERT_SEED, Stream.EXPERT, itr) for itr in range(2)]
        if (expert := self.expert_policy) is not None and episodes != 0:
            with error_context(f"{NAMES['Expert']} on {config.env_name}", 0):
                self._references["Expert"] = self.start_evaluation(expert, steps, seeds[0], episodes)
        policy = random_policy(self.rollouts.spec.action_space, len(self.rollouts.spec.ob_shape))
        self._references["Random"] = self.start_evaluation(policy, min(steps, RANDOM_STEPS), seeds[1])

    def start_evaluation(
        self, policy: BasePolicy, min_timesteps: int, seeds: Iterator[int], episodes: int | None = None
    ) -> Future[list[Trajectory]]:
        """Roll out ``episodes`` episodes; None: roll out episodes until they have ``min_timesteps`` steps together.

        If the policy can't act in workers, the rollouts end before this method returns; else a thread waits for them.
        """
        bar = "measuring the expert" if policy is self.expert_policy else None

        def roll_out() -> list[Trajectory]:
            if episodes is not None:
                return sample_n_trajectories(self.rollouts, policy, episodes, seeds, bar)
            return sample_trajectories(self.rollouts, policy, min_timesteps, seeds, bar)[0]

        if self.rollouts.in_workers(policy):
            return self._thread.submit(roll_out)
        finished: Future[list[Trajectory]] = Future()
        finished.set_result(roll_out())
        return finished

    def reference_scalars(self) -> dict[str, float]:
        """Wait for evaluations of `start_references`; return mean and standard deviation of each policy's returns."""
        scalars: dict[str, float] = {}
        for name, evaluation in (self._references or {}).items():
            with error_context(f"{NAMES[name]} on {self._config.env_name}", 0):
                measured = return_statistics(evaluation.result(), name)
            scalars |= {key: measured[key] for key in (f"{name}_AverageReturn", f"{name}_StdReturn")}
        return scalars

    def check_shared(self, config: Config, expert: object | None) -> None:
        """Raise InvalidInput if these inputs are for another expert, or for other settings except seed and exp_name."""
        same = replace(config, seed=self._config.seed, exp_name=self._config.exp_name) == self._config
        if not same or (expert is not None and expert is not self._expert):
            raise InvalidInput("the inputs that were passed are of a run with another expert or other settings")

    def __enter__(self) -> RunInputs:
        return self

    def __exit__(self, *error: object) -> None:
        self._owned.close()


def find_expert(
    config: Config, spec: TaskSpec, expert: object | None, paths: Sequence[Trajectory]
) -> BasePolicy | None:
    """The expert of a run: ``expert`` if given, else ``--expert_policy_file``, else the expert that ships.

    The expert is tried on the first observations of ``paths``, the expert's recorded episodes. Returns None when
    behavioural cloning has no expert. Raises InvalidInput when DAgger has no expert, or the expert can't be used.
    """
    path = config.expert_policy_file or shipped_expert(config.env_name)
    if expert is not None:
        policy = as_policy(expert, len(spec.ob_shape), spec.ac_start)
    elif path is not None:
        policy = load_expert(path, config.env_name, spec)
    elif config.do_dagger:
        hint = versions_with_files(config.env_name)
        raise InvalidInput(f"no expert ships for {config.env_name}; name one with --expert_policy_file{hint}")
    else:
        return None
    expert_actions(policy, paths[0].observations[:2], spec)  # a wrong expert fails now, not in iteration 1
    return policy


def load_initial_data(config: Config, spec: TaskSpec) -> list[Trajectory]:
    """Read the expert's episodes, and convert the observations to the environment's layout, or raise InvalidInput."""
    path = config.expert_data or shipped_data(config.env_name)
    if path is None:
        recorded = f", or record some: scripts/collect_expert_data.py --env_name {config.env_name}"
        hint = recorded if shipped_expert(config.env_name) else versions_with_files(config.env_name)
        raise InvalidInput(f"no expert data ships for {config.env_name}; name a file with --expert_data{hint}")
    paths = renumber(load_expert_data(path, spec.time_limit, spec.discrete), -spec.ac_start)
    if (wanted := config.expert_episodes or 1) > len(paths):
        raise InvalidInput(f"--expert_episodes is {wanted}; it must be at most {len(paths)}, the episodes in {path}")
    paths = paths[: config.expert_episodes]
    ob_shape = paths[0].observations.shape[1:]
    if paths[0].observations.dtype.kind in "iub" and spec.ob_dtype.kind == "f":
        paths = _with_states(paths, lambda states: states.astype(spec.ob_dtype))
    if len(ob_shape) == len(spec.ob_shape) == 1 and ob_shape != spec.ob_shape:
        print_conversion(config.env_name, ob_shape[0], spec.ob_dim, what=str(path))
        paths = _with_states(paths, lambda states: convert_observations(states, config.env_name, spec.ob_dim))
    check_sizes(path, config.env_name, spec, paths)
    return paths


def check_sizes(path: Path, env_name: str, spec: TaskSpec, paths: Sequence[Trajectory]) -> None:
    """Raise InvalidInput if observations or actions of the episodes read from ``path`` do not fit the environment."""
    found = {_describe(p.observations[0], None if p.discrete else p.actions.shape[1]) for p in paths}
    needed = _describe(np.empty(spec.ob_shape, spec.ob_dtype), None if spec.discrete else spec.ac_dim)
    if found - {needed}:
        raise InvalidInput(f"{path} has {min(found - {needed})}, but {env_name} has {needed}")
    if spec.discrete and paths:
        low, high = min(path.actions.min() for path in paths), max(path.actions.max() for path in paths)
        if low < 0 or high >= spec.ac_dim:
            low, high, last = np.add((low, high, spec.ac_dim - 1), spec.ac_start)
            wanted = f"{env_name} has choices {spec.ac_start} to {last}"
            raise InvalidInput(f"{path} has actions {low} to {high}, but {wanted}")


def _describe(observation: Array, ac_dim: int | None) -> str:
    actions = "discrete actions" if ac_dim is None else f"actions of {ac_dim} numbers"
    return f"observations of {observation.dtype} {observation.shape} and {actions}"


def _with_states(paths: Sequence[Trajectory], convert: Callable[[Array], Array]) -> list[Trajectory]:
    return [
        replace(path, observations=convert(path.observations), next_observations=convert(path.next_observations))
        for path in paths
    ]
