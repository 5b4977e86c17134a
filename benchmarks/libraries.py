"""Time gradient steps of behavioural cloning in the library `imitation`; arguments and output as of measure.py.

`imitation` needs an earlier Gymnasium than the project, so this runs in a separate virtual environment.
Network, batch size and learning rate are the project's defaults.
"""

import re
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cs285.data.restricted_pickle import load_pickle

QUIET: dict[str, Any] = {"log_interval": 10**9, "progress_bar": False}
NETWORK = re.compile("policy_net|action_net")  # weights and biases, from the input to the mean action
STEPS, BATCH_SIZE, LEARNING_RATE, HIDDEN = 2000, 100, 5e-3, [64, 64]


def imitation(obs: Any, acts: Any, rewards: Any, next_obs: Any, ends: Any) -> Any:
    """Make the trainer of `imitation`'s BC, which maximises the log-likelihood of a Gaussian policy."""
    import gymnasium as gym
    from imitation.algorithms import bc
    from imitation.data.types import Transitions
    from stable_baselines3.common.policies import ActorCriticPolicy

    spaces = [gym.spaces.Box(-np.inf, np.inf, array.shape[1:], np.float32) for array in (obs, acts)]
    names = {
        "observation_space": spaces[0],
        "action_space": spaces[1],
        "rng": np.random.default_rng(torch.initial_seed()),
    }
    policy = ActorCriticPolicy(*spaces, lambda _: LEARNING_RATE, net_arch=HIDDEN)
    data = Transitions(obs, acts, np.array([{}] * len(acts)), next_obs, ends.astype(bool))
    options = {"batch_size": BATCH_SIZE, "optimizer_kwargs": {"lr": LEARNING_RATE}, "device": "cpu"}
    return bc.BC(policy=policy, demonstrations=data, **names, **options)


if __name__ == "__main__":
    _, side, _, _, data_file, *to_save = sys.argv[1:]  # bc_returns.py adds a file for the weights, and a seed
    torch.manual_seed(int(to_save[1]) if to_save else 0)
    paths = load_pickle(Path(data_file))
    keys = ("observation", "action", "reward", "next_observation")
    arrays = [np.concatenate([path[key] for path in paths]).astype(np.float32) for key in keys]
    ends = np.concatenate([np.arange(len(path["reward"])) == len(path["reward"]) - 1 for path in paths])
    trainer = globals()[side](*arrays, ends.astype(np.float32))
    if not to_save:
        trainer.train(n_batches=1, **QUIET)
    start = time.perf_counter()
    trainer.train(n_batches=1000 if to_save else STEPS, **QUIET)
    print(time.perf_counter() - start)
    if to_save:
        weights = {name: value.numpy() for name, value in trainer.policy.state_dict().items() if NETWORK.search(name)}
        np.savez(to_save[0], **weights)
