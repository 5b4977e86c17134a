"""What observations are standardised by."""

from __future__ import annotations

import numpy as np

from cs285.data.trajectory import Array, Trajectory
from cs285.policies.standardizer import standardizer


def path_of(observations: Array) -> Trajectory:
    steps = len(observations)
    return Trajectory(
        observations, np.zeros((steps, 1), np.float32), np.zeros(steps, np.float32), observations, False, True
    )


def test_standardised_data_have_mean_0_and_standard_deviation_1() -> None:
    rng = np.random.default_rng(0)
    observations = rng.normal([5.0, -1000.0, 0.0], [2.0, 30.0, 0.5], (500, 3)).astype(np.float32)
    mean, std = standardizer([path_of(observations[:100]), path_of(observations[100:])])
    assert mean.dtype == std.dtype == np.float32
    standardised = (observations - mean) / std
    np.testing.assert_allclose(standardised.mean(axis=0), 0.0, atol=1e-3)
    np.testing.assert_allclose(standardised.std(axis=0), 1.0, atol=1e-3)


def test_what_did_not_move_is_not_blown_up() -> None:
    moving = np.linspace(-1, 1, 50, dtype=np.float32)
    observations = np.stack([np.full(50, 7.0, np.float32), 3.0 + 1e-3 * moving], axis=1)
    mean, std = standardizer([path_of(observations)])
    np.testing.assert_allclose(mean, [7.0, 3.0], atol=1e-6)
    np.testing.assert_allclose(std, [1.0, 0.01])
