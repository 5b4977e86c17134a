"""Scalars of trajectories and training logs, under the assignment's names."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cs285.data.trajectory import Trajectory
from cs285.errors import InvalidInput

# Prefixes of the columns of log.csv that do not come from the policy's update.
RESERVED = ("itr", "TimeSinceStart", "Eval_", "Train_", "Expert_", "Random_", "Initial_DataCollection_")


def return_statistics(trajectories: Sequence[Trajectory], prefix: str) -> dict[str, float]:
    """Average, population standard deviation and extremes of the episodes' returns, and the average episode length."""
    returns = [trajectory.total_reward for trajectory in trajectories]
    functions: dict[str, Any] = {"Average": np.mean, "Std": np.std, "Max": np.max, "Min": np.min}
    statistics = {f"{prefix}_{name}Return": float(function(returns)) for name, function in functions.items()}
    return {**statistics, f"{prefix}_AverageEpLen": float(np.mean([len(trajectory) for trajectory in trajectories]))}


def last_training_log(logs: Sequence[Mapping[str, Any]], actor: Any) -> dict[str, float]:
    """The scalars of an iteration's last gradient step, as floats.

    ``logs`` has one dict of floats or tensors for each step. Raises InvalidInput when a scalar of any step or a
    parameter of ``actor``, the policy, is not finite, or when a scalar's name begins with one of `RESERVED`.
    """
    from torch import nn  # torch is slow to import, and not needed before the workers run

    update = f"{type(actor).__name__}.update"
    for step, log in enumerate(logs):
        for name, value in log.items():
            try:
                finite = math.isfinite(float(value))
            except (TypeError, ValueError, RuntimeError) as error:
                raise InvalidInput(f"{update} returned {name} = {value!s:.60}; it must be a number") from error
            if not finite:
                raise InvalidInput(f"{name} became {float(value)} in step {step}; try a smaller --learning_rate")
            if not isinstance(name, str) or name.startswith(RESERVED):
                allowed = f"a name is a text that does not begin with {', '.join(RESERVED)}"
                raise InvalidInput(f"{update} returned a scalar named {name!r:.60}; {allowed}")
    parameters = actor.parameters() if isinstance(actor, nn.Module) else ()
    if not all(bool(parameter.isfinite().all()) for parameter in parameters):
        raise InvalidInput(f"a parameter became NaN or infinite by step {len(logs) - 1}; try a smaller --learning_rate")
    return {name: float(value) for name, value in logs[-1].items()}


def normalized_score(scalars: Mapping[str, float]) -> dict[str, float]:
    """``Eval_NormalizedScore``, (policy - random) / (expert - random) of mean returns; {} unless expert > random."""
    reached, expert, random = (scalars.get(f"{who}_AverageReturn", math.nan) for who in ("Eval", "Expert", "Random"))
    return {"Eval_NormalizedScore": (reached - random) / (expert - random)} if expert > random else {}


def progress_line(itr: int, scalars: Mapping[str, float], episodes: int) -> str:
    """The line that a run prints for an evaluated iteration; ``episodes`` is the number of evaluation episodes."""
    loss = f"loss {scalars['Training Loss']:.3g}, " if "Training Loss" in scalars else ""
    returned = f"return {scalars['Eval_AverageReturn']:.1f} ± {scalars['Eval_StdReturn']:.1f}"
    returned += " (one episode; raise --eval_batch_size for more)" if episodes == 1 else ""
    return f"iteration {itr}: {returned}, {loss}{scalars['TimeSinceStart']:.0f} s"


def final_line(rows: Sequence[Mapping[str, float]], iterations: Sequence[int]) -> str:
    """The line that a run prints at its end: the last return, the best return and the expert's return."""
    if not rows:
        return "not evaluated"
    row = rows[-1]
    expert = f"expert's data {row['Initial_DataCollection_AverageReturn']:.1f}"
    if "Expert_AverageReturn" in row:
        expert = f"expert {row['Expert_AverageReturn']:.1f} ± {row['Expert_StdReturn']:.1f}"
    best, itr = max((row["Eval_AverageReturn"], -itr) for row, itr in zip(rows, iterations, strict=True))
    expert = f"best {best:.1f} in iteration {-itr}, {expert}" if len(rows) > 1 else expert
    return f"final return {row['Eval_AverageReturn']:.1f} ± {row['Eval_StdReturn']:.1f}, {expert}"
