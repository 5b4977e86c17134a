"""Scalars of trajectories and of training logs, and the learning curve of a run."""

import statistics
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import nn

from cs285.errors import InvalidInput
from cs285.infrastructure.learning_curve import draw_learning_curve
from cs285.infrastructure.metrics import last_training_log, return_statistics
from tests.fakes import make_trajectory

episodes = st.lists(st.lists(st.integers(-100, 100), min_size=1, max_size=6), min_size=1, max_size=6)


@given(rewards=episodes, prefix=st.sampled_from(["Eval", "Train"]))
def test_the_assignments_scalars_against_the_standard_library(rewards: list[list[int]], prefix: str) -> None:
    returns = [sum(episode) for episode in rewards]
    paths = [make_trajectory(len(episode), rewards=np.array(episode, np.float32)) for episode in rewards]
    scalars = return_statistics(paths, prefix)
    assert scalars == {
        f"{prefix}_AverageReturn": pytest.approx(statistics.fmean(returns)),
        f"{prefix}_StdReturn": pytest.approx(statistics.pstdev(returns), abs=1e-6),
        f"{prefix}_MaxReturn": max(returns),
        f"{prefix}_MinReturn": min(returns),
        f"{prefix}_AverageEpLen": pytest.approx(statistics.fmean(len(episode) for episode in rewards)),
    }
    assert all(type(value) is float for value in scalars.values())


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_the_last_log_has_finite_floats(bad: float) -> None:
    actor, logs = nn.Linear(2, 2), [{"a": 1.0}, {"a": torch.tensor(bad)}, {"a": torch.tensor(3.0), "b": np.float32(4)}]
    with pytest.raises(InvalidInput, match=rf"^a became {bad} in step 1; try a smaller --learning_rate$"):
        last_training_log(logs, actor)
    last = last_training_log(logs[2:], actor)
    assert last == {"a": 3.0, "b": 4.0}
    assert all(type(value) is float for value in last.values())
    actor.bias.data[1] = bad
    with pytest.raises(InvalidInput, match="a parameter became NaN or infinite by step 0; try a smaller"):
        last_training_log(logs[2:], actor)


def test_other_values_and_the_names_of_other_columns_are_refused() -> None:
    logs: dict[str, dict[Any, Any]] = {
        r"x = tensor\(\[1., 1.\]\); it must be a number": {"x": torch.ones(2)},
        "a scalar named 'Eval_AverageReturn'; a name is a text that does not begin with": {"Eval_AverageReturn": 1.0},
        "a scalar named 1; a name is a text": {1: 1.0},
    }
    for message, log in logs.items():
        with pytest.raises(InvalidInput, match=f"^Linear.update returned {message}"):
            last_training_log([log], nn.Linear(2, 2))


def test_curve_band_and_references(tmp_path: Path) -> None:
    iterations, points = [0, 2, 3], [(1.0, 0.5), (5.0, 0.0), (7.0, 2.0)]
    rows = [{"Eval_AverageReturn": y, "Eval_StdReturn": std, "Expert_AverageReturn": 9.0} for y, std in points]
    figure = draw_learning_curve(tmp_path, "X-v1", iterations, rows)
    assert Image.open(tmp_path / "learning_curve.png").format == "PNG"
    (axes,) = figure.axes
    lines = {line.get_label().split(":")[0]: line for line in axes.lines}
    assert lines["DAgger"].get_xydata().tolist() == [list(point) for point in zip(iterations, [1, 5, 7], strict=True)]
    assert set(lines["expert"].get_ydata()) == {9.0}
    assert set(lines["behavioural cloning"].get_ydata()) == {1.0}
    band = {tuple(vertex) for vertex in axes.collections[0].get_paths()[0].vertices}
    assert band >= {(iterations[0], 0.5), (iterations[0], 1.5), (iterations[2], 9.0)}
    named = {text.get_text().split(":")[0] for text in figure.legends[0].get_texts()}
    assert named == {"± 1 standard deviation", *lines}
    alone = draw_learning_curve(tmp_path, "X-v1", [0], [{"Eval_AverageReturn": 1.0, "Eval_StdReturn": 0.5}])
    assert not any("expert" in line.get_label() for line in alone.axes[0].lines)
