"""The default ``make_policy``, which builds an `MLPPolicySL` from the settings of a run."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from cs285.config import Config
from cs285.data.trajectory import Array, Trajectory

if TYPE_CHECKING:  # torch is slow to import, and not needed before the rollout workers run
    from cs285.envs.make_env import TaskSpec
    from cs285.policies.MLP_policy import MLPPolicySL

MakePolicy: TypeAlias = "Callable[[Config, TaskSpec, Sequence[Trajectory]], Any]"

MIN_GPU_WORK = 50_000  # a GPU is faster when size times train_batch_size is at least this (docs/speed.md)
CONSTANT_STD = 1e-4  # a dimension with a smaller standard deviation counts as constant
SMALLEST_STD = 0.01  # a dimension that hardly varies in the expert's data may vary more in the policy's rollouts


def make_mlp_policy(config: Config, spec: TaskSpec, paths: Sequence[Trajectory]) -> MLPPolicySL:
    """Build the assignment's policy, an `MLPPolicySL`, on the CPU or on the GPU that the settings name.

    With ``--ob_normalization expert_data``, the policy standardises observations with the statistics of ``paths``.
    """
    import torch

    from cs285.infrastructure.pytorch_utils import choose_device
    from cs285.policies.MLP_policy import MLPPolicySL

    period = config.num_agent_train_steps_per_iter if config.learning_rate_schedule == "cosine" else None
    sizes = (spec.ac_dim, spec.ob_dim, config.n_layers, config.size, spec.discrete, spec.ob_shape)
    policy = MLPPolicySL(*sizes, learning_rate=config.learning_rate, loss=config.loss, schedule_period=period)
    if config.ob_normalization == "expert_data" and paths:
        policy.ob_mean, policy.ob_std = (torch.from_numpy(part) for part in standardizer(paths))
    use_gpu = config.which_gpu is not None or is_gpu_work(config)
    return policy.to(choose_device(config.no_gpu or not use_gpu, config.which_gpu or 0))


def is_gpu_work(config: Config) -> bool:
    """Whether the network and the batches of a run are large enough for a GPU to be faster than the CPU."""
    return config.size * config.train_batch_size >= MIN_GPU_WORK


def standardizer(paths: Sequence[Trajectory]) -> tuple[Array, Array]:
    """Mean and standard deviation (ob_dim,) float32 of observations; the latter is at least 0.01, or 1 if constant."""
    flat = [path.observations.reshape(len(path), -1) for path in paths]
    count = sum(map(len, flat))
    mean = sum(part.sum(axis=0, dtype=np.float64) for part in flat) / count
    # The deviations are computed for one episode at a time, since images take much memory.
    std = np.sqrt(sum(np.square(part - mean).sum(axis=0) for part in flat) / count)
    std = np.where(std < CONSTANT_STD, 1.0, np.maximum(std, SMALLEST_STD))
    return mean.astype(np.float32), std.astype(np.float32)


def describe_policy(make_policy: MakePolicy, policy: object) -> dict[str, str]:
    """The entry of a policy in config.json: ``module:name`` of the function that made it, and its architecture."""
    owner: Any = make_policy if hasattr(make_policy, "__qualname__") else type(make_policy)
    module = owner.__module__
    if module == "__main__":  # a script is named after its file
        module = Path(getattr(sys.modules["__main__"], "__file__", "notebook")).stem
    architecture = re.sub(r" at 0x[0-9a-f]+", "", repr(policy))
    return {"make_policy": f"{module}:{owner.__qualname__}", "architecture": architecture}
