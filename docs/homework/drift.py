"""Draw drift.png: how far BC, DAgger and the expert are from the expert's recorded states in each step of an episode.

Run it in the project's folder: PYTHONPATH=. python docs/homework/drift.py
"""

import tempfile
from dataclasses import replace
from itertools import islice
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from scipy.spatial import cKDTree

from cs285.config import Config
from cs285.infrastructure.bc_trainer import BC_Trainer
from cs285.infrastructure.learning_curve import BLUE, GREEN, ORANGE
from cs285.infrastructure.seeding import Stream, episode_seeds
from cs285.infrastructure.utils import sample_n_trajectories
from cs285.policies.frozen_copy import frozen_copy
from cs285.policies.make_policy import standardizer

EPISODES, STEPS = 10, 300


def main() -> None:
    """Train a policy with BC and one with DAgger, roll out both and the expert, and draw the distances."""
    with tempfile.TemporaryDirectory() as folder:
        bc = Config(env_name="Hopper-v5", logdir=Path(folder), scalar_log_freq=-1)
        dagger, policies = replace(bc, do_dagger=True, n_iter=10), []
        for config in (bc, dagger):
            trainer = BC_Trainer(config)
            trainer.run_training_loop()
            recorded = trainer.inputs.initial_expertdata
            policies.append(frozen_copy(trainer.agent.actor, recorded[0].observations[:64]))
        with BC_Trainer(dagger) as rolling:
            inputs = rolling.inputs
            policies.append(inputs.expert_policy)
            rolled = []
            for policy in policies:
                seeds = islice(episode_seeds(0, Stream.EVALUATION, itr=0), EPISODES)
                rolled.append(sample_n_trajectories(inputs.rollouts, policy, EPISODES, seeds))
    mean, std = standardizer(recorded)
    tree = cKDTree(np.concatenate([(path.observations - mean) / std for path in recorded]))
    figure, axes = plt.subplots(figsize=(6.4, 3.2), dpi=110, layout="constrained")
    labels = ("behavioural cloning (cross: a fall)", "DAgger, 10 iterations", "the expert itself")
    for paths, label, color in zip(rolled, labels, (ORANGE, BLUE, GREEN), strict=True):
        for path in paths:
            states = (path.observations[:STEPS] - mean) / std
            distances = tree.query(states)[0] / np.sqrt(states.shape[1])
            axes.plot(distances, color=color, alpha=0.6, linewidth=0.9, label=label if path is paths[0] else None)
            if len(path) < STEPS:
                axes.plot(len(path) - 1, distances[-1], "x", color=color)
    axes.set(xlabel="step of the episode", ylabel="distance to the nearest\nrecorded state", yscale="log")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="lower right")
    figure.savefig(Path(__file__).with_name("drift.png"))


if __name__ == "__main__":
    main()
