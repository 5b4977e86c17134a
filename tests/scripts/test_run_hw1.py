"""run_hw1.py: runs repeat, and what a run leaves in its folder and on the terminal."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch

from tests import fakes
from tests.scripts.conftest import (
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


def test_what_a_run_says(script: Script, workplace: Path, point_files: PointFiles) -> None:
    said = (
        script("run_hw1", *small_run(point_files), "--do_dagger", "-epf", point_files.expert, "-n", 2).succeeded().out
    )
    (run,) = runs_below(workplace / "data")
    folder = f"data/{run.folder.name}"
    number = r"-?\d+\.\d"
    expected = [
        f"logging to {folder}",
        rf"iteration 0: return {number} ± {number}, loss \S+, \d+ s",
        rf"iteration 1: return {number} ± {number}, loss \S+, \d+ s",
        rf"{folder}: final return {number} ± {number}, expert {number} ± {number}",
    ]
    for line, pattern in zip(said.splitlines(), expected, strict=True):
        assert re.fullmatch(pattern, line)
    assert re.fullmatch(r"q2_dagger_tests-Point-v0_\d\d-\d\d-\d{4}_\d\d-\d\d-\d\d", run.folder.name)


def test_what_a_run_leaves(script: Script, workplace: Path, point_files: PointFiles) -> None:
    dagger = ("--do_dagger", "-epf", point_files.expert, "-n", 2, "--save_params")
    script("run_hw1", *small_run(point_files), *dagger).succeeded()
    (run,) = runs_below(workplace / "data")
    (events,) = (path.name for path in run.folder.glob("events.out.tfevents.*"))
    tables = ["config.json", "log.csv", "learning_curve.png"]
    checkpoint = ["checkpoint", "checkpoint/added_1.npz", "checkpoint/state.npz"]
    assert files_below(run.folder) == sorted([events, *tables, *checkpoint, "policy_itr_0.pt", "policy_itr_1.pt"])
    assert {f"{kind}_{name}" for kind in ("Eval", "Train") for name in EVAL_SCALARS} <= set(run.rows[0])
    others = {"Train_EnvstepsSoFar", "TimeSinceStart", "Training Loss", "Initial_DataCollection_AverageReturn"}
    assert others <= set(run.rows[0])
    logged = {value.tag for event in fakes.read_events(run.folder) for value in event.summary.value}
    assert logged >= set(run.rows[0]) - {"itr"}
    assert run.settings["n_iter"] == 2


class TestRepetition:
    """A run is decided by its settings: neither logging nor the place it is started from changes it."""

    @pytest.fixture
    def run(self, script: Script, workplace: Path, point_files: PointFiles) -> Callable[..., Run]:
        def run(*more: object) -> Run:
            dagger = ("--do_dagger", "-epf", point_files.expert, "-n", 3, "--save_params", "-ngpu")
            script("run_hw1", *small_run(point_files), *dagger, "--logdir", workplace / "runs", *more).succeeded()
            return runs_below(workplace / "runs")[-1]

        return run

    def test_the_same_seed_gives_the_same_run(self, run: Callable[..., Run]) -> None:
        first, second = run(), run()
        assert first.folder != second.folder
        assert same_parameters(first, second)
        assert first.timeless_rows == second.timeless_rows

    @pytest.mark.parametrize("logging", [("--scalar_log_freq", -1), ("--scalar_log_freq", 2), ("--video_log_freq", 1)])
    def test_logging_changes_nothing_that_is_learned(self, run: Callable[..., Run], logging: Sequence[object]) -> None:
        usual, other = run(), run(*logging)
        assert same_parameters(usual, other)
        rows = {row["itr"]: row for row in usual.timeless_rows}
        assert other.timeless_rows == [rows[row["itr"]] for row in other.timeless_rows]

    @pytest.mark.parametrize("workers", [1, 3])
    def test_the_number_of_workers_changes_nothing(self, run: Callable[..., Run], workers: int) -> None:
        alone, shared = run(), run("--num_workers", workers)
        assert same_parameters(alone, shared)
        assert alone.timeless_rows == shared.timeless_rows

    def test_the_current_folder_does_not_matter(
        self, run: Callable[..., Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        here = run()
        monkeypatch.chdir(tmp_path)
        there = run()
        assert same_parameters(here, there)
        assert here.timeless_rows == there.timeless_rows

    def test_another_seed_gives_another_run(self, run: Callable[..., Run]) -> None:
        first, second = run("--seed", 1), run("--seed", 2)
        assert not same_parameters(first, second)
        assert first.timeless_rows[-1] != second.timeless_rows[-1]

    def test_another_seed_gives_another_network(self, run: Callable[..., Run]) -> None:
        first, second = (run("--seed", seed, "-lr", 1e-12).parameters(0) for seed in (1, 2))
        assert not torch.allclose(first["mean_net.0.weight"], second["mean_net.0.weight"], atol=1e-3)


def same_parameters(first: Run, second: Run) -> bool:
    """Whether two runs saved the same parameters, bit for bit, in each of their three iterations."""
    return all(
        torch.equal(value, second.parameters(itr)[name])
        for itr in range(3)
        for name, value in first.parameters(itr).items()
    )


LONG_RUN = ("-env", "CartPole-v1", "--num_agent_train_steps_per_iter", 10_000_000)


def test_ctrl_c_ends_a_run_with_one_line(tmp_path: Path, cartpole_data: Path) -> None:
    process = start("run_hw1", *LONG_RUN, "-ed", cartpole_data, cwd=tmp_path)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("logging to data/q1_bc_CartPole-v1_")
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    ended = finish(process)
    assert (ended.code, ended.err) == (130, "interrupted\n")


@pytest.mark.parametrize(("env_name", "ob_dim", "ac_dim"), [("Ant-v4", 27, 8), ("HalfCheetah-v5", 17, 6)])
def test_no_noise_on_the_terminal_or_in_the_folder(env_name: str, ob_dim: int, ac_dim: int, tmp_path: Path) -> None:
    """MuJoCo's log file, deprecation and version warnings."""
    data = fakes.pickle_file(tmp_path / "data.pkl", [fakes.course_episode(2020, ob_dim=ob_dim, ac_dim=ac_dim)])
    folder = tmp_path / "empty"
    folder.mkdir()
    short = ("--ep_len", 5, "--eval_batch_size", 5, "--num_agent_train_steps_per_iter", 2)
    finish(start("run_hw1", "-env", env_name, "-ed", data, *short, cwd=folder)).succeeded()
    assert [path.name for path in folder.iterdir()] == ["data"]


class TestVideos:
    """Videos where this machine renders, and a run that goes on where it does not."""

    SMALL = ("--ep_len", 10, "--eval_batch_size", 10, "--batch_size", 10, "--num_agent_train_steps_per_iter", 2)

    @pytest.mark.rendering
    def test_videos_of_the_first_and_the_last_iteration(
        self, gl: None, script: Script, workplace: Path, tmp_path: Path
    ) -> None:
        import imageio

        data = fakes.pickle_file(tmp_path / "data.pkl", [fakes.course_episode(2020, ob_dim=11, ac_dim=3)])
        expert = fakes.pickle_file(tmp_path / "expert.pkl", fakes.expert_content(ob_dim=11, ac_dim=3))
        dagger = ("--do_dagger", "-n", 2, "-epf", expert)
        videos = ("--video_log_freq", 1)
        script("run_hw1", "-env", "Hopper-v5", "-ed", data, *dagger, *videos, *self.SMALL).succeeded()
        (run,) = runs_below(workplace / "data")
        names = [f"{kind}_rollouts_itr_{itr}.mp4" for kind in ("eval", "train") for itr in (0, 1)]
        assert sorted(path.name for path in run.folder.glob("videos/*")) == names
        for name in names:
            frames = imageio.mimread(run.folder / "videos" / name)
            assert frames[0].std() > 10  # a picture, not one colour
            assert any((frame != frames[0]).any() for frame in frames)

    def test_without_rendering_the_run_goes_on(self, tmp_path: Path) -> None:
        data = fakes.pickle_file(tmp_path / "data.pkl", [fakes.course_episode(2020, ob_dim=11, ac_dim=3)])
        arguments = ("-env", "Hopper-v5", "-ed", data, "--video_log_freq", 1, *self.SMALL)
        hidden = {"MUJOCO_GL": "osmesa", "PYOPENGL_PLATFORM": "osmesa", "DISPLAY": ""}
        ended = finish(start("run_hw1", *arguments, cwd=tmp_path, environment=hidden))
        if "without videos" not in ended.out and list(tmp_path.glob("data/*/videos")):
            pytest.skip("this machine has OSMesa, so rendering with it works")
        assert (ended.code, ended.err) == (0, "")
        (line,) = (line for line in ended.out.splitlines() if "without videos" in line)
        for package in ("libegl1", "libopengl0", "libgl1-mesa-dri"):
            assert package in line
        assert runs_below(tmp_path / "data")[0].rows
