"""Edits of the assignment's code, made in a copy of the package, take effect in runs of the copy."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from cs285.data.run_folders import read_runs
from tests.conftest import ROOT, copied_project, edit
from tests.scripts.conftest import finish, start

JOB = "--env_name Hopper-v5 --ep_len 40 --do_dagger --n_iter 2 --batch_size 40 --eval_batch_size 80 --num_workers 2"
JOB += " --num_agent_train_steps_per_iter 20 --save_params --size 16"


def losses_of_two_runs(package: Path, logdir: Path) -> list[list[float]]:
    """The training losses of all iterations, in a run with seed 1 and in a run with seed 2."""
    script = package / "scripts/run_hw1.py"
    finish(start(script, *JOB.split(), "--seeds", "1,2", "--logdir", logdir, cwd=package)).succeeded()
    runs = read_runs([logdir])
    assert [run.config.seed for run in runs] == [1, 2]
    return [[row["Training Loss"] for row in run.rows] for run in runs]


@pytest.mark.slow
def test_edits_of_the_assignments_code_take_effect(tmp_path: Path) -> None:
    package = copied_project(tmp_path)
    for name in ("policies/experts/Hopper-v5.pkl", "expert_data/expert_data_Hopper-v5.pkl"):
        (package / name).parent.mkdir(parents=True)
        shutil.copy(ROOT / name, package / name)
    unedited = losses_of_two_runs(ROOT, package / "unedited")
    policy = package / "cs285/policies/MLP_policy.py"
    edit(policy, "loss.detach()}", "10 * loss.item()}")
    edit(policy, "return functional.mse_loss(", "return 10 * functional.mse_loss(")
    found = losses_of_two_runs(package, package / "edited")
    # Each edit multiplies the logged loss by 10. Training stays the same, because Adam's steps do not depend on the
    # scale of the loss.
    np.testing.assert_allclose(found, 100 * np.array(unedited), rtol=0.01)
    shutil.copy(ROOT / "cs285/policies/MLP_policy.py", policy)
    edit(package / "cs285/infrastructure/pytorch_utils.py", "= nn.Tanh,", "= nn.ReLU,")
    found = losses_of_two_runs(package, package / "data")
    assert np.abs(np.array(found) / unedited - 1).min() > 1e-3
    policy = next(package.glob("data/*seed1*/policy_itr_1.pt"))
    finish(start("eval_policy", "--policy", policy, cwd=package)).refused("the policy's architecture is")
