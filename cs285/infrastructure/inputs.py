"""Inputs of a run: rollout workers, the expert and the expert's recorded episodes."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from typing import Any

from cs285.config import Config
from cs285.data.expert_data import load_expert_data
from cs285.data.shipped import input_files, shipped_data, shipped_expert, shipped_tasks
from cs285.data.trajectory import Trajectory
from cs285.data.whole_files import digest, reading
from cs285.envs.layouts import convert_observations, print_conversion
from cs285.envs.make_env import TaskSpec
from cs285.errors import InvalidInput, error_context
from cs285.infrastructure.metrics import return_statistics
from cs285.infrastructure.rollout_workers import RolloutWorkers
from cs285.infrastructure.seeding import Stream, episode_seeds
from cs285.infrastructure.utils import sample_n_trajectories, sample_trajectories
from cs285.policies.base_policy import BasePolicy, as_actions, expert_actions
from cs285.policies.external_policy import ExternalPolicy, as_policy
from cs285.policies.loaded_gaussian_policy import load_expert

EXPERT_SEED = 0  # seed for evaluating the expert and the random policy, whatever the run's own seed is
RANDOM_STEPS = 1000  # minimum steps of the random policy's evaluation; --eval_batch_size is used if it is smaller


class RunInputs(AbstractContextManager["RunInputs"]):
    """Rollout workers, expert and recorded episodes of a run, which runs with other seeds can share.

    ``expert_policy`` is None if behavioural cloning has no expert. ``digests`` maps each setting that names an input
    file to the file's SHA-256.
    """

    def __init__(self, config: Config, expert: object | None = None) -> None:
        self.config, self.expert = config, expert
        self.digests = {name: digest(path) for name, path in input_files(config, expert).items()}
        self._references: dict[str, Future[list[Trajectory]]] | None = None
        films, options = config.video_log_freq != -1, {"backend": config.backend, "env_kwargs": config.env_kwargs}
        needed = max(config.batch_size, config.eval_batch_size)  # bound on the episodes: each has at least one step
        with ExitStack() as on_failure:
            # The thread begins with the first evaluation, since a process with threads forks no workers. It ends after
            # the workers, for whose episodes it waits.
            self._thread = on_failure.enter_context(ThreadPoolExecutor(1))
            workers = RolloutWorkers(config.env_name, config.ep_len, config.num_workers, films, needed, **options)
            self.rollouts = on_failure.enter_context(workers)
            self.initial_expertdata = load_initial_data(config, self.rollouts.spec)
            self.expert_policy = find_expert(config, self.rollouts.spec, expert, self.initial_expertdata)
            self._owned = on_failure.pop_all()

    def start_references(self) -> None:
        """Start to evaluate the expert and a random policy, unless this is done already or no scalars are logged."""
        config, env_name, spec = self.config, self.config.env_name, self.rollouts.spec
        if self._references is not None or config.scalar_log_freq == -1:
            return
        self._references, steps, episodes = {}, config.eval_batch_size, config.expert_eval_episodes
        seeds = [episode_seeds(EXPERT_SEED, Stream.EXPERT, itr) for itr in range(2)]
        if (expert := self.expert_policy) is not None and episodes != 0:
            name = f"the expert on {env_name}"
            self._references["Expert"] = self.start_evaluation(name, 0, expert, steps, seeds[0], episodes)
        name = f"the random policy on {env_name}"
        space = copy.deepcopy(spec.action_space)  # `space.seed` must not change the spec's own generator
        policy = ExternalPolicy(lambda batch: [space.sample() for _ in batch], len(spec.ob_shape), space.seed)
        policy.copyable = True
        self._references["Random"] = self.start_evaluation(name, 0, policy, min(steps, RANDOM_STEPS), seeds[1])

    def start_evaluation(
        self, name: str, itr: int, policy: BasePolicy, steps: int, seeds: Iterator[int], episodes: int | None = None
    ) -> Future[list[Trajectory]]:
        """Roll out ``episodes`` episodes; None: roll out episodes until they have ``steps`` steps together.

        If the policy can't act in workers, the rollouts end before this method returns; else a thread waits for them.
        Error messages begin with ``name`` and the iteration.
        """
        bar = "measuring the expert" if policy is self.expert_policy else ""

        def roll_out() -> list[Trajectory]:
            with error_context(name, itr):
                if episodes is not None:
                    return sample_n_trajectories(self.rollouts, policy, episodes, seeds, bar)
                return sample_trajectories(self.rollouts, policy, steps, seeds, bar)[0]

        if self.rollouts.pickled(policy) is not None:
            return self._thread.submit(roll_out)
        finished: Future[list[Trajectory]] = Future()
        finished.set_result(roll_out())
        return finished

    def reference_scalars(self) -> dict[str, float]:
        """Wait for evaluations of `start_references`; return mean and standard deviation of each policy's returns."""
        scalars: dict[str, float] = {}
        for name, evaluation in (self._references or {}).items():
            scalars |= return_statistics(evaluation.result(), name)
        return {name: value for name, value in scalars.items() if name.endswith(("AverageReturn", "StdReturn"))}

    def __exit__(self, *error: Any) -> None:
        self._owned.__exit__(*error)


def find_expert(
    config: Config, spec: TaskSpec, expert: object | None, paths: Sequence[Trajectory]
) -> BasePolicy | None:
    """The expert of a run: ``expert`` if given, else ``--expert_policy_file``, else the expert that ships.

    Returns None when behavioural cloning has no expert. Raises InvalidInput when DAgger has none, or when the expert
    can't act for the first observations of ``paths``, the expert's recorded episodes.
    """
    path = config.expert_policy_file or shipped_expert(config.env_name)
    if expert is not None:
        policy = as_policy(expert, len(spec.ob_shape), spec.ac_start)
    elif path is not None:
        policy = load_expert(path, config.env_name, spec)
    elif config.do_dagger:
        ship = f"only for {', '.join(shipped_tasks())}"
        raise InvalidInput(f"no expert ships for {config.env_name}; {ship}; name one with --expert_policy_file")
    else:
        return None
    expert_actions(policy, paths[0].observations[:2], spec)  # a wrong expert fails now, not in iteration 1
    return policy


def load_initial_data(config: Config, spec: TaskSpec) -> list[Trajectory]:
    """Read the expert's episodes, and convert the observations to the environment's layout, or raise InvalidInput."""
    path = config.expert_data or shipped_data(config.env_name)
    if path is None:
        ship = f"only for {', '.join(shipped_tasks())}; record some with scripts/collect_expert_data.py"
        raise InvalidInput(f"no expert data ships for {config.env_name}; {ship}, or name a file with --expert_data")
    paths = load_expert_data(path, spec.time_limit, spec.discrete)
    if (wanted := config.expert_episodes or 1) > len(paths):
        raise InvalidInput(f"--expert_episodes is {wanted}; it must be at most {len(paths)}, the episodes in {path}")
    env_name, ob_shape = config.env_name, paths[0].observations.shape[1:]
    vectors = len(ob_shape) == len(spec.ob_shape) == 1
    if vectors:
        print_conversion(env_name, ob_shape[0], spec.ob_dim, what=str(path))

    def convert(path: Trajectory) -> Trajectory:
        states = [path.observations, path.next_observations]
        if spec.ob_dtype.kind == "f":
            states = [array.astype(spec.ob_dtype, copy=False) for array in states]
        if vectors:
            states = [convert_observations(array, env_name, spec.ob_dim) for array in states]
        actions = path.actions - spec.ac_start  # files number the choices as the environment does
        return replace(path, observations=states[0], next_observations=states[1], actions=actions)

    paths = list(map(convert, paths[: config.expert_episodes]))
    with reading(path, f"data for {env_name}"):
        for p in paths:
            found, needed = (p.observations.dtype, p.observations.shape[1:]), (spec.ob_dtype, spec.ob_shape)
            if found != needed:
                raise InvalidInput(f"it has observations {found}, but the environment has {needed}")
            as_actions(p.actions, spec, (len(p),))  # raises InvalidInput for actions that do not fit
    return paths
