"""Runs in the environment of mujoco-py, not in that of the tests: what the original engine computes.

    python original_engine.py TASK IN.npz OUT.npz EPISODES EXPERT

IN holds states ``qpos`` (N, nq) and ``qvel`` (N, nv) and ``actions`` (N, nu). OUT gets the
model's inertial fields; for each state the task's next state, observation, reward and the
terms that it reports; and the returns of an expert, if one is named, over so many episodes.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from cs285.infrastructure.envs import make_env
from cs285.infrastructure.seeding import Stream, episode_seeds
from cs285.infrastructure.utils import sample_n_trajectories
from cs285.policies.loaded_gaussian_policy import LoadedGaussianPolicy

MODEL_FIELDS = ("body_mass", "body_inertia", "body_ipos", "body_iquat", "body_invweight0")


def step_each(env: Any, qpos: Any, qvel: Any, actions: Any) -> dict[str, Any]:
    """One step of a task from every state; each time the solver starts cold."""
    task, results = env.unwrapped, []
    for q, v, action in zip(qpos, qvel, actions, strict=True):
        env.reset(seed=0)
        task.set_state(q, v)
        observation, reward, terminated, _, info = env.step(action)
        terms = {f"info {name}": value for name, value in info.items() if name.startswith("reward_")}
        state = {"qpos": task.data.qpos.copy(), "qvel": task.data.qvel.copy(), "contacts": task.data.ncon}
        results.append({**state, **terms, "observation": observation, "reward": reward, "terminated": terminated})
    return {name: np.array([result[name] for result in results], float) for name in results[0]}


def main(task: str, in_file: str, out_file: str, episodes: str, expert_file: str = "") -> None:
    """Compute and write."""
    env, spec = make_env(f"{task}-v2", backend="mujoco_py")
    model = env.unwrapped.model  # type: ignore[attr-defined]
    given = np.load(in_file)
    results = {f"model {name}": np.array(getattr(model, name)) for name in MODEL_FIELDS}
    results |= step_each(env, given["qpos"], given["qvel"], given["actions"])
    if expert_file:
        expert = LoadedGaussianPolicy(Path(expert_file), discrete=False)
        seeds = episode_seeds(0, Stream.EVALUATION, itr=0)
        trajectories = sample_n_trajectories(env, spec, expert, int(episodes), seeds)
        results["returns"] = np.array([trajectory.total_reward for trajectory in trajectories])
        results["lengths"] = np.array([len(trajectory) for trajectory in trajectories])
    np.savez(out_file, **results)


if __name__ == "__main__":
    main(*sys.argv[1:])
