"""Worker processes that roll out policies; the episodes are the same, bit for bit, with any number of workers."""

from __future__ import annotations

import functools
import itertools
import math
import multiprocessing
import os
import pickle
import signal
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import cloudpickle
import gymnasium as gym
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from cs285.data.trajectory import Trajectory
from cs285.envs.make_env import FPS, Env, TaskSpec, check_rendering, make_env
from cs285.errors import InvalidInput, ProcessFailed, describe, users_frames
from cs285.infrastructure.utils import LocalRollouts, sample_trajectory
from cs285.policies.base_policy import BasePolicy
from cs285.process import signals_blocked, start_method, usable_cores, users_code

WINDOWS_LIMIT = 61  # largest number of processes that a ProcessPoolExecutor can wait for on Windows
PATIENCE = 0.5  # seconds for workers to end by themselves after an exception


@dataclass(frozen=True)
class _Task:
    """An environment that each process makes on first use; methods that need no policy get None as their policy."""

    env_name: str
    ep_len: int | None
    options: Mapping[str, Any]  # arguments of `make_env` that the environments of rollouts and of films have in common

    @functools.cached_property
    def environment(self) -> tuple[Env, TaskSpec]:
        return make_env(self.env_name, self.ep_len, **self.options)

    def spec(self, policy: None = None) -> TaskSpec:
        return self.environment[1]

    def episode(self, policy: BasePolicy, seed: int) -> Trajectory:
        return sample_trajectory(*self.environment, policy, seed)

    def film(self, policy: BasePolicy, path: Path, seeds: Sequence[int]) -> None:
        from cs285.infrastructure.films import film  # only films need the video encoder

        film(path, self.env_name, policy, seeds, self.ep_len, **self.options)


class RolloutWorkers(LocalRollouts, AbstractContextManager["RolloutWorkers"]):
    """Rolls out policies in ``num_workers`` worker processes; ``spec`` describes the task.

    A policy is rolled out in this process if ``num_workers`` is 0; or, with a printed reason, if it can't be pickled,
    if its attribute ``copyable`` is False, or if workers can't be started.
    """

    def __init__(
        self,
        env_name: str,
        ep_len: int | None = None,
        num_workers: int | None = None,
        films: bool = False,
        episodes_needed: int | None = None,
        **options: Any,
    ) -> None:
        """Start the workers; this process and each worker make the environment with `make_env` and ``options``.

        ``num_workers`` is the largest number of workers; None: no limit. There are at most as many as usable cores and
        as ``episodes_needed``, the largest number of episodes that a call of `episodes` needs. ``films`` says whether
        `start_film` will be called. Raises InvalidInput when the environment can't be made.
        """
        if getattr(multiprocessing.current_process(), "_inheriting", False):
            sys.exit(1)  # a main script without a __main__ guard runs in its workers, too
        self._task = _Task(env_name, ep_len, options)
        super().__init__(*self._task.environment)
        self._notify = functools.cache(lambda why: print(f"rolling out in the main process: {why}", flush=True))
        self._pool: ProcessPoolExecutor | None = None
        self._workers: list[BaseProcess] = []
        if num_workers is not None and num_workers > usable_cores():
            print(f"--num_workers is {num_workers}; {usable_cores()} are used, one for each usable core", flush=True)
        limits = [usable_cores(), num_workers, episodes_needed, WINDOWS_LIMIT if sys.platform == "win32" else None]
        self.num_workers = min(limit for limit in limits if limit is not None)
        if self.num_workers > 0:
            self._start_workers(start_method(films))

    def _start_workers(self, method: str) -> None:
        env_name = self._task.env_name
        try:
            if method == "spawn" and getattr(sys.modules["__main__"], "__file__", None) == "<stdin>":
                raise InvalidInput("the main script, which workers import, is read from standard input")
            registration = gym.registry.get(env_name.rpartition(":")[2])  # a notebook may have registered the task
            task = replace(self._task, options={**self._task.options, "registration": registration})
            self._pickled_task = cloudpickle.dumps(task)
            context, others = multiprocessing.get_context(method), multiprocessing.active_children()
            self._pool = ProcessPoolExecutor(self.num_workers, context, _begin_worker)
            with signals_blocked():  # blocked until the workers ignore Ctrl-C
                started = [self._start(_Task.spec, None) for _ in range(self.num_workers)]
            self._workers += (child for child in multiprocessing.active_children() if child not in others)
            for future in started:
                future.result()
        except Exception as error:  # for example, there are no semaphores, or pickling fails
            if self._pool is not None:
                self._pool.shutdown()
            self._pool, self.num_workers = None, 0
            hint = "one ended; does the main script, which workers import, have if __name__ == '__main__'?"
            why = hint if isinstance(error, BrokenProcessPool) else describe(error)
            self._notify(f"no workers for {env_name}: {why}")
        except BaseException:  # raised by a signal
            self.__exit__(*sys.exc_info())
            raise

    def episodes(
        self, policy: BasePolicy, seeds: Iterator[int], min_timesteps: int | None = None
    ) -> Generator[Trajectory, None, None]:
        """Roll out one episode for each seed, in the order of seeds; several threads may call this at once.

        Workers run ahead of the caller by at most ``num_workers`` episodes, and by at most the episodes that are
        missing to ``min_timesteps``, estimated from the mean length so far. Closing the generator cancels episodes that
        have not started. Training must not change ``policy`` (`frozen_copy`). Raises ProcessFailed if a worker dies.
        """
        pickled = self.pickled(policy)
        ahead = 1 if pickled is None else self.num_workers
        running: deque[Future[Trajectory]] = deque()
        lengths: list[int] = []
        try:
            while True:
                mean_length = sum(lengths) / len(lengths) if lengths else self.spec.max_episode_steps
                missing = math.inf if min_timesteps is None else min_timesteps - sum(lengths)
                wanted = max(1, math.ceil(min(ahead, missing / mean_length)))
                for seed in itertools.islice(seeds, max(0, wanted - len(running))):
                    running.append(self._start(_Task.episode, pickled or policy, seed))
                if not running:
                    return
                path = self.wait(running.popleft())
                lengths.append(len(path))
                yield path
        finally:
            for future in running:
                future.cancel()

    def start_film(self, path: Path, policy: BasePolicy, seeds: Sequence[int]) -> Future[None]:
        """Start `films.film`, in a worker if the policy can be pickled; the future ends when the video is written."""
        return self._start(_Task.film, self.pickled(policy) or policy, path, seeds)

    def can_render(self) -> bool:
        """Whether a frame can be rendered and written as a video; if not, print the reason."""
        try:
            from cs285.infrastructure.films import write_video  # fails if the video encoder is not installed

            with users_code(), tempfile.TemporaryDirectory() as folder, write_video(Path(folder) / "x.mp4", FPS) as add:
                add(check_rendering(self._task.env_name, **self._task.options))
        except Exception as error:  # graphics libraries and imageio raise exceptions of many classes
            print(f"no videos: {describe(error)}", flush=True)
            return False
        return True

    def _start(self, function: Callable[..., Any], policy: BasePolicy | bytes | None, *args: Any) -> Future[Any]:
        """Call a method of `_Task`, in a worker if the policy is pickled or None, and return a future of the result."""
        future: Future[Any] = Future()
        try:
            if self._pool is not None and isinstance(policy, bytes | None):
                return self._pool.submit(_call, function, self._pickled_task, policy, *args)
            with users_code():
                future.set_result(function(self._task, policy, *args))
        except Exception as error:
            future.set_exception(error)
        return future

    def wait(self, future: Future[Any]) -> Any:
        """Wait for the result of a future, such as one of `start_film`; ProcessFailed if the worker was killed."""
        try:
            return future.result()
        except BrokenProcessPool as error:
            raise ProcessFailed("a rollout worker was killed") from error

    def pickled(self, policy: BasePolicy) -> bytes | None:
        """The policy as a pickle, for rollouts in workers; None when the policy must act in this process."""
        if self._pool is None:
            return None
        try:
            if policy.copyable:
                return bytes(cloudpickle.dumps(policy))
            self._notify(policy.not_copyable_because or f"{type(policy).__name__}.copyable is False")
        except Exception as error:  # a user's own objects may raise anything when they are pickled
            self._notify(f"{type(policy).__name__} can't be pickled: {error}")
        return None

    def __exit__(self, *error: object) -> None:
        """End the workers after their episodes; during an exception or a signal, kill them after `PATIENCE` seconds."""
        if self._pool is not None:
            killer = threading.Timer(PATIENCE, lambda: list(map(BaseProcess.kill, self._workers)))
            if error[0] is not None:
                killer.start()
            self._pool.shutdown(cancel_futures=True)
            killer.cancel()
        with suppress(Exception), users_code():  # results are complete, whatever a user's own environment raises here
            self._task.environment[0].close()


# The functions below run in the workers. They don't import torch, so that a spawned worker starts quickly.

_load = functools.lru_cache(maxsize=3)(pickle.loads)  # caches the task and two policies, for evaluation and collection


def _begin_worker() -> None:
    """Set up a worker's signals and threads, and end it when the parent process ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the main process, which ends the workers
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})
    tqdm.set_lock(threading.RLock())  # its own lock has a semaphore, which would leak when the worker is killed
    threadpool_limits(1, user_api="blas")  # one thread is enough, since each core has its own worker
    parent = multiprocessing.parent_process()
    assert parent is not None

    def end_with_parent() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()


def _call(function: Callable[..., Any], task: bytes, policy: bytes | None, *args: Any) -> Any:
    try:
        with users_code():
            loaded = None if policy is None else _load(policy)
            if "torch" in sys.modules:  # the policy has imported torch
                sys.modules["torch"].set_num_threads(1)
            return function(_load(task), loaded, *args)
    except Exception as error:
        if users_frames(error):  # an exception of the user's own class might not be picklable
            raise InvalidInput(describe(error)) from error
        raise
