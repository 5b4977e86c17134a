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
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from cs285.data.trajectory import Array
from cs285.infrastructure.pytorch_utils import to_numpy
from cs285.infrastructure.seeding import episode_generators
from cs285.policies.base_policy import BasePolicy
from cs285.policies.external_policy import ExternalPolicy, evaluation_mode
from cs285.policies.MLP_policy import MLPPolicy
from cs285.policies.numpy_policy import NumpyPolicy

METHODS = ("get_action", "forward", "outputs", "reset")  # methods of `MLPPolicy` that a copy in numpy needs unedited
KNOWN_SOURCE = "4ecaf574a33ed3a17f2c05575867611154e493e5ea3b7dbdd79542d9bdf4c6fc"  # SHA-256 of the code of METHODS
ACTIVATIONS: dict[type, str] = {nn.Tanh: "tanh", nn.ReLU: "relu"}
TOLERANCE = 1e-4  # allowed difference of actions, relative to the largest action


def frozen_copy(policy: Any, observations: Array) -> BasePolicy:
    """Copy any object with ``get_action`` so that training it further does not change the copy.

    The copy of an `MLPPolicy` with unedited methods and one kind of activation is a `NumpyPolicy`, if it has the same
    actions on ``observations`` (N, *ob_shape). The copy of any other policy is a `DetachedCopy`. If the policy can't be
    copied, returns a `LivePolicy`, which acts in the main process and changes with training.
    """
    if (fast := _numpy_copy(policy)) is not None:
        expected, found = policy.get_action(observations), fast.get_action(observations)
        atol = TOLERANCE * float(np.abs(expected).max())
        if found.shape == expected.shape and np.allclose(found, expected, rtol=TOLERANCE, atol=atol):
            return fast
    try:
        detached = DetachedCopy(policy)
        with episode_generators(0):  # the trial action does not change the random numbers of training
            detached.reset(0)
            detached.get_action(observations[0])
    except Exception as error:  # the policy is the user's own and may raise anything
        return LivePolicy(policy, observations.ndim - 1, f"a copy of {type(policy).__name__} fails: {error!r:.300}")
    return detached


class DetachedCopy(BasePolicy):
    """A deep copy of a policy on the CPU, in evaluation mode, without its optimisers and schedules."""

    copyable = True

    def __init__(self, policy: Any) -> None:
        light = copy.copy(policy)
        for name, value in getattr(policy, "__dict__", {}).items():
            if isinstance(value, Optimizer | LRScheduler):
                vars(light)[name] = None
        self.policy = copy.deepcopy(light)
        for module in _modules(self.policy):
            module.cpu().eval()

    def reset(self, seed: int) -> None:
        """See `BasePolicy.reset`."""
        if hasattr(self.policy, "reset"):
            self.policy.reset(seed)

    @torch.no_grad()
    def get_action(self, observations: Array) -> Array:
        """See `BasePolicy.get_action`."""
        return np.asarray(self.policy.get_action(observations))


class LivePolicy(ExternalPolicy):
    """Adapter for a policy that is still being trained; it acts in evaluation mode and without gradients."""

    def __init__(self, policy: Any, ob_ndim: int, not_copyable_because: str) -> None:
        super().__init__(policy.get_action, ob_ndim, getattr(policy, "reset", None))
        self._modules, self.not_copyable_because = _modules(policy), not_copyable_because

    @torch.no_grad()
    def get_action(self, observations: Array) -> Array:
        """See `BasePolicy.get_action`."""
        with evaluation_mode(self._modules):
            return super().get_action(observations)


def _modules(policy: Any) -> list[nn.Module]:
    return [part for part in (policy, *getattr(policy, "__dict__", {}).values()) if isinstance(part, nn.Module)]


def _numpy_copy(policy: Any) -> NumpyPolicy | None:
    perceptron = known_perceptron(policy, MLPPolicy, METHODS, KNOWN_SOURCE)
    if perceptron is None or any(module._forward_hooks or module._forward_pre_hooks for module in policy.modules()):
        return None
    affine, activations = perceptron
    if len(activations) > 1 or not activations <= ACTIVATIONS.keys():
        return None
    return NumpyPolicy(
        weights=[np.ascontiguousarray(to_numpy(layer.weight).T) for layer in affine],
        biases=[to_numpy(layer.bias) for layer in affine],
        activation=ACTIVATIONS[activations.pop()] if activations else "tanh",
        discrete=policy.discrete,
        standardizer=(to_numpy(policy.ob_mean), to_numpy(policy.ob_std)),
        ob_shape=policy.ob_shape,
    )


def source_digest(owner: type, names: Sequence[str]) -> str | None:
    """SHA-256 of the code of some methods of a class, without docstrings and comments.

    None if the source text is not available, or if a method's wrappers are not as many as the decorators in its source.
    """
    code = []
    for name in names:
        method, wrappers = getattr(owner, name), 0
        try:
            function = ast.parse(textwrap.dedent(inspect.getsource(method))).body[0]
        except (OSError, TypeError, SyntaxError):
            return None
        while hasattr(method, "__wrapped__"):
            method, wrappers = method.__wrapped__, wrappers + 1
        if not isinstance(function, ast.FunctionDef) or len(function.decorator_list) != wrappers:
            return None
        if ast.get_docstring(function) is not None:
            function.body = function.body[1:] or [ast.Pass()]
        code.append(ast.unparse(function))
    return hashlib.sha256("\n".join(code).encode()).hexdigest()


def known_perceptron(
    policy: Any, owner: Any, names: Sequence[str], digest: str
) -> tuple[list[nn.Linear], set[type]] | None:
    """The affine layers of a policy's perceptron, and the types of its activations; None for any other policy.

    The policy must be an instance of ``owner``, and its methods ``names`` must be neither overridden nor edited.
    ``digest`` is the `source_digest` of the unedited methods.
    """
    if not isinstance(policy, owner) or any(name in vars(policy) for name in names):
        return None
    if any(getattr(type(policy), name) is not getattr(owner, name) for name in (*names, "network")):
        return None
    if source_digest(owner, names) != digest or type(policy.network) is not nn.Sequential:
        return None
    modules = [module for module in policy.network if type(module) is not nn.Identity]
    affine = [module for module in modules[::2] if type(module) is nn.Linear and module.bias is not None]
    return (affine, set(map(type, modules[1::2]))) if len(modules) == 2 * len(affine) - 1 else None
