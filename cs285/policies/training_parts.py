"""Optimisers and learning-rate schedules of a policy: search, check of the schedules, and loading of states."""

from collections.abc import Mapping
from typing import Any

from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from cs285.errors import InvalidInput

# Averages in an optimiser's state. Torch's fused optimisers would write beyond the end of one that is too short.
AVERAGES = {"exp_avg", "exp_avg_sq", "max_exp_avg_sq", "momentum_buffer", "sum"}


def training_parts(policy: Any) -> dict[str, Any]:
    """The optimisers and schedules in a policy's attributes, modules and containers, by path (``nets.0.adam``)."""
    found, seen = dict[str, Any](), set[int]()
    unsearched = [("", getattr(policy, "__dict__", {}))]
    while unsearched:
        path, value = unsearched.pop()
        if isinstance(value, (Optimizer, LRScheduler)):
            found[path] = value
        elif isinstance(value, (nn.Module, list, tuple, dict)) and id(value) not in seen:
            seen.add(id(value))
            value = vars(value) if isinstance(value, nn.Module) else value
            items = value.items() if isinstance(value, dict) else enumerate(value)
            unsearched += ((f"{path}.{key}".lstrip("."), part) for key, part in items)
    return found


def check_schedules(policy: Any) -> None:
    """Raise InvalidInput if the optimiser of a schedule was replaced by another one."""
    parts = training_parts(policy)
    for name, part in parts.items():
        if isinstance(part, LRScheduler) and not any(part.optimizer is other for other in parts.values()):
            raise InvalidInput(f"the policy's {name} belongs to an optimiser that was replaced; make a new {name}")


def load_training_state(policy: Any, states: Mapping[str, Any]) -> None:
    """Load the states of optimisers and schedules by path; raise InvalidInput for an average of a wrong shape."""
    for name, part in training_parts(policy).items():
        part.load_state_dict(states[name])
        for parameter, values in getattr(part, "state", {}).items():
            if any(values[key].shape != parameter.shape for key in AVERAGES & values.keys()):
                raise InvalidInput(f"an average in {name} has another shape than its parameter")
