"""Runs in the environment of mujoco-py, not in that of the tests: what the original engine computes.

    python original_engine.py TASK IN.npz OUT.npz EPISODES EXPERT

IN holds states ``qpos`` (N, nq) and ``qvel`` (N, nv) and ``actions`` (N, nu). OUT gets the
model's inertial fields; for each state the task's next state, observation, reward and the
terms that it reports; over so many episodes the returns and lengths of random actions, and of
an expert, if one is named.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from cs285.envs.make_env import make_env
from cs285.infrastructure.seeding import Stream, episode_seeds
from cs285.infrastructure.utils import sample_n_trajectories
from cs285.policies.loaded_gaussian_policy import LoadedGaussianPolicy

RANDOM_STEPS = 100
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


def act_at_random(env: Any, episodes: int) -> Any:
    """(episodes, 2): return and length of episodes whose actions their seeds alone decide."""
    results = np.zeros((episodes, 2))
    for seed in range(episodes):
        env.reset(seed=seed)
        actions = np.random.default_rng(seed).normal(size=(RANDOM_STEPS, *env.action_space.shape))
        for action in (actions * env.action_space.high / 2).astype(np.float32):
            _, reward, terminated, _, _ = env.step(action)
            results[seed] += reward, 1
            if terminated:
                break
    return results


def main(task: str, in_file: str, out_file: str, episodes: str, expert_file: str = "") -> None:
    """Compute and write."""
    env, spec = make_env(f"{task}-v2", backend="mujoco_py")
    model = env.unwrapped.model  # type: ignore[attr-defined]
    given = np.load(in_file)
    results = {f"model {name}": np.array(getattr(model, name)) for name in MODEL_FIELDS}
    results |= step_each(env, given["qpos"], given["qvel"], given["actions"])
    results["at random"] = act_at_random(env, int(episodes))
    if expert_file:
        expert = LoadedGaussianPolicy(Path(expert_file), discrete=False)
        seeds = episode_seeds(0, Stream.EVALUATION, itr=0)
        trajectories = sample_n_trajectories(env, spec, expert, int(episodes), seeds)
        results["returns"] = np.array([trajectory.total_reward for trajectory in trajectories])
    np.savez(out_file, **results)


if __name__ == "__main__":
    main(*sys.argv[1:])
