"""Output, resuming, seeds, the assignment's commands, wheel, learning and flags of run_hw1.py; help of all scripts."""

import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from cs285.agents.bc_agent import BCAgent
from cs285.config import PRESETS, Config
from cs285.data.run_folders import RunFolder, read_run
from cs285.data.trajectory import Batch
from cs285.errors import InvalidInput, ProcessFailed
from cs285.infrastructure.bc_trainer import BC_Trainer
from cs285.scripts.run_hw1 import read_settings
from tests import fakes
from tests.data.stopped_runs import scalars
from tests.scripts.conftest import (
    ROOT,
    SCRIPTS,
    USERS_ENVIRONMENT,
    PointFiles,
    Script,
    files_below,
    finish,
    load_script,
    runs_below,
    small_run,
    start,
)


def test_output_run_folder_and_resuming(script: Script, workplace: Path, point_files: PointFiles) -> None:
    dagger = ("--do_dagger", "-epf", point_files.expert, "-n", 2, "--save_params")
    printed = script("run_hw1", *small_run(point_files), *dagger).succeeded().out
    (run,) = runs_below(workplace / "data")
    assert re.fullmatch(r"q2_dagger_tests-Point-v0_\d\d-\d\d-\d{4}_\d\d-\d\d-\d\d", run.path.name)
    folder, number = f"data/{run.path.name}", r"-?\d+\.\d"
    expected = [
        f"logging to {folder}",
        rf"iteration 0: return {number} ± {number}, loss \S+, \d+ s",
        rf"iteration 1: return {number} ± {number}, loss \S+, \d+ s",
        rf"{folder}: final return {number} ± {number}, best {number} in iteration \d, expert {number} ± {number}",
    ]
    for line, pattern in zip(printed.splitlines(), expected, strict=True):
        assert re.fullmatch(pattern, line)
    files = [name for name in files_below(run.path) if not name.startswith(("checkpoint", "events.out.tfevents."))]
    assert files == ["config.json", "learning_curve.png", "log.csv", "policy_itr_0.pt", "policy_itr_1.pt"]
    logged = {name for _, name in scalars(run.path)}
    assert logged == {name.replace(" ", "_") for name in run.rows[0]} - {"itr", "TimeSinceStart"}

    printed = script("run_hw1", "--resume", run.path, "--do_dagger", "--n_iter", 3).succeeded().out
    assert printed.splitlines()[0] == f"logging to {run.path}"
    assert read_run(run.path).iterations == (0, 1, 2)
    script("run_hw1", "--resume", run.path, "--size", 9).refused("--size is 9", "8")
    script("run_hw1", "--resume", workplace).refused("config.json can't be read")
    script("run_hw1", "--resume", run.path, "--seeds", "1,2").refused("--exp_name is dagger_seed1", "dagger")


def test_a_seed_that_fails_keeps_the_others(
    script: Script, workplace: Path, point_files: PointFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, errors = BC_Trainer.run_training_loop, {2: InvalidInput("the loss is nan"), 5: ProcessFailed("killed")}

    def fail_once(trainer: BC_Trainer) -> list[dict[str, float]]:
        if trainer.config.seed in errors:
            raise errors[trainer.config.seed]
        return loop(trainer)

    monkeypatch.setattr(BC_Trainer, "run_training_loop", fail_once)
    for seed, code in ((2, 2), (5, 1)):
        outcome = script("run_hw1", *small_run(point_files), "--seeds", f"{seed},3,4", "--logdir", f"of_{seed}")
        assert (outcome.code, outcome.err) == (code, f"error: seed {seed}: {errors[seed]}\n")
        assert outcome.out.count("final return") == 2
        runs = [run for run in runs_below(workplace / f"of_{seed}") if run.rows]
        assert {run.config.seed for run in runs} == {3, 4}
        assert runs[0].rows[0]["Eval_AverageReturn"] != runs[1].rows[0]["Eval_AverageReturn"]


def test_the_assignments_commands(workplace: Path, script: Script) -> None:
    """The README's commands run in a checkout that is not installed, with files in the layout of fall 2020."""
    course, name = workplace / "cs285", "cs285/scripts/run_hw1.py"
    shutil.copytree(ROOT / "cs285", course, ignore=shutil.ignore_patterns("__pycache__"))
    for folder in ("policies/experts", "expert_data"):
        (course / folder).mkdir(parents=True)
    fakes.pickle_file(course / "policies/experts/Ant.pkl", fakes.expert_content(ob_dim=111, ac_dim=8))
    data = [fakes.course_episode(2020, ob_dim=111, ac_dim=8)]
    fakes.pickle_file(course / "expert_data/expert_data_Ant-v2.pkl", data)
    small = "--ep_len 10 --batch_size 10 --eval_batch_size 10 --num_agent_train_steps_per_iter 2 --num_workers 0"
    lines = re.findall(rf"^python {name} (.*)$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    bc, dagger = (shlex.split(f"{line} {small}") for line in lines)
    for outcome in (finish(start(workplace / name, *bc, cwd=workplace)), script("run_hw1", *dagger)):
        assert outcome.code == 0, outcome
        assert outcome.err.count("\n") <= 1  # a process prints the notice about -v2 tasks once
    runs = runs_below(workplace / "data")
    assert [len(run.rows) for run in runs] == [1, 10]
    assert {run.config.env_name for run in runs} == {"Ant-v2"}
    assert {path.name for path in workplace.iterdir()} == {"cs285", "data"}


@pytest.mark.slow
def test_the_wheel_has_every_module_and_runs_run_hw1(tmp_path: Path) -> None:
    # The sources are copied, because building a wheel leaves files in the source folder.
    source, installed = tmp_path / "source", tmp_path / "site"
    source.mkdir()
    for name in ("pyproject.toml", "setup.py", "README.md"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(ROOT / "cs285", source / "cs285", ignore=shutil.ignore_patterns("__pycache__"))
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(source)]
    subprocess.run(build, check=True, capture_output=True, timeout=120)
    (wheel,) = tmp_path.glob("cs285_imitation-*.whl")
    with zipfile.ZipFile(wheel) as file:
        file.extractall(installed)

    def modules(root: Path) -> set[str]:
        return {str(path.relative_to(root)) for path in (root / "cs285").rglob("*.py")}

    assert modules(installed) == modules(ROOT)
    assert (installed / "cs285/py.typed").exists()
    assert [path.name for path in installed.iterdir() if path.name != "cs285"] == ["cs285_imitation-1.0.0.dist-info"]

    data = ROOT / "expert_data/expert_data_CartPole-v1.pkl"
    small = ["--num_agent_train_steps_per_iter", "2", "--eval_batch_size", "10", "--num_workers", "0"]
    command = [sys.executable, "-m", "cs285.scripts.run_hw1", "-env", "CartPole-v1", "-ed", str(data), *small]
    environment = {**USERS_ENVIRONMENT, "PYTHONPATH": str(installed)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, encoding="utf-8", timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    (run,) = runs_below(tmp_path / "data")
    assert len(run.rows) == 1


@pytest.mark.slow
def test_bc_and_dagger_learn_from_the_files_that_ship(script: Script, workplace: Path) -> None:
    """Two episodes are enough to clone CartPole's expert, and too few to clone Hopper's."""

    def returns(arguments: str) -> list[float]:  # returns as fractions of the expert's return
        script("run_hw1", *arguments.split()).succeeded()
        rows = runs_below(workplace / "data")[-1].rows
        return [row["Eval_AverageReturn"] / row["Expert_AverageReturn"] for row in rows]

    cartpole = "-env CartPole-v1 --eval_batch_size 2500 --train_batch_size 64 --num_agent_train_steps_per_iter"
    (bc,) = returns(f"{cartpole} 500")
    assert bc > 0.8
    first, last = returns(f"{cartpole} 10 --batch_size 300 --do_dagger -n 10 --scalar_log_freq 9")
    assert last > 0.9
    assert last > 1.5 * first
    bc, dagger = returns("-env Hopper-v5 --eval_batch_size 3000 --do_dagger -n 8 --scalar_log_freq 7")
    assert 0.05 < bc < 0.7
    assert dagger > 0.8


FLAGS = (
    "--do_dagger --n_iter 5 --scalar_log_freq 3 --exp_name mine --ep_len 2 --loss nll --batch_size 200 "
    "--num_agent_train_steps_per_iter 7 --eval_batch_size 1 --train_batch_size 5 --n_layers 1 --size 6 "
    "--ob_normalization expert_data --video_log_freq 1 --max_replay_buffer_size 1 --num_workers 1 "
    "--seed 7 --logdir elsewhere"
)
ELSEWHERE = {  # flags whose effects are tested in other files
    *("learning_rate", "learning_rate_schedule", "no_gpu", "which_gpu", "resume", "backend", "env_name"),
    *("save_params", "checkpoint_freq", "expert_episodes", "env_kwargs", "expert_eval_episodes"),
}


def observations(run: RunFolder, batches: Sequence[Batch]) -> dict[str, Any]:
    """For each flag, a value that shows its effect on a run or on the batches that the run trained on."""
    first, last = run.rows[0], run.rows[-1]
    parameters = torch.load(run.path / "policy_itr_0.pt", weights_only=True)
    return {
        "expert_policy_file": "Expert_AverageReturn" in first,
        "expert_data": first["Train_StdReturn"] == 0,
        "do_dagger": run.path.name[:3],
        "exp_name": run.path.name.startswith(("q1_mine_tests-Point-v0_", "q2_mine_tests-Point-v0_")),
        "n_iter": last["itr"],
        "scalar_log_freq": [row["itr"] for row in run.rows],
        "ep_len": first["Eval_AverageEpLen"],
        "loss": bool((parameters["logstd"] != 0).all()),
        "num_agent_train_steps_per_iter": len(batches) / (last["itr"] + 1),
        "batch_size": 800 <= last["Train_EnvstepsSoFar"] < 812,
        "eval_batch_size": first["Eval_StdReturn"] == 0,
        "train_batch_size": {len(batch.observations) for batch in batches},
        "n_layers": sum(name.endswith("weight") for name in parameters) - 1,
        "size": next(value.shape[0] for name, value in parameters.items() if name.endswith("weight")),
        "ob_normalization": parameters["ob_std"].tolist() != [1.0] * 3,
        "video_log_freq": len(list(run.path.glob("videos/*.mp4"))),
        "max_replay_buffer_size": len(torch.cat([batch.observations for batch in batches[:4]]).unique(dim=0)),
        "num_workers": run.config.num_workers,
        "seed": run.config.seed,
        "logdir": run.path.parent.name,
    }


def test_every_flag_takes_effect(
    script: Script, workplace: Path, point_files: PointFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = fakes.pickle_file(workplace / "one.pkl", [fakes.course_episode(2020)])
    batches: list[Batch] = []
    train = BCAgent.train
    monkeypatch.setattr(BCAgent, "train", lambda agent, batch: (batches.append(batch), train(agent, batch))[1])
    script("run_hw1", *small_run(point_files, "--save_params")).succeeded()
    before = observations(runs_below(workplace / "data")[0], batches)
    batches.clear()
    files = ("--expert_policy_file", point_files.expert, "--expert_data", one)
    script("run_hw1", *small_run(point_files, "--save_params", *files, *FLAGS.split())).succeeded()
    after = observations(runs_below(workplace / "elsewhere")[0], batches)
    assert after == {
        **dict.fromkeys(("expert_policy_file", "expert_data", "exp_name", "loss", "batch_size"), True),
        **{"do_dagger": "q2_", "n_iter": 4, "scalar_log_freq": [0, 3, 4], "ep_len": 2, "eval_batch_size": True},
        **{"num_agent_train_steps_per_iter": 7, "train_batch_size": {5}, "n_layers": 1, "size": 6},
        **{"ob_normalization": True, "video_log_freq": 10, "max_replay_buffer_size": 1},
        **{"num_workers": 1, "seed": 7, "logdir": "elsewhere"},
    }
    assert [name for name in after if after[name] == before[name]] == []
    assert set(after) | ELSEWHERE == {field.name for field in fields(Config)}


def test_presets_set_defaults_that_other_flags_override(capsys: pytest.CaptureFixture[str]) -> None:
    for preset, values in PRESETS.items():
        for flags in (["--preset", preset, "--size", "7"], ["--size=7", f"--preset={preset}"]):
            assert read_settings(flags).config == replace(Config(), **{**values, "size": 7})
            kept = [f" --{name} {value}" for name, value in values.items() if name != "size"]
            assert capsys.readouterr().out == f"preset {preset}:{''.join(kept)}\n"


@pytest.mark.parametrize("name", [*SCRIPTS, "acceptance", "study"])
def test_help_describes_every_flag(name: str, script: Script) -> None:
    module = load_script(name)
    settings = getattr(module, "Settings", None) or getattr(module, "ExpertSettings", Config)
    shown = " ".join(script(name, "--help").succeeded().out.replace("│", " ").replace("|", " ").split())
    for field in fields(settings):
        positional = "positional" in str(field.type).lower()
        _, flag, rest = shown.partition("positional arguments" if positional else f" --{field.name} ")
        assert flag, f"--{field.name} is not in --help"
        text = rest.partition("(default:")[0].partition("(repeatable)")[0]
        assert len(text.split()) >= 2, f"--help does not describe --{field.name}"
