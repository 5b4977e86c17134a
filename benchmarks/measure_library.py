"""Behavioural cloning by another library: ``measure_library.py LIBRARY DATA STEPS BATCH_SIZE`` prints JSON.

Runs in an environment of the library's own, without the project. DATA is an .npz of one episode
after another: observations, actions, rewards, next_observations, and ends (1 at the last step).
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from sizes import timed

HIDDEN = [64, 64]
LEARNING_RATE = 5e-3


def train_with_imitation(data: Any, steps: int, batch_size: int) -> dict[str, float]:
    """`imitation`'s BC: the negative log-likelihood of a Gaussian policy."""
    import gymnasium as gym
    from imitation.algorithms import bc
    from imitation.data.types import Transitions
    from stable_baselines3.common.policies import ActorCriticPolicy

    transitions = Transitions(
        obs=data["observations"],
        acts=data["actions"],
        infos=np.array([{}] * len(data["actions"])),
        next_obs=data["next_observations"],
        dones=data["ends"].astype(bool),
    )
    spaces = [gym.spaces.Box(-np.inf, np.inf, data[name].shape[1:], np.float32) for name in ("observations", "actions")]
    trainer = bc.BC(
        observation_space=spaces[0],
        action_space=spaces[1],
        rng=np.random.default_rng(0),
        policy=ActorCriticPolicy(*spaces, lambda _: LEARNING_RATE, net_arch=HIDDEN),
        demonstrations=transitions,
        batch_size=batch_size,
        optimizer_kwargs={"lr": LEARNING_RATE},
        device="cpu",
    )
    return timed(lambda: trainer.train(n_batches=steps, log_interval=10**9, progress_bar=False))


def train_with_d3rlpy(data: Any, steps: int, batch_size: int) -> dict[str, float]:
    """d3rlpy's BC: the squared error of a deterministic policy."""
    import d3rlpy

    dataset = d3rlpy.dataset.MDPDataset(data["observations"], data["actions"], data["rewards"], data["ends"])
    learner = d3rlpy.algos.BCConfig(
        learning_rate=LEARNING_RATE,
        batch_size=batch_size,
        encoder_factory=d3rlpy.models.VectorEncoderFactory(hidden_units=HIDDEN, activation="tanh"),
    ).create(device="cpu:0")
    learner.build_with_dataset(dataset)
    options = {"logger_adapter": d3rlpy.logging.NoopAdapterFactory(), "show_progress": False}
    return timed(lambda: learner.fit(dataset, n_steps=steps, n_steps_per_epoch=steps, **options))


def main() -> None:
    """Train once; print the seconds and the versions."""
    library, file, steps, batch_size = sys.argv[1:]
    torch.set_num_threads(1)
    train = {"imitation": train_with_imitation, "d3rlpy": train_with_d3rlpy}[library]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        taken = train(np.load(file), int(steps), int(batch_size))
    versions = {package: version(package) for package in (library, "torch", "gymnasium", "numpy")}
    print(json.dumps({**taken, "versions": versions}))


if __name__ == "__main__":
    main()
