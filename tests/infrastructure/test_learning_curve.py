"""The learning curve of a run shows its evaluations, its expert and behavioural cloning."""

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from cs285.infrastructure.learning_curve import draw_learning_curve


def rows(*values: tuple[float, float], **more: float) -> list[dict[str, float]]:
    return [{"Eval_AverageReturn": mean, "Eval_StdReturn": std, **more} for mean, std in values]


@pytest.mark.parametrize(("iterations", "cloning"), [([0, 2, 3], True), ([1, 2, 3], False)])
def test_curve_band_and_references(tmp_path: Path, iterations: list[int], cloning: bool) -> None:
    figure = draw_learning_curve(tmp_path, "X-v1", iterations, rows((1, 0.5), (5, 0), (7, 2), Expert_AverageReturn=9))
    (axes,) = figure.axes
    lines = {line.get_label().split(":")[0]: line for line in axes.lines}
    assert lines["DAgger"].get_xydata().tolist() == [list(point) for point in zip(iterations, [1, 5, 7], strict=True)]
    assert set(lines["expert"].get_ydata()) == {9.0}
    assert ("behavioural cloning" in lines) == cloning
    band = {tuple(vertex) for vertex in axes.collections[0].get_paths()[0].vertices}
    assert band >= {(iterations[0], 0.5), (iterations[0], 1.5), (iterations[2], 9.0)}
    named = {text.get_text().split(":")[0] for text in figure.legends[0].get_texts()}
    assert named == {"± 1 standard deviation", *lines}


def test_one_point_without_an_expert_is_saved_as_png(tmp_path: Path) -> None:
    figure = draw_learning_curve(tmp_path, "X-v1", [0], rows((1, 0.5)))
    assert not any("expert" in line.get_label() for line in figure.axes[0].lines)
    assert Image.open(tmp_path / "learning_curve.png").format == "PNG"


def test_long_names_stay_inside_the_figure(tmp_path: Path) -> None:
    figure = draw_learning_curve(
        tmp_path, f"Namespace/{'LongTaskName' * 9}-v12", [0, 1], rows((-1_234_567, 9), (-1_200_000, 9))
    )
    FigureCanvasAgg(figure).draw()
    for text in (figure._suptitle, *figure.legends[0].get_texts()):
        box = text.get_window_extent()
        assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1, text.get_text()
