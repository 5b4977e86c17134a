"""The figures show what was measured, every piece is named, and nothing overlaps or is cut."""

from __future__ import annotations

import itertools
import warnings
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("scipy", reason="intervals need scipy (the extra named results)")

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.text import Text

from cs285.data.run_folders import read_runs
from cs285.errors import InvalidInput
from cs285.results.figures import hyperparameter_figure, learning_curves, task_bars
from cs285.results.intervals import summarize
from cs285.results.series import Series, group_by_settings
from tests.fake_runs import write_run

SEEDS = (1, 2, 3, 4, 5)
LONG_TASKS = ("some.module:Namespace/LongTaskName-v12", f"some.module:Namespace/{'VeryLongTaskName' * 5}-v12")


def series_of(folder: Path) -> list[Series]:
    return group_by_settings(read_runs([folder]))


def points_and_bars(axes: Axes, n: int = 0) -> tuple[list[tuple[float, float]], list[float]]:
    """The points of the n-th series with error bars, and half the lengths of its bars."""
    container = [c for c in axes.containers if isinstance(c, ErrorbarContainer)][n]
    segments = container.lines[2][0].get_segments()
    return [tuple(p) for p in container.lines[0].get_xydata()], [float(s[1][1] - s[0][1]) / 2 for s in segments]


def legend_names(figure: Figure) -> list[str]:
    return [text.get_text().split(":")[0] for text in figure.legends[0].get_texts()]


def assert_readable(figure: Figure) -> None:
    """Every text is inside the picture, and no two overlap; the layout had room for all."""
    with warnings.catch_warnings(action="error"):
        FigureCanvasAgg(figure).draw()
    (axes,) = figure.axes
    ticks = [label for axis in (axes.xaxis, axes.yaxis) for label in axis.get_ticklabels()]
    low, high = axes.get_xlim()
    texts: list[Text] = [t for t in ticks[: len(axes.get_xticklabels())] if low <= t.get_position()[0] <= high]
    texts += [axes.xaxis.offsetText, axes.yaxis.offsetText]
    texts += [axes.title, axes.xaxis.label, axes.yaxis.label, *figure.legends[0].get_texts(), *axes.texts]
    boxes = [(t.get_text(), t.get_window_extent()) for t in texts if t.get_text() and t.get_visible()]
    for name, box in boxes:
        assert figure.bbox.x0 <= box.x0 <= box.x1 <= figure.bbox.x1, name
        assert figure.bbox.y0 <= box.y0 <= box.y1 <= figure.bbox.y1, name
    for (one, a), (other, b) in itertools.combinations(boxes, 2):
        assert not a.overlaps(b), (one, other)


def subtitle(figure: Figure) -> str:
    return str(figure.axes[0].texts[-1].get_text())


def curves(folder: Path, seeds: tuple[int, ...] = SEEDS, **settings: object) -> None:
    for seed in seeds:
        returns = [10.0 * seed, 50.0 + seed**2, 90.0 + seed]
        write_run(folder, returns, std=seed, seed=seed, **settings)


class TestLearningCurves:
    def test_points_band_and_lines_are_the_statistics(self, tmp_path: Path) -> None:
        curves(tmp_path)
        figure = learning_curves(series_of(tmp_path))
        (axes,) = figure.axes
        points, bars = points_and_bars(axes)
        values = [[10.0 * s for s in SEEDS], [50.0 + s**2 for s in SEEDS], [90.0 + s for s in SEEDS]]
        assert points == [(itr, np.mean(v)) for itr, v in enumerate(values)]
        assert bars == pytest.approx([np.std(v, ddof=1) for v in values])
        summary = summarize(values[1])
        band = {tuple(vertex) for vertex in axes.collections[0].get_paths()[0].vertices}
        assert {(1, summary.low), (1, summary.high)} <= band
        heights = {line.get_label().split(":")[0]: line.get_ydata()[0] for line in axes.lines}
        assert heights["expert"] == 100
        assert heights["behavioural cloning"] == 30
        assert legend_names(figure) == ["DAgger", "expert", "behavioural cloning"]
        assert any("5 seeds" in text.get_text() for text in axes.texts)
        assert_readable(figure)

    def test_with_one_seed_the_bars_are_over_episodes(self, tmp_path: Path) -> None:
        curves(tmp_path, seeds=(3,))
        figure = learning_curves(series_of(tmp_path))
        assert points_and_bars(figure.axes[0])[1] == pytest.approx([3, 3, 3])
        assert not [c for c in figure.axes[0].collections if c.get_alpha() == 0.2]
        assert any("one seed" in text.get_text() for text in figure.axes[0].texts)
        assert_readable(figure)

    def test_several_series_are_named_by_what_differs(self, tmp_path: Path) -> None:
        for rate in (5e-3, 1e-3):
            curves(tmp_path, learning_rate=rate)
        figure = learning_curves(series_of(tmp_path))
        assert set(legend_names(figure)) == {"DAgger learning_rate=0.005", "DAgger learning_rate=0.001", "expert"}
        assert_readable(figure)

    def test_different_tasks_are_refused(self, tmp_path: Path) -> None:
        curves(tmp_path)
        curves(tmp_path, env_name="Ant-v5")
        with pytest.raises(InvalidInput, match="different tasks in one curve: Ant-v5, Hopper-v5"):
            learning_curves(series_of(tmp_path))

    def test_no_dagger_and_too_many(self, tmp_path: Path) -> None:
        write_run(tmp_path / "bc", [1.0])
        with pytest.raises(InvalidInput, match="no DAgger run"):
            learning_curves(series_of(tmp_path / "bc"))
        for size in range(1, 8):
            write_run(tmp_path / "many", [1.0, 2.0], size=size)
        with pytest.raises(InvalidInput, match="7 curves in one figure, which differ in size; at most 6"):
            learning_curves(series_of(tmp_path / "many"))

    @pytest.mark.parametrize("letters", [10, 60, 150])
    def test_six_long_names(self, tmp_path: Path, letters: int) -> None:
        for number in range(6):
            name = f"{'name_' * (letters // 5)}{number}"
            curves(tmp_path, (1,), expert_data=f"{name}.pkl", learning_rate=1e-4 * (1 + number))
        figure = learning_curves(series_of(tmp_path))
        assert len(figure.legends[0].get_texts()) == 7
        assert_readable(figure)

    @pytest.mark.parametrize("task", [*LONG_TASKS, "Hopper-v5"])
    @pytest.mark.parametrize(
        "returns", [[-1e6, -998_500.0, -998_000.0], [1e6, 1e6 + 1, 1e6 + 2]], ids=["wide", "narrow"]
    )
    def test_long_tasks_and_large_returns(self, tmp_path: Path, task: str, returns: list[float]) -> None:
        for seed in SEEDS:
            write_run(
                tmp_path, [value + seed for value in returns], expert=1.001 * max(returns), seed=seed, env_name=task
            )
        figure = learning_curves(series_of(tmp_path))
        assert_readable(figure)
        (axes,) = figure.axes
        assert "".join(axes.get_title().split()) == f"DAggeron{task.rpartition(':')[2]}"
        assert axes.yaxis.get_offset_text().get_text() == ""
        assert all(len(label.get_text()) > 5 for label in axes.get_yticklabels())

    def test_seeds_are_counted_in_each_iteration(self, tmp_path: Path) -> None:
        write_run(tmp_path, [1.0, 2.0, 3.0], seed=1)
        write_run(tmp_path, [1.0, 2.0], seed=2, n_iter=3)
        assert "over 1 to 2 seeds" in subtitle(learning_curves(series_of(tmp_path)))


class TestHyperparameter:
    @pytest.mark.parametrize(("values", "scale"), [((500, 1000, 10_000), "log"), ((32, 64, 128), "linear")])
    def test_the_axis_fits_the_values(self, tmp_path: Path, values: tuple[int, ...], scale: str) -> None:
        for value in values:
            for seed in SEEDS:
                write_run(tmp_path, [value / 100 + seed], seed=seed, num_agent_train_steps_per_iter=value)
        figure = hyperparameter_figure(series_of(tmp_path))
        (axes,) = figure.axes
        assert axes.get_xscale() == scale
        for point, value in zip(points_and_bars(axes)[0], values, strict=True):
            assert point == pytest.approx((value, value / 100 + 3))
        assert axes.get_xlabel() == "num_agent_train_steps_per_iter"
        FigureCanvasAgg(figure).draw()
        assert [label.get_text() for label in axes.get_xticklabels()] == [f"{value:g}" for value in values]
        assert_readable(figure)

    def test_small_numbers_are_written_out(self, tmp_path: Path) -> None:
        for value in (1e-4, 5e-4, 5e-3):
            write_run(tmp_path, [1.0 + value], learning_rate=value)
        figure = hyperparameter_figure(series_of(tmp_path), "learning_rate")
        FigureCanvasAgg(figure).draw()
        assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["0.0001", "0.0005", "0.005"]

    def test_what_it_cannot_show(self, tmp_path: Path) -> None:
        write_run(tmp_path, [1.0])
        with pytest.raises(InvalidInput, match="differ in nothing; they must differ in one setting alone"):
            hyperparameter_figure(series_of(tmp_path))
        write_run(tmp_path, [1.0], size=32)
        with pytest.raises(InvalidInput, match="differ in size; they must differ in n_layers alone"):
            hyperparameter_figure(series_of(tmp_path), "n_layers")
        write_run(tmp_path, [1.0], size=32, n_layers=1)
        with pytest.raises(InvalidInput, match="differ in n_layers, size; "):
            hyperparameter_figure(series_of(tmp_path), "size")
        write_run(tmp_path / "loss", [1.0])
        write_run(tmp_path / "loss", [1.0], loss="nll")
        with pytest.raises(InvalidInput, match="loss is mse, nll; an axis needs numbers"):
            hyperparameter_figure(series_of(tmp_path / "loss"))


class TestTaskBars:
    def test_bars_are_per_cent_of_the_expert(self, tmp_path: Path) -> None:
        tasks = ("Ant-v5", "HalfCheetah-v5", "Hopper-v5", "Humanoid-v5", "Walker2d-v5")
        for number, task in enumerate(tasks):
            for seed in SEEDS:
                write_run(tmp_path, [100.0 * number + seed], expert=1000, seed=seed, env_name=task)
                write_run(tmp_path, [0.0, 900.0 + 10 * seed], expert=1000, seed=seed, env_name=task)
        figure = task_bars(series_of(tmp_path))
        (axes,) = figure.axes
        heights = [patch.get_height() for patch in axes.patches]
        assert heights == pytest.approx([*(10.0 * number + 0.3 for number in range(5)), *[93.0] * 5])
        assert [label.get_text() for label in axes.get_xticklabels()] == list(tasks)
        assert legend_names(figure) == ["BC", "DAgger", "expert"]
        assert_readable(figure)

    @pytest.mark.parametrize("count", [1, 2, 5, 12])
    @pytest.mark.parametrize("task", LONG_TASKS)
    def test_long_tasks(self, tmp_path: Path, task: str, count: int) -> None:
        for number in range(count):
            write_run(tmp_path, [50.0], env_name=f"{task}{number}")
        write_run(tmp_path, [50.0], env_name="Hopper-v5")
        figure = task_bars(series_of(tmp_path))
        assert_readable(figure)
        labels = ["".join(label.get_text().split()) for label in figure.axes[0].get_xticklabels()]
        assert sorted(labels) == sorted(["Hopper-v5", *(f"{task.rpartition(':')[2]}{n}" for n in range(count))])

    def test_one_seed_has_no_interval(self, tmp_path: Path) -> None:
        write_run(tmp_path, [50.0], seed=1)
        figure = task_bars(series_of(tmp_path))
        assert subtitle(figure) == "one seed"
        assert not [c for c in figure.axes[0].containers if isinstance(c, ErrorbarContainer)]
        write_run(tmp_path, [60.0], seed=2)
        figure = task_bars(series_of(tmp_path))
        assert subtitle(figure) == "interquartile mean over 2 seeds and its 95 % bootstrap interval"

    def test_a_task_without_one_method(self, tmp_path: Path) -> None:
        write_run(tmp_path, [50.0])
        write_run(tmp_path, [50.0, 60.0], env_name="Ant-v5")
        figure = task_bars(series_of(tmp_path))
        assert sorted(patch.get_height() for patch in figure.axes[0].patches) == pytest.approx([50, 60])

    def test_what_it_cannot_show(self, tmp_path: Path) -> None:
        write_run(tmp_path, [1.0])
        write_run(tmp_path, [1.0], size=32)
        with pytest.raises(InvalidInput, match=r"BC on Hopper-v5 was run with different settings \(size\)"):
            task_bars(series_of(tmp_path))
        write_run(tmp_path / "loss", [1.0], expert=-5.0)
        with pytest.raises(InvalidInput, match="expert's return on Hopper-v5 is -5"):
            task_bars(series_of(tmp_path / "loss"))
