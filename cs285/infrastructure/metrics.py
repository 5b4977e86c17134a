"""Trajectories to scalars, under the assignment's names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from cs285.data.trajectory import Trajectory


def return_statistics(trajectories: Sequence[Trajectory], prefix: str) -> dict[str, float]:
    """The returns and lengths of episodes.

    Args:
        trajectories: one or more.
        prefix: ``Eval``, ``Train`` or ``Expert``.

    Returns:
        ``<prefix>_AverageReturn``, ``_StdReturn`` (population), ``_MaxReturn``, ``_MinReturn``
        and ``_AverageEpLen``.
    """
    returns = [trajectory.total_reward for trajectory in trajectories]
    return {
        f"{prefix}_AverageReturn": float(np.mean(returns)),
        f"{prefix}_StdReturn": float(np.std(returns)),
        f"{prefix}_MaxReturn": float(np.max(returns)),
        f"{prefix}_MinReturn": float(np.min(returns)),
        f"{prefix}_AverageEpLen": float(np.mean([len(trajectory) for trajectory in trajectories])),
    }


def progress_line(itr: int, scalars: Mapping[str, float]) -> str:
    """What a run says of an iteration, from its scalars."""
    return (
        f"iteration {itr}: return {scalars['Eval_AverageReturn']:.1f} ± {scalars['Eval_StdReturn']:.1f}, "
        f"loss {scalars['Training Loss']:.3g}, {scalars['TimeSinceStart']:.0f} s"
    )
