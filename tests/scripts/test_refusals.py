"""Flags, files and folders that can't be used: the script prints one line, exits with code 2 and leaves no file behind.

The tests of the readers cover every kind of invalid content. Here each script gets one invalid file
of each kind that the script reads.
"""

import os
import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from cs285.command_line import parse
from cs285.envs.mujoco_py_backend import VENV_VARIABLE
from cs285.errors import InvalidInput
from cs285.scripts.run_hw1 import read_settings
from tests import fakes
from tests.scripts.conftest import PointFiles, Script, files_below, load_script, runs_below, small_run

CALL = b"cos\nsystem\n(S'true'\ntR."
Refused = Callable[..., None]
pytestmark = pytest.mark.usefixtures("no_workers")


@pytest.fixture
def refused(script: Script, workplace: Path) -> Refused:
    """Run a script, check that it ends with one line that contains ``parts``, and that it leaves no file behind."""

    def refused(parts: Sequence[str], name: str, *arguments: object) -> None:
        before = files_below(workplace)
        outcome = script(name, *arguments).refused(*parts)
        if not name.startswith("eval_") or "--video" in arguments:  # other refusals follow the head of a table
            assert outcome.out == ""
        assert files_below(workplace) == before

    return refused


def write(path: Path, content: object) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else pickle.dumps(content))
    return path


def test_values_out_of_range(workplace: Path) -> None:
    for name, arguments in (
        ("collect_expert_data", "--episodes=0 --ep_len=-1 --seed=-1"),
        ("eval_policy", "--episodes=0 --ep_len=0 --seed=-1 --video=film.gif --env_name=Hopper-v5"),
    ):
        for argument in arguments.split():
            with pytest.raises(InvalidInput, match=argument.partition("=")[0]):
                parse(load_script(name).Settings, "", [argument])
    for seeds in ("-1,2", "", "1,,2", "1.5", "²"):
        with pytest.raises(InvalidInput, match="--seeds is"):
            read_settings([f"--seeds={seeds}"]).configs()


def test_the_original_engine_is_not_installed(
    refused: Refused, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VENV_VARIABLE, str(workplace / "venv"))
    for name in ("run_hw1", "eval_policy"):
        refused(("install_mujoco_py.sh",), name, "--backend", "mujoco_py")


def test_flags_and_environments(refused: Refused, point_files: PointFiles) -> None:
    for arguments, *parts in (
        ("--n_iter 3", "--n_iter is 3", "--do_dagger"),
        ("--do_dagger", "no expert ships for tests/Point-v0", "--expert_policy_file"),
        ("--resume nowhere", "nowhere/config.json can't be read"),
        ("--no_such_flag", "--no_such_flag"),
        ("--preset nosuch", "nosuch", "humanoid"),
        ("-env Hoper-v5 --seeds 1,2", "Hoper-v5", "Did you mean: `Hopper`"),
        ("-env tests/Endless-v0 --seeds 1,2", "no time limit", "--ep_len"),
    ):
        refused(parts, "run_hw1", *small_run(point_files, *arguments.split()))
        if arguments.startswith("-env"):
            refused(parts, "collect_expert_data", "-epf", point_files.expert, *arguments.split()[:2])


def test_bad_data_and_experts(refused: Refused, point_files: PointFiles, tmp_path: Path) -> None:
    steps, episode, path = fakes.TIME_LIMIT, fakes.course_episode(2020), tmp_path / "bad.pkl"
    bad_data: list[tuple[Any, ...]] = [
        (CALL, "os.system"),
        (fakes.expert_content(), "--expert_policy_file"),
        ([{**episode, "reward": np.full(steps, np.nan)}], "episode 0", "reward", "NaN"),
        ([{**episode, "action": np.zeros((steps, 5)) + 0.5}], "(12, 5)", "(12, 2)"),
    ]
    for content, *parts in bad_data:
        refused((str(path), *parts), "run_hw1", *small_run(point_files, "-ed", write(path, content)))
    bad_experts: list[tuple[Any, ...]] = [
        (b"this is no expert\n", "as a pickle"),
        ([episode], "expert data (--expert_data), not an expert: were the two flags swapped?"),
        (fakes.expert_content(ob_dim=5), "5", "3"),
    ]
    for content, *parts in bad_experts:
        write(path, content)
        refused((str(path), *parts), "run_hw1", *small_run(point_files, "--do_dagger"), "-epf", path)
        for script in ("collect_expert_data", "eval_policy"):
            refused((str(path), *parts), script, "-env", fakes.POINT, "-epf", path)
    refused(("'expert'",), "eval_policy", "-epf", point_files.expert)  # the name expert.pkl names no task
    os.mkfifo(tmp_path / "pipe")
    for flag, name, why in (("-ed", "pipe", "not a regular file"), ("-epf", "none", "No such")):
        arguments = small_run(point_files, "--do_dagger", "-epf", point_files.expert, flag, tmp_path / name)
        refused((str(tmp_path / name), why), "run_hw1", *arguments)


def test_saved_policies_and_videos(
    refused: Refused, script: Script, point_files: PointFiles, workplace: Path, file: Path
) -> None:
    script("run_hw1", *small_run(point_files, "--save_params")).succeeded()
    folder = runs_below(workplace / "data")[0].path
    path = folder / "policy_itr_0.pt"
    for video in ("film.avi", file / "film.mp4"):
        refused((str(video),), "eval_policy", "-p", path, "--video", video)
    (workplace / "exists.mp4").touch()
    refused(("exists.mp4",), "eval_policy", "-p", path, "--video", "exists.mp4")
    refused(("policy_itr_7.pt", "No such file"), "eval_policy", "-p", folder / "policy_itr_7.pt")
    write(path, CALL)
    refused((str(path), "os.system"), "eval_policy", "-p", path)
    write(folder / "config.json", b'{"settings": {"size": "8"}}')
    refused(("config.json",), "eval_policy", "-p", path)


@pytest.fixture
def file(workplace: Path) -> Path:
    """A file where a script needs a folder. (A folder without write permission would not stop root.)"""
    return write(workplace / "file", b"in the way")


def test_an_unwritable_place_is_found_before_the_environment_is_made(
    file: Path, refused: Refused, point_files: PointFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("stable_baselines3")
    for logdir in (file, file / "deeper"):
        refused(("can't write", str(logdir)), "run_hw1", *small_run(point_files, "--logdir", logdir))
    monkeypatch.setattr(gym, "make", None)
    recording: Any = ("collect_expert_data", "-env", fakes.POINT, "-epf", point_files.expert)
    refused((f"can't write {file}/x.pkl",), *recording, "-o", file / "x.pkl")
    training = ("train_expert", "-env", fakes.POINT, "-o")
    for arguments in (recording, training[:-1]):
        refused((f"{file} exists",), *arguments, "-o", file)
    refused((f"can't write {file}/x.pkl",), *training, file / "x.pkl")
    refused(("can't write file",), *training, "x.pkl", "--checkpoints", "file")
