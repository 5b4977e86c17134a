"""BC and DAgger learn from the files that ship, in seconds and with fixed seeds."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scripts.conftest import Script, runs_below

CARTPOLE = ("-env", "CartPole-v1", "--eval_batch_size", 2500, "--train_batch_size", 64)
HOPPER = ("-env", "Hopper-v5", "--eval_batch_size", 3000)
STEPS = "--num_agent_train_steps_per_iter"


def returns(script: Script, workplace: Path, *arguments: object) -> list[float]:
    """The return of each evaluation as a fraction of the expert's."""
    script("run_hw1", *arguments).succeeded()
    return [row["Eval_AverageReturn"] / row["Expert_AverageReturn"] for row in runs_below(workplace / "data")[-1].rows]


@pytest.mark.slow
def test_discrete_actions(script: Script, workplace: Path) -> None:
    (bc,) = returns(script, workplace, *CARTPOLE, STEPS, 500)
    assert bc > 0.8
    short = (STEPS, 10, "--batch_size", 300, "--do_dagger", "-n", 10, "--scalar_log_freq", 9)
    first, last = returns(script, workplace, *CARTPOLE, *short)
    assert last > 0.9
    assert last > 1.5 * first


@pytest.mark.slow
def test_continuous_actions(script: Script, workplace: Path) -> None:
    """Two episodes are too few for cloning Hopper's expert."""
    bc, dagger = returns(script, workplace, *HOPPER, "--do_dagger", "-n", 8, "--scalar_log_freq", 7)
    assert 0.05 < bc < 0.7
    assert dagger > 0.8
