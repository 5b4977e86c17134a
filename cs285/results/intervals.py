"""Statistics over seeds: mean, standard deviation, interquartile mean (IQM) and its bootstrap interval."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy import stats


class Summary(NamedTuple):
    """Statistics over one or more seeds, with one value for each seed."""

    seeds: int
    mean: float
    std: float  # standard deviation with divisor n - 1; 0 for one seed
    iqm: float
    low: float  # low and high: ends of the 95 % bootstrap interval of the IQM; with one seed, both are the IQM
    high: float


def summarize(values: Sequence[float]) -> Summary:
    """Compute the statistics of ``values``, which has one value for each of one or more seeds."""
    std = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    return Summary(len(values), float(np.mean(values)), std, float(interquartile_mean(values)), *iqm_interval(values))


def interquartile_mean(values: Any, axis: int = 0) -> Any:
    """Mean of the values' middle half (Agarwal et al. 2021, "Deep RL at the edge of the statistical precipice")."""
    return stats.trim_mean(values, 0.25, axis=axis)


def iqm_interval(*samples: Sequence[float] | np.typing.NDArray[np.float64]) -> tuple[float, float]:
    """95 % percentile bootstrap interval of the interquartile mean: 10 000 resamples, with a fixed seed.

    If there are several samples, the interquartile mean is computed from all their values together, and each sample is
    resampled separately. If the values within each sample are equal, both ends are the interquartile mean.
    """

    def mean_of_all(*parts: Any, axis: int) -> Any:
        return interquartile_mean(np.concatenate(parts, axis), axis)

    if all(np.ptp(sample) == 0 for sample in samples):  # this includes one seed, for which scipy's bootstrap fails
        mean = float(interquartile_mean(np.concatenate(samples)))
        return mean, mean
    resampled = stats.bootstrap(
        samples, mean_of_all, n_resamples=10_000, method="percentile", rng=np.random.default_rng(0)
    )
    return float(resampled.confidence_interval.low), float(resampled.confidence_interval.high)
