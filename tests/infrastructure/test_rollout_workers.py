"""Worker processes: the same episodes as without workers, deaths that are reported, fallbacks that give a reason."""

import itertools
import multiprocessing
import multiprocessing.synchronize
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec

from cs285.data.trajectory import Trajectory
from cs285.errors import InvalidInput, ProcessFailed
from cs285.infrastructure import rollout_workers
from cs285.infrastructure.rollout_workers import RolloutWorkers
from cs285.infrastructure.utils import sample_n_trajectories, sample_trajectories
from cs285.policies.base_policy import BasePolicy
from cs285.policies.numpy_policy import NumpyPolicy
from cs285.process import usable_cores
from tests.fakes import AC_DIM, OB_DIM, POINT, PointEnv

HOPPER, LIMIT = "Hopper-v5", 40
POLICY = NumpyPolicy([np.full((11, 3), 0.1, np.float32)], [np.zeros(3, np.float32)], "tanh", discrete=False)
HERE = "rolling out in the main process: "
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc, fork and process groups")


class CallingPolicy(BasePolicy):
    """A policy whose actions are the return value of a function, which is called in the process that acts."""

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


def answer(rollouts: RolloutWorkers, policy: BasePolicy) -> float:
    """Roll out a policy whose actions all consist of one and the same number; returns the number."""
    paths = sample_n_trajectories(rollouts, policy, 3, itertools.count())
    (action,) = {float(number) for path in paths for number in path.actions.flat}
    return action


def same(one: list[Trajectory], other: list[Trajectory]) -> bool:
    names = ("observations", "actions", "rewards", "next_observations")
    pairs = zip(one, other, strict=True)
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for a, b in pairs for name in names)


@pytest.fixture
def spawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollout_workers, "start_method", lambda films: "spawn")


@pytest.fixture
def fork(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollout_workers, "start_method", lambda films: "fork")


@pytest.mark.parametrize(("method", "num_workers"), [pytest.param("fork", 1, marks=linux), ("spawn", 2)])
def test_the_same_episodes_bit_for_bit(num_workers: int, method: str, request: pytest.FixtureRequest) -> None:
    request.getfixturevalue(method)
    with RolloutWorkers(HOPPER, LIMIT, 0) as alone, RolloutWorkers(HOPPER, LIMIT, num_workers) as workers:
        assert (alone.num_workers, workers.num_workers) == (0, num_workers)
        ours, our_steps = sample_trajectories(workers, POLICY, 150, itertools.count(7))
        theirs, their_steps = sample_trajectories(alone, POLICY, 150, itertools.count(7))
        assert same(ours, theirs)
        assert our_steps == their_steps >= 150 > our_steps - len(ours[-1])  # no episode more than needed
        assert same(*(sample_n_trajectories(rollouts, POLICY, 5, itertools.count()) for rollouts in (alone, workers)))
        seeds = itertools.count()
        assert len(sample_trajectories(workers, POLICY, 1, seeds)[0]) == next(seeds) == 1  # no unneeded seed is drawn
    assert not multiprocessing.active_children()


def test_a_cpu_quota_limits_the_cores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    assert usable_cores(tmp_path) == 8
    for quota, cores in (("250000", 3), ("50000", 1), ("max", 8), ("1000000", 8)):
        (tmp_path / "cpu.max").write_text(f"{quota} 100000\n", encoding="utf-8")
        assert usable_cores(tmp_path) == cores
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu/cpu.cfs_period_us").write_text("100000\n", encoding="utf-8")
    for quota, cores in (("400000", 4), ("-1", 8)):
        (tmp_path / "cpu/cpu.cfs_quota_us").write_text(f"{quota}\n", encoding="utf-8")
        assert usable_cores(tmp_path) == cores


def test_the_number_of_workers_is_limited(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(RolloutWorkers, "_start_workers", lambda *_: None)
    monkeypatch.setattr(rollout_workers, "usable_cores", lambda: 64)
    asked = [{}, {"num_workers": 5}, {"num_workers": 70}, {"num_workers": 5, "episodes_needed": 3}]
    assert [RolloutWorkers(POINT, **arguments).num_workers for arguments in asked] == [64, 5, 64, 3]
    assert capsys.readouterr().out == "--num_workers is 70; 64 are used, one for each usable core\n"
    monkeypatch.setattr(sys, "platform", "win32")
    assert [RolloutWorkers(POINT, **arguments).num_workers for arguments in asked] == [61, 5, 61, 3]


def test_workers_make_the_environment_that_this_process_registered(
    spawn: None, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The environment's class is defined in ``__main__``, as in a notebook, and replaces that of CartPole-v1."""
    env_name = "CartPole-v1"
    notebook_env = type("NotebookEnv", (PointEnv,), {"__module__": "__main__"})
    monkeypatch.setattr(sys.modules["__main__"], "NotebookEnv", notebook_env, raising=False)
    monkeypatch.setitem(gym.registry, env_name, EnvSpec(env_name, notebook_env, max_episode_steps=9))
    with RolloutWorkers(env_name, num_workers=0) as alone, RolloutWorkers(env_name, num_workers=1) as workers:
        policy = CallingPolicy(lambda: 0.5)
        one, other = (sample_n_trajectories(rollouts, policy, 3, itertools.count()) for rollouts in (alone, workers))
        assert one[0].observations.shape[1] == OB_DIM
        assert same(one, other)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("env_name", ["Locked-v0", POINT])
def test_without_workers_the_main_process_rolls_out(
    env_name: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Workers can't be started for an environment that can't be pickled, or on a system without semaphores."""

    def no_semaphores(*args: object, **kwargs: object) -> None:
        raise FileNotFoundError(2, "No such file or directory: /dev/shm")

    lock = threading.Lock()
    spec = EnvSpec("Locked-v0", lambda **kwargs: PointEnv() if lock else None, max_episode_steps=9)
    monkeypatch.setitem(gym.registry, "Locked-v0", spec)
    if env_name == POINT:
        monkeypatch.setattr(multiprocessing.synchronize.SemLock, "__init__", no_semaphores)
    with RolloutWorkers(env_name, num_workers=2) as workers:
        assert workers.num_workers == answer(workers, CallingPolicy(in_a_worker)) == 0
    out = capfd.readouterr().out
    assert (out.startswith(f"{HERE}no workers for {env_name}: "), out.count("\n")) == (True, 1)


def test_policies_that_can_be_pickled_act_in_workers(spawn: None, capfd: pytest.CaptureFixture[str]) -> None:
    lock, not_copyable = threading.Lock(), CallingPolicy(in_a_worker)
    in_notebook = type("NotebookPolicy", (CallingPolicy,), {"__module__": "__main__"})
    not_copyable.copyable = False
    with RolloutWorkers(POINT, num_workers=1) as workers:
        assert answer(workers, in_notebook(in_a_worker)) == 1
        for _ in range(2):
            assert answer(workers, not_copyable) == 0
            assert answer(workers, CallingPolicy(lambda: lock.locked() or in_a_worker())) == 0
    first, second = capfd.readouterr().out.splitlines()
    assert first == f"{HERE}CallingPolicy.copyable is False"
    assert second.startswith(f"{HERE}CallingPolicy can't be pickled: ")


@linux
def test_a_torch_policy_has_one_thread_in_a_worker(fork: None) -> None:
    import torch  # not at the top, because workers import this module and need no torch

    torch.set_num_threads(2)
    try:
        with RolloutWorkers(POINT, num_workers=1) as workers:
            assert answer(workers, CallingPolicy(torch.get_num_threads)) == 1
    finally:
        torch.set_num_threads(1)


def test_death_of_a_worker_and_an_exception_in_a_worker_are_raised(fork: None) -> None:
    with RolloutWorkers(POINT, num_workers=2) as workers:
        place = r"ArithmeticError: overflow in the policy \(.*test_rollout_workers.py, line \d+\)"
        with pytest.raises(InvalidInput, match=place) as caught:
            answer(workers, CallingPolicy(fail))
        assert "in fail" in str(caught.value.__cause__)  # the cause has the worker's traceback
        with pytest.raises(InvalidInput, match=r"it raised SystemExit\(.* \(.*test_rollout_workers.py, line \d+\)"):
            answer(workers, CallingPolicy(sys.exit))  # type: ignore[arg-type]
        assert answer(workers, CallingPolicy(in_a_worker)) == 1
        for policy in (CallingPolicy(end_this_worker), CallingPolicy(in_a_worker)):
            with pytest.raises(ProcessFailed, match=r"^a rollout worker was killed$"):
                answer(workers, policy)
    assert not multiprocessing.active_children()


def hang() -> float:
    # `sum` runs in C and keeps the interpreter's lock, so that the worker runs no signal handler and no other thread.
    return sum(itertools.repeat(0.0)) if in_a_worker() else 0.0


@linux
def test_one_signal_ends_workers_that_hang(fork: None) -> None:
    """Python loses a signal that arrives during a destructor or a callback; the test sends it again after 20 s."""
    ended = threading.Event()

    def interrupt() -> None:
        waiting = 0.5
        while not ended.wait(waiting):
            os.kill(os.getpid(), signal.SIGINT)
            waiting = 20

    with pytest.raises(KeyboardInterrupt), RolloutWorkers(POINT, num_workers=2) as workers:  # noqa: PT012
        threading.Thread(target=interrupt, daemon=True).start()
        answer(workers, CallingPolicy(hang))
    ended.set()
    assert not multiprocessing.active_children()


SCRIPT = """
from cs285.infrastructure.rollout_workers import RolloutWorkers
def make(): return RolloutWorkers('CartPole-v1', num_workers=2, films=True)
"""
SLEEP = """
import multiprocessing, time
if __name__ == '__main__':
    with make():
        print(*(child.pid for child in multiprocessing.active_children()), flush=True)
        time.sleep(60)
"""


def start(code: str, folder: Path, *, stdin: bool = False) -> subprocess.Popen[str]:
    path = folder / "main.py"
    path.write_text(SCRIPT + code, encoding="utf-8")
    pipe: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    # The project's scripts set OPENBLAS_NUM_THREADS, too.
    environment = {**os.environ, "PYTHONPATH": os.getcwd(), "OPENBLAS_NUM_THREADS": "1"}
    with path.open(encoding="utf-8") as script:
        return subprocess.Popen([sys.executable, "-" if stdin else str(path)], stdin=script, env=environment, **pipe)


@linux
def test_main_scripts_that_workers_cannot_import(tmp_path: Path) -> None:
    for stdin, why in (
        (False, "one ended; does the main script, which"),
        (True, "the main script, which workers import,"),
    ):
        out, err = start("make()", tmp_path, stdin=stdin).communicate()
        assert out.startswith(f"{HERE}no workers for CartPole-v1: {why}")
        assert (out.count("\n"), err) == (1, "")  # the workers print no traceback of their own


@linux
def test_workers_end_with_a_killed_main_process(tmp_path: Path) -> None:
    def runs(process: Path) -> bool:
        try:
            return (process / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
        except FileNotFoundError:
            return False

    with start(SLEEP, tmp_path) as main:
        assert main.stdout is not None
        workers = [Path("/proc") / pid for pid in main.stdout.readline().split()]
        assert len(workers) == 2
        main.kill()
    deadline = time.monotonic() + 20
    while any(map(runs, workers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(runs, workers))


@linux
def test_fork_without_threads_and_graphics_else_spawn() -> None:
    code = (
        "import sys, threading\n"
        "from cs285.process import start_method\n"
        "chosen = [start_method(films=False), start_method(films=True)]\n"
        "sys.modules['OpenGL'] = threading\n"
        "chosen += [start_method(films=False)]\n"
        "del sys.modules['OpenGL']\n"
        "threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
        "chosen += [start_method(films=False)]\n"
        "assert chosen == ['fork', 'spawn', 'spawn', 'spawn'], chosen\n"
        "heavy = {'torch', 'matplotlib', 'imageio', 'scipy', 'tensorboardX'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"  # a spawned worker imports the modules that this process has imported
    )
    subprocess.run([sys.executable, "-c", code], env={**os.environ, "OPENBLAS_NUM_THREADS": "1"}, check=True)
