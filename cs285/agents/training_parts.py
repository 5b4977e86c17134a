"""Optimisers and learning-rate schedules of a policy."""

from typing import Any

from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler


def training_parts(policy: Any) -> dict[str, Any]:
    """Find the optimisers and schedules among a policy's attributes, and in attributes that are containers or modules.

    The keys of the returned dict are paths of attributes, such as ``nets.0.adam``.
    """
    found: dict[str, Any] = {}
    seen: set[int] = set()

    def search(value: Any, path: str) -> None:
        if id(value) in seen:
            return
        seen.add(id(value))
        if isinstance(value, (Optimizer, LRScheduler)):
            found[path] = value
        elif isinstance(value, (list, tuple, dict)):
            for key, part in value.items() if isinstance(value, dict) else enumerate(value):
                search(part, f"{path}.{key}" if path else str(key))
        elif isinstance(value, nn.Module):
            search(vars(value), path)

    search(getattr(policy, "__dict__", {}), "")
    return found
