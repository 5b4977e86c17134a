"""PPO and SAC from their libraries: construction, saving and loading, export in the course's format."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.utils import LinearSchedule
from stable_baselines3.common.vec_env import VecNormalize

from cs285.data.trajectory import Array
from cs285.errors import InvalidInput
from cs285.experts.environments import make_vec_env
from cs285.experts.settings import OF_LIBRARY, ExpertSettings
from cs285.infrastructure.pytorch_utils import to_numpy
from cs285.policies.loaded_gaussian_policy import CONSTANT_STD, LoadedGaussianPolicy, write_gaussian_policy

FIXED_COUNT = 1e12  # observations in a running mean and variance that further ones hardly change


def make_model(settings: ExpertSettings) -> Any:
    """Make an untrained `PPO` or `SAC` model with its environments.

    Raises:
        InvalidInput: when the task or ``initial_expert`` does not fit the settings.
    """
    envs, sizes = make_vec_env(settings), [settings.size] * settings.n_layers
    names = OF_LIBRARY[settings.algorithm] | {"batch_size", "gamma", "seed"}
    options: dict[str, Any] = {name: getattr(settings, name) for name in names}
    options["learning_rate"] = LinearSchedule(settings.learning_rate, 0.0, end_fraction=1.0)
    expert = None
    if settings.algorithm == "SAC":  # Haarnoja et al. 2018, with layer normalisation in the critics for stability
        options["gradient_steps"] = max(1, round(settings.updates_per_step * settings.n_envs))
        options["policy_kwargs"] = {"net_arch": sizes, "layer_norm": True, "actor_class": tanh_actor}
    else:
        if settings.initial_expert is not None:
            expert = _read_initial_expert(settings.initial_expert, envs)
        policy_sizes = sizes if expert is None else [len(bias) for bias in expert.network.biases[:-1]]
        arch = {"net_arch": {"pi": policy_sizes, "vf": sizes}, "activation_fn": torch.nn.Tanh}
        options |= {"device": "cpu", "policy_kwargs": {**arch, "log_std_init": settings.initial_log_std}}
    model = algorithm_class(settings.algorithm)("MlpPolicy", envs, **options)
    if expert is not None:
        _initialise_from(expert, model)
    return model


def algorithm_class(name: str) -> Any:
    """Import the library's class of ``PPO`` or ``SAC``."""
    if name == "PPO":
        return PPO
    # JAX reads this when it is imported: more threads would spin against other processes.
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")
    from sbx import SAC

    return SAC


def set_policy_trainable(model: Any, trainable: bool) -> None:
    """Let PPO's updates change its policy, or only its value function."""
    policy = model.policy
    for layer in _ppo_layers(policy):
        layer.requires_grad_(trainable)
    if hasattr(policy, "log_std"):
        policy.log_std.requires_grad_(trainable)


def export_policy(model: Any, path: Path) -> None:
    """Write the policy's mean action, with the normalisation of its observations, in the course's format."""
    policy = model.policy
    if isinstance(model, PPO):
        layers = [(to_numpy(layer.weight).T, to_numpy(layer.bias)) for layer in _ppo_layers(policy)]
    else:
        layers = _sac_layers(policy)
    log_std = to_numpy(policy.log_std) if hasattr(policy, "log_std") else np.zeros(len(layers[-1][1]))
    statistics = model.get_vec_normalize_env().obs_rms
    write_gaussian_policy(
        path,
        mean=statistics.mean,
        variance=statistics.var,
        weights=[weight for weight, _ in layers],
        biases=[bias for _, bias in layers],
        log_std=log_std,
        activation="tanh",
    )


def _ppo_layers(policy: Any) -> list[torch.nn.Linear]:
    """The linear layers from the observation to the mean action."""
    hidden = [layer for layer in policy.mlp_extractor.policy_net if isinstance(layer, torch.nn.Linear)]
    return [*hidden, policy.action_net]


def _sac_layers(policy: Any) -> list[tuple[Array, Array]]:
    """Weights (inputs, outputs) and biases (outputs,) of layers with tanh in between that compute SAC's mean action.

    SAC squashes its mean with tanh and scales it to the action bounds: the mean's layer counts as a hidden one here,
    and the scaling is the last layer.
    """
    parameters = policy.actor_state.params["params"]
    dense = [parameters[f"Dense_{n}"] for n in range(len(policy.net_arch_pi) + 1)]  # the next one is the deviation's
    low, high = policy.action_space.low, policy.action_space.high
    scaling = (np.diag(high - low) / 2, (high + low) / 2)
    return [*((np.array(layer["kernel"]), np.array(layer["bias"])) for layer in dense), scaling]


def _read_initial_expert(path: Path, envs: VecNormalize) -> LoadedGaussianPolicy:
    observations: Any = envs.observation_space
    actions: Any = envs.action_space
    discrete = hasattr(actions, "n")
    ob_dim, ac_dim = observations.shape[0], actions.n if discrete else actions.shape[0]
    expert = LoadedGaussianPolicy(path, discrete)
    if (expert.ob_dim, expert.ac_dim) != (ob_dim, ac_dim):
        raise InvalidInput(
            f"--initial_expert {path} reads {expert.ob_dim} numbers and gives {expert.ac_dim}; "
            f"it must read {ob_dim} (see --ob_dim) and give {ac_dim}"
        )
    if expert.activation != "tanh":
        raise InvalidInput(f"--initial_expert {path} has {expert.activation} layers; PPO's have tanh")
    return expert


def _initialise_from(expert: LoadedGaussianPolicy, model: Any) -> None:
    """Copy the expert's parameters into PPO's policy, and fix the observation statistics at the expert's."""
    constant = expert.ob_variance < CONSTANT_STD**2
    first, *others = expert.network.weights
    weights = [np.where(constant[:, None], 0, first), *others]
    with torch.no_grad():
        for layer, weight, bias in zip(_ppo_layers(model.policy), weights, expert.network.biases, strict=True):
            layer.weight.copy_(torch.from_numpy(weight.T))
            layer.bias.copy_(torch.from_numpy(bias))
    statistics = model.get_vec_normalize_env().obs_rms
    statistics.mean, statistics.var = expert.ob_mean, np.where(constant, 1.0, expert.ob_variance)
    statistics.count = FIXED_COUNT


def tanh_actor(action_dim: int, net_arch: Sequence[int], activation_fn: Any) -> Any:
    """Make SAC's actor with tanh, the course's activation, in place of the critics' ``activation_fn``."""
    import flax.linen as nn
    from sbx.common.policies import SquashedGaussianActor

    return SquashedGaussianActor(action_dim=action_dim, net_arch=net_arch, activation_fn=nn.tanh)
