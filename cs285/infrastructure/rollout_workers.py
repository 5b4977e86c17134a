"""Rollouts on all cores: worker processes that run whole episodes with a copy of the policy.

Every episode has its own seed, and only whole ones are kept, in the order of their seeds; so
the episodes are the same, bit for bit, whatever the number of workers.
"""

from __future__ import annotations

import functools
import itertools
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from types import TracebackType
from typing import TypeAlias

from cs285.errors import InvalidInput, WorkerDied
from cs285.infrastructure.envs import Env, EnvSpec, make_env
from cs285.infrastructure.trajectory import Trajectory
from cs285.infrastructure.utils import rollout_bar, sample_n_trajectories, sample_trajectories, sample_trajectory
from cs285.infrastructure.v2_tasks import Backend
from cs285.policies.base_policy import BasePolicy

KILLED = "a rollout worker was killed in the middle of an episode"

Episodes: TypeAlias = tuple[list[Trajectory], int]
Task: TypeAlias = tuple[str, int | None, Backend]  # the arguments of `make_env`


def usable_cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class RolloutWorkers:
    """Rolls out policies in one environment, in worker processes where that is possible.

    A policy that can't be copied, such as a user's own object, rolls out in the main process,
    and so does everything when there are no workers.
    """

    def __init__(
        self,
        env_name: str,
        ep_len: int | None,
        num_workers: int,
        start_method: str | None = None,
        backend: Backend = "mujoco",
    ) -> None:
        """Start the workers.

        Args:
            env_name: the environment's id.
            ep_len: cut episodes after so many steps; None: at the environment's limit.
            num_workers: processes; with 0, everything happens in the main process.
            start_method: of `multiprocessing`; None: the platform's own.
            backend: the bindings that a -v2 task runs on.

        Raises:
            InvalidInput: when the environment can't be made.
        """
        self._task: Task = (env_name, ep_len, backend)
        self._num_workers = num_workers
        self._env, self.spec = _make(self._task)
        self._background = ThreadPoolExecutor(1)
        self._pool: ProcessPoolExecutor | None = None
        if num_workers > 0:
            context = multiprocessing.get_context(start_method)
            self._pool = ProcessPoolExecutor(num_workers, context, initializer=_begin_worker)
            self._check_workers()

    def sample_trajectories(
        self, policy: BasePolicy, min_timesteps: int, seeds: Iterator[int], description: str | None = None
    ) -> Episodes:
        """Roll out whole episodes, the fewest whose steps add up to ``min_timesteps``.

        Args:
            policy: chooses the actions; it is copied as it is now.
            min_timesteps: steps wanted, at least.
            seeds: of one episode after another.
            description: of the progress bar on a terminal; None: no bar.

        Returns:
            The episodes in the order of their seeds, and how many steps they have in all.

        Raises:
            WorkerDied: when a worker process was killed.
        """
        policy = policy.for_rollouts()
        if self._pool is None or not policy.copyable:
            return sample_trajectories(self._env, self.spec, policy, min_timesteps, seeds, description)
        return self._sample_in_workers(self._pool, policy, min_timesteps, seeds, description)

    def sample_n_trajectories(self, policy: BasePolicy, ntraj: int, seeds: Iterator[int]) -> list[Trajectory]:
        """Roll out ``ntraj`` episodes; the arguments are those of `sample_trajectories`.

        Raises:
            WorkerDied: when a worker process was killed.
        """
        policy = policy.for_rollouts()
        if self._pool is None or not policy.copyable:
            return sample_n_trajectories(self._env, self.spec, policy, ntraj, seeds)
        try:
            run = functools.partial(_run_episode, self._task, policy)
            return list(self._pool.map(run, itertools.islice(seeds, ntraj)))
        except BrokenProcessPool as error:
            raise WorkerDied(KILLED) from error

    def start_sampling(self, policy: BasePolicy, min_timesteps: int, seeds: Iterator[int]) -> Future[Episodes]:
        """Do as `sample_trajectories` does, beside whatever the caller does next.

        Where that is impossible the future is finished when this returns.
        """
        policy = policy.for_rollouts()
        if self._pool is not None and policy.copyable:
            return self._background.submit(self.sample_trajectories, policy, min_timesteps, seeds)
        done: Future[Episodes] = Future()
        done.set_result(self.sample_trajectories(policy, min_timesteps, seeds))
        return done

    def _sample_in_workers(
        self,
        pool: ProcessPoolExecutor,
        policy: BasePolicy,
        min_timesteps: int,
        seeds: Iterator[int],
        description: str | None,
    ) -> Episodes:
        trajectories: list[Trajectory] = []
        timesteps = 0
        running: deque[Future[Trajectory]] = deque()
        try:
            with rollout_bar(min_timesteps, description) as bar:
                while timesteps < min_timesteps:
                    # No episode is begun that won't be needed if all are as long as those before.
                    length = timesteps / len(trajectories) if trajectories else self.spec.max_episode_steps
                    while not running or (
                        len(running) < self._num_workers and timesteps + len(running) * length < min_timesteps
                    ):
                        running.append(pool.submit(_run_episode, self._task, policy, next(seeds)))
                    trajectories.append(running.popleft().result())
                    timesteps += len(trajectories[-1])
                    bar.update(len(trajectories[-1]))
        except BrokenProcessPool as error:
            raise WorkerDied(KILLED) from error
        finally:
            for episode in running:
                episode.cancel()
        return trajectories, timesteps

    def _check_workers(self) -> None:
        """Wait for the workers; do without them where they don't know an environment that we know."""
        assert self._pool is not None
        try:
            list(self._pool.map(_worker_env, [self._task] * self._num_workers))
        except InvalidInput:
            print(f"rolling out in the main process: {self._task[0]} is not registered in a new process", flush=True)
            self._pool.shutdown()
            self._pool = None
        except BrokenProcessPool as error:
            raise WorkerDied("a rollout worker could not start") from error

    def close(self) -> None:
        """End the workers, once the episodes they are in the middle of are over."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
        self._background.shutdown(cancel_futures=True)
        self._env.close()

    def __enter__(self) -> RolloutWorkers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _begin_worker() -> None:
    """Leave Ctrl-C to the main process, and end with it, however it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


@functools.cache
def _cached_env(task: Task) -> tuple[Env, EnvSpec]:
    return _make(task)


def _make(task: Task) -> tuple[Env, EnvSpec]:
    env_name, ep_len, backend = task
    return make_env(env_name, ep_len, backend=backend)


def _worker_env(task: Task) -> None:
    """Make the worker's environment; it stays in the worker, since it can't be sent."""
    _cached_env(task)


def _run_episode(task: Task, policy: BasePolicy, seed: int) -> Trajectory:
    env, spec = _cached_env(task)
    return sample_trajectory(env, spec, policy, seed)
