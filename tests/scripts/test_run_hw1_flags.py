"""run_hw1.py: every flag takes effect; presets; help texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from cs285.agents.bc_agent import BCAgent
from cs285.config import Config
from cs285.data.trajectory import Batch
from cs285.presets import PRESETS, Preset
from cs285.scripts.run_hw1 import read_settings
from tests import fakes
from tests.scripts.conftest import SCRIPTS, PointFiles, Run, Script, load_script, small_run


@dataclass(frozen=True)
class Case:
    """An observation that holds for a run with a flag and not for the same run without it."""

    flag: Sequence[object]  # and its value; "{expert}", "{one}" and "{hopper}" stand for files
    seen: Callable[[Run, Sequence[Batch]], Any]  # function of the run and of the batches it trained on
    expected: Any  # its value with the flag
    both: Sequence[object] = ()  # other arguments of both runs


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
    "learning_rate_schedule": Case(  # Adam's first steps have the size of the learning rate
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
ELSEWHERE = {"no_gpu", "which_gpu", "resume", "backend"}  # below, and in tests of resuming and of the backend


def test_every_setting_has_a_case() -> None:
    assert set(CASES) | ELSEWHERE == {field.name for field in fields(Config)}


@pytest.mark.parametrize("flag", CASES)
def test_flag_takes_effect(
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


def test_gpu_flags(script: Script, point_files: PointFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    wrong = ("--which_gpu", 1)
    script("run_hw1", *small_run(point_files), *wrong).refused("--which_gpu is 1", "has 1")
    script("run_hw1", *small_run(point_files), *wrong, "--no_gpu").succeeded()


@pytest.mark.parametrize("preset", PRESETS)
def test_preset_sets_defaults_that_other_flags_override(preset: Preset) -> None:
    for flags in (["--preset", preset, "--size", "7"], ["--size=7", f"--preset={preset}"]):
        assert read_settings(flags).config == replace(Config(), **{**PRESETS[preset], "size": 7})


@pytest.mark.parametrize("name", SCRIPTS)
def test_help_describes_every_flag(name: str, script: Script) -> None:
    module = load_script(name)
    settings = getattr(module, "Settings", None) or getattr(module, "ExpertSettings", Config)
    shown = " ".join(script(name, "--help").succeeded().out.replace("│", " ").replace("|", " ").split())
    for field in fields(settings):
        _, flag, rest = shown.partition(f" --{field.name} ")
        assert flag, f"--{field.name} is not in --help"
        text = rest.partition("(default:")[0].partition("(repeatable)")[0]
        assert len(text.split()) >= 2, f"--help does not describe --{field.name}"
