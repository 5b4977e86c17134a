"""Rollouts on all cores: worker processes that run whole episodes with a copy of the policy.

Every episode has its own seed, and only whole ones are kept, in the order of their seeds; so
the episodes are the same, bit for bit, whatever the number of workers.
"""

from __future__ import annotations

import functools
import itertools
import multiprocessing
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from cs285.data.trajectory import Trajectory
from cs285.envs.make_env import Env, make_env
from cs285.envs.v2_tasks import Backend
from cs285.errors import InvalidInput, WorkerDied
from cs285.infrastructure.utils import rollout_bar, sample_n_trajectories, sample_trajectories
from cs285.infrastructure.worker_tasks import (
    begin_worker,
    check_task_rendering,
    film_episodes,
    make_task,
    prepare,
    run_episode,
)
from cs285.policies.base_policy import BasePolicy
from cs285.process import signals_blocked

if TYPE_CHECKING:
    from PIL import Image

Result = TypeVar("Result")
Episodes: TypeAlias = tuple[list[Trajectory], int]


def usable_cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def quickest_start(env: Env) -> str:
    """The start method of `multiprocessing` for processes that make such an environment.

    A forked process is at work at once, with all that its parent has imported. But it takes over
    locks without the threads that would open them, its parent's graphics, and whatever a user's
    module holds: open connections, numpy's global generator. So only a process of one thread and
    without graphics forks, and only for Gymnasium's tasks and the project's. Others spawn: a
    spawned process begins afresh, on every platform.
    """
    try:
        threads = len(os.listdir("/proc/self/task"))
    except OSError:  # only Linux tells
        return "spawn"
    known = env.spec is not None and str(env.spec.entry_point).startswith(("gymnasium.", "cs285."))
    return "fork" if known and threads == 1 and "OpenGL" not in sys.modules else "spawn"


@contextmanager
def reporting_dead_workers() -> Iterator[None]:
    """Say that a worker was killed, in place of what the pool of processes says."""
    try:
        yield
    except BrokenProcessPool as error:
        raise WorkerDied("a rollout worker was killed in the middle of an episode") from error


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
        films: bool = True,
    ) -> None:
        """Start the workers; they get ready while the caller goes on.

        Args:
            env_name: the environment's id.
            ep_len: cut episodes after so many steps; None: at the environment's limit.
            num_workers: processes; with 0, everything happens in the main process.
            start_method: of `multiprocessing`; None: what `quickest_start` says, ``spawn`` with films.
            backend: the bindings that a -v2 task runs on.
            films: whether episodes may have to be filmed.

        Raises:
            InvalidInput: when the environment can't be made.
        """
        self._env, self.spec = make_env(env_name, ep_len, backend=backend, graphics=films)
        self._in_use = threading.Lock()  # the environment, by this thread or by the background's
        self._task = make_task(env_name, ep_len, backend, films)
        self._num_workers = num_workers
        self._background = ThreadPoolExecutor(2)  # two evaluations at once: the end of one leaves no core idle
        self._ahead = ThreadPoolExecutor(1)
        self._processes: ProcessPoolExecutor | None = None
        starting: list[Future[None]] = []
        if num_workers > 0:
            start_method = start_method or ("spawn" if films else quickest_start(self._env))
            context = multiprocessing.get_context(start_method)
            self._processes = ProcessPoolExecutor(num_workers, context, initializer=begin_worker)
            with signals_blocked():
                starting = [self._processes.submit(prepare, self._task) for _ in range(num_workers)]
        self._ready = self._background.submit(self._await_workers, starting)

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
        policy = policy.frozen_copy()
        pool = self._pool_for(policy)
        if pool is not None:
            return self._sample_in_workers(pool, policy, min_timesteps, seeds, description)
        with self._in_use:
            return sample_trajectories(self._env, self.spec, policy, min_timesteps, seeds, description)

    def sample_n_trajectories(self, policy: BasePolicy, ntraj: int, seeds: Iterator[int]) -> list[Trajectory]:
        """Roll out ``ntraj`` episodes; the arguments are those of `sample_trajectories`.

        Raises:
            WorkerDied: when a worker process was killed.
        """
        policy = policy.frozen_copy()
        pool = self._pool_for(policy)
        if pool is not None:
            with reporting_dead_workers():
                run = functools.partial(run_episode, self._task, policy)
                return list(pool.map(run, itertools.islice(seeds, ntraj)))
        with self._in_use:
            return sample_n_trajectories(self._env, self.spec, policy, ntraj, seeds)

    def start_sampling(self, policy: BasePolicy, min_timesteps: int, seeds: Iterator[int]) -> Future[Episodes]:
        """Do as `sample_trajectories` does, beside whatever the caller does next.

        Where that is impossible the future is finished when this returns.
        """
        policy = policy.frozen_copy()
        if self._processes is not None and policy.copyable:
            return self._background.submit(self.sample_trajectories, policy, min_timesteps, seeds)
        return _done(lambda: self.sample_trajectories(policy, min_timesteps, seeds))

    def sample_ahead(
        self, policy: BasePolicy, min_timesteps: int, seeds: Iterator[int], description: str | None = None
    ) -> Callable[[], Episodes]:
        """Begin what `sample_trajectories` does, before it is needed; no evaluation makes it wait.

        Returns:
            A function that waits for the episodes. Where nothing can happen beside the caller it
            rolls them out.
        """
        policy = policy.frozen_copy()
        if self._processes is not None and policy.copyable:
            return self._ahead.submit(self.sample_trajectories, policy, min_timesteps, seeds, description).result
        return functools.partial(self.sample_trajectories, policy, min_timesteps, seeds, description)

    def start_film(self, path: Path, policy: BasePolicy, seeds: Sequence[int]) -> Future[list[Image.Image]]:
        """Film episodes (see `films.film`) beside whatever the caller does next.

        Where that is impossible the future is finished when this returns. Wait for its result
        in `reporting_dead_workers`.
        """
        policy = policy.frozen_copy()
        pool = self._pool_for(policy)
        if pool is not None:
            return pool.submit(film_episodes, self._task, path, policy, seeds)
        return _done(lambda: film_episodes(self._task, path, policy, seeds))

    def check_rendering(self) -> None:
        """Render one frame where films will be made.

        Raises:
            RenderingUnavailable: when that fails, with one line that says what would mend it.
            WorkerDied: when it killed the worker.
        """
        pool = self._ready.result()
        if pool is None:
            check_task_rendering(self._task)
            return
        with reporting_dead_workers():
            pool.submit(check_task_rendering, self._task).result()

    def _pool_for(self, policy: BasePolicy) -> ProcessPoolExecutor | None:
        """The workers, once they are ready; None for what has to happen in this process."""
        return self._ready.result() if policy.copyable else None

    def _await_workers(self, starting: Sequence[Future[None]]) -> ProcessPoolExecutor | None:
        """Wait for the workers; do without them where they can't make an environment that we could."""
        try:
            for start in starting:
                start.result()
        except InvalidInput as error:
            print(f"rolling out in the main process: {error}", flush=True)
            assert self._processes is not None
            self._processes.shutdown()
            return None
        except BrokenProcessPool as error:
            raise WorkerDied(
                "a rollout worker could not start; it may import the script that was started, whose work must "
                "stand below if __name__ == '__main__'"
            ) from error
        return self._processes

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
            with reporting_dead_workers(), rollout_bar(min_timesteps, description) as bar:
                while timesteps < min_timesteps:
                    # No episode is begun that won't be needed if all are as long as those before.
                    length = timesteps / len(trajectories) if trajectories else self.spec.max_episode_steps
                    while not running or (
                        len(running) < self._num_workers and timesteps + len(running) * length < min_timesteps
                    ):
                        running.append(pool.submit(run_episode, self._task, policy, next(seeds)))
                    trajectories.append(running.popleft().result())
                    timesteps += len(trajectories[-1])
                    bar.update(len(trajectories[-1]))
        finally:
            for episode in running:
                episode.cancel()
        return trajectories, timesteps

    def close(self) -> None:
        """End the workers, once the episodes they are in the middle of are over."""
        if self._processes is not None:
            self._processes.shutdown(cancel_futures=True)
        self._background.shutdown(cancel_futures=True)
        self._ahead.shutdown(cancel_futures=True)
        self._env.close()

    def __enter__(self) -> RolloutWorkers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _done(action: Callable[[], Result]) -> Future[Result]:
    """A future that is finished."""
    future: Future[Result] = Future()
    future.set_result(action())
    return future
