"""Statistics over seeds: mean, standard deviation, interquartile mean (IQM) and its bootstrap interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

RESAMPLES = 10_000


@dataclass(frozen=True)
class Summary:
    """Statistics of one scalar over several seeds.

    Attributes:
        count: number of seeds.
        mean: mean over the seeds.
        std: sample standard deviation (n - 1); 0 for one seed.
        iqm: interquartile mean.
        low: lower end of its 95 % bootstrap interval; ``iqm`` for one seed.
        high: upper end of that interval.
    """

    count: int
    mean: float
    std: float
    iqm: float
    low: float
    high: float


def summarize(values: Sequence[float]) -> Summary:
    """Compute the statistics of one value per seed, at least one."""
    array = np.asarray(values, np.float64)
    low, high = iqm_interval(array)
    std = float(array.std(ddof=1)) if len(array) > 1 else 0.0
    return Summary(len(array), float(array.mean()), std, float(interquartile_mean(array)), low, high)


def interquartile_mean(values: Any, axis: int = 0) -> Any:
    """Mean of the middle half (Agarwal et al. 2021, "Deep RL at the edge of the statistical precipice")."""
    return stats.trim_mean(values, 0.25, axis=axis)


def iqm_interval(values: Sequence[float] | np.typing.NDArray[np.float64]) -> tuple[float, float]:
    """95 % percentile bootstrap interval of the interquartile mean, with a fixed seed."""
    if np.ptp(values) == 0:  # scipy's bootstrap refuses a single value
        return float(values[0]), float(values[0])
    rng = np.random.default_rng(0)
    resampled = stats.bootstrap((values,), interquartile_mean, n_resamples=RESAMPLES, method="percentile", rng=rng)
    return float(resampled.confidence_interval.low), float(resampled.confidence_interval.high)
