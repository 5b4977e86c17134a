"""Mistakes of a user's: one clear line, exit code 2, nothing left behind."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cs285.agents.bc_agent import BCAgent
from cs285.infrastructure.trajectory import Batch
from tests import fakes
from tests.scripts.conftest import PointFiles, Run, Script, files_below, finish, runs_below, small_run, start


class Unpicklable:
    """A class of the file's own: only its module could read it."""


def changed_episode(**changes: Any) -> list[dict[str, Any]]:
    return [{**fakes.course_episode(2020), **changes}]


def with_nan(shape: Sequence[int]) -> Any:
    array = np.zeros(shape, np.float32)
    array.flat[-1] = np.nan
    return array


def changed_expert(**changes: Any) -> dict[str, Any]:
    return {**fakes.expert_content(), **changes}


T = fakes.TIME_LIMIT
WHOLE_DATA = pickle.dumps([fakes.course_episode(2020)])
WHOLE_EXPERT = pickle.dumps(fakes.expert_content())

# what is in the file, and what the line must say of it beside the file's name
BAD_DATA: dict[str, tuple[bytes | object, tuple[str, ...]]] = {
    "empty": (b"", ()),
    "text": (b"these are no episodes\n", ("pickle",)),
    "cut short": (WHOLE_DATA[: len(WHOLE_DATA) // 2], ("pickle",)),
    "last byte missing": (WHOLE_DATA[:-1], ("pickle",)),
    "a class of its own": ([Unpicklable()], ("Unpicklable",)),
    "a call": (b"cos\nsystem\n(S'true'\ntR.", ("os.system",)),
    "an expert": (fakes.expert_content(), ("list", "dict")),
    "nothing": ([], ("list",)),
    "numbers": ([1, 2, 3], ("episode 0", "int")),
    "an episode without actions": (
        [{k: v for k, v in fakes.course_episode(2020).items() if k != "action"}],
        ("episode 0", "'action'"),
    ),
    "NaN in observations": (changed_episode(observation=with_nan((T, 3))), ("episode 0", "observation", "NaN")),
    "NaN in actions": (changed_episode(action=with_nan((T, 2))), ("episode 0", "action", "NaN")),
    "infinite rewards": (changed_episode(reward=np.full(T, np.inf)), ("episode 0", "reward", "infinity")),
    "fewer actions than steps": (changed_episode(action=np.zeros((7, 2))), ("episode 0", "7", str(T))),
    "observations of other sizes": (
        changed_episode(observation=np.zeros((T, 4)), next_observation=np.zeros((T, 4))),
        ("4 numbers", "has 3"),
    ),
    "actions of other sizes": (changed_episode(action=np.zeros((T, 5)) + 0.5), ("actions of 5", "has 2")),
    "discrete actions": (changed_episode(action=np.zeros(T, np.int64)), ("discrete", "continuous")),
    "no steps": ([{name: array[:0] for name, array in fakes.course_episode(2020).items()}], ("episode 0", "one step")),
    "text instead of arrays": (changed_episode(observation="here"), ("episode 0", "'observation'")),
    "objects in an array": (changed_episode(action=np.array([None] * T)), ("plain numbers",)),
}
BAD_EXPERTS: dict[str, tuple[bytes | object, tuple[str, ...]]] = {
    "empty": (b"", ()),
    "text": (b"this is no expert\n", ("pickle",)),
    "cut short": (WHOLE_EXPERT[: len(WHOLE_EXPERT) // 2], ("pickle",)),
    "a class of its own": ({"GaussianPolicy": Unpicklable()}, ("Unpicklable",)),
    "a call": (b"cos\nsystem\n(S'true'\ntR.", ("os.system",)),
    "episodes": ([fakes.course_episode(2020)], ("not an expert policy",)),
    "an unknown activation": (changed_expert(nonlin_type="cube"), ("'cube'", "tanh", "lrelu")),
    "no network": (changed_expert(GaussianPolicy={}), ("not an expert policy",)),
    "observations of other sizes": (fakes.expert_content(ob_dim=5), ("5", "3")),
    "actions of other sizes": (fakes.expert_content(ac_dim=4), ("actions of 4", "has 2")),
}


def write(path: Path, content: bytes | object) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else pickle.dumps(content))
    return path


@pytest.fixture
def refused(script: Script, workplace: Path) -> Callable[..., None]:
    """Run a script that must refuse with a line that has ``parts``, and leave the current folder as it was."""

    def refused(parts: Sequence[str], name: str, *arguments: object) -> None:
        before = files_below(workplace)
        outcome = script(name, *arguments)
        outcome.refused(*parts)
        if name != "eval_expert":  # which has printed the head of its table
            assert outcome.out == ""
        assert files_below(workplace) == before

    return refused


@pytest.mark.parametrize("what", BAD_DATA)
def test_bad_data(what: str, refused: Callable[..., None], point_files: PointFiles, tmp_path: Path) -> None:
    content, parts = BAD_DATA[what]
    path = write(tmp_path / "bad.pkl", content)
    refused((str(path), *parts), "run_hw1", *small_run(point_files, "-ed", path))


@pytest.mark.parametrize("what", BAD_EXPERTS)
@pytest.mark.parametrize("name", ["run_hw1", "collect_expert_data", "eval_expert"])
def test_bad_expert(
    what: str, name: str, refused: Callable[..., None], point_files: PointFiles, tmp_path: Path
) -> None:
    content, parts = BAD_EXPERTS[what]
    path = write(tmp_path / "bad.pkl", content)
    arguments = small_run(point_files, "--do_dagger") if name == "run_hw1" else ("-env", fakes.POINT)
    refused((str(path), *parts), name, *arguments, "-epf", path)


@pytest.mark.parametrize("flag", ["-ed", "-epf"])
@pytest.mark.parametrize(("place", "said"), [("nowhere.pkl", "No such file"), (".", "s a directory")])
def test_files_that_cannot_be_read(
    flag: str, place: str, said: str, refused: Callable[..., None], point_files: PointFiles, tmp_path: Path
) -> None:
    refused((str(tmp_path / place), said), "run_hw1", *small_run(point_files, flag, tmp_path / place))


@pytest.mark.parametrize(
    ("env_name", "parts"),
    [
        ("HalfCheetah-v9", ("HalfCheetah-v9", "HalfCheetah-v5")),
        ("Hoper-v5", ("Hoper-v5", "close matches: ", "Hopper-v5")),
        ("cartpole-v1", ("close matches: CartPole-v1",)),
        ("nothing like it", ("'nothing like it'",)),
        ("", ("''",)),
        ("no_such_module:Hopper-v5", ("no_such_module",)),
        ("nowhere/Hopper-v5", ("nowhere/Hopper-v5",)),
        ("Swimmer-v2", ("Swimmer-v2", "Ant-v2", "Swimmer-v4 or Swimmer-v5")),
        ("FrozenLake-v1", ("FrozenLake-v1", "Discrete(16)", "Box")),
        ("tests/Endless-v0", ("no time limit", "--ep_len")),
    ],
)
@pytest.mark.parametrize("name", ["run_hw1", "collect_expert_data"])
def test_bad_environments(
    env_name: str, parts: Sequence[str], name: str, refused: Callable[..., None], point_files: PointFiles
) -> None:
    if name == "run_hw1":
        refused(parts, name, *small_run(point_files, "-env", env_name))
    else:
        refused(parts, name, "-epf", point_files.expert, "-env", env_name)


AT_LEAST_1 = (
    *("ep_len", "num_agent_train_steps_per_iter", "n_iter", "batch_size", "eval_batch_size", "train_batch_size"),
    *("size", "max_replay_buffer_size"),
)
FREQUENCIES = ("video_log_freq", "scalar_log_freq", "checkpoint_freq")
OUT_OF_RANGE = {
    "run_hw1": [
        *((name, value) for name in AT_LEAST_1 for value in ("0", "-3", "nan", "inf", "2.5", "many", "")),
        *((name, value) for name in ("n_layers", "which_gpu", "seed", "num_workers") for value in ("-1", "nan", "one")),
        *(("learning_rate", value) for value in ("0", "-1e-3", "nan", "inf", "-inf", "fast")),
        *((name, v) for name in FREQUENCIES for v in ("0", "-2", "nan", "1.5", "often")),
        *(("loss", value) for value in ("mae", "")),
        *(("exp_name", value) for value in ("a/b", "", "a b", "a\nb")),
        *(("size", "100000"), ("n_iter", "1000001"), ("num_workers", "1001"), ("train_batch_size", "1000001")),
        *(("seeds", value) for value in ("1,1", "-1,2", "", "1,,2", "one", "1.5", "nan")),
    ],
    "collect_expert_data": [
        *((name, value) for name in ("episodes", "ep_len") for value in ("0", "-1", "nan", "two")),
        ("seed", "-1"),
    ],
    "eval_policy": [
        *((name, value) for name in ("episodes", "ep_len") for value in ("0", "-1", "nan", "two")),
        *(("seed", "-1"), ("video", "film.gif")),
    ],
    "eval_expert": [("episodes", value) for value in ("1", "0", "-2", "inf", "all")],
    "train_expert": [
        *(
            (name, value)
            for name in (
                "total_steps",
                "n_layers",
                "size",
                "n_envs",
                "n_steps",
                "n_epochs",
                "eval_episodes",
                "batch_size",
                "evaluations",
            )
            for value in ("0", "-1", "nan", "many")
        ),
        *(
            (name, value)
            for name in ("gamma", "gae_lambda", "clip_range", "target_kl", "vf_coef", "ent_coef")
            for value in ("-0.1", "nan", "inf", "much")
        ),
        *(("learning_rate", value) for value in ("0", "-1", "nan", "inf", "fast")),
        *(("initial_log_std", value) for value in ("nan", "inf", "-inf", "wide")),
        *(("gamma", "1.5"), ("gae_lambda", "1.1"), ("seed", "-1"), ("ob_dim", "0"), ("ob_dim", "-4")),
    ],
}


@pytest.mark.parametrize(
    ("name", "flag", "value"), [(name, flag, value) for name, pairs in OUT_OF_RANGE.items() for flag, value in pairs]
)
def test_values_out_of_range(
    name: str, flag: str, value: str, refused: Callable[..., None], point_files: PointFiles
) -> None:
    if name == "run_hw1":
        arguments = small_run(point_files, "--do_dagger", "-epf", point_files.expert)
    elif name == "eval_policy":
        arguments = ("-p", "policy_itr_0.pt")
    elif name in ("eval_expert", "collect_expert_data"):
        arguments = ("-epf", point_files.expert, "-env", fakes.POINT)
    else:
        arguments = ("-env", fakes.POINT, "--total_steps", 8, "--n_envs", 1, "--n_steps", 4, "--batch_size", 4)
    refused((f"--{flag}",), name, *arguments, f"--{flag}={value}")


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("--do_dagger", "--n_iter", "1"), ("--do_dagger", "--n_iter 1", "--n_iter 2")),
        (("--n_iter", "3"), ("--n_iter is 3", "--do_dagger")),
        (("--do_dagger",), ("no expert ships for tests/Point-v0", "--expert_policy_file")),
        (("--no_such_flag",), ("--no_such_flag",)),
        (("--learn", "1"), ("--learn",)),
        (("--seed",), ("--seed",)),
    ],
)
def test_contradictions_and_unknown_flags(
    arguments: Sequence[str], parts: Sequence[str], refused: Callable[..., None], point_files: PointFiles
) -> None:
    refused(parts, "run_hw1", *small_run(point_files, *arguments))


def test_no_data_for_the_task(refused: Callable[..., None]) -> None:
    refused(("no expert data ships for tests/Point-v0", "--expert_data"), "run_hw1", "-env", fakes.POINT)


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


class TestSavedPolicies:
    """eval_policy.py reads a run's folder."""

    @pytest.fixture
    def run(self, script: Script, workplace: Path, point_files: PointFiles) -> Run:
        script("run_hw1", *small_run(point_files, "--save_params")).succeeded()
        return runs_below(workplace / "data")[0]

    def test_no_policy_named(self, refused: Callable[..., None]) -> None:
        refused(("--policy",), "eval_policy")

    def test_no_such_file(self, run: Run, refused: Callable[..., None]) -> None:
        refused(("policy_itr_7.pt", "No such file"), "eval_policy", "-p", run.folder / "policy_itr_7.pt")

    def test_no_run_folder(self, tmp_path: Path, refused: Callable[..., None]) -> None:
        refused(("config.json", "No such file"), "eval_policy", "-p", tmp_path / "policy_itr_0.pt")

    @pytest.mark.parametrize("content", [b"", b"no parameters", pickle.dumps({"weight": [1.0]}), b"PK\x03\x04 cut"])
    def test_other_content(self, content: bytes, run: Run, refused: Callable[..., None]) -> None:
        path = write(run.folder / "policy_itr_0.pt", content)
        refused((str(path),), "eval_policy", "-p", path)

    def test_cut_short(self, run: Run, refused: Callable[..., None]) -> None:
        path = run.folder / "policy_itr_0.pt"
        write(path, path.read_bytes()[:-200])
        refused((str(path),), "eval_policy", "-p", path)

    def test_parameters_of_another_network(self, run: Run, refused: Callable[..., None]) -> None:
        path = run.folder / "policy_itr_0.pt"
        torch.save({name: torch.zeros(1) for name in run.parameters()}, path)
        refused((str(path),), "eval_policy", "-p", path)

    @pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b'{"settings": 1}', b'{"settings": {"size": 8}}', b"\xff"])
    def test_other_config(self, content: bytes, run: Run, refused: Callable[..., None]) -> None:
        write(run.folder / "config.json", content)
        refused(("config.json",), "eval_policy", "-p", run.folder / "policy_itr_0.pt")


def test_an_expert_without_a_card_needs_its_task(refused: Callable[..., None], point_files: PointFiles) -> None:
    refused(("--expert_policy_file",), "eval_expert", "-env", fakes.POINT)
    refused(("'expert'",), "eval_expert", "-epf", point_files.expert)


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"evaluation": 1}', b'{"evaluation": {"mean": 3}}', b"\xff"])
def test_a_bad_card(content: bytes, refused: Callable[..., None], tmp_path: Path) -> None:
    expert = write(tmp_path / "mine.pkl", fakes.expert_content())
    card = write(tmp_path / "mine.json", content)
    refused((str(card),), "eval_expert", "-epf", expert, "-env", fakes.POINT)


@pytest.mark.parametrize(
    ("name", "arguments", "part"),
    [
        ("run_hw1", ("-env", "CartPole-v1", "-ed", "nowhere.pkl"), "nowhere.pkl"),
        ("run_hw1", ("-env", "Swimmer-v2"), "Swimmer-v4"),
        ("run_hw1", ("--batch_size", "0"), "--batch_size is 0"),
        ("collect_expert_data", ("-env", "CartPole-v7"), "CartPole-v1"),
    ],
)
def test_as_a_user_sees_it(name: str, arguments: Sequence[str], part: str, tmp_path: Path) -> None:
    outcome = finish(start(name, *arguments, cwd=tmp_path)).refused(part)
    assert outcome.out == ""
    assert list(tmp_path.iterdir()) == []
