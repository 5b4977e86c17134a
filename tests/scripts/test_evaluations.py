"""collect_expert_data, eval_policy and describe_data: flags take effect, and the numbers agree."""

import json
import pickle
import re
from pathlib import Path

import gymnasium as gym
import imageio.v3 as iio
import numpy as np
import pytest

from cs285.data.expert_data import load_expert_data
from cs285.experts.rollouts import evaluate_expert
from cs285.policies.loaded_gaussian_policy import LoadedGaussianPolicy
from tests import fakes
from tests.scripts.conftest import ROOT, PointFiles, Script, runs_below, small_run

pytestmark = pytest.mark.usefixtures("no_workers")


def test_a_recording_has_the_layout_of_the_course_repeats_and_can_be_trained_on(
    script: Script, workplace: Path, point_files: PointFiles
) -> None:
    command = ("collect_expert_data", "-env", fakes.POINT, "-epf", point_files.expert)
    out = script(*command).succeeded().out
    path = Path("expert_data/expert_data_tests-Point-v0.pkl")
    episodes = pickle.loads(path.read_bytes())
    keys = {"observation", "image_obs", "reward", "action", "next_observation", "terminal"}
    assert [set(episode) for episode in episodes] == [keys, keys]
    assert [episode["terminal"].sum() for episode in episodes] == [1, 1]
    mean = np.mean([episode["reward"].sum() for episode in episodes])
    assert out.startswith(f"{path}: 2 episodes, return {mean:.1f} ± ")
    assert out.count("\n") == 1
    script(*command, "-o", "again.pkl").succeeded()
    assert Path("again.pkl").read_bytes() == path.read_bytes()
    script(*command).refused(f"{path} exists")
    script("run_hw1", *small_run(point_files, "-ed", path)).succeeded()
    (run,) = runs_below(workplace / "data")
    assert run.rows[0]["Initial_DataCollection_AverageReturn"] == pytest.approx(mean)


def test_each_flag_of_a_recording_takes_effect(script: Script, workplace: Path, point_files: PointFiles) -> None:
    content = fakes.expert_content()
    content["GaussianPolicy"]["out"]["AffineLayer"] = {"W": np.zeros((8, 2)), "b": np.zeros((1, 2))}
    other = fakes.pickle_file(workplace / "other.pkl", content)
    changes: dict[str, tuple[object, ...]] = {
        "plain": (),
        "more": ("-n", 3, "--ep_len", 2, "--seed", 7, "-epf", other),
        "choice": ("-env", fakes.CHOICE),
    }
    for name, flags in changes.items():
        command = ("collect_expert_data", "-env", fakes.POINT, "-epf", point_files.expert, "-o", name, *flags)
        script(*command).succeeded()
    plain, more, choice = (load_expert_data(workplace / name) for name in changes)
    assert (len(plain), len(more)) == (2, 3)
    assert {len(episode) for episode in more} == {2} != {len(episode) for episode in plain}
    assert (more[0].observations[0] != plain[0].observations[0]).any()
    assert (more[0].actions == 0).all() != (plain[0].actions == 0).all()
    assert (plain[0].discrete, choice[0].discrete) == (False, True)
    script("collect_expert_data", "-env", "CartPole-v1", "-n", 1).succeeded()  # the project has CartPole's expert


def test_noise_is_in_the_executed_actions_and_not_in_the_recorded_ones(
    script: Script, workplace: Path, point_files: PointFiles
) -> None:
    command = ("collect_expert_data", "-env", fakes.POINT, "-epf", point_files.expert, "-n", 100)
    for name, noise in (("noisy", 0.3), ("again", 0.3), ("plain", 0)):
        script(*command, "-o", name, "--noise", noise).succeeded()
    assert Path("again").read_bytes() == Path("noisy").read_bytes()
    expert = LoadedGaussianPolicy(point_files.expert)
    deviations = {}
    for name in ("noisy", "plain"):
        recorded = load_expert_data(workplace / name)
        for episode in recorded:
            np.testing.assert_array_equal(episode.actions, expert.get_action(episode.observations))
        # The mean of the two numbers of an executed action can be computed from the next state.
        executed = [10 * (t.next_observations - 0.9 * t.observations).mean(axis=1) for t in recorded]
        deviations[name] = np.concatenate(executed) - np.concatenate([t.actions.mean(axis=1) for t in recorded])
    assert np.abs(deviations["plain"]).max() < 1e-4
    assert abs(deviations["noisy"].mean()) < 0.03
    assert deviations["noisy"].std() == pytest.approx(0.3 / np.sqrt(2), rel=0.1)
    for flags, why in ((("--noise", "-0.1"), "--noise is -0.1"), (("--noise", "nan"), "--noise is nan")):
        script(*command, "-o", "x", *flags).refused(why, "at least 0")
    script(*command, "-o", "x", "--noise", 0.1, "-env", fakes.CHOICE).refused("continuous, bounded", fakes.CHOICE)


def table(out: str) -> list[list[str]]:
    """The cells of the table's rows, without the table's head; the two ends of the interval are two cells."""
    return [line.replace("[", "").replace("]", "").replace(",", "").split() for line in out.splitlines()[1:]]


def test_each_flag_of_an_evaluation_takes_effect(script: Script, workplace: Path, point_files: PointFiles) -> None:
    dagger = ("--do_dagger", "-epf", point_files.expert, "-n", 2)
    script("run_hw1", *small_run(point_files, *dagger, "--save_params", "--eval_batch_size", 1)).succeeded()
    (run,) = runs_below(workplace / "data")

    def evaluate(*flags: object, itr: int = 0) -> list[str]:
        command = ("eval_policy", "-p", run.path / f"policy_itr_{itr}.pt", *flags)
        return table(script(*command).succeeded().out)[0]

    default = evaluate()
    assert (default[0], default[-1]) == (fakes.POINT, "none")
    expected = evaluate_expert(run.path / "policy_itr_0.pt", fakes.POINT, 50, seed=1, num_workers=0)
    assert default[1:5] == [str(expected[name]) for name in ("mean", "std", "min", "max")]
    assert evaluate("-n", 1)[1] == f"{run.rows[0]['Eval_AverageReturn']:.1f}"
    assert evaluate("--seed", 1) == default != evaluate("--seed", 2)
    assert evaluate("--ep_len", 2)[1] != default[1] != evaluate(itr=1)[1]
    assert evaluate("--video", "film.mp4", "-n", 1) == evaluate("-n", 1)
    frames = (run.rows[0]["Eval_AverageEpLen"] + 1) // 2  # the first episode: 60 steps and 30 frames per second
    assert len(iio.imread(workplace / "film.mp4", plugin="FFMPEG")) == frames


def test_experts_are_evaluated_and_compared_with_their_cards(
    script: Script, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cs285.data.shipped.ROOTS", (Path(),))
    task, long_task = "PointTask-v0", "LongPointTask-v0"  # ids without "/" can be file names of experts
    gym.register(task, fakes.PointEnv, max_episode_steps=fakes.TIME_LIMIT)
    gym.register(long_task, fakes.PointEnv, max_episode_steps=3)
    folder = workplace / "policies/experts"
    folder.mkdir(parents=True)
    expert = fakes.pickle_file(folder / f"{task}.pkl", fakes.expert_content())
    (workplace / "expert_data").mkdir()
    (workplace / f"expert_data/expert_data_{task}.pkl").touch()
    evaluation = evaluate_expert(expert, task, 20, num_workers=0)
    card = expert.with_suffix(".json")
    card.write_text(json.dumps({"task": task, "evaluation": evaluation}), encoding="utf-8")

    (row,) = table(script("eval_policy").succeeded().out)
    names = ("mean", "std", "min", "max", "iqm", "iqm_95_low", "iqm_95_high", "ended_early", "mean")
    assert row == [task, *(str(evaluation[name]) for name in names)]

    other = fakes.pickle_file(workplace / f"{long_task}.pkl", fakes.expert_content(seed=1))
    (row,) = table(script("eval_policy", "-epf", other, "-n", 7).succeeded().out)
    mean = str(evaluate_expert(other, long_task, 7, num_workers=0)["mean"])
    assert (row[0], row[1], row[-1]) == (long_task, mean, "none")
    (row,) = table(script("eval_policy", "-epf", expert, "-env", long_task).succeeded().out)
    assert (row[0], row[-1]) == (long_task, "none")  # a card counts only for its task

    evaluation["mean"] += 5 * evaluation["std"]
    card.write_text(json.dumps({"task": task, "evaluation": evaluation}), encoding="utf-8")
    outcome = script("eval_policy").refused("returns differ from those", str(expert.relative_to(Path.cwd())))
    assert len(table(outcome.out)) == 1


def test_descriptions_of_the_files_that_ship(script: Script) -> None:
    data, expert = ROOT / "expert_data/expert_data_Hopper-v5.pkl", ROOT / "policies/experts/Ant-v5.pkl"
    outcome = script("describe_data", data, expert)
    out = outcome.out
    assert "observations of float32 (11,), actions of 3 numbers" in out
    assert "2 episodes, 2000 steps, lengths 1000 to 1000\n  return 3615.4 ± 0.3, from 3615.0 to 3615.7" in out
    assert "network 27 -> 64 -> 64 -> 8, tanh" in out
    assert re.findall("fits (.*)", out) == ["Hopper-v5", "Ant-v5"]
    assert outcome.err == f"{expert}: converting Ant observations from 105 to 27 numbers\n"


def test_descriptions_of_the_layouts_of_both_editions(script: Script, point_files: PointFiles, tmp_path: Path) -> None:
    episodes = [fakes.course_episode(2020, steps=steps, seed=steps) for steps in (3, 5)]
    older = fakes.pickle_file(tmp_path / "older.pkl", episodes)
    out = script("describe_data", older, point_files.data, point_files.expert).succeeded().out
    returns = [episode["reward"].sum() for episode in episodes]
    assert f"2 episodes, 8 steps, lengths 3 to 5\n  return {np.mean(returns):.1f} ± {np.std(returns):.1f}" in out
    assert out.count("fits none of Ant-v5, CartPole-v1") == 3
    assert out.index("layout of fall 2020 and CMU") < out.index("layout of fall 2023")
    required = script("describe_data", older, point_files.expert, "--env_name", fakes.POINT).succeeded().out
    assert required.count(f"fits {fakes.POINT}") == 2


def test_bad_files_are_not_described(script: Script, point_files: PointFiles, tmp_path: Path) -> None:
    (tmp_path / "text.pkl").write_text("not a pickle", encoding="utf-8")
    numbers = fakes.pickle_file(tmp_path / "numbers.pkl", [1, 2])
    for name, why in (
        (tmp_path / "text.pkl", "read as a pickle"),
        (tmp_path / "none.pkl", "No such file"),
        (tmp_path, "is a folder"),
        (numbers, "episode 0"),
    ):
        script("describe_data", name).refused(str(name), why)
    script("describe_data", point_files.data, "-env", "Hopper-v5").refused("observations of 3 numbers", "Hopper-v5")
    script("describe_data").refused("at least one file")
