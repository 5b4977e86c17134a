"""Take one measurement: ``measure.py ROW SIDE ENV_NAME EXPERT_FILE DATA_FILE`` prints the seconds.

ROW gradient has the SIDEs project, torch (without `fast_update`) and textbook. ROW job has the SIDE physics (MuJoCo).
"""

import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import mujoco
import textbook

from cs285.config import Config
from cs285.envs.make_env import make_env
from cs285.infrastructure.bc_trainer import BC_Trainer
from cs285.infrastructure.utils import sample_trajectory
from cs285.policies.loaded_gaussian_policy import load_expert
from cs285.policies.make_policy import make_mlp_policy
from cs285.process import usable_cores

STEPS = {"job": 64_000, "gradient": 2000}  # environment steps (55 000 in evaluations, 9000 in training); steps of Adam


def timed(action: Callable[[], Any], times: int = 1) -> float:
    """Seconds that ``times`` calls take; one call before them is not measured, because it imports and caches."""
    action()
    start = time.perf_counter()
    for _ in range(times):
        action()
    return time.perf_counter() - start


def new_trainer(make_policy: Any = make_mlp_policy, **settings: Any) -> BC_Trainer:
    """Make a trainer with the given settings, and with the expert's data in its replay buffer."""
    trainer = BC_Trainer(Config(scalar_log_freq=-1, **settings), make_policy=make_policy)
    trainer.agent.add_to_replay_buffer(trainer.inputs.initial_expertdata)
    return trainer


def gradient(side: str, env_name: str, expert_file: Path, data_file: Path) -> float:
    """Seconds of 2000 gradient steps, including the sampling of their batches."""
    if side == "textbook":
        buffer = textbook.ReplayBuffer()
        buffer.add_rollouts(textbook.load_pickle(data_file))
        policy = textbook.Policy(*(array.shape[1] for array in buffer.arrays[:2]))
        return timed(lambda: textbook.train(policy, buffer, 1), STEPS["gradient"])
    agent = new_trainer(env_name=env_name, expert_data=data_file, no_gpu=True, num_workers=0).agent
    agent.update = agent.update if side == "project" else agent.actor.update
    return timed(lambda: agent.train(agent.sample(batch_size=100)), STEPS["gradient"])


def job(side: str, env_name: str, expert_file: Path, data_file: Path) -> float:
    """Seconds that MuJoCo alone takes, on all cores, for the environment steps of a default DAgger run."""
    cores = usable_cores()
    with ProcessPoolExecutor(cores) as pool:
        shares = [pool.submit(mujoco_steps, env_name, expert_file, STEPS["job"] // cores) for _ in range(cores)]
        return max(share.result() for share in shares)


def mujoco_steps(env_name: str, expert_file: Path, steps: int) -> float:
    """Seconds of about ``steps`` steps of MuJoCo, with the actions of one expert episode repeated."""
    env, spec = make_env(env_name)
    actions = sample_trajectory(env, spec, load_expert(expert_file, env_name, spec), seed=0).actions
    base: Any = env.unwrapped

    def simulate() -> None:
        env.reset(seed=0)
        for action in actions:
            base.data.ctrl[:] = action
            mujoco.mj_step(base.model, base.data, nstep=base.frame_skip)

    return timed(simulate, max(1, round(steps / len(actions))))


if __name__ == "__main__":
    row, side, env_name, *files = sys.argv[1:]
    print(globals()[row](side, env_name, *map(Path, files)))
