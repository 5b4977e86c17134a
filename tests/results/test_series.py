"""Selection of runs, series of runs with equal settings, names of series by differing settings, statistics."""

import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cs285.command_line import parse
from cs285.data.run_folders import read_runs
from cs285.errors import InvalidInput
from cs285.results.selection import RunSelection
from cs285.results.series import Series, differing, group_by_parameter, group_by_settings, series_names, summarize
from tests.fake_runs import write_run

ONE, OTHER = "12ab34cd" * 8, "98fe76dc" * 8


def series_of(folder: Path) -> list[Series]:
    return group_by_settings(read_runs([folder]))


def test_runs_that_differ_in_their_seed_are_a_series(tmp_path: Path) -> None:
    """A seed with an incomplete run counts in the iterations that the run has."""
    for seed in (3, 1, 2):
        returns = [10.0 * seed, 20.0 * seed, 30.0 * seed][: 3 if seed == 3 else 2]
        write_run(tmp_path, returns, std=seed, seed=seed, exp_name=f"s{seed}", num_workers=seed, n_iter=3)
    (series,) = series_of(tmp_path)
    assert series.seeds == (1, 2, 3)
    assert (series.method, series.task, series.iterations, series.last) == ("DAgger", "Hopper-v5", (0, 1, 2), 1)
    assert series.values("Eval_AverageReturn", 1) == [20, 40, 60]
    assert series.summary(1).mean == 40
    assert [series.summary(itr).seeds for itr in (0, 1, 2)] == [3, 3, 1]
    assert series.rollout_std(0) == pytest.approx(np.sqrt((1 + 4 + 9) / 3 + np.var([10, 20, 30])))
    assert series.expert() == (100, 2)


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"size": 32}, ["size"]),
        ({"env_kwargs": {"frame_skip": 2}}, ["env_kwargs"]),
        ({"expert_data": Path("a.pkl")}, ["expert_data"]),
        ({"inputs": {"expert_data": OTHER}}, ["expert_data"]),
        ({"policy": {"make_policy": "mine:make"}}, ["make_policy"]),
        ({"policy": {"architecture": "ReLU"}}, []),
    ],
)
def test_every_difference_that_decides_the_result_makes_another_series(
    tmp_path: Path, change: dict[str, Any], names: list[str]
) -> None:
    usual: dict[str, Any] = {"inputs": {"expert_data": ONE}, "policy": {"architecture": "Tanh"}}
    write_run(tmp_path, [1.0], **usual)
    write_run(tmp_path, [1.0], **{**usual, **change})
    series = series_of(tmp_path)
    assert len(series) == 2
    assert differing(series) == names
    texts = series_names(series)
    assert len(set(texts)) == 2
    assert all(f"{name}={s.facts[name]}" in text for s, text in zip(series, texts, strict=True) for name in names)


def test_runs_without_an_evaluation_are_refused(tmp_path: Path) -> None:
    empty = write_run(tmp_path, [], seed=4)
    with pytest.raises(InvalidInput, match=f"no run has an evaluation: {empty}"):
        series_of(tmp_path)


def test_of_repeated_runs_the_newest_complete_one_is_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = {"31-12-2025_23-59-59": [1.0, 1.0], "02-01-2026_00-00-01": [2.0, 2.0], "03-01-2026_09-00-00": [3.0]}
    for stamp, returns in names.items():
        write_run(tmp_path, returns, n_iter=2, do_dagger=True).rename(tmp_path / f"q2_dagger_Hopper-v5_{stamp}")
    (series,) = series_of(tmp_path)
    assert series.values("Eval_AverageReturn", 1) == [2.0]
    (run,), lines = parse(RunSelection, "", ["-r", str(tmp_path)]).read()
    assert run.path.name.endswith("02-01-2026_00-00-01")
    used = "not used: another run with the same settings is complete, or newer"
    others = (stamp for stamp in names if stamp not in run.path.name)
    assert sorted(lines) == sorted(f"{tmp_path}/q2_dagger_Hopper-v5_{stamp}: {used}" for stamp in others)
    assert capsys.readouterr().err.splitlines() == lines


def test_a_group_differs_in_one_parameter_and_is_sorted_by_it(tmp_path: Path) -> None:
    for size in (32, 8, 16):
        write_run(tmp_path, [1.0], size=size, inputs={"expert_data": ONE})
    write_run(tmp_path, [1.0], size=64, inputs={"expert_data": OTHER})
    series = series_of(tmp_path)
    write_run(tmp_path / "more", [1.0], expert_episodes=1)
    series += series_of(tmp_path / "more")
    groups = {name: group_by_parameter(series, name) for name in series[0].facts}
    found = {
        name: [[getattr(s.config, name) for s in group] for group in groups[name]] for name in groups if groups[name]
    }
    assert found == {"size": [[8, 16, 32]]}


def test_the_command_repeats_the_runs_in_a_shell(tmp_path: Path) -> None:
    data = Path("my files") / "it's $HOME.pkl"
    for seed in (1, 2):
        write_run(tmp_path, [1.0, 2.0], expert_data=data, seed=seed)
    words = shlex.split(series_of(tmp_path)[0].command())
    assert words[:2] == ["python", "scripts/run_hw1.py"]
    pairs = [("--expert_data", str(data)), ("--env_name", "Hopper-v5"), ("--n_iter", "2"), ("--seeds", "1,2")]
    assert {(words[n], words[n + 1]) for n in range(2, len(words) - 1)} >= set(pairs)
    assert len(words) == 2 + 2 * len(pairs) + 1  # + 1 for --do_dagger, which has no value
    write_run(tmp_path / "mine", [1.0, 2.0], policy={"make_policy": "mine:make"})
    assert series_of(tmp_path / "mine")[0].command().startswith("python mine.py --env_name Hopper-v5 ")


def test_runs_that_meet_all_conditions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("data", "other", "third"):
        for size in (8, 16):
            write_run(tmp_path / folder, [1.0], size=size, env_name=f"{folder}-v5")
    assert {run.config.env_name for run in parse(RunSelection, "", []).read()[0]} == {"data-v5"}
    flags = "-r data other -r third -w size=8 -w env_name=third-v5"
    (run,), _ = parse(RunSelection, "", flags.split()).read()
    assert (run.config.size, run.config.env_name) == (8, "third-v5")
    for condition, found in (("size=9", "size is 16, 8"), ("colour=red", "colour is no setting")):
        with pytest.raises(InvalidInput, match=f"{condition}: no run has it; {found}"):
            parse(RunSelection, "", ["-w", condition]).read()


def test_the_summary_equals_numpys_statistics() -> None:
    values = [1.0, 2.0, 4.0, 8.0, 100.0]
    summary = summarize(values)
    assert (summary.seeds, summary.mean, summary.std) == (5, 23.0, pytest.approx(np.std(values, ddof=1)))
    assert summary.iqm == pytest.approx(14 / 3)
    assert min(values) < summary.low < summary.iqm < summary.high < max(values)
    assert (summarize([3.0]), summarize(np.full(5, 7.0))) == ((1, 3, 0, 3, 3, 3), (5, 7, 0, 7, 7, 7))
    assert summarize([-1e9, 1, 2, 3, 4, 5, 6, 1e9]).iqm == 3.5
