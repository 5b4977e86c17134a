"""Episodes do not depend on who rolls them out; workers that end are reported, and none is left behind."""

from __future__ import annotations

import functools
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

import gymnasium as gym
import imageio.v3 as iio
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec

from cs285.data.trajectory import Trajectory
from cs285.infrastructure.films import film
from cs285.infrastructure.rollout_workers import RolloutWorkers, WorkerDied
from cs285.policies.base_policy import BasePolicy, as_policy
from cs285.policies.numpy_policy import NumpyPolicy
from tests.fakes import AC_DIM, OB_DIM, POINT, PointEnv

HOPPER, LIMIT = "Hopper-v5", 40
POINT_POLICY = NumpyPolicy([np.ones((OB_DIM, AC_DIM), np.float32)], [np.zeros(AC_DIM, np.float32)], "tanh", False)


def make_policy() -> NumpyPolicy:
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=shape).astype(np.float32) for shape in ((11, 16), (16, 3))]
    return NumpyPolicy(weights, [np.zeros(16, np.float32), np.zeros(3, np.float32)], "tanh", discrete=False)


def same(one: list[Trajectory], other: list[Trajectory]) -> bool:
    names = ("observations", "actions", "rewards", "next_observations")
    return len(one) == len(other) and all(
        np.array_equal(getattr(a, name), getattr(b, name)) for a, b in zip(one, other, strict=True) for name in names
    )


START_METHODS = [method for method in ("fork", "spawn") if method in multiprocessing.get_all_start_methods()]


@pytest.mark.parametrize("start_method", START_METHODS)
@pytest.mark.parametrize("num_workers", [1, 3])
def test_the_same_episodes_bit_for_bit(num_workers: int, start_method: str) -> None:
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


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="where the system counts no threads, all are spawned")
def test_a_process_is_forked_while_it_has_neither_threads_nor_graphics_and_nothing_of_the_user_s() -> None:
    code = (
        "import sys, types\n"
        "from tests.fakes import register_fakes; register_fakes()\n"
        "from cs285.envs.make_env import make_env\n"
        "from cs285.infrastructure.rollout_workers import RolloutWorkers, quickest_start\n"
        f"env, own = make_env('{HOPPER}', graphics=False)[0], make_env('{POINT}', graphics=False)[0]\n"
        "chosen = [quickest_start(env), quickest_start(own)]\n"
        "sys.modules['OpenGL'] = types.ModuleType('OpenGL')\n"
        "chosen += [quickest_start(env)]\n"
        "del sys.modules['OpenGL']\n"
        f"with RolloutWorkers('{HOPPER}', {LIMIT}, 2, films=False):\n"
        "    assert 'multiprocessing.popen_fork' in sys.modules\n"
        "    assert 'multiprocessing.popen_spawn_posix' not in sys.modules\n"
        "    chosen += [quickest_start(env)]\n"
        "assert chosen == ['fork', 'spawn', 'spawn', 'spawn'], chosen\n"
    )
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    environment.pop("MUJOCO_GL", None)
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)


def test_what_is_sampled_ahead_waits_for_no_evaluation() -> None:
    with RolloutWorkers(HOPPER, LIMIT, 1) as workers:
        policy, slow = make_policy(), Impatient(functools.partial(time.sleep, 0.02))
        evaluations = [workers.start_sampling(slow, 4 * LIMIT, itertools.count()) for _ in range(3)]
        ahead, steps = workers.sample_ahead(policy, 50, itertools.count(7))()
        assert not any(evaluation.done() for evaluation in evaluations)
        theirs, their_steps = workers.sample_trajectories(policy, 50, itertools.count(7))
        assert same(ahead, theirs)
        assert steps == their_steps


def test_without_workers_nothing_is_sampled_before_it_is_needed() -> None:
    acted: list[None] = []
    with RolloutWorkers(HOPPER, LIMIT, 0) as alone:
        sample = alone.sample_ahead(Impatient(lambda: acted.append(None)), 5, itertools.count())
        assert not acted
        assert sample()[1] == len(acted) >= 5


def test_an_environment_of_the_user_s_own_is_made_in_the_workers(capfd: pytest.CaptureFixture[str]) -> None:
    with RolloutWorkers(POINT, None, 0) as alone, RolloutWorkers(POINT, None, 2) as workers:
        ours, _ = workers.sample_trajectories(POINT_POLICY, 50, itertools.count())
        theirs, _ = alone.sample_trajectories(POINT_POLICY, 50, itertools.count())
        assert same(ours, theirs)
    assert capfd.readouterr().out == ""


def test_an_environment_that_only_this_process_can_make_stays_in_it(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Such as one whose class a notebook defines."""
    notebook_env = type("NotebookEnv", (PointEnv,), {"__module__": "__main__"})
    monkeypatch.setattr(sys.modules["__main__"], "NotebookEnv", notebook_env, raising=False)
    monkeypatch.setitem(gym.registry, "Notebook-v0", EnvSpec("Notebook-v0", notebook_env, max_episode_steps=9))
    with RolloutWorkers("Notebook-v0", None, 2) as workers:
        evaluation = workers.start_sampling(POINT_POLICY, 30, itertools.count())
        ours, _ = workers.sample_trajectories(POINT_POLICY, 30, itertools.count())
        assert same(ours, evaluation.result()[0])
    assert capfd.readouterr().out.startswith("rolling out in the main process: Notebook-v0 can't be made in another")


@pytest.mark.rendering
def test_a_worker_films_though_this_process_has_rendered(gl: None, tmp_path: Path) -> None:
    seeds = [3, 4]
    here = film(tmp_path / "here.mp4", HOPPER, make_policy(), seeds, ep_len=8)
    with RolloutWorkers(HOPPER, 8, 1) as workers:
        workers.check_rendering()
        clip = workers.start_film(tmp_path / "there.mp4", make_policy(), seeds).result(timeout=120)
        own = workers.start_film(tmp_path / "own.mp4", as_policy(lambda o: np.zeros((len(o), 3))), seeds)
        assert own.done()  # a policy that can't be copied is filmed here
    assert len(clip) == len(here) > 0
    frames = [iio.imread(tmp_path / name, plugin="FFMPEG") for name in ("here.mp4", "there.mp4")]
    np.testing.assert_array_equal(*frames)


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


def test_workers_import_neither_torch_nor_what_draws_and_films() -> None:
    slow = "{'torch', 'matplotlib', 'imageio', 'scipy', 'tensorboardX'} & set(sys.modules)"
    code = "import sys, cs285.infrastructure.worker_tasks, cs285.policies.loaded_gaussian_policy"
    subprocess.run([sys.executable, "-c", f"{code}; assert not {slow}, {slow}"], check=True)


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="there is no other process group on Windows")
def test_ctrl_c_does_not_reach_a_worker_that_is_starting(tmp_path: Path) -> None:
    script = tmp_path / "main.py"
    script.write_text(
        "import os, signal, time\n"
        "from cs285.infrastructure.rollout_workers import RolloutWorkers\n"
        "if __name__ == '__main__':\n"
        "    signal.signal(signal.SIGINT, signal.default_int_handler)  # shells have background jobs ignore it\n"
        "    workers = RolloutWorkers('Hopper-v5', 40, 2)\n"
        "    try:\n"
        "        print('started', flush=True)\n"
        "        time.sleep(60)\n"
        "    except KeyboardInterrupt: workers.close()\n"
    )
    with subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as main:
        assert main.stdout is not None
        main.stdout.readline()
        os.killpg(main.pid, signal.SIGINT)  # as a terminal does
        assert main.communicate(timeout=60) == ("", "")
    assert main.returncode == 0
