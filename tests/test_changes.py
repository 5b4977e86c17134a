"""Changes by users take effect: edits of the assignment's code in a copy of the package, and changed policies."""

import csv
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from cs285.config import Config
from cs285.errors import InvalidInput
from cs285.infrastructure.bc_trainer import BC_Trainer
from cs285.infrastructure.pytorch_utils import build_mlp
from cs285.policies.make_policy import make_mlp_policy
from cs285.policies.MLP_policy import MLPPolicySL
from tests.fakes import expert_rule

ROOT = Path(__file__).parents[1]
JOB = "--env_name Hopper-v5 --ep_len 40 --do_dagger --n_iter 2 --batch_size 40 --eval_batch_size 80 --num_workers 2"
JOB += " --num_agent_train_steps_per_iter 20 --save_params --size 16"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    for name in ("cs285", "scripts"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("policies/experts/Hopper-v5.pkl", "expert_data/expert_data_Hopper-v5.pkl"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1
    file.write_text(text.replace(old, new), encoding="utf-8")


def run_script(folder: Path, script: str, *flags: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, f"scripts/{script}.py", *flags]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, encoding="utf-8", check=False)


def losses_of_two_runs(package: Path, logdir: Path) -> list[list[float]]:
    """The losses in log.csv of runs with seeds 1 and 2."""
    finished = run_script(package, "run_hw1", *JOB.split(), "--seeds", "1,2", "--logdir", str(logdir))
    assert finished.returncode == 0, finished.stderr
    tables = [csv.DictReader(path.open(newline="", encoding="utf-8")) for path in sorted(logdir.glob("*/log.csv"))]
    assert len(tables) == 2
    return [[float(row["Training Loss"]) for row in table] for table in tables]


@pytest.mark.slow
def test_edits_of_the_assignments_code_take_effect(package: Path) -> None:
    unedited = losses_of_two_runs(ROOT, package / "unedited")
    policy = package / "cs285/policies/MLP_policy.py"
    edit(policy, "loss.detach()}", "10 * loss.item()}")
    edit(policy, "return functional.mse_loss(", "return 10 * functional.mse_loss(")
    found = losses_of_two_runs(package, package / "edited")
    np.testing.assert_allclose(found, 100 * np.array(unedited), rtol=0.01)  # Adam does not depend on the loss's scale
    shutil.copy(ROOT / "cs285/policies/MLP_policy.py", policy)
    edit(package / "cs285/infrastructure/pytorch_utils.py", "= nn.Tanh,", "= nn.ReLU,")
    found = losses_of_two_runs(package, package / "data")
    assert np.abs(np.array(found) / unedited - 1).min() > 1e-3
    refused = run_script(ROOT, "eval_policy", "--policy", str(next(package.glob("data/*seed1*/policy_itr_1.pt"))))
    assert refused.returncode == 2
    assert "another architecture" in refused.stderr
    assert refused.stderr.count("\n") == 1


class InnerLayer(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + torch.sin(x)


class OwnLoss(MLPPolicySL):
    def compute_loss(self, observations: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
        return (self.outputs(observations) - actions).abs().mean()


def changed(change: Callable[[MLPPolicySL], Any]) -> Callable[..., MLPPolicySL]:
    """A ``make_policy`` that changes the default policy, and makes a new optimiser unless ``change`` has made one."""

    def make_policy(config: Config, spec: Any, paths: Any) -> MLPPolicySL:
        policy = make_mlp_policy(config, spec, paths)
        before = policy.optimizer
        change(policy)
        if policy.optimizer is before:
            set_optimizer(policy, torch.optim.Adam(policy.parameters(), 0.01))
        return policy

    return make_policy


def set_optimizer(policy: MLPPolicySL, optimizer: torch.optim.Optimizer) -> None:
    policy.optimizer, policy.scheduler = optimizer, None


CHANGES: dict[str, Callable[..., Any]] = {
    "ReLU": changed(lambda policy: setattr(policy, "mean_net", build_mlp(3, 2, 2, 8, activation=nn.ReLU))),
    "a layer of one's own": changed(lambda policy: policy.mean_net.__setitem__(1, InnerLayer())),
    "LayerNorm": changed(lambda policy: policy.mean_net.insert(1, nn.LayerNorm(8))),  # type: ignore[operator]
    "Dropout": changed(lambda policy: policy.mean_net.insert(2, nn.Dropout(0.5))),  # type: ignore[operator]
    "a frozen layer": changed(lambda policy: policy.mean_net[0].requires_grad_(False)),  # type: ignore[index, union-attr]
    "a hook": changed(lambda policy: policy.mean_net[0].weight.register_hook(lambda gradient: 0 * gradient)),  # type: ignore[index, union-attr]
    "SGD": changed(lambda policy: set_optimizer(policy, torch.optim.SGD(policy.parameters(), 0.1))),
    "weight decay": changed(lambda policy: set_optimizer(policy, torch.optim.AdamW(policy.parameters(), 0.1))),
    "another loss": lambda config, spec, paths: OwnLoss(2, 3, 2, 8),
}


def parameters_after(config: Config, make_policy: Callable[..., Any]) -> tuple[np.ndarray, list[dict[str, float]]]:
    trainer = BC_Trainer(config, expert_rule, make_policy)
    rows = trainer.run_training_loop()
    return np.concatenate([p.detach().numpy().ravel() for p in trainer.agent.actor.parameters()]), rows


def test_changed_policies_learn_the_same_as_in_plain_torch(tiny: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    config = replace(tiny, num_agent_train_steps_per_iter=20)
    default, _ = parameters_after(config, make_mlp_policy)
    for name, change in CHANGES.items():
        learned, rows = parameters_after(config, change)
        with monkeypatch.context() as patched:
            patched.setattr("cs285.agents.make_agent.fast_update", None)
            in_torch, torch_rows = parameters_after(config, change)
        np.testing.assert_array_equal(learned, in_torch, name)  # both runs take their steps in torch
        assert [row["Eval_AverageReturn"] for row in rows] == [row["Eval_AverageReturn"] for row in torch_rows], name
        # The change has an effect.
        assert learned.shape != default.shape or np.abs(learned - default).max() > 1e-3, name


def test_a_layer_whose_parameters_the_optimiser_lacks_is_refused(tiny: Config) -> None:
    def make_policy(config: Config, spec: Any, paths: Any) -> MLPPolicySL:
        policy = make_mlp_policy(config, spec, paths)
        policy.mean_net[0] = nn.Linear(3, 8)  # type: ignore[operator]
        return policy

    with pytest.raises(InvalidInput, match=r"no parameter mean_net\.0\.weight"):
        BC_Trainer(tiny, expert_rule, make_policy)
