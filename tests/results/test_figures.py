"""Figures show the statistics of the series; series that a figure can't show are refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.container import BarContainer, ErrorbarContainer
from matplotlib.figure import Figure

from cs285.data.run_folders import read_runs
from cs285.errors import InvalidInput
from cs285.results.figures import (
    ALL_TASKS,
    Point,
    label_curves,
    label_figure,
    learning_curves,
    parameter_figure,
    task_bars,
)
from cs285.results.series import group_by_settings, summarize
from tests.fake_runs import write_run

SEEDS = (1, 2, 3, 4, 5)


def draw(figure: Callable[..., Figure], folder: Path, *arguments: str) -> tuple[Figure, Axes]:
    series = group_by_settings(read_runs([folder]))
    drawn = figure(series, *arguments)
    (axes,) = drawn.axes
    return drawn, axes


def points_and_bars(axes: Axes, n: int = 0) -> tuple[list[tuple[float, float]], list[float]]:
    """The points of the n-th curve, and half the lengths of their error bars."""
    container = [c for c in axes.containers if isinstance(c, ErrorbarContainer)][n]
    segments = container.lines[2][0].get_segments()
    return [tuple(p) for p in container.lines[0].get_xydata()], [float(s[1][1] - s[0][1]) / 2 for s in segments]


def legend_names(figure: Figure) -> list[str]:
    return [text.get_text().split(":")[0] for text in figure.legends[0].get_texts()]


def write_curves(folder: Path, seeds: tuple[int, ...] = SEEDS, **settings: object) -> None:
    for seed in seeds:
        returns = [10.0 * seed, 50.0 + seed**2, 90.0 + seed]
        write_run(folder, returns, std=seed, seed=seed, **settings)


def test_points_band_and_lines_of_learning_curves_are_the_statistics(tmp_path: Path) -> None:
    write_curves(tmp_path)
    write_run(tmp_path, [55.0], num_agent_train_steps_per_iter=3000)
    write_run(tmp_path, [77.0], num_agent_train_steps_per_iter=3000, size=32)
    figure, axes = draw(learning_curves, tmp_path)
    points, bars = points_and_bars(axes)
    values = [[10.0 * s for s in SEEDS], [50.0 + s**2 for s in SEEDS], [90.0 + s for s in SEEDS]]
    assert points == [(itr, np.mean(v)) for itr, v in enumerate(values)]
    assert bars == pytest.approx([np.std(v, ddof=1) for v in values])
    summary = summarize(values[1])
    band = {tuple(vertex) for vertex in axes.collections[0].get_paths()[0].vertices}
    assert {(1, summary.low), (1, summary.high)} <= band
    heights = {line.get_label().split(":")[0]: line.get_ydata()[0] for line in axes.lines}
    assert (heights["expert"], heights["BC, 1000 gradient steps"], heights["BC, 3000 gradient steps"]) == (100, 30, 55)
    band_and_lines = ["95 % interval of the interquartile mean (IQM)", "DAgger", *list(heights)[-3:]]
    assert legend_names(figure) == band_and_lines
    assert axes.get_title(loc="left") == "mean ± standard deviation over 5 seeds"
    assert axes.get_ylim()[0] == 0


def test_with_one_seed_the_bars_are_over_episodes(tmp_path: Path) -> None:
    write_curves(tmp_path, seeds=(3,))
    _, axes = draw(learning_curves, tmp_path)
    assert points_and_bars(axes)[1] == pytest.approx([3, 3, 3])
    assert axes.get_title(loc="left") == "mean ± standard deviation over the episodes of one seed"


def test_curves_are_named_by_what_differs_and_seeds_counted_in_each_iteration(tmp_path: Path) -> None:
    for rate in (5e-3, 1e-3):
        write_curves(tmp_path, (1, 2), learning_rate=rate)
    write_run(tmp_path, [1.0, 2.0], seed=3, n_iter=3)
    figure, axes = draw(learning_curves, tmp_path)
    assert set(legend_names(figure)) >= {"DAgger learning_rate=0.005", "DAgger learning_rate=0.001", "expert"}
    assert "over 2 to 3 seeds" in axes.get_title(loc="left")


def test_names_are_not_drawn_as_formulas(tmp_path: Path) -> None:
    for architecture in ("$\\frac{$", "a $b$"):
        write_run(tmp_path, [1.0, 2.0], policy={"architecture": architecture})
    figure, _ = draw(learning_curves, tmp_path)
    figure.savefig(tmp_path / "figure.png")
    assert [name.replace("\\$", "$") for name in legend_names(figure)][:2] == ["DAgger $\\frac{$", "DAgger a $b$"]


def test_points_and_axis_of_a_parameter(tmp_path: Path) -> None:
    values = (500, 1000, 10_000)
    for value in values:
        for seed in SEEDS:
            write_run(tmp_path, [value / 100 + seed], seed=seed, num_agent_train_steps_per_iter=value)
    figure, axes = draw(parameter_figure, tmp_path, "num_agent_train_steps_per_iter")
    assert (axes.get_xscale(), axes.get_xlabel()) == ("log", "num_agent_train_steps_per_iter")
    assert np.array(points_and_bars(axes)[0]) == pytest.approx(np.array([(v, v / 100 + 3) for v in values]))
    FigureCanvasAgg(figure).draw()
    assert [label.get_text() for label in axes.get_xticklabels()] == [f"{value:g}" for value in values]


def test_each_curve_joins_series_that_differ_in_the_parameter_alone(tmp_path: Path) -> None:
    for size in (32, 64):
        for n_layers in (1, 2, 3):
            write_run(tmp_path, [size + n_layers], size=size, n_layers=n_layers)
    write_run(tmp_path, [1.0], size=128)
    figure, axes = draw(parameter_figure, tmp_path, "n_layers")
    assert axes.get_xscale() == "linear"
    points = {name: points_and_bars(axes, n)[0] for n, name in enumerate(legend_names(figure)[:2])}
    assert points == {f"BC size={size}": [(n, size + n) for n in (1, 2, 3)] for size in (32, 64)}


def test_bars_compare_dagger_with_bc_of_equal_settings_in_per_cent_of_the_expert(tmp_path: Path) -> None:
    tasks = ("Ant-v5", "HalfCheetah-v5", "Pendulum-v1", "module:Namespace/LongTaskName-v12")
    for number, task in enumerate(tasks):
        usual: dict[str, Any] = {"expert": -150.0 if task == "Pendulum-v1" else 1000.0, "env_name": task}
        for seed in SEEDS[:3]:
            write_run(tmp_path, [100.0 * number + seed**2], seed=seed, **usual)
            if number:
                write_run(tmp_path, [500.0], seed=seed, num_agent_train_steps_per_iter=2000, **usual)
                write_run(tmp_path, [0.0, 910.0 + 10 * seed], seed=seed, **usual)
                for other in ({"size": 32}, {"num_agent_train_steps_per_iter": 77}):
                    write_run(tmp_path, [1.0], seed=seed, **usual, **other)
    figure, axes = draw(task_bars, tmp_path)
    bars = [list(map(float, c.datavalues)) for c in axes.containers if isinstance(c, BarContainer)]
    expected = [[14 / 30, 10 + 14 / 30, 0, 30 + 14 / 30], [50, 0, 50], [93, 0, 93]]
    assert bars == [pytest.approx(values) for values in expected]
    assert [text.get_text() for text in axes.texts[:4]] == ["0", "10", "–", "30"]
    assert axes.texts[0].xy[1] == pytest.approx(14 / 30 + 0.1 * np.std([1, 4, 9], ddof=1))
    assert ["".join(label.get_text().split()) for label in axes.get_xticklabels()] == list(tasks)
    assert legend_names(figure) == ["BC", "BC, as many gradient steps as DAgger", "DAgger", "expert"]


HOPPER, ANT, SIZE = {"env_name": "Hopper-v5"}, {"env_name": "Ant-v5"}, {"size": 32}
TANH, RELU = {"policy": {"architecture": "Tanh"}}, {"policy": {"architecture": "ReLU"}}


@pytest.mark.parametrize(
    ("figure", "returns", "settings", "match"),
    [
        ((learning_curves,), [1.0], [{}], "needs runs of DAgger"),
        ((learning_curves,), [1.0, 2.0], [HOPPER, ANT], r"one task, not of Ant-v5, Hopper-v5; use --where env_name="),
        ((parameter_figure, "n_layers"), [1.0], [{}, SIZE], "BC runs that differ in the number n_layers alone"),
        (
            (parameter_figure, "size"),
            [1.0],
            [{}, {**SIZE, "n_layers": 1}],
            "BC runs that differ in the number size alone",
        ),
        ((parameter_figure, "size"), [1.0], [TANH, RELU, SIZE], "differ in the architecture of the policy only"),
        ((task_bars,), [1.0], [{}, SIZE], "BC on Hopper-v5 has series that differ in size"),
    ],
)
def test_refusals(
    figure: tuple[Any, ...], returns: list[float], settings: list[dict[str, Any]], match: str, tmp_path: Path
) -> None:
    for each in settings:
        write_run(tmp_path, returns, **each)
    with pytest.raises(InvalidInput, match=match):
        draw(figure[0], tmp_path, *figure[1:])


STUDY_TASKS, EPISODES = ("Ant-v5", "Hopper-v5"), (1, 5)


def write_scores(folder: Path, labels: list[float], scores: list[float], **settings: object) -> None:
    columns = {"Train_ExpertLabelsSoFar": labels, "Eval_NormalizedScore": scores}
    write_run(folder, [100 * score for score in scores], columns=columns, **settings)


def score(task: str, episodes: int, seed: int) -> float:
    return 0.1 * episodes + 0.01 * seed**2 + (0.2 if task == "Ant-v5" else 0.0)


def write_study(folder: Path) -> None:
    for task in STUDY_TASKS:
        for seed in SEEDS:
            labels = [1000.0, 2000.0 + seed]
            write_scores(folder, labels, [score(task, 1, seed), 0.9], env_name=task, seed=seed, expert_episodes=1)
            for episodes in EPISODES:
                for name in ("clean", "noisy"):
                    settings = {"env_name": task, "seed": seed, "expert_episodes": episodes}
                    settings |= {"num_agent_train_steps_per_iter": 1000 * episodes}
                    data = folder / task / f"{name}.pkl"
                    write_scores(
                        folder, [1000.0 * episodes], [score(task, episodes, seed)], expert_data=data, **settings
                    )


def read_curves(folder: Path) -> dict[str, dict[str, list[Point]]]:
    return label_curves(group_by_settings(read_runs([folder])))


def test_points_are_the_scores_of_the_runs_by_task_and_method(tmp_path: Path) -> None:
    write_study(tmp_path)
    tasks = read_curves(tmp_path)
    assert list(tasks) == [*STUDY_TASKS, ALL_TASKS]
    for task in STUDY_TASKS:
        assert set(tasks[task]) == {"BC expert_data=clean.pkl", "BC expert_data=noisy.pkl", "DAgger"}
        points = tasks[task]["BC expert_data=noisy.pkl"]
        assert [point.labels for point in points] == [1000, 5000]
        values = [score(task, 5, seed) for seed in SEEDS]
        assert points[1].scores == (pytest.approx(values),)
        assert summarize(*points[1].scores).iqm == pytest.approx(np.mean(values[1:4]))
        assert tasks[task]["DAgger"][1].labels == 2003
    pooled = sorted(score(task, 1, seed) for task in STUDY_TASKS for seed in SEEDS)
    point = tasks[ALL_TASKS]["BC expert_data=clean.pkl"][0]
    _, _, _, iqm, low, high = summarize(*point.scores)
    assert iqm == pytest.approx(np.mean(pooled[2:8]))
    assert pooled[0] < low < iqm < high < pooled[-1]


def test_the_interval_over_tasks_resamples_the_seeds_of_each_task_alone() -> None:
    """If the seeds of each task agree, the interval is narrow, however much the tasks differ."""
    *_, low, high = summarize([0.1] * 4 + [0.1001], [0.9] * 5)
    assert high - low < 1e-3
    *_, low, high = summarize([0.1] * 5 + [0.9] * 5)
    assert high - low > 0.1


def test_the_figure_has_axes_for_each_task_and_lines_at_the_points(tmp_path: Path) -> None:
    write_study(tmp_path)
    tasks = read_curves(tmp_path)
    figure = label_figure(group_by_settings(read_runs([tmp_path])))
    assert [axes.get_title() for axes in figure.axes] == list(tasks)
    for axes in figure.axes:
        lines = {line.get_label(): line.get_xydata().tolist() for line in axes.lines}
        for name, points in tasks[axes.get_title()].items():
            assert lines[name] == [[point.labels, summarize(*point.scores).iqm] for point in points]


def test_runs_without_a_score_or_with_equally_many_labels_are_refused(tmp_path: Path) -> None:
    for steps in (1000, 3000):
        write_scores(tmp_path / "two", [1000.0], [0.5], num_agent_train_steps_per_iter=steps)
    with pytest.raises(InvalidInput, match="points with equal label counts; use --where"):
        read_curves(tmp_path / "two")
    write_run(tmp_path / "old", [50.0])
    with pytest.raises(InvalidInput, match="no normalised score"):
        read_curves(tmp_path / "old")
