"""Learning that ended in NaN or infinity, told where it did."""

from __future__ import annotations

import torch

from cs285.config import Config
from cs285.errors import InvalidInput
from cs285.policies.MLP_policy import MLPPolicy


def check_learning(losses: torch.Tensor, actor: MLPPolicy, itr: int, config: Config) -> None:
    """Refuse to go on from a loss that is not finite, or parameters that are not after the last step.

    Args:
        losses: (steps,), before each gradient step of the iteration.
        actor: the policy after them.
        itr: the iteration.
        config: the run's settings.

    Raises:
        InvalidInput: with iteration and step.
    """
    finite = torch.isfinite(losses)
    parameters_finite = all(bool(parameter.isfinite().all()) for parameter in actor.parameters())
    if not finite.all() or not parameters_finite:
        step = int(finite.int().argmin()) if not finite.all() else len(losses) - 1
        became = f"the loss became {losses[step].item()}" if not finite.all() else "a parameter became NaN or infinite"
        raise InvalidInput(
            f"{became} in iteration {itr}, step {step}; "
            f"it was {config.env_name} with --seed {config.seed} and --learning_rate {config.learning_rate}, "
            "try a smaller learning rate"
        )
