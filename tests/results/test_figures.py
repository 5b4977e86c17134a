"""Figures show the statistics of the series, and refuse series that they can't show."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure

from cs285.data.run_folders import read_runs
from cs285.errors import InvalidInput
from cs285.results.figures import learning_curves, parameter_figure, task_bars
from cs285.results.intervals import summarize
from cs285.results.series import group_by_settings
from tests.fake_runs import write_run

SEEDS = (1, 2, 3, 4, 5)


def draw(figure: Callable[..., Figure], folder: Path, *arguments: str) -> tuple[Figure, Axes]:
    drawn = figure(group_by_settings(read_runs([folder])), *arguments)
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
    figure, axes = draw(learning_curves, tmp_path)
    points, bars = points_and_bars(axes)
    values = [[10.0 * s for s in SEEDS], [50.0 + s**2 for s in SEEDS], [90.0 + s for s in SEEDS]]
    assert points == [(itr, np.mean(v)) for itr, v in enumerate(values)]
    assert bars == pytest.approx([np.std(v, ddof=1) for v in values])
    summary = summarize(values[1])
    band = {tuple(vertex) for vertex in axes.collections[0].get_paths()[0].vertices}
    assert {(1, summary.low), (1, summary.high)} <= band
    heights = {line.get_label().split(":")[0]: line.get_ydata()[0] for line in axes.lines}
    assert (heights["expert"], heights["behavioural cloning"]) == (100, 30)
    assert legend_names(figure) == ["DAgger", "behavioural cloning", "expert"]
    assert "5 seeds" in axes.get_title(loc="left")


def test_with_one_seed_the_bars_are_over_episodes(tmp_path: Path) -> None:
    write_curves(tmp_path, seeds=(3,))
    _, axes = draw(learning_curves, tmp_path)
    assert points_and_bars(axes)[1] == pytest.approx([3, 3, 3])
    assert "1 seed: mean ± standard deviation over the episodes" in axes.get_title(loc="left")


def test_curves_are_named_by_what_differs_and_seeds_counted_in_each_iteration(tmp_path: Path) -> None:
    for rate in (5e-3, 1e-3):
        write_curves(tmp_path, (1, 2), learning_rate=rate)
    write_run(tmp_path, [1.0, 2.0], seed=3, n_iter=3)
    figure, axes = draw(learning_curves, tmp_path)
    assert set(legend_names(figure)) == {"DAgger learning_rate=0.005", "DAgger learning_rate=0.001", "expert"}
    assert "over 2 to 3 seeds" in axes.get_title(loc="left")


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


def test_bars_are_per_cent_of_the_expert(tmp_path: Path) -> None:
    tasks = ("Ant-v5", "HalfCheetah-v5", "Hopper-v5", "module:Namespace/LongTaskName-v12")
    for number, task in enumerate(tasks):
        for seed in SEEDS:
            write_run(tmp_path, [100.0 * number + seed], expert=1000, seed=seed, env_name=task)
            if number:
                write_run(tmp_path, [0.0, 900.0 + 10 * seed], expert=1000, seed=seed, env_name=task)
    figure, axes = draw(task_bars, tmp_path)
    heights = [patch.get_height() for patch in axes.patches]
    assert heights == pytest.approx([*(10.0 * number + 0.3 for number in range(4)), *[93.0] * 3])
    assert ["".join(label.get_text().split()) for label in axes.get_xticklabels()] == list(tasks)
    assert legend_names(figure) == ["BC", "DAgger", "expert"]


HOPPER, ANT, SIZE = {"env_name": "Hopper-v5"}, {"env_name": "Ant-v5"}, {"size": 32}
TANH, RELU = {"policy": {"architecture": "Tanh"}}, {"policy": {"architecture": "ReLU"}}


@pytest.mark.parametrize(
    ("figure", "returns", "settings", "match"),
    [
        ((learning_curves,), [1.0], [{}], "needs runs of DAgger"),
        ((learning_curves,), [1.0, 2.0], [HOPPER, ANT], r"one task, not of Ant-v5, Hopper-v5; use --where env_name="),
        ((learning_curves,), [1.0, 2.0], [{"size": n} for n in range(1, 8)], "more than 6 curves, which differ in"),
        ((parameter_figure, "n_layers"), [1.0], [{}, SIZE], "n_layers is 2 in the BC runs; an axis needs different"),
        ((parameter_figure, "size"), [1.0], [{}, {**SIZE, "n_layers": 1}], "needs BC runs that differ in size alone"),
        ((parameter_figure, "size"), [1.0], [TANH, RELU, SIZE], "differ in the architecture of the policy only"),
        ((task_bars,), [1.0], [{}, SIZE], "BC on Hopper-v5 has series that differ in size"),
        ((task_bars,), [1.0], [{"expert": -5.0}], "expert's return on Hopper-v5 is -5"),
    ],
)
def test_refusals(
    figure: tuple[Any, ...], returns: list[float], settings: list[dict[str, Any]], match: str, tmp_path: Path
) -> None:
    for each in settings:
        write_run(tmp_path, returns, **each)
    with pytest.raises(InvalidInput, match=match):
        draw(figure[0], tmp_path, *figure[1:])
