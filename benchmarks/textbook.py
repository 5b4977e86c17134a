"""The homework as a textbook would write it; the project's speed is compared with this implementation.

It has one environment, in the main process, and a policy in torch. Each batch has the first items of a new permutation
of the replay buffer. Each gradient step converts the loss to numpy. In each iteration, evaluation follows training.
"""

import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from tensorboardX import SummaryWriter
from torch import nn

from cs285.data.restricted_pickle import load_pickle
from cs285.envs.make_env import make_env
from cs285.policies.loaded_gaussian_policy import load_expert

Paths = list[dict[str, Any]]


class Policy(nn.Module):
    """A policy whose mean action is a tanh network."""

    def __init__(self, ob_dim: int, ac_dim: int, n_layers: int = 2, size: int = 64) -> None:
        super().__init__()
        sizes = [ob_dim] + [size] * n_layers
        hidden = [m for a, b in pairwise(sizes) for m in (nn.Linear(a, b), nn.Tanh())]
        self.mean_net = nn.Sequential(*hidden, nn.Linear(size, ac_dim))
        self.optimizer = torch.optim.Adam(self.parameters(), 5e-3)

    def get_action(self, obs: np.ndarray) -> np.ndarray:
        """Actions (N, ac_dim) for observations (N, ob_dim); one observation (ob_dim,) gives N = 1."""
        observation = torch.from_numpy(np.atleast_2d(obs).astype(np.float32))
        return self.mean_net(observation).detach().numpy()

    def update(self, observations: np.ndarray, actions: np.ndarray) -> dict[str, np.ndarray]:
        """One step of Adam on the squared error."""
        predicted = self.mean_net(torch.from_numpy(observations.astype(np.float32)))
        loss = nn.functional.mse_loss(predicted, torch.from_numpy(actions.astype(np.float32)))
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return {"Training Loss": loss.detach().numpy()}


class ReplayBuffer:
    """Five arrays that grow by concatenation."""

    def __init__(self) -> None:
        self.arrays: list[np.ndarray] = []

    def add_rollouts(self, paths: Paths) -> None:
        """Append the transitions of ``paths``."""
        keys = ("observation", "action", "reward", "next_observation", "terminal")
        new = [np.concatenate([path[key] for path in paths]) for key in keys]
        self.arrays = [np.concatenate(both) for both in zip(self.arrays, new, strict=True)] if self.arrays else new

    def sample_random_data(self, batch_size: int) -> list[np.ndarray]:
        """Draw a random batch, as five arrays."""
        chosen = np.random.permutation(len(self.arrays[0]))[:batch_size]
        return [array[chosen] for array in self.arrays]


def sample_trajectory(env: gym.Env, policy: Any, max_path_length: int) -> dict[str, Any]:
    """Roll out one episode."""
    ob, _ = env.reset()
    steps, obs, acs, rewards, next_obs, terminals = 0, [], [], [], [], []
    while True:
        obs.append(ob)
        ac = policy.get_action(ob)[0]
        acs.append(ac)
        ob, rew, done, _, _ = env.step(ac)
        steps += 1
        next_obs.append(ob)
        rewards.append(rew)
        rollout_done = done or steps >= max_path_length
        terminals.append(rollout_done)
        if rollout_done:
            break
    lists = {"observation": obs, "action": acs, "reward": rewards, "next_observation": next_obs, "terminal": terminals}
    return {key: np.array(values, dtype=np.float32) for key, values in lists.items()}


def sample_trajectories(env: gym.Env, policy: Any, min_timesteps: int, max_path_length: int) -> Paths:
    """Roll out episodes until they have at least ``min_timesteps`` steps together."""
    paths: Paths = []
    while sum(len(path["reward"]) for path in paths) < min_timesteps:
        paths.append(sample_trajectory(env, policy, max_path_length))
    return paths


def train(policy: Policy, buffer: ReplayBuffer, steps: int, batch_size: int = 100) -> None:
    """Take gradient steps."""
    for _ in range(steps):
        observations, actions, *_ = buffer.sample_random_data(batch_size)
        policy.update(observations, actions)


def run_job(env_name: str, expert_file: Path, data_file: Path, n_iter: int = 10, eval_batch_size: int = 5000) -> float:
    """Run DAgger on one task; returns the mean return of the last evaluation."""
    env = gym.make(env_name)
    limit = env.spec.max_episode_steps
    expert, data = load_expert(expert_file, env_name, make_env(env_name)[1]), load_pickle(data_file)
    policy = Policy(env.observation_space.shape[0], env.action_space.shape[0])
    buffer, writer = ReplayBuffer(), SummaryWriter("textbook_run")
    for itr in range(n_iter):
        paths = data if itr == 0 else sample_trajectories(env, policy, 1000, limit)
        for path in paths if itr > 0 else []:
            path["action"] = expert.get_action(path["observation"])
        buffer.add_rollouts(paths)
        train(policy, buffer, 1000)
        evaluation = sample_trajectories(env, policy, eval_batch_size, limit)
        mean_return = float(np.mean([path["reward"].sum() for path in evaluation]))
        writer.add_scalar("Eval_AverageReturn", mean_return, itr)
        writer.flush()
    return mean_return


if __name__ == "__main__":  # this file takes the arguments of measure.py, and ignores ROW and SIDE
    run_job(sys.argv[3], *map(Path, sys.argv[4:]))
