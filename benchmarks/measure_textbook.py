"""What the textbook's way takes for each thing; `measure.py` calls these functions."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

import gymnasium as gym
import numpy as np
import textbook
import torch
from sizes import BATCH_SIZE, GRADIENT_STEPS, LARGE_BATCHES, LARGE_BUFFER, ROLLOUT_STEPS, timed

from cs285.data.restricted_pickle import load_pickle

torch.set_num_threads(1)  # as the project does: on a network this small more of them only spin


def policy_and_buffer(files: Namespace) -> tuple[textbook.Policy, textbook.ReplayBuffer]:
    """A new policy and the expert's data."""
    buffer = textbook.ReplayBuffer()
    buffer.add_rollouts(load_pickle(files.expert_data))
    assert buffer.arrays is not None
    return textbook.Policy(buffer.arrays[0].shape[1], buffer.arrays[1].shape[1]), buffer


def job(files: Namespace) -> dict[str, Any]:
    """The whole job."""
    return timed(lambda: textbook.run_job(files.env_name, files.expert_policy_file, files.expert_data))


def rollouts(files: Namespace) -> dict[str, Any]:
    """Episodes of a policy, one step at a time."""
    policy, _ = policy_and_buffer(files)
    env = gym.make(files.env_name)
    textbook.sample_trajectories(env, policy, ROLLOUT_STEPS, 1000)  # as the project's side: both are warm
    return timed(lambda: textbook.sample_trajectories(env, policy, ROLLOUT_STEPS, 1000))


def gradient(files: Namespace) -> dict[str, Any]:
    """Gradient steps, their batches included."""
    policy, buffer = policy_and_buffer(files)
    return timed(lambda: textbook.train(policy, buffer, GRADIENT_STEPS, BATCH_SIZE))


def batch(files: Namespace) -> dict[str, Any]:
    """Batches from a large buffer."""
    buffer = textbook.ReplayBuffer()
    widths = {"observation": 27, "action": 8, "reward": 0, "next_observation": 27, "terminal": 0}
    path = {key: np.zeros((LARGE_BUFFER, width)[: 2 if width else 1], np.float32) for key, width in widths.items()}
    buffer.add_rollouts([path])
    part = LARGE_BATCHES // 4  # it takes long
    return timed(lambda: [buffer.sample_random_data(BATCH_SIZE) for _ in range(part)], times=4)
