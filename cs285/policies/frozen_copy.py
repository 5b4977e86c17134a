"""Copies of a policy that further training does not change, for rollouts during training and in other processes."""

import ast
import copy
import hashlib
import inspect
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from cs285.data.trajectory import Array
from cs285.infrastructure.pytorch_utils import to_numpy
from cs285.infrastructure.seeding import episode_generators
from cs285.policies.base_policy import BasePolicy
from cs285.policies.external_policy import evaluation_mode
from cs285.policies.MLP_policy import MLPPolicy
from cs285.policies.numpy_policy import NumpyPolicy
from cs285.policies.training_parts import training_parts

METHODS = ("get_action", "forward", "outputs", "reset")  # methods of `MLPPolicy` that a copy in numpy needs unedited
KNOWN_SOURCE = "9030e1d790011c45bbd8bf68193ce53972509f8a684d54e876f1ce148fed6f94"  # SHA-256 of the code of METHODS
ACTIVATIONS: dict[type, str] = {nn.Tanh: "tanh", nn.ReLU: "relu"}
TOLERANCE = 1e-4  # allowed difference of actions, relative to the largest action


def frozen_copy(policy: Any, observations: Array) -> BasePolicy:
    """Copy any object with ``get_action`` so that training it further does not change the copy.

    The copy of an `MLPPolicy` with unedited methods and one kind of activation is a `NumpyPolicy`, if it has the same
    actions on ``observations`` (N, *ob_shape). Any other policy is deep-copied onto the CPU, without its optimisers and
    schedules. If that fails, returns an adapter that acts in the main process and changes with training.
    """
    if (fast := _numpy_copy(policy)) is not None:
        expected, found = policy.get_action(observations), fast.get_action(observations)
        if np.allclose(found, expected, rtol=TOLERANCE, atol=TOLERANCE * np.abs(expected).max()):
            return fast
    try:
        copied = EvaluationPolicy(copy.deepcopy(policy, {id(part): None for part in training_parts(policy).values()}))
        while copied.modules:  # evaluation mode is set once, and not for each action
            copied.modules.pop().cpu().eval()
        with episode_generators(0):  # the trial action does not change the random numbers of training
            copied.reset(0)
            copied.get_action(observations[0])
    except Exception as error:  # the policy is the user's own and may raise anything
        return EvaluationPolicy(policy, f"a copy of {type(policy).__name__} fails: {error!r:.300}")
    return copied


class EvaluationPolicy(BasePolicy):
    """Adapter for any policy, which acts in evaluation mode and without gradients."""

    def __init__(self, policy: Any, not_copyable_because: str = "") -> None:
        self.policy, self.not_copyable_because = policy, not_copyable_because
        self.copyable = not not_copyable_because
        parts = (policy, *getattr(policy, "__dict__", {}).values())
        self.modules = [part for part in parts if isinstance(part, nn.Module)]

    def reset(self, seed: int) -> None:
        """See `BasePolicy.reset`."""
        if hasattr(self.policy, "reset"):
            self.policy.reset(seed)

    @torch.no_grad()
    def get_action(self, observations: Array) -> Array:
        """See `BasePolicy.get_action`."""
        with evaluation_mode(self.modules):
            return np.asarray(self.policy.get_action(observations))


def _numpy_copy(policy: Any) -> NumpyPolicy | None:
    perceptron = known_perceptron(policy, MLPPolicy, METHODS, KNOWN_SOURCE)
    if perceptron is None or any(module._forward_hooks or module._forward_pre_hooks for module in policy.modules()):
        return None
    affine, activations = perceptron
    if len(activations) > 1 or not activations <= ACTIVATIONS.keys():
        return None
    weights = [np.ascontiguousarray(to_numpy(layer.weight).T) for layer in affine]
    biases = [to_numpy(layer.bias) for layer in affine]
    activation = ACTIVATIONS[activations.pop()] if activations else "tanh"
    standardizer = (to_numpy(policy.ob_mean), to_numpy(policy.ob_std))
    return NumpyPolicy(weights, biases, activation, policy.discrete, standardizer, len(policy.ob_shape))


def source_digest(owner: type, names: Sequence[str]) -> str | None:
    """SHA-256 of the code of some methods of a class, without docstrings and comments; None without source text."""
    code = []
    try:
        for name in names:
            source = inspect.getsource(getattr(owner, name).__code__)  # a decorated method has the decorator's code
            function: Any = ast.parse(textwrap.dedent(source)).body[0]
            if ast.get_docstring(function) is not None:
                function.body.pop(0)
            code.append(ast.unparse(function))
    except (AttributeError, OSError, TypeError, SyntaxError):
        return None
    return hashlib.sha256("\n".join(code).encode()).hexdigest()


def known_perceptron(
    policy: Any, owner: Any, names: Sequence[str], digest: str
) -> tuple[list[nn.Linear], set[type]] | None:
    """The affine layers of a policy's perceptron, and the types of its activations; None for any other policy.

    The policy must not override the methods ``names`` of ``owner``, and their `source_digest` must be ``digest``.
    """
    find = inspect.getattr_static
    if any(find(policy, name, None) is not find(owner, name) for name in (*names, "network")):
        return None
    if source_digest(owner, names) != digest or type(policy.network) is not nn.Sequential:
        return None
    modules = [module for module in policy.network if type(module) is not nn.Identity]
    affine = [module for module in modules[::2] if type(module) is nn.Linear and module.bias is not None]
    return (affine, set(map(type, modules[1::2]))) if len(modules) == 2 * len(affine) - 1 else None
