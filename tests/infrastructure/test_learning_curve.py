"""The learning curve of a run shows its evaluations, its expert and behavioural cloning."""

from pathlib import Path

import pytest
from PIL import Image

from cs285.infrastructure.learning_curve import draw_learning_curve


@pytest.mark.parametrize(("iterations", "cloning"), [([0, 2, 3], True), ([1, 2, 3], False)])
def test_curve_band_and_references(tmp_path: Path, iterations: list[int], cloning: bool) -> None:
    points = [(1.0, 0.5), (5.0, 0.0), (7.0, 2.0)]
    rows = [{"Eval_AverageReturn": y, "Eval_StdReturn": std, "Expert_AverageReturn": 9.0} for y, std in points]
    figure = draw_learning_curve(tmp_path, "X-v1", iterations, rows)
    assert Image.open(tmp_path / "learning_curve.png").format == "PNG"
    (axes,) = figure.axes
    lines = {line.get_label().split(":")[0]: line for line in axes.lines}
    assert lines["DAgger"].get_xydata().tolist() == [list(point) for point in zip(iterations, [1, 5, 7], strict=True)]
    assert set(lines["expert"].get_ydata()) == {9.0}
    assert ("behavioural cloning" in lines) == cloning
    band = {tuple(vertex) for vertex in axes.collections[0].get_paths()[0].vertices}
    assert band >= {(iterations[0], 0.5), (iterations[0], 1.5), (iterations[2], 9.0)}
    named = {text.get_text().split(":")[0] for text in figure.legends[0].get_texts()}
    assert named == {"± 1 standard deviation", *lines}
    alone = draw_learning_curve(tmp_path, "X-v1", [0], [{"Eval_AverageReturn": 1.0, "Eval_StdReturn": 0.5}])
    assert not any("expert" in line.get_label() for line in alone.axes[0].lines)
