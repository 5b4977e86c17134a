"""Scalars of a resumed run, read by TensorBoard's own reader of event files."""

from dataclasses import replace

import pytest

from cs285.config import Config
from cs285.data.checkpoint import settings_to_resume
from cs285.data.run_folders import read_runs
from cs285.infrastructure.bc_trainer import BC_Trainer
from tests.data.stopped_runs import scalars
from tests.fakes import expert_rule


def test_scalars_of_a_resumed_run_are_those_of_its_table(tiny: Config) -> None:
    with BC_Trainer(replace(tiny, n_iter=2), expert_rule) as trainer:
        trainer.run_training_loop()
    BC_Trainer(settings_to_resume({"resume": trainer.run_dir, "n_iter": 3}), expert_rule).run_training_loop()
    (run,) = read_runs([tiny.logdir])
    columns = [name for name in run.rows[0] if name not in ("itr", "TimeSinceStart")]
    expected = {(n, name.replace(" ", "_")): row[name] for n, row in enumerate(run.rows) for name in columns}
    assert len(run.rows) == 3
    assert scalars(run.path) == pytest.approx(expected, rel=1e-6)
