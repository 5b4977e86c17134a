"""The gradient step of `MLPPolicySL.update` in numpy: faster, and equal up to rounding.

With small networks, a step in torch is mostly overhead. The steps here use the memory of torch's parameters and
optimiser state, so that `MLPPolicySL.update` can take the next step at any time. The project works without this file.
"""

import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from cs285.data.trajectory import Array
from cs285.policies.frozen_copy import known_perceptron
from cs285.policies.MLP_policy import MLPPolicySL

Update = Callable[[torch.Tensor, torch.Tensor], dict[str, Any]]

METHODS = ("update", "compute_loss", "outputs", "forward")  # methods of `MLPPolicySL` that must be unedited
VARIANTS = ("weight_decay", "amsgrad", "maximize", "capturable", "differentiable")  # options of Adam
TOLERANCE = 1e-3  # allowed difference of gradients, relative to the largest gradient
KNOWN_SOURCE = "947953c9722a50ead826ae2c251c07aaa7bd8978e439d99fd6f962cc894222cb"  # SHA-256 of the code of METHODS


def fast_update(policy: object) -> Update | None:
    """Build a replacement for ``policy.update``; None if the replacement would not compute the same numbers.

    The policy must be an `MLPPolicySL` of continuous actions with the loss "mse". It must have unedited methods, no
    hooks, and affine layers with tanh in between. All its parameters must be trainable, float32 and on the CPU. Its
    optimiser must be torch's Adam without weight decay or variants. Call this function once in each iteration, because
    most of these conditions are checked only here. Each step checks whether parameters or Adam's state were replaced.
    """
    perceptron = known_perceptron(policy, MLPPolicySL, METHODS, KNOWN_SOURCE)
    if perceptron is None or not perceptron[1] <= {nn.Tanh}:
        return None
    assert isinstance(policy, MLPPolicySL)
    parameters: list[torch.Tensor] = [p for layer in perceptron[0] for p in (layer.weight, layer.bias)]
    if policy.discrete or policy.loss != "mse" or not _is_plain(policy, [*parameters, policy.logstd]):
        return None
    steps = {float(policy.optimizer.state[p].get("step", 0.0)) for p in parameters}
    return None if len(steps) != 1 or _has_hooks(policy) else _FastUpdate(policy, parameters)


def skip_dynamo_import() -> None:
    """Keep torch's optimisers from importing torch._dynamo, which takes two seconds, if torch's internals allow it."""
    for name in ("add_param_group", "state_dict", "load_state_dict"):
        method = getattr(getattr(torch.optim.Optimizer, name), "__wrapped__", None)
        if method is not None and not hasattr(method, "__dynamo_disable"):
            method.__dynamo_disable = method  # torch calls this attribute to exclude the method from compilation


def _is_plain(policy: MLPPolicySL, parameters: list[torch.Tensor]) -> bool:
    """Whether these are all parameters, trainable and float32 on the CPU, and Adam trains them without VARIANTS."""
    optimizer = policy.optimizer
    if type(optimizer) is not torch.optim.Adam or len(optimizer.param_groups) != 1:
        return False
    if "step" in vars(optimizer) and not hasattr(optimizer.step, "_wrapped_by_lr_sched"):
        return False
    group, ids = optimizer.param_groups[0], sorted(map(id, parameters))
    numbers = (group["lr"], group["eps"], *group["betas"])
    if any(isinstance(number, torch.Tensor) for number in numbers) or any(group.get(name) for name in VARIANTS):
        return False
    if any(sorted(map(id, held)) != ids for held in (policy.parameters(), group["params"])):
        return False
    tensors = [*parameters, policy.ob_mean, policy.ob_std]
    known = all(t.dtype == torch.float32 and t.is_contiguous() and t.is_cpu for t in tensors)
    return known and all(type(p) is nn.Parameter and p.requires_grad for p in parameters)


def _has_hooks(policy: MLPPolicySL) -> bool:
    optimizers = sys.modules[torch.optim.Optimizer.__module__]
    owners: list[Any] = [*policy.modules(), nn.modules.module, policy.optimizer, optimizers]
    attributes = [item for owner in owners for item in vars(owner).items()]
    hooks: list[Any] = [value for name, value in attributes if "_hooks" in name and isinstance(value, dict)]
    hooks += [hook for p in policy.parameters() for hook in (p._backward_hooks, p._post_accumulate_grad_hooks)]
    return any(hooks)


class _FastUpdate:
    """A gradient step in numpy; parameters, gradients and Adam's averages become views of one flat array each."""

    def __init__(self, policy: MLPPolicySL, parameters: list[torch.Tensor]) -> None:
        self._policy, self._optimizer = policy, policy.optimizer
        self._parameters, self._gradients_were_compared = parameters, False
        states = [policy.optimizer.state[p] for p in parameters]
        zeros = [torch.zeros_like(p) for p in parameters]
        self._p, values = _flatten([p.detach() for p in parameters])
        self._g, gradients = _flatten(zeros)
        self._m, means = _flatten([s.get("exp_avg", zero) for s, zero in zip(states, zeros, strict=True)])
        self._v, squares = _flatten([s.get("exp_avg_sq", zero) for s, zero in zip(states, zeros, strict=True)])
        self._steps = np.array([float(state.get("step", 0.0)) for state in states], np.float32)
        for n, step in enumerate(torch.from_numpy(self._steps)):
            parameters[n].data, parameters[n].grad = values[n], gradients[n]
            states[n].update(step=step, exp_avg=means[n], exp_avg_sq=squares[n])
        self._views = list(zip(parameters, [v.data_ptr() for v in values], gradients, means, squares, strict=True))
        self._arrays = [value.numpy() for value in values]
        self._gradients = [gradient.numpy() for gradient in gradients]

    def _is_bound(self) -> bool:
        """Whether parameters and Adam's state are still views of this object's arrays; also binds the gradients."""
        if self._policy.optimizer is not self._optimizer or self._policy.loss != "mse":
            return False
        for p, address, gradient, m, v in self._views:
            state = self._optimizer.state.get(p, {})
            if state.get("exp_avg") is not m or state.get("exp_avg_sq") is not v or p.data_ptr() != address:
                return False
            p.grad = gradient
        return True

    @np.errstate(all="ignore")  # a loss that is not finite is reported at the iteration's end
    def __call__(self, observations: torch.Tensor, actions: torch.Tensor) -> dict[str, Any]:
        if not self._is_bound() or actions.shape[1:] != self._arrays[-1].shape:  # torch may broadcast actions
            return self._policy.update(observations, actions)
        loss = self._compute_gradients(observations.flatten(start_dim=1).numpy(), actions.numpy())
        if not self._gradients_were_compared and not self._gradients_equal_autograd(observations, actions):
            return self._policy.update(observations, actions)
        self._gradients_were_compared = True
        self._adam_step()
        if self._policy.scheduler is not None:
            self._optimizer._opt_called = True  # type: ignore[attr-defined]  # else torch warns of a missing step
            self._policy.scheduler.step()
        return {"Training Loss": loss}

    def _gradients_equal_autograd(self, observations: torch.Tensor, actions: torch.Tensor) -> bool:
        expected = torch.autograd.grad(self._policy.compute_loss(observations, actions), self._parameters)
        return all(
            np.allclose(found, gradient.numpy(), rtol=TOLERANCE, atol=TOLERANCE * float(gradient.abs().max()))
            for found, gradient in zip(self._gradients, expected, strict=True)
        )

    def _compute_gradients(self, observations: Array, actions: Array) -> Any:
        """Write the gradients into ``self._gradients``; returns the loss."""
        mean, std = self._policy.ob_mean.numpy(), self._policy.ob_std.numpy()
        layers = range(0, len(self._arrays), 2)  # self._arrays has weight, bias, weight, bias, ...
        inputs, x = [], (observations.astype(np.float32, copy=False) - mean) / std
        for i in layers:
            inputs.append(np.tanh(x) if i > 0 else x)
            x = inputs[-1] @ self._arrays[i].T
            x += self._arrays[i + 1]
        error = x - actions
        loss, delta = (error * error).mean(), error * (2 / error.size)
        for i in reversed(layers):
            x = inputs[i // 2]
            np.matmul(delta.T, x, out=self._gradients[i])
            delta.sum(axis=0, out=self._gradients[i + 1])
            if i > 0:
                delta = delta @ self._arrays[i]
                delta *= 1 - x * x  # the derivative of tanh is 1 - tanh²
        return loss

    def _adam_step(self) -> None:
        """Adam (Kingma and Ba 2015, algorithm 1), with torch's order of operations."""
        group = self._optimizer.param_groups[0]
        beta1, beta2 = group["betas"]
        self._steps += 1
        steps = float(self._steps[0])
        change = self._g - self._m
        change *= 1 - beta1
        self._m += change
        np.multiply(self._g, self._g, out=change)
        change *= 1 - beta2
        self._v *= beta2
        self._v += change
        np.sqrt(self._v, out=change)
        change /= math.sqrt(1 - beta2**steps)
        change += group["eps"]
        np.divide(self._m, change, out=change)
        change *= group["lr"] / (1 - beta1**steps)
        self._p -= change


def _flatten(tensors: list[torch.Tensor]) -> tuple[Array, list[torch.Tensor]]:
    """Copy tensors into one flat array; returns the array, and views of it in the shapes of the tensors."""
    flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
    pieces = torch.split(flat, [tensor.numel() for tensor in tensors])
    return flat.numpy(), [piece.view(tensor.shape) for piece, tensor in zip(pieces, tensors, strict=True)]
