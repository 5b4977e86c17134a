"""The default ``make_policy``: settings of a run to an `MLPPolicySL`."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from cs285.config import Config
from cs285.data.trajectory import Array, Trajectory

if TYPE_CHECKING:  # torch takes two seconds to import, in which rollout workers already run
    from cs285.envs.make_env import TaskSpec
    from cs285.policies.MLP_policy import MLPPolicySL

MakePolicy: TypeAlias = "Callable[[Config, TaskSpec, Sequence[Trajectory]], Any]"

GPU_GAINS = 50_000  # size times train_batch_size from which a GPU is quicker (docs/speed.md)
CONSTANT_STD = 1e-4
SMALLEST_STD = 0.01  # a dimension that hardly varies in the expert's data may vary more under its imitator


def make_mlp_policy(config: Config, spec: TaskSpec, paths: Sequence[Trajectory]) -> MLPPolicySL:
    """Build the assignment's policy on the device that the settings name.

    Args:
        config: the run's settings.
        spec: facts of its task.
        paths: the expert's episodes, by which observations are standardised if the settings say so.
    """
    import torch

    from cs285.infrastructure.pytorch_utils import choose_device
    from cs285.policies.MLP_policy import MLPPolicySL

    policy = MLPPolicySL(
        spec.ac_dim,
        spec.ob_dim,
        config.n_layers,
        config.size,
        discrete=spec.discrete,
        ob_shape=spec.ob_shape,
        learning_rate=config.learning_rate,
        loss=config.loss,
        schedule_period=config.num_agent_train_steps_per_iter if config.learning_rate_schedule == "cosine" else None,
    )
    if config.ob_normalization == "expert_data" and paths:
        policy.ob_mean, policy.ob_std = (torch.from_numpy(part) for part in standardizer(paths))
    gains = config.which_gpu is not None or config.size * config.train_batch_size >= GPU_GAINS
    return policy.to(choose_device(config.no_gpu or not gains, config.which_gpu or 0))


def standardizer(paths: Sequence[Trajectory]) -> tuple[Array, Array]:
    """Mean and standard deviation, each (ob_dim,) float32, of the observations in some trajectories.

    A dimension that is constant there has the standard deviation 1, others at least 0.01.
    """
    flat = [path.observations.reshape(len(path), -1) for path in paths]
    count = sum(map(len, flat))
    mean = sum(part.sum(axis=0, dtype=np.float64) for part in flat) / count
    variance = (
        sum(np.square(part - mean).sum(axis=0) for part in flat) / count
    )  # an episode at a time: images are large
    std = np.sqrt(variance)
    std = np.where(std < CONSTANT_STD, 1.0, np.maximum(std, SMALLEST_STD))
    return mean.astype(np.float32), std.astype(np.float32)


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
