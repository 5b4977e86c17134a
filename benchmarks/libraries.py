"""Gradient steps of behavioural cloning by other libraries, each run by the Python of an environment of its own.

Called as measure.py is; SIDE is imitation (imitation==1.0.1 gymnasium==0.29.1) or d3rlpy (d3rlpy==2.8.1), whose
requirements exclude each other and the project's. Same data, batch size, network and learning rate as the project's.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measure import BATCH_SIZE, GRADIENT_STEPS, Task, timed

from cs285.data.restricted_pickle import load_pickle

LEARNING_RATE, HIDDEN = 5e-3, [64, 64]


def imitation(arrays: dict[str, Any], ends: Any, steps: int) -> float:
    """`imitation`'s BC: the negative log-likelihood of a Gaussian policy."""
    import gymnasium as gym
    from imitation.algorithms import bc
    from imitation.data.types import Transitions
    from stable_baselines3.common.policies import ActorCriticPolicy

    obs, acts = arrays["observation"], arrays["action"]
    spaces = [gym.spaces.Box(-np.inf, np.inf, array.shape[1:], np.float32) for array in (obs, acts)]
    trainer = bc.BC(
        observation_space=spaces[0],
        action_space=spaces[1],
        rng=np.random.default_rng(0),
        policy=ActorCriticPolicy(*spaces, lambda _: LEARNING_RATE, net_arch=HIDDEN),
        demonstrations=Transitions(obs, acts, np.array([{}] * len(acts)), arrays["next_observation"], ends),
        batch_size=BATCH_SIZE,
        optimizer_kwargs={"lr": LEARNING_RATE},
        device="cpu",
    )
    return timed(lambda: trainer.train(n_batches=steps, log_interval=10**9, progress_bar=False))


def d3rlpy(arrays: dict[str, Any], ends: Any, steps: int) -> float:
    """d3rlpy's BC: the squared error of a deterministic policy."""
    import d3rlpy

    dataset = d3rlpy.dataset.MDPDataset(*(arrays[name] for name in ("observation", "action", "reward")), ends)
    encoder = d3rlpy.models.VectorEncoderFactory(hidden_units=HIDDEN, activation="tanh")
    config = d3rlpy.algos.BCConfig(learning_rate=LEARNING_RATE, batch_size=BATCH_SIZE, encoder_factory=encoder)
    learner = config.create(device="cpu:0")
    learner.build_with_dataset(dataset)
    options = {"logger_adapter": d3rlpy.logging.NoopAdapterFactory(), "show_progress": False}
    return timed(lambda: learner.fit(dataset, n_steps=steps, n_steps_per_epoch=steps, **options))


if __name__ == "__main__":
    _, side, env_name, expert_file, data_file, fraction = sys.argv[1:]
    torch.set_num_threads(1)
    paths = load_pickle(Path(data_file))
    names = ("observation", "action", "reward", "next_observation")
    arrays = {name: np.concatenate([path[name] for path in paths]).astype(np.float32) for name in names}
    ends = np.concatenate([np.arange(len(path["reward"])) == len(path["reward"]) - 1 for path in paths])
    task = Task(env_name, Path(expert_file), Path(data_file), float(fraction))
    print(globals()[side](arrays, ends, task.part(GRADIENT_STEPS)))
