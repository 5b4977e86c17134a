"""run_hw1.py: output, run folders, reproducible runs, several seeds, resuming, and a user's own script."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from cs285.errors import InvalidInput, WorkerDied
from cs285.infrastructure.bc_trainer import BC_Trainer
from tests import fakes
from tests.scripts.conftest import (
    ROOT,
    USERS_ENVIRONMENT,
    PointFiles,
    Run,
    Script,
    files_below,
    finish,
    runs_below,
    small_run,
    start,
)

EVAL_SCALARS = ("AverageReturn", "StdReturn", "MaxReturn", "MinReturn", "AverageEpLen")


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
    assert {f"{kind}_{name}" for kind in ("Eval", "Train") for name in EVAL_SCALARS} <= set(run.rows[0])
    others = {"Train_EnvstepsSoFar", "TimeSinceStart", "Training Loss", "Initial_DataCollection_AverageReturn"}
    assert others <= set(run.rows[0])
    logged = {value.tag for event in fakes.read_events(run.folder) for value in event.summary.value}
    assert logged >= {name.replace(" ", "_") for name in run.rows[0]} - {"itr"}


RunOnce = Callable[..., Run]


@pytest.fixture
def run_once(script: Script, workplace: Path, point_files: PointFiles) -> RunOnce:
    """Run three iterations of DAgger on the fake task."""

    def run_once(*more: object) -> Run:
        dagger = ("--do_dagger", "-epf", point_files.expert, "-n", 3, "--save_params", "-ngpu")
        script("run_hw1", *small_run(point_files), *dagger, "--logdir", workplace / "runs", *more).succeeded()
        return runs_below(workplace / "runs")[-1]

    return run_once


def same_parameters(first: Run, second: Run) -> bool:
    """Whether two runs saved the same parameters, bit for bit, in each of their three iterations."""
    return all(
        torch.equal(value, second.parameters(itr)[name])
        for itr in range(3)
        for name, value in first.parameters(itr).items()
    )


def test_same_seed_same_run_however_it_is_logged_and_rolled_out(run_once: RunOnce) -> None:
    first = run_once()
    rows = {row["itr"]: row for row in first.timeless_rows}
    other_log = ("--scalar_log_freq", 2, "--video_log_freq", 1)
    for changed in ((), other_log, ("--scalar_log_freq", -1), ("--num_workers", 2)):
        second = run_once(*changed)
        assert first.folder != second.folder
        assert same_parameters(first, second)
        assert second.timeless_rows == [rows[row["itr"]] for row in second.timeless_rows]


def test_another_seed_gives_another_network_and_other_data(run_once: RunOnce) -> None:
    first, second = run_once("--seed", 1, "-lr", 1e-12), run_once("--seed", 2, "-lr", 1e-12)
    weight = "mean_net.0.weight"
    assert not torch.allclose(first.parameters(0)[weight], second.parameters(0)[weight], atol=1e-3)
    assert first.timeless_rows[-1] != second.timeless_rows[-1]


def test_several_seeds_have_the_numbers_that_they_have_alone(
    run_once: RunOnce, script: Script, workplace: Path
) -> None:
    run_once("--seeds", "3,5")
    together = {run.settings["seed"]: run for run in runs_below(workplace / "runs")}
    assert sorted(together) == [3, 5]
    for seed, run in together.items():
        alone = run_once("--seed", seed)
        assert same_parameters(run, alone)
        assert run.timeless_rows == alone.timeless_rows


@pytest.mark.parametrize(("error", "code"), [(InvalidInput("the loss is nan"), 2), (WorkerDied("killed"), 1)])
def test_a_seed_that_fails_keeps_the_others(
    error: Exception, code: int, script: Script, point_files: PointFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = BC_Trainer.run_training_loop

    def fail_once(trainer: BC_Trainer) -> list[dict[str, float]]:
        if trainer.config.seed == 2:
            raise error
        return loop(trainer)

    monkeypatch.setattr(BC_Trainer, "run_training_loop", fail_once)
    outcome = script("run_hw1", *small_run(point_files), "--seeds", "2,3,4")
    assert (outcome.code, outcome.err) == (code, f"error: seed 2: {error}\n")
    assert outcome.out.count("final return") == 2


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
