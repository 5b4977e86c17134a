"""The algorithms that train experts, from well-kept libraries, and their policies in the course's format."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np

from cs285.data.trajectory import Array
from cs285.envs.layouts import check_convertible, convert_observations
from cs285.envs.make_env import make_env
from cs285.errors import InvalidInput
from cs285.experts.settings import ExpertSettings
from cs285.policies.loaded_gaussian_policy import CONSTANT_STD, LoadedGaussianPolicy, write_gaussian_policy

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm
    from stable_baselines3.common.vec_env import VecNormalize

KNOWN_FOR_GOOD = 1e12  # observations behind a mean and variance that what comes later hardly changes


def check_installed(algorithm: str) -> None:
    """Refuse an algorithm whose library is missing.

    Raises:
        InvalidInput: with the command that installs it.
    """
    # One thread: beside other processes XLA's own would spin, and 128 x 128 products are small.
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")
    try:
        import scipy  # noqa: F401 - the card's statistics
        import stable_baselines3  # noqa: F401

        if algorithm == "SAC":
            import sbx  # noqa: F401
    except ImportError as error:
        raise InvalidInput(f"training with {algorithm} needs {error.name}: pip install -e '.[experts]'") from error


def make_model(settings: ExpertSettings) -> BaseAlgorithm:
    """A new model, with its environments."""
    envs = _make_vec_env(settings)
    return _make_sac(settings, envs) if settings.algorithm == "SAC" else _make_ppo(settings, envs)


def let_policy_learn(model: BaseAlgorithm, learn: bool) -> None:
    """Let PPO's updates change its policy, or its value function alone."""
    policy: Any = model.policy
    for layer in _ppo_affine(policy):
        layer.requires_grad_(learn)
    if hasattr(policy, "log_std"):
        policy.log_std.requires_grad_(learn)


def export(model: BaseAlgorithm, path: Path) -> None:
    """Write the policy's mean action, with the normalisation of its observations, in the course's format.

    SAC squashes its actions with tanh: a last hidden layer of tanh, and an output layer that only scales
    it to the bounds of the actions, are the same function.
    """
    normalizer: Any = _normalizer(model)
    policy: Any = model.policy
    if hasattr(policy, "mlp_extractor"):
        layers, log_std = _ppo_layers(policy)
    else:
        layers, log_std = _sac_layers(policy)
    write_gaussian_policy(
        path,
        mean=normalizer.obs_rms.mean,
        variance=normalizer.obs_rms.var,
        weights=[layer.weight for layer in layers],
        biases=[layer.bias for layer in layers],
        log_std=log_std,
        activation="tanh",
    )


@dataclass(frozen=True)
class _Layer:
    """An affine layer: weight (inputs, outputs), bias (outputs,)."""

    weight: Array
    bias: Array


def _ppo_layers(policy: Any) -> tuple[Sequence[_Layer], Array]:
    from cs285.infrastructure.pytorch_utils import to_numpy

    layers = [_Layer(to_numpy(layer.weight).T, to_numpy(layer.bias)) for layer in _ppo_affine(policy)]
    discrete = not hasattr(policy, "log_std")
    return layers, np.zeros(len(layers[-1].bias)) if discrete else to_numpy(policy.log_std)


def _ppo_affine(policy: Any) -> list[Any]:
    """The affine layers from the observation to the mean action."""
    hidden = [layer for layer in policy.mlp_extractor.policy_net if hasattr(layer, "weight")]
    return [*hidden, policy.action_net]


def _sac_layers(policy: Any) -> tuple[Sequence[_Layer], Array]:
    parameters = policy.actor_state.params["params"]
    n_squashed = len(policy.net_arch_pi) + 1  # the hidden layers and the mean; then comes the standard deviation's
    dense = [parameters[f"Dense_{n}"] for n in range(n_squashed)]
    layers = [_Layer(np.array(layer["kernel"]), np.array(layer["bias"])) for layer in dense]
    low, high = policy.action_space.low, policy.action_space.high
    layers.append(_Layer(np.diag(high - low) / 2, (high + low) / 2))
    return layers, np.zeros(len(low))


def _make_vec_env(settings: ExpertSettings) -> VecNormalize:
    """The environments, with observations normalised; PPO has normalised rewards too."""
    from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

    envs = DummyVecEnv([lambda: _make_training_env(settings)] * settings.n_envs)
    # The course's format knows no clipping of observations.
    return VecNormalize(envs, norm_reward=settings.algorithm == "PPO", gamma=settings.gamma, clip_obs=np.inf)


def _make_training_env(settings: ExpertSettings) -> gym.Env[Any, Any]:
    """One environment as the algorithm is to see it."""
    from stable_baselines3.common.monitor import Monitor

    env, spec = make_env(settings.env_name, backend=settings.backend)
    if settings.ob_dim is not None:
        ob_dim = settings.ob_dim
        check_convertible(settings.env_name, spec.ob_dim, ob_dim, what=f"--ob_dim {ob_dim}")
        env = gym.wrappers.TransformObservation(
            env,
            lambda ob: convert_observations(ob, settings.env_name, ob_dim),
            gym.spaces.Box(-np.inf, np.inf, (ob_dim,), np.float64),
        )
    if settings.algorithm == "SAC" and spec.discrete:
        raise InvalidInput(f"--algorithm SAC needs continuous actions; {settings.env_name} has discrete ones")
    if settings.algorithm == "PPO" and not spec.discrete:
        # PPO clips actions to the space's bounds, rollouts don't: let training see the cost of the raw action.
        bounds = gym.spaces.Box(-100.0, 100.0, env.action_space.shape, np.float32)
        env = gym.wrappers.TransformAction(env, lambda action: action, bounds)
    if (settings.min_height, settings.max_height, settings.max_tilt) != (None, None, None):
        env = _EndsOutside(env, settings)
    return Monitor(env)


class _EndsOutside(gym.Wrapper[Any, Any, Any, Any]):
    """An environment whose episodes end, too, when a walker is too low, too high or leans too far.

    What ends is worth nothing more. So it learns to keep away from where it falls, and none of the data
    shows one that lies on its back.
    """

    def __init__(self, env: gym.Env[Any, Any], settings: ExpertSettings) -> None:
        super().__init__(env)
        self._low = -np.inf if settings.min_height is None else settings.min_height
        self._high = np.inf if settings.max_height is None else settings.max_height
        self._upright = None if settings.max_tilt is None else np.cos(np.radians(settings.max_tilt))
        if self._upright is not None and not hasattr(getattr(env.unwrapped, "data", None), "xmat"):
            raise InvalidInput(f"--max_tilt is for MuJoCo tasks on the official bindings, not for {settings.env_name}")

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        ob, reward, terminated, truncated, info = self.env.step(action)
        return ob, reward, terminated or self._outside(ob), truncated, info

    def _outside(self, ob: Array) -> bool:
        if not self._low <= ob[0] <= self._high:
            return True
        unwrapped: Any = self.env.unwrapped
        return self._upright is not None and bool(unwrapped.data.xmat[1][8] < self._upright)  # 0 is the world


def _make_ppo(settings: ExpertSettings, envs: VecNormalize) -> BaseAlgorithm:
    import torch

    value_sizes = [settings.size] * settings.n_layers
    expert = _read_initial_expert(settings.initial_expert, envs) if settings.initial_expert else None
    sizes = value_sizes if expert is None else [len(bias) for bias in expert.network.biases[:-1]]
    policy_options: dict[str, Any] = {
        "net_arch": {"pi": sizes, "vf": value_sizes},
        "activation_fn": torch.nn.Tanh,
    }
    if not hasattr(envs.action_space, "n"):
        policy_options["log_std_init"] = settings.initial_log_std
    model: BaseAlgorithm = _class_of(settings)(
        "MlpPolicy",
        envs,
        n_steps=settings.n_steps,
        batch_size=settings.batch_size,
        n_epochs=settings.n_epochs,
        learning_rate=LinearSchedule(settings.learning_rate),
        gamma=settings.gamma,
        gae_lambda=settings.gae_lambda,
        clip_range=settings.clip_range,
        target_kl=settings.target_kl,
        vf_coef=settings.vf_coef,
        ent_coef=settings.ent_coef,
        policy_kwargs=policy_options,
        seed=settings.seed,
        device="cpu",
    )
    if expert is not None:
        _start_from(expert, model)
    return model


def _read_initial_expert(path: Path, envs: VecNormalize) -> LoadedGaussianPolicy:
    """The expert that PPO goes on from."""
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
        raise InvalidInput(f"--initial_expert {path} has layers of {expert.activation}; PPO's are of tanh")
    return expert


def _start_from(expert: LoadedGaussianPolicy, model: BaseAlgorithm) -> None:
    """Give PPO's policy the expert's parameters, and its observations the expert's statistics, for good."""
    import torch

    constant = expert.ob_variance < CONSTANT_STD**2
    first, *others = expert.network.weights
    weights, biases = [np.where(constant[:, None], 0, first), *others], expert.network.biases
    with torch.no_grad():
        for layer, weight, bias in zip(_ppo_affine(model.policy), weights, biases, strict=True):
            layer.weight.copy_(torch.from_numpy(weight.T))
            layer.bias.copy_(torch.from_numpy(bias))
    statistics: Any = _normalizer(model).obs_rms
    statistics.mean, statistics.var = expert.ob_mean, np.where(constant, 1.0, expert.ob_variance)
    statistics.count = KNOWN_FOR_GOOD


def _make_sac(settings: ExpertSettings, envs: VecNormalize) -> BaseAlgorithm:
    """Soft actor-critic (Haarnoja et al. 2018), with layer normalisation in the critics, which steadies them."""
    net_arch = [settings.size] * settings.n_layers
    model: BaseAlgorithm = _class_of(settings)(
        "MlpPolicy",
        envs,
        batch_size=settings.batch_size,
        learning_rate=LinearSchedule(settings.learning_rate),
        gamma=settings.gamma,
        gradient_steps=max(1, round(settings.updates_per_step * settings.n_envs)),
        policy_delay=settings.policy_delay,
        learning_starts=settings.learning_starts,
        buffer_size=settings.buffer_size,
        policy_kwargs={"net_arch": net_arch, "layer_norm": True, "actor_class": tanh_actor},
        seed=settings.seed,
    )
    return model


def tanh_actor(action_dim: int, net_arch: Sequence[int], activation_fn: Any) -> Any:
    """SAC's actor with tanh in place of the activation that the critics have: the course's format knows tanh."""
    import flax.linen as nn
    from sbx.common.policies import SquashedGaussianActor

    return SquashedGaussianActor(action_dim=action_dim, net_arch=net_arch, activation_fn=nn.tanh)


def _class_of(settings: ExpertSettings) -> Any:
    if settings.algorithm == "SAC":
        from sbx import SAC

        return SAC
    from stable_baselines3 import PPO

    return PPO


def _normalizer(model: BaseAlgorithm) -> VecNormalize:
    normalizer = model.get_vec_normalize_env()
    assert normalizer is not None
    return normalizer


@dataclass(frozen=True)
class LinearSchedule:
    """A value that falls linearly to 0 as the progress that remains falls from 1 to 0."""

    initial: float

    def __call__(self, progress_remaining: float) -> float:
        """The value now."""
        return self.initial * progress_remaining
