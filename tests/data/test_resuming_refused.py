"""A run does not go on as another one: what was changed is refused, and left as it is."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cs285.config import Config
from cs285.data.resuming import MAY_CHANGE, check_iterations, settings_to_resume
from cs285.errors import InvalidInput
from cs285.infrastructure.logger import lock
from tests.data.stopped_runs import assert_same, killed_at, run_dirs, train


def without(run: Path, *names: str) -> None:
    """Take arrays out of a run's checkpoint."""
    path = run / "checkpoint/state.npz"
    with np.load(path) as file:
        left = {name: array for name, array in file.items() if name not in names}
        assert len(left) == len(file) - len(names)
    np.savez(path, **left)


def test_a_checkpoint_of_another_agent_leaves_the_run_as_it_was(job: Config) -> None:
    train(replace(job, n_iter=2))
    (run,) = run_dirs(job)
    without(run, "actor.logstd")
    before = files(run)
    with pytest.raises(InvalidInput, match="the checkpoint is of another agent"):
        train(settings_to_resume({"resume": run, "n_iter": 4}))
    assert files(run) == before


def test_a_run_that_logged_its_last_iteration_for_being_the_last_does_not_grow(job: Config) -> None:
    train(replace(job, n_iter=2, scalar_log_freq=2))
    (run,) = run_dirs(job)
    before = files(run)
    with pytest.raises(InvalidInput, match=r"--n_iter is 4, .* ended with 2 and logged iteration 1"):
        train(settings_to_resume({"resume": run, "n_iter": 4}))
    with pytest.raises(InvalidInput, match=r"--n_iter is \d, but the run began with 3; it may only grow"):
        check_iterations(replace(job, n_iter=3), replace(job, n_iter=2), itr=1)
    assert files(run) == before


OTHERS: dict[str, Any] = {
    **{"env_name": "CartPole-v1", "exp_name": "other", "do_dagger": False, "ep_len": 9, "loss": "nll", "size": 9},
    **{"num_agent_train_steps_per_iter": 9, "batch_size": 9, "eval_batch_size": 9, "train_batch_size": 9},
    **{
        "n_layers": 1,
        "learning_rate": 0.1,
        "learning_rate_schedule": "constant",
        "ob_normalization": "none",
        "scalar_log_freq": 2,
        "no_gpu": True,
        "max_replay_buffer_size": 9,
    },
    **{"seed": 9, "backend": "mujoco_py"},
}


def test_settings_that_would_change_the_result_are_refused(job: Config) -> None:
    train(replace(job, n_iter=2))
    (run,) = run_dirs(job)
    before = files(run)
    assert {*OTHERS, *MAY_CHANGE} == {field.name for field in fields(Config)}
    for name, value in OTHERS.items():
        with pytest.raises(InvalidInput) as refused:
            train(replace(settings_to_resume({"resume": run}), **{name: value}, **more_for(name)))
        assert f"--{name} is {value}, but {run} began with {getattr(job, name)}" in str(refused.value)
    assert files(run) == before


def more_for(name: str) -> dict[str, Any]:
    """What must go with a setting so that the two make sense at all."""
    return {"n_iter": 1} if name == "do_dagger" else {}


@pytest.mark.parametrize("name", ["expert_data", "expert_policy_file"])
def test_files_may_move_but_not_change(name: str, job: Config, whole: Path, tmp_path: Path) -> None:
    assert killed_at("os.rename", 9, job)
    (run,) = run_dirs(job)
    moved = tmp_path / "moved.pkl"
    getattr(job, name).rename(moved)
    content = moved.read_bytes()
    moved.write_bytes(content + b" ")
    before = files(run)
    with pytest.raises(
        InvalidInput, match=rf"--{name} has the SHA-256 \w{{12}}\.\.\., but .* began with \w{{12}}\.\.\."
    ):
        train(settings_to_resume({"resume": run, name: moved}))
    assert files(run) == before
    moved.write_bytes(content)
    train(settings_to_resume({"resume": run, name: moved}))
    assert_same(run, whole)


def test_a_run_is_written_by_one_process_at_a_time(job: Config, whole: Path) -> None:
    before = files(whole)
    with (whole / "log.csv").open() as file:
        lock(file, whole)
        with pytest.raises(InvalidInput, match="being written by another process"):
            train(settings_to_resume({"resume": whole}))
    assert files(whole) == before


@pytest.mark.parametrize("name", ["state.npz", "added_2.npz"])
def test_a_damaged_checkpoint_is_refused(name: str, whole: Path) -> None:
    path = whole / "checkpoint" / name
    content = bytearray(path.read_bytes())
    content[content.rindex(b"\x93NUMPY") + 9] ^= 1
    for damaged in (content, content[:-30], b""):
        path.write_bytes(damaged)
        before = files(whole)
        with pytest.raises(InvalidInput, match=name):
            train(settings_to_resume({"resume": whole}))
        assert files(whole) == before
    path.unlink()
    with pytest.raises(InvalidInput, match=name if "added" in name else "has no checkpoint"):
        train(settings_to_resume({"resume": whole}))


def change_setting(run: Path) -> None:
    path = run / "config.json"
    content = json.loads(path.read_text())
    content["settings"]["seed"] = 2
    path.write_text(json.dumps(content))


def change_history(run: Path) -> None:
    path = run / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "earlier": None}))


def change_table(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    """What puts another log.csv in the place of a run's."""
    return lambda run: (run / "log.csv").write_bytes(change((run / "log.csv").read_bytes())) and None


def remove(name: str) -> Callable[[Path], None]:
    """What takes a file away from a run."""
    return lambda run: next(run.glob(name)).unlink()


CHANGES = {
    "no rows": (change_table(lambda table: b""), r"log.csv is shorter"),
    "a byte order mark": (change_table(lambda table: b"\xef\xbb\xbf" + table), r"log.csv is not what the run's last"),
    "other line ends": (change_table(lambda table: table.replace(b"\r\n", b"\n") + b"\n" * 9), "log.csv is not what"),
    "another return": (change_table(lambda table: table.replace(b"-", b"1")), r"log.csv is not what"),
    "no table": (remove("log.csv"), r"log\.csv"),
    "no events": (remove("events.out.tfevents.*"), r"events.out.tfevents\S* is missing"),
    "another setting": (change_setting, r"--seed is 2, but .* began with 1"),
    "no history": (change_history, r"config.json is not the config.json of a run"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_run_that_was_changed_is_refused_and_left_as_it_is(name: str, whole: Path) -> None:
    change, said = CHANGES[name]
    change(whole)
    before = files(whole)
    with pytest.raises(InvalidInput, match=said):
        train(settings_to_resume({"resume": whole, "n_iter": 5}))
    assert files(whole) == before


@pytest.mark.parametrize(
    ("name", "said"),
    [("state.npz", r"tfevents\S* is missing|log\.csv is"), ("added_2.npz", "added_2.npz was not written")],
)
def test_a_part_of_another_run_s_checkpoint_is_refused(name: str, said: str, job: Config, whole: Path) -> None:
    train(replace(job, seed=job.seed if name == "state.npz" else 9))
    (other,) = run_dirs(job)
    shutil.copy(other / "checkpoint" / name, whole / "checkpoint")
    before = files(whole)
    with pytest.raises(InvalidInput, match=said):
        train(settings_to_resume({"resume": whole, "n_iter": 6}))
    assert files(whole) == before


def test_a_folder_that_is_none_of_a_run_is_named(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nothing", Path(__file__)):
        with pytest.raises(InvalidInput, match=f"--resume is {path}; it must be the folder of a run"):
            settings_to_resume({"resume": path})


def files(run_dir: Path) -> dict[str, bytes]:
    """All files of a run and their content."""
    return {str(path.relative_to(run_dir)): path.read_bytes() for path in run_dir.rglob("*") if path.is_file()}
