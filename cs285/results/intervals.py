"""What a few numbers say: mean, spread, and the interquartile mean with its bootstrap interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cs285.errors import InvalidInput

RESAMPLES = 10_000


@dataclass(frozen=True)
class Summary:
    """Statistics of one number over several seeds.

    Attributes:
        count: how many seeds.
        mean: over them.
        std: sample standard deviation (n - 1); 0 for one seed.
        iqm: interquartile mean.
        low: lower end of its 95 % bootstrap interval; ``iqm`` for one seed.
        high: upper end.
    """

    count: int
    mean: float
    std: float
    iqm: float
    low: float
    high: float


def summarize(values: Sequence[float]) -> Summary:
    """The statistics of one value for each seed, at least one."""
    array = np.asarray(values, np.float64)
    low, high = iqm_interval(array)
    std = float(array.std(ddof=1)) if len(array) > 1 else 0.0
    return Summary(len(array), float(array.mean()), std, float(interquartile_mean(array)), low, high)


def interquartile_mean(values: Any, axis: int = 0) -> Any:
    """The mean of the middle half (Agarwal et al. 2021, "Deep RL at the edge of the statistical precipice")."""
    return scipy_stats().trim_mean(values, 0.25, axis=axis)


def iqm_interval(values: Sequence[float] | np.typing.NDArray[np.float64]) -> tuple[float, float]:
    """The 95 % percentile bootstrap interval of the interquartile mean, with a fixed seed."""
    if np.ptp(values) == 0:  # the bootstrap has nothing to resample
        return float(values[0]), float(values[0])
    interval = (
        scipy_stats()
        .bootstrap(
            (values,), interquartile_mean, n_resamples=RESAMPLES, method="percentile", rng=np.random.default_rng(0)
        )
        .confidence_interval
    )
    return float(interval.low), float(interval.high)


def scipy_stats() -> Any:
    """SciPy's statistics, imported when they are needed.

    Raises:
        InvalidInput: with the command that installs them.
    """
    try:
        import scipy.stats
    except ImportError as error:
        raise InvalidInput("statistics need SciPy: pip install scipy") from error
    return scipy.stats
