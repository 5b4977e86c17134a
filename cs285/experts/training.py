"""Expert training with PPO, TRPO and SAC, evaluations and checkpoints, and export in the course's format."""

import importlib
import os
import time
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.utils import LinearSchedule
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from cs285.data.whole_files import read_whole, reading, whole_file
from cs285.envs.layouts import convert_observations, print_conversion
from cs285.envs.make_env import make_env
from cs285.errors import InvalidInput
from cs285.experts.rollouts import evaluate_expert, write_card
from cs285.experts.settings import LIBRARIES, ExpertSettings
from cs285.infrastructure.pytorch_utils import to_numpy
from cs285.policies.loaded_gaussian_policy import CONSTANT_STD, LoadedGaussianPolicy, write_gaussian_policy

SELECTION_EPISODES = 40  # enough to notice that a policy falls once in twenty episodes
SELECTION_SEED = 1_000  # differs from the seed of the episodes in the card
MODEL, REPLAY_BUFFER = "model.zip", "replay_buffer.pkl"
SAC_OPTIONS = {"learning_starts": 10_000, "policy_delay": 2}


def train_expert(settings: ExpertSettings) -> list[dict[str, Any]]:
    """Train an expert, and write the best policy and its card; raise InvalidInput when a file can't be used.

    The training resumes from its last checkpoint if there is one. Returns the training's evaluations: the results of
    `evaluate_expert`, and ``steps`` and ``seconds``, the environment steps and the time up to the evaluation.
    """
    torch.set_num_threads(1)
    # JAX reads XLA_FLAGS when it is imported. With several threads, JAX would busy-wait and slow down other processes.
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")
    model = load_checkpoint(settings) or make_model(settings)
    evaluations: list[dict[str, Any]] = vars(model).setdefault("evaluations", [])  # `model.save` writes attributes
    if model.num_timesteps < settings.last_step:
        progress = Progress(settings, evaluations)
        model.learn(settings.total_steps - model.num_timesteps, progress, reset_num_timesteps=False)
        progress.evaluate()
    # A policy that sometimes falls has a large standard deviation, and ranks low.
    kept = settings.keep_step or max(evaluations, key=lambda each: each["mean"] - each["std"])["steps"]
    with whole_file(settings.expert_file) as file:
        file.write(read_whole(settings.checkpoint_dir / f"policy_{kept}.pkl"))
    write_card(settings, evaluations, kept)
    return evaluations


class Progress(BaseCallback):
    """Evaluate the policy, print a line and save a checkpoint at regular intervals of a training."""

    def __init__(self, settings: ExpertSettings, evaluations: list[dict[str, Any]]) -> None:
        super().__init__()
        self._settings, self._evaluations = settings, evaluations
        self._began = time.monotonic() - (evaluations[-1]["seconds"] if evaluations else 0.0)

    def _on_step(self) -> bool:
        return self.num_timesteps <= self._settings.last_step  # `<=`, so that PPO learns from its last rollout

    def _on_rollout_end(self) -> None:
        settings, steps, evaluations = self._settings, self.num_timesteps, self._evaluations
        if settings.policy_starts:  # until then, the updates change the value function only
            for name, parameter in self.model.policy.named_parameters():
                parameter.requires_grad_("value_net" in name or steps >= settings.policy_starts)
        due = (evaluations[-1]["steps"] if evaluations else 0) + settings.total_steps / settings.evaluations
        if due <= steps < settings.last_step:  # at `last_step`, `train_expert` evaluates the policy
            self.evaluate()

    def evaluate(self) -> None:
        """Write the policy to the folder of the checkpoints, evaluate it and save a checkpoint."""
        settings, steps = self._settings, self.num_timesteps
        candidate = settings.checkpoint_dir / f"policy_{steps}.pkl"
        export_policy(self.model, candidate)
        # The evaluation uses no workers, because a fork of a process that runs JAX may hang.
        result = evaluate_expert(candidate, settings.env_name, SELECTION_EPISODES, SELECTION_SEED, num_workers=0)
        seconds = time.monotonic() - self._began
        self._evaluations.append({"steps": steps, "seconds": seconds, **result})
        save_checkpoint(settings, self.model)
        progress = f"{steps:,} of {settings.last_step:,} steps in {seconds / 60:.0f} minutes"
        print(f"{settings.env_name}: {progress}; return {result['mean']:.0f} ± {result['std']:.0f}", flush=True)


def save_checkpoint(settings: ExpertSettings, model: Any) -> None:
    """Replace the files of the last checkpoint, each by a complete one; raise InvalidInput if that fails."""
    if hasattr(model, "replay_buffer"):
        with whole_file(settings.checkpoint_dir / REPLAY_BUFFER) as file:
            model.save_replay_buffer(file)
    model.normalizer = model.get_vec_normalize_env()  # `model.save` writes all attributes, but not the environments
    with whole_file(settings.checkpoint_dir / MODEL) as file:
        model.save(file)


def load_checkpoint(settings: ExpertSettings) -> Any:
    """Load the model of the last checkpoint of a training with these settings; None when there is none.

    The files are unpickled, which can execute code. Environments begin new episodes. InvalidInput: a file is invalid.
    """
    path = settings.checkpoint_dir / MODEL
    if not path.exists():
        return None
    with reading(path, "a checkpoint of this training", "; move it away, or choose other --checkpoints"):
        model = algorithm_class(settings.algorithm).load(path)
        model.normalizer.set_venv(make_vec_env(settings).venv)
        model.set_env(model.normalizer)
        if hasattr(model, "replay_buffer"):
            model.load_replay_buffer(settings.checkpoint_dir / REPLAY_BUFFER)
    model.set_random_seed(settings.seed + model.num_timesteps)
    print(f"resuming from {path}: {model.num_timesteps:,} of {settings.last_step:,} steps", flush=True)
    return model


def make_model(settings: ExpertSettings) -> Any:
    """Make an untrained model; raise InvalidInput if the task or ``initial_expert`` does not fit the settings."""
    envs, sizes = make_vec_env(settings), [settings.size] * settings.n_layers
    options: dict[str, Any] = {name: getattr(settings, name) for name in ("batch_size", "gamma", "seed")}
    linear = LinearSchedule(settings.learning_rate, 0.0, end_fraction=1.0)
    options["learning_rate"] = settings.learning_rate if settings.algorithm == "TRPO" else linear
    if settings.algorithm == "SAC":  # Haarnoja et al. 2018, with layer normalisation in the critics for stability
        import flax.linen as nn
        from sbx.common.policies import SquashedGaussianActor

        def tanh_actor(activation_fn: Any, **options: Any) -> Any:  # the course's format needs tanh
            return SquashedGaussianActor(activation_fn=nn.tanh, **options)

        options["gradient_steps"] = max(1, round(settings.updates_per_step * settings.n_envs))
        options["policy_kwargs"] = {"net_arch": sizes, "layer_norm": True, "actor_class": tanh_actor}
        return algorithm_class("SAC")("MlpPolicy", envs, **options, **SAC_OPTIONS)
    expert = None if settings.initial_expert is None else LoadedGaussianPolicy(settings.initial_expert)
    policy_sizes = sizes if expert is None else [len(bias) for bias in expert.biases[:-1]]
    arch = {"net_arch": {"pi": policy_sizes, "vf": sizes}, "activation_fn": torch.nn.Tanh}
    options |= {"n_steps": settings.n_steps, "policy_kwargs": {**arch, "log_std_init": settings.initial_log_std}}
    options["n_epochs" if settings.algorithm == "PPO" else "n_critic_updates"] = settings.n_epochs
    if settings.target_kl is not None:
        options["target_kl"] = settings.target_kl
    model = algorithm_class(settings.algorithm)("MlpPolicy", envs, device="cpu", **options)
    if expert is not None:
        _initialise_from(expert, model, f"--initial_expert {settings.initial_expert}")
    return model


def make_vec_env(settings: ExpertSettings) -> VecNormalize:
    """Make ``n_envs`` training environments with normalised observations and, except for SAC, normalised rewards."""
    envs = DummyVecEnv([lambda: make_training_env(settings)] * settings.n_envs)
    # Observations are not clipped, since an expert file of the course's format has no limits for them.
    return VecNormalize(envs, norm_reward=settings.algorithm != "SAC", gamma=settings.gamma, clip_obs=np.inf)


def make_training_env(settings: ExpertSettings) -> gym.Env[Any, Any]:
    """Make one environment whose observations are vectors; raise InvalidInput when the settings do not fit the task."""
    env, spec = make_env(settings.env_name)
    name, actions, ob_dim = settings.env_name, env.action_space, settings.ob_dim
    env = gym.wrappers.FlattenObservation(env)
    if ob_dim is not None:
        print_conversion(name, spec.ob_dim, ob_dim, what=f"--ob_dim {ob_dim}")
        space = gym.spaces.Box(-np.inf, np.inf, (ob_dim,), np.float64)
        env = gym.wrappers.TransformObservation(env, lambda ob: convert_observations(ob, name, ob_dim), space)
    if settings.algorithm == "SAC" and not (isinstance(actions, gym.spaces.Box) and actions.is_bounded()):
        raise InvalidInput(f"--algorithm SAC needs continuous, bounded actions; {name} has {actions}")
    if settings.algorithm != "SAC" and not spec.discrete:
        # PPO and TRPO clip actions, and rollouts don't: with wide bounds, training sees the costs of large actions.
        env.action_space = gym.spaces.Box(-100.0, 100.0, actions.shape, np.float32)
    return env


def algorithm_class(name: str) -> Any:
    """Import the library of an algorithm, "PPO", "TRPO" or "SAC", and return the algorithm's class."""
    return getattr(importlib.import_module(LIBRARIES[name]), name)


def export_policy(model: Any, path: Path) -> None:
    """Write the network that gives the mean action, and the statistics of observations, in the course's format."""
    policy, statistics = model.policy, model.get_vec_normalize_env().obs_rms
    if isinstance(model, OnPolicyAlgorithm):
        layers = [(to_numpy(layer.weight).T, to_numpy(layer.bias)) for layer in _ppo_layers(policy)]
    else:
        # SAC applies tanh to the layer of the mean, which becomes the last hidden layer of the exported network. A new
        # output layer scales its values to the bounds. The layer of the standard deviation, the last, is not exported.
        dense = [policy.actor_state.params["params"][f"Dense_{n}"] for n in range(len(policy.net_arch_pi) + 1)]
        low, high = policy.action_space.low, policy.action_space.high
        layers = [(np.array(layer["kernel"]), np.array(layer["bias"])) for layer in dense]
        layers.append((np.diag(high - low) / 2, (high + low) / 2))
    weights, biases = zip(*layers, strict=True)
    log_std = to_numpy(policy.log_std) if hasattr(policy, "log_std") else np.zeros(len(biases[-1]))
    write_gaussian_policy(path, statistics.mean, statistics.var, weights, biases, log_std)


def _ppo_layers(policy: Any) -> list[torch.nn.Linear]:
    return [*(layer for layer in policy.mlp_extractor.policy_net if hasattr(layer, "weight")), policy.action_net]


def _initialise_from(expert: LoadedGaussianPolicy, model: Any, name: str) -> None:
    """Copy an expert's parameters and statistics to a model; raise InvalidInput if sizes or the activation differ."""
    layers, statistics = _ppo_layers(model.policy), model.get_vec_normalize_env().obs_rms
    needed = (layers[0].in_features, layers[-1].out_features, "tanh")
    if (found := (expert.ob_dim, expert.ac_dim, expert.activation)) != needed:
        raise InvalidInput(f"{name} has inputs, outputs and activation {found}; needed: {needed} (see --ob_dim)")
    with torch.no_grad():
        for layer, weight, bias in zip(layers, expert.weights, expert.biases, strict=True):
            layer.weight.copy_(torch.from_numpy(weight.T))
            layer.bias.copy_(torch.from_numpy(bias))
    # The expert replaces observation dimensions that were constant in its training by 0; a huge variance does the same.
    constant = expert.ob_variance < CONSTANT_STD**2
    statistics.mean, statistics.var = expert.ob_mean, np.where(constant, 1e12, expert.ob_variance)
    statistics.count = 1e12  # so large that further observations hardly change the statistics
