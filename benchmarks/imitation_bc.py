"""Behavioural cloning by the library `imitation`: ``imitation_bc.py DATA_FILE WEIGHTS_FILE SEED`` prints the seconds.

`imitation` needs an earlier Gymnasium than the project, so this file runs in a separate virtual environment.
Network, batch size, learning rate and gradient steps are the project's defaults.
"""

import sys
import time
from pathlib import Path

import gymnasium as gym
import numpy as np
import torch
from imitation.algorithms import bc
from imitation.data.types import Transitions
from stable_baselines3.common.policies import ActorCriticPolicy

from cs285.data.restricted_pickle import load_pickle

KEYS = ("observation", "action", "next_observation")
NETWORK = ("mlp_extractor.policy_net.", "action_net.")  # name prefixes of the parameters for the mean action

if __name__ == "__main__":
    data_file, weights_file, seed = sys.argv[1:]
    torch.manual_seed(int(seed))
    paths = load_pickle(Path(data_file))
    obs, acts, next_obs = (np.concatenate([path[key] for path in paths]).astype(np.float32) for key in KEYS)
    spaces = [gym.spaces.Box(-np.inf, np.inf, array.shape[1:], np.float32) for array in (obs, acts)]
    trainer = bc.BC(  # imitation's BC maximises the log-likelihood of a Gaussian policy
        **dict(zip(("observation_space", "action_space"), spaces, strict=True)),
        rng=np.random.default_rng(int(seed)),
        policy=ActorCriticPolicy(*spaces, lambda _: 5e-3, net_arch=[64, 64]),
        demonstrations=Transitions(obs, acts, np.array([{}] * len(acts)), next_obs, np.zeros(len(acts), bool)),
        batch_size=100,
        optimizer_kwargs={"lr": 5e-3},
        device="cpu",
    )
    start = time.perf_counter()
    trainer.train(n_batches=1000, log_interval=10**9, progress_bar=False)
    print(time.perf_counter() - start)
    parameters = trainer.policy.state_dict().items()
    np.savez(weights_file, **{name: value.numpy() for name, value in parameters if name.startswith(NETWORK)})
