"""Several seeds as one job end where each would have ended alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from cs285.config import Config
from cs285.errors import InvalidInput
from cs285.infrastructure.bc_trainer import BC_Trainer
from cs285.infrastructure.many_learners import ManyLearners, configs_of_seeds
from tests.fakes import expert_rule


def test_each_run_is_the_run_it_would_have_been_alone(tiny: Config) -> None:
    config = replace(tiny, do_dagger=True, n_iter=3, save_params=True, num_workers=0)
    together = ManyLearners(configs_of_seeds(replace(config, seeds=(3, 8))), expert_rule)
    rows_together = together.run_training_loop()
    assert [trainer.run_dir.name.split("_")[2] for trainer in together.trainers] == ["seed3", "seed8"]
    for trainer, rows, seed in zip(together.trainers, rows_together, (3, 8), strict=True):
        alone = BC_Trainer(replace(config, seed=seed), expert_rule)
        for row, row_alone in zip(rows, alone.run_training_loop(), strict=True):
            for name in set(row) - {"TimeSinceStart"}:
                assert row[name] == pytest.approx(row_alone[name], rel=1e-5), name
        for itr in range(3):
            name = f"policy_itr_{itr}.pt"
            ours = torch.load(trainer.run_dir / name, weights_only=True)
            theirs = torch.load(alone.run_dir / name, weights_only=True)
            for key, value in theirs.items():
                np.testing.assert_allclose(ours[key], value, rtol=0, atol=1e-6)
        assert (trainer.run_dir / "learning_curve.png").exists()


def test_a_loss_that_explodes_names_its_seed(tiny: Config) -> None:
    configs = [replace(tiny, seed=1), replace(tiny, seed=2, learning_rate=1e30)]
    learners = ManyLearners(configs, expert_rule)
    with pytest.raises(InvalidInput, match=r"iteration 0, step \d+; .*--seed 2"):
        learners.run_training_loop()


def test_runs_of_other_shapes_are_refused(tiny: Config) -> None:
    with pytest.raises(InvalidInput, match="--size: "):
        ManyLearners([tiny, replace(tiny, size=tiny.size + 1)], expert_rule)
    assert not tiny.logdir.exists()


@pytest.mark.parametrize("seeds", [(1, 1), (-1, 2), ()])
def test_seeds_that_make_no_sense_are_refused(tiny: Config, seeds: tuple[int, ...]) -> None:
    with pytest.raises(InvalidInput, match="--seeds"):
        replace(tiny, seeds=seeds)
