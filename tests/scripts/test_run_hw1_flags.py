"""run_hw1.py: each flag does what it says, and the course's are all there."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from cs285.agents.bc_agent import BCAgent
from cs285.command_line import parse
from cs285.config import Config
from cs285.data.trajectory import Batch
from cs285.presets import PRESETS, Preset, with_preset
from tests import fakes
from tests.scripts.conftest import (
    SCRIPTS,
    PointFiles,
    Run,
    Script,
    load_script,
    runs_below,
    small_run,
)

COURSE_FLAGS = (
    *(
        "--expert_policy_file",
        "-epf",
        "--expert_data",
        "-ed",
        "--env_name",
        "-env",
        "--exp_name",
        "-exp",
        "--do_dagger",
    ),
    *("--ep_len", "--num_agent_train_steps_per_iter", "--n_iter", "-n", "--batch_size", "--eval_batch_size"),
    *("--train_batch_size", "--n_layers", "--size", "--learning_rate", "-lr", "--video_log_freq", "--scalar_log_freq"),
    *("--no_gpu", "-ngpu", "--which_gpu", "--max_replay_buffer_size", "--save_params", "--seed"),
)


@dataclass(frozen=True)
class Case:
    """What is seen of a run with a flag, and not of the same run without it.

    Attributes:
        flag: the flag and its value; "{expert}", "{data}" and "{one}" stand for files.
        seen: what is looked at, in the run and in the batches it trained on.
        expected: what is seen there.
        both: other arguments of both runs.
    """

    flag: Sequence[object]
    seen: Callable[[Run, Sequence[Batch]], Any]
    expected: Any
    both: Sequence[object] = ()


DAGGER = ("--do_dagger", "-epf", "{expert}")
CASES = {
    "expert_policy_file": Case(("-epf", "{expert}"), lambda run, _: "Expert_AverageReturn" in run.rows[0], True),
    "expert_data": Case(("-ed", "{one}"), lambda run, _: run.rows[0]["Train_StdReturn"], 0.0),
    "env_name": Case(("-env", "Hopper-v5", "-ed", "{hopper}"), lambda run, _: run.settings["env_name"], "Hopper-v5"),
    "exp_name": Case(("-exp", "mine"), lambda run, _: run.folder.name.startswith("q1_mine_tests-Point-v0_"), True),
    "do_dagger": Case(
        ("--do_dagger", "-n", 2), lambda run, _: (run.folder.name[:3], len(run.rows)), ("q2_", 2), ("-epf", "{expert}")
    ),
    "ep_len": Case(("--ep_len", 2), lambda run, _: run.rows[0]["Eval_AverageEpLen"], 2.0),
    "loss": Case(("--loss", "nll"), lambda run, _: bool((run.parameters()["logstd"] != 0).all()), True),
    "num_agent_train_steps_per_iter": Case(("--num_agent_train_steps_per_iter", 7), lambda _, batches: len(batches), 7),
    "n_iter": Case(("-n", 3), lambda run, _: [row["itr"] for row in run.rows], [0, 1, 2], DAGGER),
    "batch_size": Case(
        ("--batch_size", 200), lambda run, _: 200 <= run.rows[1]["Train_EnvstepsSoFar"] < 212, True, (*DAGGER, "-n", 2)
    ),
    "eval_batch_size": Case(("--eval_batch_size", 1), lambda run, _: run.rows[0]["Eval_StdReturn"], 0.0),
    "train_batch_size": Case(
        ("--train_batch_size", 5), lambda _, batches: {len(batch.observations) for batch in batches}, {5}
    ),
    "n_layers": Case(("--n_layers", 1), lambda run, _: run.weight_shapes, [(8, 3), (2, 8)]),
    "size": Case(("--size", 6), lambda run, _: run.weight_shapes, [(6, 3), (6, 6), (2, 6)]),
    "learning_rate": Case(
        ("-lr", 100), lambda run, _: bool(run.parameters()["mean_net.4.bias"].abs().max() > 50), True
    ),
    "learning_rate_schedule": Case(  # with Adam's first steps of one size, half a cosine goes half as far
        ("--learning_rate_schedule", "constant"),
        lambda run, _: bool(run.parameters()["mean_net.4.bias"].abs().max() > 1.5),
        True,
        ("-lr", 1, "--num_agent_train_steps_per_iter", 2),
    ),
    "ob_normalization": Case(
        ("--ob_normalization", "none"), lambda run, _: run.parameters()["ob_std"].tolist(), [1.0] * 3
    ),
    "video_log_freq": Case(
        ("--video_log_freq", 1), lambda run, _: len(list(run.folder.glob("videos/*.mp4"))), 4, (*DAGGER, "-n", 2)
    ),
    "scalar_log_freq": Case(
        ("--scalar_log_freq", 3), lambda run, _: [row["itr"] for row in run.rows], [0, 3, 4], (*DAGGER, "-n", 5)
    ),
    "max_replay_buffer_size": Case(
        ("--max_replay_buffer_size", 1),
        lambda _, batches: len(torch.cat([batch.observations for batch in batches]).unique(dim=0)),
        1,
    ),
    "checkpoint_freq": Case(
        ("--checkpoint_freq", -1), lambda run, _: (run.folder / "checkpoint").exists(), False, (*DAGGER, "-n", 2)
    ),
    "save_params": Case(("--save_params",), lambda run, _: (run.folder / "policy_itr_0.pt").is_file(), True),
    "num_workers": Case(("--num_workers", 2), lambda run, _: run.settings["num_workers"], 2),
    "seed": Case(("--seed", 7), lambda run, _: run.settings["seed"], 7),
    "logdir": Case(("--logdir", "elsewhere"), lambda run, _: run.folder.parent.name, "elsewhere"),
}
COVERED_BELOW = {"no_gpu", "which_gpu", "seeds", "resume"}


@pytest.mark.parametrize("flag", CASES)
def test_each_flag_does_what_it_says(
    flag: str, script: Script, workplace: Path, tmp_path: Path, point_files: PointFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = CASES[flag]
    files = {
        "{expert}": point_files.expert,
        "{one}": fakes.pickle_file(tmp_path / "one.pkl", [fakes.course_episode(2020)]),
        "{hopper}": fakes.pickle_file(tmp_path / "hopper.pkl", [fakes.course_episode(2020, ob_dim=11, ac_dim=3)]),
    }
    batches: list[Batch] = []
    train = BCAgent.train
    monkeypatch.setattr(BCAgent, "train", lambda agent, batch: (batches.append(batch), train(agent, batch))[1])

    def seen(*more: object) -> Any:
        known = set(workplace.glob("*/q*"))
        batches.clear()
        arguments = [files.get(str(argument), argument) for argument in (*case.both, *more)]
        save = ("--save_params",) if flag != "save_params" else ()
        assert script("run_hw1", *small_run(point_files), *save, *arguments).code == 0
        (folder,) = set(workplace.glob("*/q*")) - known
        return case.seen(Run(folder), batches)

    assert seen() != case.expected
    assert seen(*case.flag) == case.expected


def test_the_gpu_flags(script: Script, point_files: PointFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    wrong = ("--which_gpu", 1)
    script("run_hw1", *small_run(point_files), *wrong).refused("--which_gpu is 1", "has 1")
    script("run_hw1", *small_run(point_files), *wrong, "--no_gpu").succeeded()
    script("run_hw1", *small_run(point_files), *wrong, "-ngpu").succeeded()


def test_several_seeds_are_one_job(script: Script, workplace: Path, point_files: PointFiles) -> None:
    said = script("run_hw1", *small_run(point_files), "--seeds", "3,5").succeeded().out
    runs = runs_below(workplace / "data")
    assert sorted(run.settings["seed"] for run in runs) == [3, 5]
    assert all(len(run.rows) == 1 for run in runs)
    assert all(f"data/{run.folder.name}: final return" in said for run in runs)


def test_a_run_goes_on(script: Script, workplace: Path, point_files: PointFiles) -> None:
    dagger = ("--do_dagger", "-epf", point_files.expert, "-n", 2)
    script("run_hw1", *small_run(point_files), *dagger).succeeded()
    (run,) = runs_below(workplace / "data")
    said = script("run_hw1", "--resume", run.folder, "--n_iter", 3).succeeded().out
    assert said.splitlines()[0] == f"logging to {run.folder}, on from iteration 2", said
    assert [row["itr"] for row in run.rows] == [0, 1, 2]
    script("run_hw1", "--resume", run.folder, "--size", 9).refused("--size is 9", "began with 8")
    script("run_hw1", "--resume", workplace).refused("--resume is", "config.json")
    script("run_hw1", "--resume", run.folder, "--seeds", "1,2").refused("--resume", "--seeds")


def test_a_preset_says_what_it_sets_and_flags_have_the_last_word(
    script: Script, workplace: Path, point_files: PointFiles
) -> None:
    course = ("--preset", "course", "--learning_rate_schedule", "cosine")
    said = script("run_hw1", *small_run(point_files), *course).succeeded().out
    (run,) = runs_below(workplace / "data")
    assert said.splitlines()[0] == "preset course: --ob_normalization none"
    assert (run.settings["ob_normalization"], run.settings["learning_rate_schedule"]) == ("none", "cosine")
    script("run_hw1", "--preset", "of course").refused("--preset", "humanoid")


@pytest.mark.parametrize("preset", PRESETS)
def test_the_settings_of_every_preset_make_a_run(preset: Preset) -> None:
    assert Config(**with_preset(preset, {"seed": 7})) == replace(Config(**PRESETS[preset]), seed=7) != Config(seed=7)


def test_every_flag_has_a_case() -> None:
    # tests/envs/test_mujoco_py_backend.py has the backend
    assert set(CASES) | COVERED_BELOW | {"backend"} == {field.name for field in fields(Config)}


@pytest.mark.parametrize("name", SCRIPTS)
def test_help_says_something_of_every_flag(name: str, script: Script) -> None:
    module = load_script(name)
    settings = getattr(module, "Settings", None) or getattr(module, "ExpertSettings", Config)
    shown = script(name, "--help").succeeded().out
    for field in fields(settings):
        # argparse puts a flag's help behind it, or, when the flag is long, below it, further in
        said = re.search(rf"^  (?:-\w+.*, )?--{field.name}\b(?: [A-Z_]+| {{.*}})?\s+(\S.*)$", shown, re.MULTILINE)
        assert said, f"--{field.name} is not in --help"
        assert not said[1].startswith("-"), f"--help says nothing of --{field.name}"
        for alias in field.metadata["aliases"]:
            assert re.search(rf"^  .*{alias}\b", shown, re.MULTILINE)


@pytest.mark.parametrize("flag", COURSE_FLAGS)
def test_the_flags_of_the_course_are_there(flag: str, script: Script) -> None:
    assert re.search(rf"(?:^|, |  ){flag}\b", script("run_hw1", "--help").out, re.MULTILINE)


def test_short_spellings_mean_the_long_ones() -> None:
    for field in fields(Config):
        for alias in field.metadata["aliases"]:
            value = [] if field.name in ("no_gpu", "do_dagger") else ["1"]
            spelled = parse(Config, "", [alias, *value]), parse(Config, "", [f"--{field.name}", *value])
            assert spelled[0] == spelled[1] != Config()
