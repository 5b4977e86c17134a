"""What goes wrong on the way: places that can not be written, and losses that are no numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import gymnasium as gym
import pytest
import torch

from cs285.agents.bc_agent import BCAgent
from cs285.data.trajectory import Batch
from tests import fakes
from tests.scripts.conftest import PointFiles, Script, files_below, runs_below, small_run


class TestUnwritable:
    """Tests run as root too, who may write everywhere: so there is a file where a folder is needed."""

    @pytest.fixture
    def file(self, workplace: Path) -> Path:
        path = workplace / "file"
        path.write_text("in the way")
        return path

    def test_run_folder(self, file: Path, refused: Callable[..., None], point_files: PointFiles) -> None:
        refused(("run folder", f"{file}/q1_bc"), "run_hw1", *small_run(point_files, "--logdir", file))

    def test_run_folder_deeper(self, file: Path, refused: Callable[..., None], point_files: PointFiles) -> None:
        refused(("run folder", f"{file}/deeper/q1"), "run_hw1", *small_run(point_files, "--logdir", file / "deeper"))

    def test_recording(self, file: Path, refused: Callable[..., None], point_files: PointFiles) -> None:
        point = ("-env", fakes.POINT, "-epf", point_files.expert)
        refused((f"can't write {file}/data.pkl",), "collect_expert_data", *point, "-o", file / "data.pkl")

    def test_recording_over_a_file(self, file: Path, refused: Callable[..., None], point_files: PointFiles) -> None:
        point = ("-env", fakes.POINT, "-epf", point_files.expert)
        refused((f"{file} exists",), "collect_expert_data", *point, "-o", file)
        assert file.read_text() == "in the way"

    def test_film(self, file: Path, script: Script, workplace: Path, point_files: PointFiles) -> None:
        script("run_hw1", *small_run(point_files, "--save_params")).succeeded()
        (run,) = runs_below(workplace / "data")
        before = files_below(workplace)
        outcome = script("eval_policy", "-p", run.folder / "policy_itr_0.pt", "--video", file / "film.mp4")
        outcome.refused(f"{file}/film.mp4")
        assert files_below(workplace) == before

    def test_film_over_a_file(self, workplace: Path, refused: Callable[..., None]) -> None:
        (workplace / "film.mp4").write_text("in the way")
        refused(("film.mp4", "new file"), "eval_policy", "-p", "policy_itr_0.pt", "--video", "film.mp4")

    def test_expert(self, file: Path, refused: Callable[..., None]) -> None:
        pytest.importorskip("stable_baselines3")
        tiny = ("-env", fakes.POINT, "--total_steps", 8, "--n_envs", 1, "--n_steps", 4, "--batch_size", 4)
        refused((str(file),), "train_expert", *tiny, "-o", file / "expert.pkl")

    @pytest.mark.skipif(not Path("/proc").is_dir(), reason="the system has no /proc")
    @pytest.mark.parametrize("name", ["train_expert", "collect_expert_data", "eval_policy"])
    def test_where_no_file_can_be_made(
        self,
        name: str,
        script: Script,
        workplace: Path,
        point_files: PointFiles,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """It is told before the work, which would begin with an environment."""
        if name == "train_expert":
            pytest.importorskip("stable_baselines3")
        script("run_hw1", *small_run(point_files, "--save_params")).succeeded()
        policy = runs_below(workplace / "data")[0].folder / "policy_itr_0.pt"
        arguments = {
            "train_expert": ("-env", fakes.POINT, "-o", "/proc/x.pkl"),
            "collect_expert_data": ("-env", fakes.POINT, "-epf", point_files.expert, "-o", "/proc/x.pkl"),
            "eval_policy": ("-p", policy, "--video", "/proc/x.mp4"),
        }
        before = files_below(workplace)
        monkeypatch.setattr(gym, "make", None)
        script(name, *arguments[name]).refused("can't write /proc/x.")
        assert files_below(workplace) == before

    def test_checkpoints(self, file: Path, refused: Callable[..., None]) -> None:
        pytest.importorskip("stable_baselines3")
        tiny = ("-env", fakes.POINT, "--total_steps", 8, "--n_envs", 1, "--n_steps", 4, "--batch_size", 4)
        refused((str(file),), "train_expert", *tiny, "-o", file.parent / "expert.pkl", "--checkpoints", file)


class TestLossThatBecomesNaN:
    """The run stops, says where, and what it logged until then can be read."""

    def test_at_once(self, script: Script, workplace: Path, point_files: PointFiles) -> None:
        script("run_hw1", *small_run(point_files, "-lr", "1e30")).refused("iteration 0, step ", "1e+30")
        (run,) = runs_below(workplace / "data")
        assert run.rows == []

    def test_later(
        self, script: Script, workplace: Path, point_files: PointFiles, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        train, steps = BCAgent.train, []

        def diverge(agent: BCAgent, batch: Batch) -> dict[str, torch.Tensor]:
            steps.append(train(agent, batch))
            return steps[-1] if len(steps) != 4 * 2 + 3 else {"Training Loss": torch.tensor(torch.nan)}

        monkeypatch.setattr(BCAgent, "train", diverge)
        dagger = ("--do_dagger", "-epf", point_files.expert, "-n", 4)
        script("run_hw1", *small_run(point_files, *dagger)).refused("the loss became nan in iteration 2, step 2;")
        (run,) = runs_below(workplace / "data")
        assert [row["itr"] for row in run.rows] == [0, 1]
