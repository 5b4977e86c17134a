"""The learning curve shows what was measured."""

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from cs285.infrastructure.learning_curve import learning_curve, save_figure


@pytest.mark.parametrize(("iterations", "shown"), [([0, 2, 3], True), ([1, 2, 3], False)])
def test_the_curve_shows_dagger_and_what_it_is_compared_with(iterations: list[int], shown: bool) -> None:
    figure = learning_curve("DAgger on X", iterations, [1.0, 5.0, 7.0], [0.5, 0.0, 2.0], expert=9.0)
    axes = figure.axes[0]
    lines = {line.get_label().split(":")[0]: line for line in axes.lines}
    assert lines["DAgger"].get_xydata().tolist() == [list(point) for point in zip(iterations, [1, 5, 7], strict=True)]
    assert set(lines["expert"].get_ydata()) == {9.0}
    assert ("behavioural cloning" in lines) == shown
    band = axes.collections[0].get_paths()[0].vertices
    assert {(x, y) for x, y in band} >= {(iterations[0], 0.5), (iterations[0], 1.5), (iterations[2], 9.0)}


def test_everything_drawn_is_named() -> None:
    figure = learning_curve("DAgger on X", [0, 1], [1.0, 5.0], [0.0, 0.0], expert=9.0)
    legends = figure.legends or [figure.axes[0].get_legend()]
    named = {text.get_text().split(":")[0] for legend in legends for text in legend.get_texts()}
    assert named == {"DAgger", "expert", "behavioural cloning", "± 1 standard deviation"}
    assert figure.axes[0].get_xlabel() == "iteration"
    assert figure.axes[0].get_ylabel() == "return"


def test_without_an_expert_and_with_one_point(tmp_path: Path) -> None:
    figure = learning_curve("DAgger on X", [0], [1.0], [0.5], expert=None)
    assert not any("expert" in line.get_label() for line in figure.axes[0].lines)
    save_figure(figure, tmp_path / "curve.png")
    picture = Image.open(tmp_path / "curve.png")
    assert picture.format == "PNG"
    assert min(picture.size) > 300


@pytest.mark.parametrize("title", ["DAgger on X", f"DAgger on Namespace/{'LongTaskName' * 6}-v12"])
def test_long_names_and_large_returns_fit(title: str) -> None:
    figure = learning_curve(title, [0, 1], [-1_234_567.0, -1_200_000.0], [100.0, 100.0], expert=-1_100_000.0)
    FigureCanvasAgg(figure).draw()
    (axes,) = figure.axes
    for text in (axes.title, *figure.legends[0].get_texts()):
        box = text.get_window_extent()
        assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1, text.get_text()
        assert figure.bbox.y0 <= box.y0 < box.y1 <= figure.bbox.y1, text.get_text()
    assert axes.yaxis.get_offset_text().get_text() == ""
