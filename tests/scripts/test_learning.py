"""BC and DAgger learn from the files that ship, in seconds and with fixed seeds."""

from __future__ import annotations

from pathlib import Path

from tests.scripts.conftest import Run, Script, runs_below

UNTRAINED = ("--num_agent_train_steps_per_iter", 1, "-lr", 1e-12)


def final(script: Script, workplace: Path, *arguments: object) -> dict[str, float]:
    """The last row of log.csv of a run."""
    script("run_hw1", *arguments).succeeded()
    return Run(runs_below(workplace / "data")[-1].folder).rows[-1]


class TestCartPole:
    """Discrete actions; the expert balances the pole for all 500 steps."""

    SMALL = ("-env", "CartPole-v1", "--eval_batch_size", 2500, "--train_batch_size", 64)

    def test_bc(self, script: Script, workplace: Path) -> None:
        untrained = final(script, workplace, *self.SMALL, *UNTRAINED)
        assert untrained["Expert_AverageReturn"] == 500
        assert untrained["Eval_AverageReturn"] < 100
        learned = final(script, workplace, *self.SMALL, "--num_agent_train_steps_per_iter", 500)
        assert learned["Eval_AverageReturn"] >= 0.8 * learned["Expert_AverageReturn"]

    def test_dagger(self, script: Script, workplace: Path) -> None:
        short = (*self.SMALL, "--num_agent_train_steps_per_iter", 10, "--batch_size", 300)
        bc = final(script, workplace, *short)
        dagger = final(script, workplace, *short, "--do_dagger", "-n", 10, "--scalar_log_freq", 9)
        assert dagger["itr"] == 9
        assert dagger["Eval_AverageReturn"] >= 0.9 * dagger["Expert_AverageReturn"]
        assert dagger["Eval_AverageReturn"] > 1.5 * bc["Eval_AverageReturn"]


class TestHopper:
    """Continuous actions; two episodes are too few for cloning."""

    SMALL = ("-env", "Hopper-v5", "--eval_batch_size", 3000)

    def test_bc_and_dagger(self, script: Script, workplace: Path) -> None:
        untrained = final(script, workplace, *self.SMALL, *UNTRAINED)
        bc = final(script, workplace, *self.SMALL)
        dagger = final(script, workplace, *self.SMALL, "--do_dagger", "-n", 8, "--scalar_log_freq", 7)
        assert bc["Eval_AverageReturn"] > 2 * untrained["Eval_AverageReturn"]
        assert bc["Eval_AverageReturn"] < 0.7 * bc["Expert_AverageReturn"]
        assert dagger["Eval_AverageReturn"] >= 0.8 * dagger["Expert_AverageReturn"]
