"""The documentation's examples run as they stand, with workers, DAgger, checkpoints, resuming, videos and seeds."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cs285.data.restricted_pickle import load_pickle
from cs285.data.run_folders import read_run
from tests.conftest import ROOT
from tests.scripts.conftest import finish, start

EXAMPLES = ROOT / "docs/examples"


def run(script: Path, flags: str) -> str:
    """Run a script in the script's folder, and return the script's output."""
    environment = {"PYTHONPATH": str(ROOT)}
    done = finish(start(script, *flags.split(), cwd=script.parent, environment=environment), within=300)
    assert done.code == 0, done.err
    return done.out


def first_return(run_dir: Path) -> float:
    return read_run(run_dir).rows[0]["Eval_AverageReturn"]


def test_the_readme_shows_the_example_that_is_tested() -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    shown = next(block for block in blocks if "HuberPolicy" in block)
    tested = (EXAMPLES / "relu_huber.py").read_text(encoding="utf-8").split('"""\n', 2)[-1]
    assert shown.split() == tested.split()


@pytest.mark.slow
def test_relu_and_huber(tmp_path: Path) -> None:
    flags = "--env_name Hopper-v5 --ep_len 50 --do_dagger --n_iter 2 --num_agent_train_steps_per_iter 30"
    flags += " --batch_size 50 --eval_batch_size 50 --num_workers 1 --save_params --seeds 1,2"
    script = shutil.copy(EXAMPLES / "relu_huber.py", tmp_path / "my_policy.py")
    run(script, flags)
    first, second = sorted((tmp_path / "data").iterdir())
    assert read_run(first).policy["make_policy"].startswith("my_policy:")
    policy = f"data/{first.name}/policy_itr_1.pt"
    finish(start("eval_policy", "--policy", policy, cwd=tmp_path)).refused("my_policy:make_policy")
    run(script, f"--resume {second} --n_iter 3 --video_log_freq 1")
    assert len(list(second.glob("videos/*.mp4"))) in (0, 2)  # there are no videos if MuJoCo can't render here
    flags = flags.replace("--seeds 1,2", "--seed 2 --exp_name straight")
    run(script, flags.replace("--n_iter 2", "--n_iter 3"))
    other = next((tmp_path / "data").glob("*straight*"))
    for row, same in zip(read_run(second).rows, read_run(other).rows, strict=True):
        assert {**row, "TimeSinceStart": 0} == {**same, "TimeSinceStart": 0}


@pytest.mark.slow
def test_convolutions_on_images_beat_a_flattened_perceptron(tmp_path: Path) -> None:
    """Both policies take 250 gradient steps on the same 25 episodes, and are evaluated over 25 episodes.

    The seeds are fixed.
    """
    for name in ("image_task.py", "image_policy.py"):
        script = shutil.copy(EXAMPLES / name, tmp_path / name)
    flags = "--env_name image_task:Chase-v0 --expert_data chase.pkl --num_agent_train_steps_per_iter 250"
    flags += " --eval_batch_size 1000 --num_workers 2"
    run(script, f"{flags} --do_dagger --n_iter 2 --batch_size 80 --save_params")
    frames = 25 * 41 * 24 * 24
    assert (tmp_path / "chase.pkl").stat().st_size < 1.1 * frames
    (convolutional,) = (tmp_path / "data").iterdir()
    added = load_pickle(convolutional / "checkpoint/added_1.pkl")
    assert {episode["states"].dtype for episode in added} == {np.dtype(np.uint8)}
    assert finish(start("run_hw1", *f"{flags} --exp_name flat".split(), cwd=tmp_path)).code == 0
    flat = next((tmp_path / "data").glob("*flat*"))
    assert first_return(convolutional) > 3 * first_return(flat)


@pytest.mark.slow
def test_an_expert_that_is_a_function(tmp_path: Path) -> None:
    script = shutil.copy(EXAMPLES / "pendulum.py", tmp_path / "pendulum.py")
    flags = "--env_name Pendulum-v1 --expert_data pendulum.pkl --do_dagger --n_iter 2 --eval_batch_size 2000"
    run(script, f"--preset tuned {flags}")
    (run_dir,) = (tmp_path / "data").iterdir()
    first, second = read_run(run_dir).rows
    assert first["Eval_AverageReturn"] < second["Eval_AverageReturn"] > second["Expert_AverageReturn"] - 150


@pytest.mark.slow
def test_a_recurrent_policy_acts_the_same_in_workers_and_is_read_again(tmp_path: Path) -> None:
    script = shutil.copy(EXAMPLES / "recurrent_policy.py", tmp_path / "recurrent_policy.py")
    flags = "--env_name Hopper-v5 --num_agent_train_steps_per_iter 20 --eval_batch_size 100 --save_params"
    run(script, f"{flags} --num_workers 2")
    run(script, f"{flags} --num_workers 0 --exp_name local")
    workers, local = sorted((tmp_path / "data").iterdir())
    assert first_return(workers) == first_return(local)
    code = (
        "import sys, pathlib, recurrent_policy as r; from cs285.policies.saved_policy import load_run_policy;"
        "load_run_policy(pathlib.Path(sys.argv[1]), make_policy=r.RecurrentPolicy)"
    )
    command = [sys.executable, "-c", code, str(local / "policy_itr_0.pt")]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"}
    subprocess.run(command, env=environment, check=True)


SMALL = "--do_dagger --n_iter 2 --batch_size 100 --num_workers 0"


@pytest.mark.slow
@pytest.mark.skipif("CS285_PAGES" not in os.environ, reason="takes half a minute; .ci/run sets CS285_PAGES")
def test_the_page_on_experts_and_data_runs_as_it_stands(tmp_path: Path) -> None:
    """All code blocks of docs/data.md run in their order, with less training."""
    pytest.importorskip("minari")
    shutil.copy(EXAMPLES / "pendulum.py", tmp_path)
    (tmp_path / "scripts").symlink_to(ROOT / "scripts")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    blocks = re.findall(r"```(bash|python)\n(.*?)```", (ROOT / "docs/data.md").read_text(encoding="utf-8"), re.DOTALL)
    for kind, block in blocks:
        short = "--total_steps 4096 --evaluations 1 --eval_episodes 2 --output"
        text = re.sub("--total_steps .*--output", short, block)
        text = re.sub("--do_dagger", SMALL, text)
        text = re.sub("run_hw1.py", "run_hw1.py --eval_batch_size 200 --num_agent_train_steps_per_iter 20", text)
        command = ["bash", "-ec", text] if kind == "bash" else [sys.executable, "-c", text]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, encoding="utf-8")
        assert done.returncode == 0, (block, done.stderr)
    assert len(blocks) == 8
    assert (tmp_path / "better.pkl").exists()


@pytest.mark.slow
@pytest.mark.skipif("CS285_PAGES" not in os.environ, reason="takes a minute; .ci/run sets CS285_PAGES")
def test_fine_tuning_draws_the_curves_of_both_starts(tmp_path: Path) -> None:
    pytest.importorskip("stable_baselines3")
    script = shutil.copy(EXAMPLES / "fine_tuning.py", tmp_path / "fine_tuning.py")
    out = run(script, "--seeds 1 --total_steps 51200 --evaluations 1")
    found = re.findall(r"PPO from ([a-z ]+): return -?\d+ at step (\d+)", out)
    assert found == [("behavioural cloning", "0"), ("random weights", "51200")]
    assert (tmp_path / "fine_tuning.png").stat().st_size > 10_000
