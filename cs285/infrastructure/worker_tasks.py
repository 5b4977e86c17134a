"""What a rollout worker does: it makes its environment once, then rolls out or films what it is asked to.

Nothing here imports torch, so that a new process is at work in a fraction of a second.
"""

from __future__ import annotations

import functools
import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import gymnasium as gym
from threadpoolctl import threadpool_limits

from cs285.data.trajectory import Trajectory
from cs285.envs.make_env import Env, TaskSpec, check_rendering, make_env
from cs285.envs.v2_tasks import Backend
from cs285.errors import InvalidInput
from cs285.infrastructure.utils import sample_trajectory
from cs285.policies.base_policy import BasePolicy

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True)
class Task:
    """What another process needs to know to make an environment.

    Attributes:
        env_name: as for `make_env`, and so are the next two.
        ep_len: steps after which episodes are cut.
        backend: the bindings that a -v2 task runs on.
        films: whether it may have to be filmed.
        registration: the environment's entry in Gymnasium's registry, pickled; a new process
            lacks it where the user's own code made it.
    """

    env_name: str
    ep_len: int | None
    backend: Backend
    films: bool
    registration: bytes | None


def make_task(env_name: str, ep_len: int | None, backend: Backend, films: bool) -> Task:
    """Describe an environment that exists in this process."""
    try:
        registration = pickle.dumps(gym.registry[env_name])
    except Exception:  # module:id is registered by its module, and what can't be pickled may be anything
        registration = None
    return Task(env_name, ep_len, backend, films, registration)


def prepare(task: Task) -> None:
    """Make the worker's environment; it stays in the worker, since it can't be sent.

    Raises:
        InvalidInput: when this process knows no such environment, and can't be told.
    """
    _env_of(task)


def run_episode(task: Task, policy: BasePolicy, seed: int) -> Trajectory:
    """Roll out one episode."""
    env, spec = _env_of(task)
    return sample_trajectory(env, spec, policy, seed)


def film_episodes(task: Task, path: Path, policy: BasePolicy, seeds: Sequence[int]) -> list[Image.Image]:
    """Film episodes; see `films.film`."""
    from cs285.infrastructure.films import film  # few runs make videos

    _register(task)
    return film(path, task.env_name, policy, seeds, task.ep_len, task.backend)


def check_task_rendering(task: Task) -> None:
    """Render one frame.

    Raises:
        RenderingUnavailable: when that fails.
    """
    _register(task)
    check_rendering(task.env_name, task.backend)


@functools.cache
def _env_of(task: Task) -> tuple[Env, TaskSpec]:
    _register(task)
    return make_env(task.env_name, task.ep_len, backend=task.backend, graphics=task.films)


def _register(task: Task) -> None:
    """Make the environment's id known where it is not."""
    if task.registration is None or task.env_name in gym.registry:
        return
    try:
        gym.registry[task.env_name] = pickle.loads(task.registration)
    except Exception as error:  # it is made of the user's own classes, which may be defined in a notebook
        raise InvalidInput(f"{task.env_name} can't be made in another process: {error}") from error


def begin_worker() -> None:
    """Leave Ctrl-C to the main process, and end with it, however it ends."""
    if hasattr(os, "nice"):
        os.nice(5)  # the main process goes first: what it does gives the workers their work
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # a forked worker has its parent's handler
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})  # the pool ends its processes by it
    threadpool_limits(1, user_api="blas")  # the other cores have workers of their own
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
