"""Statistics over seeds equal their definitions."""

from __future__ import annotations

import numpy as np
import pytest

from cs285.results.intervals import interquartile_mean, iqm_interval, summarize


def test_the_interquartile_mean_is_of_the_middle_half() -> None:
    assert interquartile_mean([-1e9, 1, 2, 3, 4, 5, 6, 1e9]) == 3.5
    np.testing.assert_array_equal(interquartile_mean(np.array([[0.0, 1, 3, 100], [5, 5, 5, 5]]), axis=1), [2, 5])


def test_the_interval_covers_the_true_mean_as_often_as_it_should() -> None:
    covered = 0
    for seed in range(10):
        low, high = iqm_interval(np.random.default_rng(seed).normal(3.0, 1.0, size=40))
        covered += low <= 3.0 <= high
        assert high - low < 1.2
    assert covered >= 8


def test_the_interval_of_equal_values_is_that_value_and_others_repeat() -> None:
    assert iqm_interval(np.full(5, 7.0)) == (7.0, 7.0)
    assert iqm_interval(np.arange(10.0)) == iqm_interval(np.arange(10.0))


def test_the_summary_equals_numpys_statistics() -> None:
    values = [1.0, 2.0, 4.0, 8.0, 100.0]
    summary = summarize(values)
    assert (summary.seeds, summary.mean, summary.std) == (5, 23.0, pytest.approx(np.std(values, ddof=1)))
    assert summary.iqm == pytest.approx(14 / 3)
    assert (summary.low, summary.high) == iqm_interval(np.array(values))
    assert summarize([3.0]) == (1, 3, 0, 3, 3, 3)
