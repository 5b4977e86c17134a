"""run_hw1.py: output, run folders, several seeds, resuming, and a user's own script."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from cs285.errors import InvalidInput, WorkerDied
from cs285.infrastructure.bc_trainer import BC_Trainer
from tests import fakes
from tests.scripts.conftest import (
    ROOT,
    USERS_ENVIRONMENT,
    PointFiles,
    Script,
    files_below,
    finish,
    runs_below,
    small_run,
    start,
)


def test_output_and_run_folder(script: Script, workplace: Path, point_files: PointFiles) -> None:
    dagger = ("--do_dagger", "-epf", point_files.expert, "-n", 2, "--save_params")
    printed = script("run_hw1", *small_run(point_files), *dagger).succeeded().out
    (run,) = runs_below(workplace / "data")
    assert re.fullmatch(r"q2_dagger_tests-Point-v0_\d\d-\d\d-\d{4}_\d\d-\d\d-\d\d", run.folder.name)
    folder, number = f"data/{run.folder.name}", r"-?\d+\.\d"
    expected = [
        f"logging to {folder}",
        rf"iteration 0: return {number} ± {number}, loss \S+, \d+ s",
        rf"iteration 1: return {number} ± {number}, loss \S+, \d+ s",
        rf"{folder}: final return {number} ± {number}, expert {number} ± {number}",
    ]
    for line, pattern in zip(printed.splitlines(), expected, strict=True):
        assert re.fullmatch(pattern, line)
    files = [name for name in files_below(run.folder) if not name.startswith(("checkpoint", "events.out.tfevents."))]
    assert files == ["config.json", "learning_curve.png", "log.csv", "policy_itr_0.pt", "policy_itr_1.pt"]
    logged = {value.tag for event in fakes.read_events(run.folder) for value in event.summary.value}
    assert logged >= {name.replace(" ", "_") for name in run.rows[0]} - {"itr"}


@pytest.mark.parametrize(
    ("error", "code"), [(InvalidInput("the loss is nan"), 2), (WorkerDied("killed"), 1), (KeyError("bug"), 1)]
)
def test_a_seed_that_fails_keeps_the_others(
    error: Exception,
    code: int,
    script: Script,
    workplace: Path,
    point_files: PointFiles,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop = BC_Trainer.run_training_loop

    def fail_once(trainer: BC_Trainer) -> list[dict[str, float]]:
        if trainer.config.seed == 2:
            raise error
        return loop(trainer)

    monkeypatch.setattr(BC_Trainer, "run_training_loop", fail_once)
    outcome = script("run_hw1", *small_run(point_files), "--seeds", "2,3,4")
    assert outcome.code == code
    assert outcome.err.endswith(f"error: seed 2: {error}\n")
    assert outcome.err.startswith("Traceback" if isinstance(error, KeyError) else "error")
    assert outcome.out.count("final return") == 2
    runs = [run for run in runs_below(workplace / "data") if run.rows]
    assert {run.settings["seed"] for run in runs} == {3, 4}
    assert runs[0].rows[0]["Eval_AverageReturn"] != runs[1].rows[0]["Eval_AverageReturn"]


def test_resume(script: Script, workplace: Path, point_files: PointFiles) -> None:
    dagger = ("--do_dagger", "-epf", point_files.expert, "-n", 2)
    script("run_hw1", *small_run(point_files), *dagger).succeeded()
    (run,) = runs_below(workplace / "data")
    printed = script("run_hw1", "--resume", run.folder, "--do_dagger", "--n_iter", 3).succeeded().out
    assert printed.splitlines()[0] == f"logging to {run.folder}"
    assert [row["itr"] for row in run.rows] == [0, 1, 2]
    script("run_hw1", "--resume", run.folder, "--size", 9).refused("--size is 9", "8")
    script("run_hw1", "--resume", workplace).refused("--resume is", "config.json")
    script("run_hw1", "--resume", run.folder, "--seeds", "1,2").refused("--resume", "--seeds")


@pytest.mark.slow
def test_a_script_of_the_users_own(tmp_path: Path, point_files: PointFiles) -> None:
    """It has the flags of run_hw1.py, and finds environments of its folder."""
    (tmp_path / "my_tasks.py").write_text("from tests.fakes import register_fakes\nregister_fakes()\n")
    (tmp_path / "mine.py").write_text(
        "from cs285.scripts.run_hw1 import main\n"
        "def expert(observations):\n"
        "    return observations[:, :2]\n"
        "if __name__ == '__main__':\n"
        "    main(expert=expert)\n"
    )

    dagger = ("--do_dagger", "-n", 2, "--seeds", "1,2", "--num_workers", 1)
    arguments = map(str, small_run(point_files, "-env", f"my_tasks:{fakes.POINT}", *dagger))
    environment = {**USERS_ENVIRONMENT, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "mine.py", *arguments]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(runs_below(tmp_path / "data")) == 2


def test_no_warnings_and_no_log_file_of_mujoco(tmp_path: Path) -> None:
    data = fakes.pickle_file(tmp_path / "data.pkl", [fakes.course_episode(2020, ob_dim=27, ac_dim=8)])
    folder = tmp_path / "empty"
    folder.mkdir()
    short = ("--ep_len", 5, "--eval_batch_size", 5, "--num_agent_train_steps_per_iter", 2, "--num_workers", 0)
    finish(start("run_hw1", "-env", "Ant-v4", "-ed", data, *short, cwd=folder)).succeeded()
    assert [path.name for path in folder.iterdir()] == ["data"]
