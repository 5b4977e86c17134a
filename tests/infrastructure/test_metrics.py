"""Trajectories to scalars."""

from __future__ import annotations

import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cs285.data.trajectory import Trajectory
from cs285.infrastructure.metrics import return_statistics
from tests.fakes import make_trajectory


def paying(rewards: list[float]) -> Trajectory:
    return make_trajectory(len(rewards), rewards=np.array(rewards, np.float32))


episodes = st.lists(st.lists(st.integers(-100, 100), min_size=1, max_size=6), min_size=1, max_size=6)


@given(rewards=episodes)
def test_the_assignments_scalars_against_the_standard_library(rewards: list[list[int]]) -> None:
    returns = [sum(episode) for episode in rewards]
    assert return_statistics([paying(episode) for episode in rewards], "Eval") == {
        "Eval_AverageReturn": pytest.approx(statistics.fmean(returns)),
        "Eval_StdReturn": pytest.approx(statistics.pstdev(returns), abs=1e-6),
        "Eval_MaxReturn": max(returns),
        "Eval_MinReturn": min(returns),
        "Eval_AverageEpLen": pytest.approx(statistics.fmean(len(episode) for episode in rewards)),
    }


def test_the_prefix_is_the_callers_and_values_are_plain_floats() -> None:
    scalars = return_statistics([paying([1.0])], "Train")
    assert all(name.startswith("Train_") and type(value) is float for name, value in scalars.items())
