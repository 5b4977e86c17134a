"""The default ``make_policy``: settings of a run to a policy."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from cs285.config import Config
from cs285.data.trajectory import Trajectory
from cs285.envs.make_env import TaskSpec

if TYPE_CHECKING:
    from cs285.policies.MLP_policy import MLPPolicy

MakePolicy: TypeAlias = Callable[[Config, TaskSpec, Sequence[Trajectory]], Any]


def make_mlp_policy(config: Config, spec: TaskSpec, paths: Sequence[Trajectory]) -> MLPPolicy:
    """Build the assignment's policy."""
    from cs285.policies.MLP_policy import MLPPolicy

    return MLPPolicy(spec.ac_dim, spec.ob_dim, config.n_layers, config.size, spec.discrete)


def full_name(make_policy: MakePolicy) -> str:
    """``module:name`` of a function that makes policies; a script is named by its file."""
    module, name = (
        getattr(make_policy, key, getattr(type(make_policy), key)) for key in ("__module__", "__qualname__")
    )
    if module == "__main__":
        module = Path(getattr(sys.modules["__main__"], "__file__", "notebook")).stem
    return f"{module}:{name}"


def describe_policy(make_policy: MakePolicy, policy: object) -> dict[str, str]:
    """The entry of a policy in config.json: who made it, and the architecture that its parameters belong to."""
    return {"make_policy": full_name(make_policy), "architecture": re.sub(r" at 0x[0-9a-f]+", "", repr(policy))}
