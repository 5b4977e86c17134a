"""Worker processes: the same episodes as without them, reported deaths, fallbacks with a reason, nothing left over."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
import types
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec

from cs285.data.trajectory import Trajectory
from cs285.errors import InvalidInput, WorkerDied
from cs285.infrastructure import rollout_workers
from cs285.infrastructure.rollout_workers import RolloutWorkers, usable_cores
from cs285.infrastructure.utils import sample_n_trajectories, sample_trajectories
from cs285.policies.base_policy import BasePolicy
from cs285.policies.numpy_policy import NumpyPolicy
from tests.fakes import AC_DIM, OB_DIM, POINT, PointEnv

HOPPER, LIMIT = "Hopper-v5", 40
START_METHODS = [method for method in ("fork", "spawn") if method in multiprocessing.get_all_start_methods()]
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc, fork and process groups")


class CallingPolicy(BasePolicy):
    """A policy whose actions are the number that a function returns in the process in which it acts."""

    copyable = True

    def __init__(self, act: Callable[[], float]) -> None:
        self.act = act

    def get_action(self, observations: Any) -> Any:
        return np.full(AC_DIM, self.act(), np.float32)


def in_a_worker() -> bool:
    return multiprocessing.parent_process() is not None


def end_this_worker() -> float:
    assert in_a_worker()
    os.kill(os.getpid(), signal.SIGKILL)
    return 0.0


def fail() -> float:
    raise ArithmeticError("overflow in the policy")


def make_policy() -> NumpyPolicy:
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=shape).astype(np.float32) for shape in ((11, 16), (16, 3))]
    return NumpyPolicy(weights, [np.zeros(16, np.float32), np.zeros(3, np.float32)], "tanh", discrete=False)


def same(one: list[Trajectory], other: list[Trajectory]) -> bool:
    names = ("observations", "actions", "rewards", "next_observations")
    return len(one) == len(other) and all(
        np.array_equal(getattr(a, name), getattr(b, name)) for a, b in zip(one, other, strict=True) for name in names
    )


def acted_in_workers(rollouts: RolloutWorkers, policy: BasePolicy) -> bool:
    """Whether a policy that answers with `in_a_worker` rolls out in workers."""
    (answer,) = {
        float(a) for path in sample_n_trajectories(rollouts, policy, 3, itertools.count()) for a in path.actions.flat
    }
    return bool(answer)


@pytest.fixture
def spawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollout_workers, "start_method", lambda films: "spawn")


@pytest.mark.parametrize("method", START_METHODS)
@pytest.mark.parametrize("num_workers", [1, 2])
def test_the_same_episodes_bit_for_bit(num_workers: int, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollout_workers, "start_method", lambda films: method)
    with RolloutWorkers(HOPPER, LIMIT, 0) as alone, RolloutWorkers(HOPPER, LIMIT, num_workers) as workers:
        assert (alone.num_workers, workers.num_workers) == (0, num_workers)
        ours, our_steps = sample_trajectories(workers, make_policy(), 150, itertools.count(7))
        theirs, their_steps = sample_trajectories(alone, make_policy(), 150, itertools.count(7))
        assert same(ours, theirs)
        assert our_steps == their_steps >= 150 > our_steps - len(ours[-1])  # the fewest
        one, other = (
            sample_n_trajectories(rollouts, make_policy(), 5, itertools.count()) for rollouts in (workers, alone)
        )
        assert len(one) == 5
        assert same(one, other)
    assert not multiprocessing.active_children()


def test_a_thread_may_evaluate_while_another_collects() -> None:
    for num_workers in (0, 2):
        with RolloutWorkers(HOPPER, LIMIT, num_workers) as workers, ThreadPoolExecutor(1) as thread:
            evaluation = thread.submit(sample_trajectories, workers, make_policy(), 500, itertools.count(3))
            collected = [sample_trajectories(workers, make_policy(), 100, itertools.count(3))[0] for _ in range(3)]
            assert all(same(paths, evaluation.result()[0][: len(paths)]) for paths in collected)


def test_no_episode_starts_that_will_not_be_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = itertools.count()
    with RolloutWorkers(HOPPER, LIMIT, 2) as workers:
        paths, _ = sample_trajectories(workers, make_policy(), 1, seeds)
        sample_n_trajectories(workers, make_policy(), 3, seeds)
    assert next(seeds) == len(paths) + 3 == 4


@linux
def test_fork_without_threads_and_graphics_else_spawn() -> None:
    code = (
        "import sys, threading, types\n"
        "from cs285.infrastructure.rollout_workers import start_method\n"
        "chosen = [start_method(films=False), start_method(films=True)]\n"
        "sys.modules['OpenGL'] = types.ModuleType('OpenGL')\n"
        "chosen += [start_method(films=False)]\n"
        "del sys.modules['OpenGL']\n"
        "threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
        "chosen += [start_method(films=False)]\n"
        "assert chosen == ['fork', 'spawn', 'spawn', 'spawn'], chosen\n"
        "heavy = {'torch', 'matplotlib', 'imageio', 'scipy', 'tensorboardX'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"  # a spawned worker imports what this has imported
    )
    subprocess.run([sys.executable, "-c", code], env={**os.environ, "OPENBLAS_NUM_THREADS": "1"}, check=True)


@pytest.mark.parametrize(
    ("groups", "files", "cores"),
    [
        ("0::/\n", {"cpu.max": "150000 100000"}, 2),
        ("0::/\n", {"cpu.max": "max 100000"}, 8),
        ("0::/a/b\n", {"a/cpu.max": "300000 100000", "a/b/cpu.max": "max 100000"}, 3),
        ("0::/../host\n", {"cpu.max": "50000 100000"}, 1),
        ("3:memory:/\n2:cpu:/a\n", {"cpu/a/cpu.cfs_quota_us": "400000", "cpu/a/cpu.cfs_period_us": "100000"}, 4),
        ("2:cpu,cpuacct:/\n", {"cpu,cpuacct/cpu.cfs_quota_us": "-1", "cpu,cpuacct/cpu.cfs_period_us": "100000"}, 8),
        ("", {}, 8),
    ],
)
def test_a_quota_of_control_groups_limits_the_cores(
    groups: str, files: dict[str, str], cores: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    content = {"proc/self/cgroup": groups, **{f"sys/fs/cgroup/{name}": text for name, text in files.items()}}
    for name, text in content.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert usable_cores(tmp_path) == cores
    assert usable_cores(tmp_path / "missing") == 8


def test_the_number_of_workers_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RolloutWorkers, "_start_workers", lambda self, films: None)
    monkeypatch.setattr(rollout_workers, "usable_cores", lambda: 100)

    def number(**arguments: Any) -> int:
        with RolloutWorkers(POINT, **arguments) as rollouts:
            return rollouts.num_workers

    numbers = [number(), number(num_workers=5), number(num_workers=5, episodes_needed=3), number(episodes_needed=200)]
    assert numbers == [100, 5, 3, 100]
    monkeypatch.setattr(sys, "platform", "win32")
    assert [number(), number(num_workers=70), number(num_workers=5)] == [61, 61, 5]


@pytest.mark.parametrize("env_name", ["Notebook-v0", "CartPole-v1"])
def test_workers_make_the_environment_that_is_registered_here(
    env_name: str, spawn: None, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Also one whose class a notebook defines, under an id that Gymnasium uses for another one."""
    notebook_env = type("NotebookEnv", (PointEnv,), {"__module__": "__main__"})
    monkeypatch.setattr(sys.modules["__main__"], "NotebookEnv", notebook_env, raising=False)
    monkeypatch.setitem(gym.registry, env_name, EnvSpec(env_name, notebook_env, max_episode_steps=9))
    with RolloutWorkers(env_name, num_workers=0) as alone, RolloutWorkers(env_name, num_workers=2) as workers:
        policy = CallingPolicy(lambda: 0.5)
        one, other = (sample_n_trajectories(rollouts, policy, 3, itertools.count()) for rollouts in (alone, workers))
        assert one[0].observations.shape[1] == OB_DIM
        assert same(one, other)
    assert capfd.readouterr() == ("", "")


def test_an_environment_that_cannot_be_pickled_has_no_workers(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    lock = threading.Lock()
    spec = EnvSpec("Locked-v0", lambda **kwargs: PointEnv() if lock else None, max_episode_steps=9)
    monkeypatch.setitem(gym.registry, "Locked-v0", spec)
    with RolloutWorkers("Locked-v0", num_workers=2) as workers:
        assert workers.num_workers == 0
        assert not acted_in_workers(workers, CallingPolicy(in_a_worker))
    assert capfd.readouterr().out.startswith("rolling out in the main process: no workers for Locked-v0: cannot pickle")


def test_policies_that_can_be_pickled_act_in_workers(spawn: None, capfd: pytest.CaptureFixture[str]) -> None:
    lock, module = threading.Lock(), types.ModuleType("not_importable")
    in_notebook = type("NotebookPolicy", (CallingPolicy,), {"__module__": "__main__"})
    foreign = type("ForeignPolicy", (CallingPolicy,), {"__module__": "not_importable"})
    with_a_lock, not_copyable = (CallingPolicy(in_a_worker) for _ in range(2))
    with_a_lock.act, not_copyable.copyable = (lambda: lock.locked() or in_a_worker()), False
    with RolloutWorkers(POINT, num_workers=1) as workers, pytest.MonkeyPatch.context() as patch:
        assert acted_in_workers(workers, in_notebook(in_a_worker))
        assert not acted_in_workers(workers, not_copyable)
        assert capfd.readouterr().out == "rolling out in the main process: CallingPolicy is not copyable\n"
        for _ in range(2):
            assert not acted_in_workers(workers, with_a_lock)
        assert capfd.readouterr().out.count("rolling out in the main process: CallingPolicy can't be pickled: ") == 1
        patch.setitem(sys.modules, "not_importable", module)
        patch.setattr(module, "ForeignPolicy", foreign, raising=False)
        with pytest.raises(InvalidInput, match=r"can't load the policy \(ModuleNotFoundError.*copyable to False"):
            acted_in_workers(workers, foreign(in_a_worker))


@linux
def test_a_torch_policy_has_one_thread_in_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch  # not at the top: workers import this module

    monkeypatch.setattr(rollout_workers, "start_method", lambda films: "fork")
    torch.set_num_threads(2)
    try:
        with RolloutWorkers(POINT, num_workers=1) as workers:
            (path,) = sample_n_trajectories(workers, CallingPolicy(torch.get_num_threads), 1, itertools.count())
    finally:
        torch.set_num_threads(1)
    assert set(path.actions.flat) == {1.0}


def test_a_killed_worker_is_reported_and_none_is_left() -> None:
    with RolloutWorkers(POINT, num_workers=2) as workers:
        for policy in (CallingPolicy(end_this_worker), CallingPolicy(in_a_worker)):
            with pytest.raises(WorkerDied, match=r"^a rollout worker was killed$"):
                sample_trajectories(workers, policy, 100, itertools.count())
    assert not multiprocessing.active_children()


def test_an_exception_in_a_worker_has_its_traceback_and_ends_no_worker() -> None:
    with RolloutWorkers(POINT, num_workers=2) as workers:
        with pytest.raises(ArithmeticError, match="overflow") as caught:
            sample_trajectories(workers, CallingPolicy(fail), 100, itertools.count())
        assert "in fail" in str(caught.value.__cause__)
        assert acted_in_workers(workers, CallingPolicy(in_a_worker))


def test_without_semaphores_rollouts_happen_in_the_main_process(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def no_semaphores(*args: object, **kwargs: object) -> None:
        raise FileNotFoundError(2, "No such file or directory: /dev/shm")

    monkeypatch.setattr(multiprocessing.synchronize.SemLock, "__init__", no_semaphores)
    with RolloutWorkers(POINT, num_workers=2) as workers:
        assert not acted_in_workers(workers, CallingPolicy(in_a_worker))
    assert capfd.readouterr().out.count("rolling out in the main process: ") == 1


SCRIPT = """
import itertools, multiprocessing, signal, sys, time
from cs285.infrastructure.rollout_workers import RolloutWorkers
from cs285.infrastructure.utils import sample_n_trajectories
def make(films=True): return RolloutWorkers('CartPole-v1', num_workers=2, films=films)
"""


def run_script(content: str, folder: Path, *, stdin: bool = False) -> subprocess.Popen[str]:
    (folder / "main.py").write_text(SCRIPT + content)
    command = [sys.executable, "-"] if stdin else [sys.executable, folder / "main.py"]
    with (folder / "main.py").open() as script:
        return subprocess.Popen(
            command,
            stdin=script if stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": os.getcwd()},
        )


def test_a_main_script_that_workers_cannot_import(tmp_path: Path) -> None:
    out, err = run_script("make()", tmp_path).communicate()
    assert out == ""
    assert err.count("Traceback") == 2  # WorkerDied and its cause, none of the workers'
    assert "if __name__ == '__main__'" in err.splitlines()[-1]
    process = run_script("print(make().num_workers)", tmp_path, stdin=True)
    out, err = process.communicate()
    assert (out.splitlines()[1:], err) == (["0"], "")
    assert "read from standard input" in out


@linux
def test_a_daemonic_process_rolls_out_by_itself(tmp_path: Path) -> None:
    code = (
        "p = multiprocessing.get_context('fork').Process(target=make, args=(False,), daemon=True); p.start(); p.join()"
    )
    out, err = run_script(code, tmp_path).communicate()
    assert (out.count("\n"), err) == (1, "")
    assert "daemonic processes are not allowed" in out


@linux
def test_workers_end_with_a_killed_main_process(tmp_path: Path) -> None:
    code = "if __name__ == '__main__':\n w = make(); print(*(c.pid for c in multiprocessing.active_children()), flush=True); time.sleep(60)"
    with run_script(code, tmp_path) as main:
        assert main.stdout is not None
        pids = [int(pid) for pid in main.stdout.readline().split()]
        assert len(pids) == 2
        main.kill()
    deadline = time.monotonic() + 20
    while any(runs(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(runs(pid) for pid in pids)


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@linux
@pytest.mark.parametrize("seconds", [0.2, 3.0])
def test_ctrl_c_reaches_no_worker(seconds: float, tmp_path: Path) -> None:
    """While they start, and afterwards."""
    code = (
        "if __name__ == '__main__':\n"
        "    signal.signal(signal.SIGINT, signal.default_int_handler)  # shells have background jobs ignore it\n"
        "    print('starting', flush=True)\n"
        "    try:\n"
        "        with make(): time.sleep(60)\n"
        "    except KeyboardInterrupt: print('interrupted')\n"
    )
    with run_script(code, tmp_path) as main:
        assert main.stdout is not None
        main.stdout.readline()
        time.sleep(seconds)
        os.killpg(main.pid, signal.SIGINT)  # as a terminal does
        assert main.communicate(timeout=60) == ("interrupted\n", "")
    assert main.returncode == 0
