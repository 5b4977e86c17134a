"""Whole runs: their results depend only on the seed, also with a user's own policy and with shared inputs."""

import json
import multiprocessing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cs285.config import Config
from cs285.data.trajectory import Array
from cs285.errors import InvalidInput
from cs285.infrastructure.bc_trainer import BC_Trainer
from cs285.infrastructure.inputs import RunInputs
from cs285.policies.make_policy import MakePolicy, make_mlp_policy
from cs285.policies.saved_policy import load_run_policy
from tests.agents.test_bc_agent import DropoutPolicy
from tests.fakes import AC_DIM, expert_content, expert_rule, pickle_file

Rows = list[dict[str, float]]


def without_times(rows: Rows) -> Rows:
    return [{name: value for name, value in row.items() if name != "TimeSinceStart"} for row in rows]


def learned(trainer: BC_Trainer) -> tuple[list[Any], ...]:
    parameters = [p.tolist() for p in trainer.agent.actor.parameters()]
    return parameters, *(field.tolist() for field in trainer.agent.replay_buffer.sample_recent_data(1000))


def run(config: Config, expert: Any = None, make_policy: MakePolicy = make_mlp_policy) -> tuple[BC_Trainer, Rows]:
    """Run a trainer; returns the trainer and its rows without times."""
    trainer = BC_Trainer(config, expert, make_policy)
    return trainer, without_times(trainer.run_training_loop())


class MeanAction:
    """A policy that acts by the mean action of all batches; it has no torch module, ``__dict__`` or ``state_dict``."""

    __slots__ = ("count", "parameters", "total")

    def __init__(self) -> None:
        self.parameters = self.total = np.zeros(AC_DIM)
        self.count = 0

    def get_action(self, observations: Array) -> Array:
        assert observations.dtype == np.float32
        return np.broadcast_to(self.total / max(1, self.count), (*observations.shape[:-1], AC_DIM))

    def update(self, observations: torch.Tensor, actions: torch.Tensor) -> dict[str, float]:
        self.total += actions.numpy().sum(axis=0)
        self.count += len(actions)
        return {"Mean_Action": float(self.total.mean() / self.count), "Updates": self.count / len(actions)}


@pytest.fixture
def from_file(tiny: Config, tmp_path: Path) -> Config:
    return replace(tiny, expert_policy_file=pickle_file(tmp_path / "expert.pkl", expert_content()))


@pytest.mark.slow
@pytest.mark.parametrize(("make_policy", "num_workers"), [(make_mlp_policy, 2), (DropoutPolicy, 1)])
def test_results_depend_only_on_the_seed(from_file: Config, make_policy: MakePolicy, num_workers: int) -> None:
    first, rows = run(from_file, None, make_policy)
    torch.manual_seed(99)
    np.random.seed(99)
    again, same_rows = run(replace(from_file, num_workers=num_workers), None, make_policy)
    assert learned(first) == learned(again)
    assert rows == same_rows
    logging: list[dict[str, Any]] = [
        {"scalar_log_freq": -1},
        {"scalar_log_freq": 2, "eval_batch_size": 100, "video_log_freq": 1},
        {"save_params": True, "checkpoint_freq": -1},
    ]
    for change in logging:
        assert learned(first) == learned(run(replace(from_file, **change), None, make_policy)[0]), change
    assert learned(first)[0] != learned(run(replace(from_file, seed=2), None, make_policy)[0])[0]


def test_runs_with_shared_inputs_equal_runs_with_their_own(from_file: Config) -> None:
    configs = [replace(from_file, seed=seed, num_workers=1) for seed in (1, 2)]
    alone = [run(replace(config, num_workers=0), None, DropoutPolicy) for config in configs]
    with RunInputs(configs[0]) as inputs:
        trainers = [BC_Trainer(config, None, DropoutPolicy, inputs) for config in configs]
        rows = [without_times(trainer.run_training_loop()) for trainer in trainers]
        assert trainers[0].run_dir != trainers[1].run_dir
        assert len(multiprocessing.active_children()) == 1  # a run does not end workers that it shares
    for trainer, shared, (expected, expected_rows) in zip(trainers, rows, alone, strict=True):
        assert learned(trainer) == learned(expected)
        assert shared == expected_rows


def test_inputs_of_another_run_are_refused(tiny: Config) -> None:
    with RunInputs(tiny, expert_rule) as inputs:
        for config, expert in ((replace(tiny, ep_len=7), expert_rule), (tiny, lambda observations: observations)):
            with pytest.raises(InvalidInput, match=r"^the inputs .* of a run with another expert or other settings$"):
                BC_Trainer(config, expert, inputs=inputs)


def test_a_trainer_runs_once(tiny: Config) -> None:
    with BC_Trainer(tiny, expert_rule) as trainer:
        trainer.run_training_loop()
        with pytest.raises(InvalidInput, match="a BC_Trainer runs once"):
            trainer.run_training_loop()
    assert len(list(tiny.logdir.iterdir())) == 1


def test_a_trainer_that_does_not_run_leaves_no_worker_and_no_folder(
    from_file: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: Any) -> Any:
        raise InvalidInput("no policy today")

    config = replace(from_file, num_workers=1)
    with BC_Trainer(config) as trainer:
        assert len(multiprocessing.active_children()) == 1
        assert trainer.run_dir is None
    for wrong in ({"expert": 3}, {"make_policy": fail}):
        with pytest.raises(InvalidInput):
            BC_Trainer(config, **wrong)
    assert multiprocessing.active_children() == []
    assert not config.logdir.exists()
    assert "logging to" not in capsys.readouterr().out


def test_a_policy_needs_nothing_but_get_action_and_update(
    from_file: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    trainer, rows = run(replace(from_file, num_workers=1), None, lambda *_: MeanAction())
    assert multiprocessing.active_children() == []
    said = capsys.readouterr().out
    assert said.count("the run can't be resumed: MeanAction has no state_dict and load_state_dict\n") == 1
    assert "loss" not in said
    assert [row["Updates"] for row in rows] == [5, 10, 15]
    assert "Training Loss" not in rows[0]
    assert trainer.run_dir is not None
    assert not (trainer.run_dir / "checkpoint").exists()
    entry = json.loads((trainer.run_dir / "config.json").read_text(encoding="utf-8"))["policy"]
    assert entry["make_policy"].startswith("test_bc_trainer:test_a_policy_needs")


def test_the_callers_default_dtype_changes_nothing(tiny: Config) -> None:
    logged = []
    config = replace(tiny, save_params=True, learning_rate_schedule="cosine")
    for dtype in (torch.float32, torch.float64):
        torch.set_default_dtype(dtype)
        try:
            trainer = BC_Trainer(config, expert=expert_rule)
            logged.append([{**row, "TimeSinceStart": 0.0} for row in trainer.run_training_loop()])
            assert trainer.run_dir is not None
            policy, _, _ = load_run_policy(trainer.run_dir / "policy_itr_2.pt")
        finally:
            torch.set_default_dtype(torch.float32)
        assert {value.dtype for value in policy.state_dict().values()} == {torch.float32}
    assert logged[0] == logged[1]
