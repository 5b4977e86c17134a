"""DAgger with an expert that is a function. The expert swings a pendulum up.

This file takes the flags of run_hw1.py:
python pendulum.py --env_name Pendulum-v1 --expert_data pendulum.pkl --do_dagger
"""

from pathlib import Path

import numpy as np

from cs285.data.expert_data import write_expert_data
from cs285.envs.make_env import make_env
from cs285.infrastructure.seeding import Stream, episode_seeds
from cs285.infrastructure.utils import LocalRollouts, sample_n_trajectories
from cs285.policies.external_policy import as_policy
from cs285.scripts.run_hw1 import main


def expert(observations):
    """Compute torques (N, 1) from observations (N, 3): the angle's cosine and sine, and the angular velocity.

    The angle is 0 where the pendulum is upright.
    """
    cos, sin, velocity = observations.T
    energy = velocity**2 / 2 + 15 * cos
    pump = (15 - energy) * np.where(velocity < 0, -1, 1)
    balance = -10 * np.arctan2(sin, cos) - 2 * velocity
    return np.clip(np.where(cos > 0.9, balance, pump), -2, 2)[:, None]


def record(path, episodes):
    """Roll out the expert and write its episodes to a file."""
    rollouts = LocalRollouts(*make_env("Pendulum-v1"))
    seeds = episode_seeds(1, Stream.TRAINING_ROLLOUTS, itr=0)
    write_expert_data(sample_n_trajectories(rollouts, as_policy(expert), episodes, seeds), path)


if __name__ == "__main__":
    if not Path("pendulum.pkl").exists():
        record(Path("pendulum.pkl"), episodes=10)
    main(expert=expert)
