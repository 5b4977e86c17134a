"""One measurement in a process of its own: ``measure.py ROW SIDE ENV_NAME EXPERT_FILE DATA_FILE FRACTION``.

Prints the seconds that the function ROW takes on one SIDE, project, torch or textbook, for a fraction of its steps.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
BATCH_SIZE, GRADIENT_STEPS, ROLLOUT_STEPS, BATCHES, BUFFER_SIZE = 100, 2000, 8000, 200, 1_000_000
JOB_STEPS = 64_000  # of the default job: ten evaluations and the expert's of 5000 steps, nine collections of 1000
# Functions import what they need: what a job imports is part of its time.


class Task(NamedTuple):
    """The files of a task, and the fraction of the steps to take."""

    env_name: str
    expert_file: Path
    data_file: Path
    fraction: float = 1.0

    def part(self, steps: int) -> int:
        """The fraction of a number of steps, at least one."""
        return max(1, round(steps * self.fraction))


def timed(action: Callable[[], Any], times: int = 1) -> float:
    """Seconds that some calls take, after one in which everything is imported, started and cached."""
    action()
    start = time.perf_counter()
    for _ in range(times):
        action()
    return time.perf_counter() - start


def new_agent(make_policy: Any = None, fast: bool = True, **settings: Any) -> Any:
    """An agent with the expert's data, as a run with these settings begins; ``fast=False``: without `fast_update`."""
    from cs285.agents.make_agent import make_agent
    from cs285.config import Config
    from cs285.envs.make_env import make_env
    from cs285.infrastructure.inputs import load_initial_data
    from cs285.policies.make_policy import make_mlp_policy

    config = Config(**settings)
    env, spec = make_env(config.env_name)
    env.close()
    paths = load_initial_data(config, spec)
    agent = make_agent(config, spec, paths, make_policy or make_mlp_policy)
    agent.find_update = agent.find_update if fast else None
    agent.add_to_replay_buffer(paths)
    return agent


def textbook_learner(data_file: Path) -> tuple[Any, Any]:
    """The textbook's policy, and its replay buffer with the expert's data."""
    import textbook

    textbook.torch.set_num_threads(1)  # on networks this small more threads only wait for each other
    buffer = textbook.ReplayBuffer()
    buffer.add_rollouts(textbook.load_pickle(data_file))
    return textbook.Policy(buffer.arrays[0].shape[1], buffer.arrays[1].shape[1]), buffer


def job(task: Task, side: str) -> float:
    """The textbook's default DAgger job; imports count too."""
    start = time.perf_counter()
    import textbook

    textbook.torch.set_num_threads(1)
    textbook.run_job(*task[:3], max(2, task.part(10)), task.part(5000))
    return time.perf_counter() - start


def gradient(task: Task, side: str) -> float:
    """Gradient steps with their batches."""
    steps = task.part(GRADIENT_STEPS)
    if side == "textbook":
        import textbook

        learner = textbook_learner(task.data_file)
        return timed(lambda: textbook.train(*learner, steps=1), steps)
    agent = new_agent(fast=side == "project", env_name=task.env_name, expert_data=task.data_file, no_gpu=True)
    return timed(lambda: agent.train(agent.sample(BATCH_SIZE)), steps)


def rollouts(task: Task, side: str) -> float:
    """Whole episodes of a new policy; the project's with the default number of workers."""
    steps = task.part(ROLLOUT_STEPS)
    if side == "textbook":
        import textbook

        env, (policy, _) = textbook.gym.make(task.env_name), textbook_learner(task.data_file)
        return timed(lambda: textbook.sample_trajectories(env, policy, steps, 1000))
    from cs285.infrastructure.rollout_workers import RolloutWorkers
    from cs285.infrastructure.utils import sample_trajectories

    with RolloutWorkers(task.env_name) as workers:  # they start before torch is imported, as in a run
        from cs285.policies.frozen_copy import frozen_copy

        agent = new_agent(env_name=task.env_name, expert_data=task.data_file, no_gpu=True)
        policy = frozen_copy(agent.actor, agent.sample(BATCH_SIZE).observations.numpy())
        return timed(lambda: sample_trajectories(workers, policy, steps, count()))


def batches(task: Task, side: str) -> float:
    """Batches from a large replay buffer."""
    import numpy as np

    size, names = task.part(BUFFER_SIZE), ("observation", "action", "reward", "next_observation", "terminal")
    arrays = [np.zeros((size, *shape), np.float32) for shape in ((27,), (8,), (), (27,), ())]
    buffer: Any
    if side == "textbook":
        import textbook

        buffer = textbook.ReplayBuffer()
        buffer.add_rollouts([dict(zip(names, arrays, strict=True))])
    else:
        from cs285.data.trajectory import Trajectory
        from cs285.infrastructure.replay_buffer import ReplayBuffer

        buffer = ReplayBuffer(size, np.random.default_rng(0))
        buffer.add_rollouts([Trajectory(*arrays[:4], terminated=False, truncated=True)])
    return timed(lambda: buffer.sample_random_data(BATCH_SIZE), BATCHES)


def physics(task: Task, side: str) -> float:
    """All environment steps of the default job by MuJoCo alone, shared by all cores at the same time."""
    from cs285.infrastructure.rollout_workers import usable_cores

    cores = usable_cores()
    with ProcessPoolExecutor(cores) as pool:
        return max(pool.map(mujoco_steps, [task] * cores, [task.part(JOB_STEPS) // cores] * cores))


def mujoco_steps(task: Task, steps: int) -> float:
    """Steps of MuJoCo along the actions of an episode of the expert, again and again."""
    import mujoco

    from cs285.envs.make_env import make_env
    from cs285.infrastructure.utils import sample_trajectory
    from cs285.policies.loaded_gaussian_policy import load_expert

    env, spec = make_env(task.env_name)
    actions = sample_trajectory(env, spec, load_expert(task.expert_file, task.env_name, spec), seed=0).actions
    base: Any = env.unwrapped

    def simulate() -> None:
        env.reset(seed=0)
        for action in actions:
            base.data.ctrl[:] = action
            mujoco.mj_step(base.model, base.data, nstep=base.frame_skip)

    return timed(simulate, round(steps / len(actions)) or 1)


if __name__ == "__main__":
    row, side, env_name, expert_file, data_file, fraction = sys.argv[1:]
    warnings.simplefilter("ignore")
    print(globals()[row](Task(env_name, Path(expert_file), Path(data_file), float(fraction)), side))
