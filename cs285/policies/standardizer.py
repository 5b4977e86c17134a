"""What observations are standardised by, before a network reads them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cs285.data.trajectory import Array, Trajectory

CONSTANT_STD = 1e-4
SMALLEST_STD = 0.01  # what hardly moved for the expert may move a hundred times as far for its imitator


def standardizer(paths: Sequence[Trajectory]) -> tuple[Array, Array]:
    """Mean and standard deviation, each (ob_dim,) float32, of the observations in some trajectories.

    A number that is constant there has the standard deviation 1, and others at least 0.01.
    """
    observations = np.concatenate([path.observations for path in paths]).astype(np.float64)
    std = observations.std(axis=0)
    std = np.where(std < CONSTANT_STD, 1.0, np.maximum(std, SMALLEST_STD))
    return observations.mean(axis=0).astype(np.float32), std.astype(np.float32)
