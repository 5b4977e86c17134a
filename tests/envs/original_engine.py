"""Compute resets and steps on mujoco-py; this script runs in the virtual environment that has mujoco-py.

    python original_engine.py TASK IN.npz OUT.npz

IN has states ``qpos`` (N, nq), ``qvel`` (N, nv) and ``actions`` (N, nu). OUT gets the model's inertial fields,
the observation after a reset with seed 7, and the results of one step from each state: the next state, the number of
contacts, the observation, the reward with its terms, and whether the episode terminated.
"""

import sys
from typing import Any

import numpy as np

from cs285.envs.make_env import make_env

RESET_SEED = 7
MODEL_FIELDS = ("body_mass", "body_inertia", "body_ipos", "body_iquat", "body_invweight0")


def step_each(env: Any, qpos: Any, qvel: Any, actions: Any) -> dict[str, Any]:
    """Take one step of a task from every state, without warm starts of the solver."""
    task, results = env.unwrapped, []
    for q, v, action in zip(qpos, qvel, actions, strict=True):
        env.reset(seed=0)
        task.set_state(q, v)
        observation, reward, terminated, _, info = env.step(action)
        terms = {f"info {name}": value for name, value in info.items() if name.startswith("reward_")}
        state = {"qpos": task.data.qpos.copy(), "qvel": task.data.qvel.copy(), "contacts": task.data.ncon}
        results.append({**state, **terms, "observation": observation, "reward": reward, "terminated": terminated})
    return {name: np.array([result[name] for result in results], float) for name in results[0]}


def main(task: str, in_file: str, out_file: str) -> None:
    """Read the states and actions in IN, take the steps on mujoco-py, and write the results to OUT."""
    env, _ = make_env(f"{task}-v2", backend="mujoco_py")
    model = env.unwrapped.model  # type: ignore[attr-defined]
    results = {f"model {name}": np.array(getattr(model, name)) for name in MODEL_FIELDS}
    results["reset"] = env.reset(seed=RESET_SEED)[0]
    np.savez(out_file, **results, **step_each(env, **np.load(in_file)))


if __name__ == "__main__":
    main(*sys.argv[1:])
