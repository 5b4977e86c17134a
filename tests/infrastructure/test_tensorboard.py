"""Scalars of a resumed run, read by TensorBoard's own reader of event files."""

from dataclasses import replace

import pytest

from cs285.config import Config
from cs285.data.checkpoint import settings_to_resume
from cs285.data.run_folders import read_runs
from cs285.infrastructure.bc_trainer import BC_Trainer
from tests.fakes import expert_rule


def test_scalars_of_a_resumed_run(tiny: Config) -> None:
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    with BC_Trainer(replace(tiny, n_iter=2), expert_rule) as trainer:
        trainer.run_training_loop()
    BC_Trainer(settings_to_resume({"resume": trainer.run_dir, "n_iter": 3}), expert_rule).run_training_loop()
    (run,) = read_runs([tiny.logdir])
    events = reader.EventAccumulator(str(run.path)).Reload()
    tags = {column.replace(" ", "_"): column for column in run.rows[0] if column != "itr"}
    assert set(events.Tags()["scalars"]) == set(tags)
    for tag, column in tags.items():
        assert [point.step for point in events.Scalars(tag)] == [0, 1, 2]
        expected = [row[column] for row in run.rows]
        assert [point.value for point in events.Scalars(tag)] == pytest.approx(expected, rel=1e-6), tag
