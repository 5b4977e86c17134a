"""A run of a sweep: trained in a temporary folder, written as a complete folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("pyarrow", reason="of the extra `sweep`")

from cs285.config import Config
from cs285.data.run_folders import read_run
from cs285.errors import InvalidInput
from cs285.infrastructure.bc_trainer import BC_Trainer
from cs285.sweeps import run as sweep
from cs285.sweeps.run import run_missing, train_run, write_run
from tests import fakes
from tests.scripts.conftest import files_below


def test_a_run_of_a_sweep_equals_the_run_alone(tmp_path: Path, tiny: Config) -> None:
    expert = fakes.pickle_file(tmp_path / "expert.pkl", fakes.expert_content())
    config = replace(tiny, expert_policy_file=expert, num_workers=None, logdir=tmp_path / "home")
    name, contents = train_run(config, ["the", "sweep"])
    assert {"config.json", "log.csv", "learning_curve.png"} < set(contents)
    run = read_run(write_run(name, contents, config.logdir))
    assert run.complete
    assert (run.path.parent, run.config.logdir) == (tmp_path / "home", tmp_path / "home")
    rows = BC_Trainer(replace(config, logdir=tmp_path / "alone", num_workers=0)).run_training_loop()
    for swept, alone in zip(run.rows, rows, strict=True):
        assert {**swept, "TimeSinceStart": 0} == {**alone, "TimeSinceStart": 0, "itr": swept["itr"]}


def test_a_taken_name_gets_a_number(tmp_path: Path) -> None:
    (tmp_path / "q1_run").mkdir()
    written = [write_run("q1_run", {"log.csv": b"1", "videos/film.mp4": b"2"}, tmp_path) for _ in range(2)]
    assert [path.name for path in written] == ["q1_run_2", "q1_run_3"]
    assert files_below(written[1]) == ["log.csv", "videos", "videos/film.mp4"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["q1_run", "q1_run_2", "q1_run_3"]


def test_a_folder_that_cannot_be_written_is_refused_before_ray_starts(
    tmp_path: Path, tiny: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "connected", None)
    (tmp_path / "file").write_text("in the way")
    logdir = tmp_path / "file/runs"
    with pytest.raises(InvalidInput, match="can't write"):
        run_missing([replace(tiny, do_dagger=False, n_iter=None)], logdir)
    with pytest.raises(InvalidInput, match="can't write"):
        write_run("q1_run", {"log.csv": b""}, logdir)
