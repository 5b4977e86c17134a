"""Policies in zips of stable-baselines3 and sb3-contrib, rebuilt from their parameters; no code in the zip is run."""

import io
import json
import re
import sys
import zipfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from cs285.data.restricted_pickle import load_torch_file
from cs285.data.trajectory import Array
from cs285.data.whole_files import check_budget, read_whole, reading
from cs285.envs.make_env import TaskSpec
from cs285.errors import InvalidInput
from cs285.policies.numpy_policy import NumpyPolicy

# By policy class: regular expression for its affine layers, default activation, and whether tanh bounds the actions.
ON_POLICY = (r"mlp_extractor\.(shared|policy)_net\.\d+|action_net", "tanh", False)  # PPO, A2C, TRPO
SAC = (r"actor\.latent_pi\.\d+|actor\.mu", "relu", True)
KINDS = {
    "stable_baselines3.common.policies.ActorCriticPolicy": ON_POLICY,
    "stable_baselines3.sac.policies.SACPolicy": SAC,
    "sb3_contrib.tqc.policies.TQCPolicy": SAC,
    "stable_baselines3.td3.policies.TD3Policy": (r"actor\.mu\.\d+", "relu", True),  # TD3, DDPG
    "stable_baselines3.dqn.policies.DQNPolicy": (r"q_net\.q_net\.\d+", "relu", False),
}
ACTIVATIONS = {
    f"<class 'torch.nn.modules.activation.{name}'>": ours
    for name, ours in (("Tanh", "tanh"), ("ReLU", "relu"), ("LeakyReLU", "lrelu"))
}
FLATTEN = "<class 'stable_baselines3.common.torch_layers.FlattenExtractor'>"


def load_sb3_policy(path: Path, spec: TaskSpec) -> NumpyPolicy:
    """Rebuild the policy in a zip that ``model.save`` wrote, for PPO, A2C, TRPO, SAC, TQC, TD3, DDPG or DQN.

    The policy returns the mean or greedy action, as ``predict(deterministic=True)`` does. Only the arrays of
    ``policy.pth`` and the plain text of ``data`` are read. A notice says that the zip has no statistics of
    VecNormalize. Raises InvalidInput, with the reason, for a policy that can't be rebuilt exactly.
    """
    hint = "; or load it with its library, and give the model as the expert (docs/data.md)"
    with reading(path, "a zip of stable-baselines3", hint):
        with zipfile.ZipFile(io.BytesIO(read_whole(path))) as archive:
            check_budget(path, (archive.getinfo(name).file_size for name in ("data", "policy.pth")))
            data = json.loads(archive.read("data"))
            parameters = load_torch_file(path, archive.read("policy.pth"))
        layers, activation, squashed = _read_settings(data)
        _check_actions(data["action_space"], spec)
        used = [name.removesuffix(".weight") for name in parameters if re.fullmatch(rf"({layers})\.weight", name)]
        weights = [np.ascontiguousarray(parameters[f"{layer}.weight"].numpy().T) for layer in used]
        biases = [parameters[f"{layer}.bias"].numpy() for layer in used]
        expert = NumpyPolicy(weights, biases, activation, spec.discrete, ob_ndim=len(spec.ob_shape))
        if len(spec.ob_shape) == 3:
            raise InvalidInput("its policy reads images; it must read vectors")
    print(f"{path}: a zip has no statistics of VecNormalize, and so none are applied (docs/data.md)", file=sys.stderr)
    if not spec.discrete:
        space: Any = spec.action_space
        expert.output = partial(_within_bounds, low=space.low, high=space.high, squashed=squashed)
    return expert


def _within_bounds(actions: Array, low: Array, high: Array, squashed: bool) -> Array:
    return np.asarray(low + 0.5 * (np.tanh(actions) + 1) * (high - low) if squashed else np.clip(actions, low, high))


def _read_settings(data: Mapping[str, Any]) -> tuple[str, str, bool]:
    """The entry of `KINDS` for a policy, with the policy's own activation; InvalidInput for an unknown policy."""
    made = re.match(r"<function (\w+)\.", str(data["policy_class"].get("__init__")))
    name = f"{data['policy_class']['__module__']}.{made[1] if made else '?'}"
    if name not in KINDS:
        raise InvalidInput(f"its policy is a {name:.100}, not one of {', '.join(n.rpartition('.')[2] for n in KINDS)}")
    if data.get("use_sde"):
        raise InvalidInput("its exploration is gSDE; use_sde must be False")
    layers, default, squashed = KINDS[name]
    options = data["policy_kwargs"]
    if options.get("features_extractor_class", FLATTEN) != FLATTEN:
        raise InvalidInput(f"it has {options['features_extractor_class']!s:.80}, not {FLATTEN}")
    used = options.get("activation_fn")
    if used is not None and used not in ACTIVATIONS:
        raise InvalidInput(f"its activation is {used!s:.100}, not {' or '.join(ACTIVATIONS)}")
    return layers, ACTIVATIONS.get(used, default), squashed


def _check_actions(space: Mapping[str, Any], spec: TaskSpec) -> None:
    """Raise InvalidInput if the kind or the bounds of a policy's actions differ from the task's."""
    ours: Any = spec.action_space
    if space[":type:"].rpartition(".")[2].strip("'>") != type(ours).__name__:
        raise InvalidInput(f"its action space is a {space[':type:']:.100}, and the task's is {ours}")
    for name in () if spec.discrete else ("low", "high"):
        bound = np.array(space[name].strip("[]").split(), np.float64)
        if bound.shape != ours.shape or not np.allclose(bound, getattr(ours, name)):
            raise InvalidInput(f"its action bound {name} is {space[name]:.100}, the task's is {getattr(ours, name)}")
