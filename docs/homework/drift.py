"""Draw drift.png: how far from the expert's recorded states a cloned policy and one trained with DAgger come.

In the project's folder: PYTHONPATH=. python docs/homework/drift.py
"""

from __future__ import annotations

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
from cs285.presets import TUNED

EPISODES, STEPS = 10, 300


def main() -> None:
    """Train both policies, roll them out, and draw the distance to the nearest recorded state at each step."""
    figure, axes = plt.subplots(figsize=(6.4, 3.2), dpi=110, layout="constrained")
    with tempfile.TemporaryDirectory() as folder:
        bc = Config(env_name="HalfCheetah-v5", logdir=Path(folder), scalar_log_freq=-1, **TUNED)
        for config, name, color in (
            (bc, "behavioural cloning", ORANGE),
            (replace(bc, do_dagger=True, n_iter=10), "DAgger, 10 iterations", BLUE),
        ):
            with BC_Trainer(config) as trainer:
                recorded = trainer.inputs.initial_expertdata
                trainer.run_training_loop()
                actor, spec = trainer.agent.actor, trainer.inputs.rollouts.spec
            with BC_Trainer(config) as rolling:
                seeds = islice(episode_seeds(0, Stream.EVALUATION, itr=0), EPISODES)
                frozen = frozen_copy(actor, recorded[0].observations[:64])
                paths = sample_n_trajectories(rolling.inputs.rollouts, frozen, EPISODES, seeds)
                expert = sample_n_trajectories(
                    rolling.inputs.rollouts, rolling.inputs.expert_policy, EPISODES, episode_seeds(0, Stream.EXPERT, 0)
                )
            mean, std = standardizer(recorded)
            tree = cKDTree(np.concatenate([(path.observations - mean) / std for path in recorded]))
            drawn = [(paths, name, color), *([(expert, "the expert itself", GREEN)] if config is not bc else [])]
            for rolled, label, shade in drawn:
                states = np.stack([path.observations[:STEPS] for path in rolled])
                distances = tree.query((states - mean) / std)[0] / np.sqrt(spec.ob_dim)
                axes.plot(distances.T, color=shade, alpha=0.25, linewidth=0.7)
                axes.plot(np.median(distances, axis=0), color=shade, linewidth=2, label=label)
    axes.set(xlabel="step of the episode", ylabel="distance to the nearest\nrecorded state", yscale="log")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.savefig(Path(__file__).with_name("drift.png"))


if __name__ == "__main__":
    main()
