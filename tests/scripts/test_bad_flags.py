"""Environments and flags that are refused: one line, exit code 2, no file left behind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from cs285.command_line import parse
from cs285.envs.mujoco_py_backend import VENV_VARIABLE
from cs285.errors import InvalidInput
from cs285.scripts.run_hw1 import read_settings
from tests.scripts.conftest import PointFiles, load_script, small_run


@pytest.mark.parametrize(
    ("env_name", "parts"),
    [("Hoper-v5", ("Hoper-v5", "Did you mean: `Hopper`")), ("tests/Endless-v0", ("no time limit", "--ep_len"))],
)
def test_environments(
    env_name: str, parts: Sequence[str], refused: Callable[..., None], point_files: PointFiles
) -> None:
    refused(parts, "run_hw1", *small_run(point_files, "-env", env_name, "--seeds", "1,2"))
    refused(parts, "collect_expert_data", "-epf", point_files.expert, "-env", env_name)


OUT_OF_RANGE = {
    "collect_expert_data": ("--episodes=0", "--ep_len=-1", "--seed=-1"),
    "eval_policy": ("--episodes=0", "--ep_len=0", "--seed=-1", "--video=film.gif"),
    "eval_expert": ("--episodes=1",),
    "sweep": ("--seeds=0", "--num_cpus=0"),
}


@pytest.mark.parametrize("name", OUT_OF_RANGE)
def test_values_out_of_range(name: str, workplace: Path) -> None:
    settings = load_script(name).Settings
    needed = ["-p", "policy_itr_0.pt"] if name == "eval_policy" else []
    for argument in OUT_OF_RANGE[name]:
        with pytest.raises(InvalidInput, match=argument.partition("=")[0]):
            parse(settings, "", [*needed, argument])


@pytest.mark.parametrize("name", ["run_hw1", "collect_expert_data", "eval_expert", "train_expert"])
def test_the_original_engine_is_not_installed(
    name: str, refused: Callable[..., None], workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VENV_VARIABLE, str(workplace / "venv"))
    refused(("install_mujoco_py.sh",), name, "--backend", "mujoco_py")


@pytest.mark.parametrize("seeds", ["1,1", "-1,2", "", "1,,2", "1.5", "²"])
def test_seeds(seeds: str) -> None:
    with pytest.raises(InvalidInput, match="--seeds is"):
        read_settings([f"--seeds={seeds}"])


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("--n_iter", "3"), ("--n_iter is 3", "--do_dagger")),
        (("--do_dagger",), ("no expert ships for tests/Point-v0", "--expert_policy_file")),
        (("--resume", "nowhere"), ("--resume is nowhere",)),
        (("--no_such_flag",), ("--no_such_flag",)),
        (("--preset", "nosuch"), ("nosuch", "humanoid")),
    ],
)
def test_combinations(
    arguments: Sequence[str], parts: Sequence[str], refused: Callable[..., None], point_files: PointFiles
) -> None:
    refused(parts, "run_hw1", *small_run(point_files, *arguments))
