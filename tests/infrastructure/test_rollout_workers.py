"""Episodes do not depend on who rolls them out; workers that end are reported, and none is left behind."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cs285.infrastructure.rollout_workers import RolloutWorkers, WorkerDied
from cs285.infrastructure.trajectory import Trajectory
from cs285.policies.base_policy import BasePolicy, as_policy
from cs285.policies.numpy_policy import NumpyPolicy

HOPPER, LIMIT = "Hopper-v5", 40


def make_policy() -> NumpyPolicy:
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=shape).astype(np.float32) for shape in ((11, 16), (16, 3))]
    return NumpyPolicy(weights, [np.zeros(16, np.float32), np.zeros(3, np.float32)], "tanh", discrete=False)


def same(one: list[Trajectory], other: list[Trajectory]) -> bool:
    names = ("observations", "actions", "rewards", "next_observations")
    return len(one) == len(other) and all(
        np.array_equal(getattr(a, name), getattr(b, name)) for a, b in zip(one, other, strict=True) for name in names
    )


@pytest.mark.parametrize(("num_workers", "start_method"), [(1, None), (3, None), (2, "spawn")])
def test_the_same_episodes_bit_for_bit(num_workers: int, start_method: str | None) -> None:
    with (
        RolloutWorkers(HOPPER, LIMIT, 0) as alone,
        RolloutWorkers(HOPPER, LIMIT, num_workers, start_method) as workers,
    ):
        for ask in (
            lambda rollouts: rollouts.sample_trajectories(make_policy(), 150, itertools.count(7)),
            lambda rollouts: rollouts.start_sampling(make_policy(), 150, itertools.count(3)).result(),
        ):
            (ours, our_steps), (theirs, their_steps) = ask(workers), ask(alone)
            assert same(ours, theirs)
            assert our_steps == their_steps >= 150
            assert our_steps - len(ours[-1]) < 150  # the fewest
        assert same(
            workers.sample_n_trajectories(make_policy(), 5, itertools.count()),
            alone.sample_n_trajectories(make_policy(), 5, itertools.count()),
        )


class Impatient(BasePolicy):
    """A policy that can be copied and does something to the process it acts in."""

    copyable = True

    def __init__(self, act: Callable[[], None]) -> None:
        self._act = act

    def get_action(self, observations: Any) -> Any:
        self._act()
        return np.zeros(3, np.float32)


def end_this_process() -> None:
    if multiprocessing.parent_process() is not None:
        os.kill(os.getpid(), signal.SIGKILL)


def fail() -> None:
    raise ArithmeticError("the environment is upset")


def test_a_killed_worker_is_reported_and_none_is_left() -> None:
    with RolloutWorkers(HOPPER, LIMIT, 2) as workers, pytest.raises(WorkerDied, match="killed"):
        workers.sample_trajectories(Impatient(end_this_process), 100, itertools.count())
    assert not multiprocessing.active_children()


def test_an_exception_in_a_worker_comes_with_its_traceback() -> None:
    with RolloutWorkers(HOPPER, LIMIT, 2) as workers:
        with pytest.raises(ArithmeticError, match="upset") as caught:
            workers.sample_trajectories(Impatient(fail), 100, itertools.count())
        assert "in fail" in str(caught.value.__cause__)
        assert workers.sample_trajectories(make_policy(), 1, itertools.count())[1] > 0  # and the others go on


def test_a_user_s_own_object_rolls_out_in_the_main_process() -> None:
    pids = set()

    def act(observations: Any) -> Any:
        pids.add(os.getpid())
        return np.zeros((len(observations), 3))

    with RolloutWorkers(HOPPER, LIMIT, 2) as workers:
        workers.sample_trajectories(as_policy(act), 50, itertools.count())
        assert workers.start_sampling(as_policy(act), 50, itertools.count()).done()
    assert pids == {os.getpid()}


@pytest.mark.skipif(sys.platform == "win32", reason="the processes are found as Linux and macOS tell them")
def test_workers_end_with_a_killed_main_process(tmp_path: Path) -> None:
    script = tmp_path / "main.py"
    script.write_text(
        "import multiprocessing, time\n"
        "from cs285.infrastructure.rollout_workers import RolloutWorkers\n"
        "if __name__ == '__main__':\n"
        "    workers = RolloutWorkers('Hopper-v5', 40, 2)\n"
        "    print(*(child.pid for child in multiprocessing.active_children()), flush=True)\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as main:
        assert main.stdout is not None
        pids = [int(pid) for pid in main.stdout.readline().split()]
        assert len(pids) == 2
        main.kill()
    deadline = time.monotonic() + 20
    while any(runs(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(runs(pid) for pid in pids)


def runs(pid: int) -> bool:
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(state) and not state.startswith("Z")


def test_rollouts_import_no_torch() -> None:
    code = "import sys, cs285.infrastructure.rollout_workers, cs285.policies.loaded_gaussian_policy as p; p.NumpyPolicy"
    subprocess.run([sys.executable, "-c", f"{code}; assert 'torch' not in sys.modules"], check=True)
