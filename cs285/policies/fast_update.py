"""The gradient step of `MLPPolicySL.update` in numpy: faster, and equal up to rounding.

With small networks, most of the time of a step in torch is overhead between operations. `fast_update` returns a
replacement for the one kind of policy that it knows, and None for any other. The replacement works on the same memory
as torch's parameters and optimiser state, so that `MLPPolicySL.update` can take some of the steps, and ``state_dict()``
always has the current values. The project works without this file.
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
    if policy.discrete or policy.loss != "mse":
        return None
    parameters: list[torch.Tensor] = [p for layer in perceptron[0] for p in (layer.weight, layer.bias)]
    trainable = [*parameters, policy.logstd]
    if not _is_plain(policy, trainable) or not _adam_is_known(policy.optimizer, trainable) or _has_hooks(policy):
        return None
    if len({float(policy.optimizer.state[p].get("step", 0.0)) for p in parameters}) != 1:
        return None
    return _FastUpdate(policy, parameters)


def skip_dynamo_import() -> None:
    """Keep torch's optimisers from importing torch._dynamo, which takes two seconds.

    torch imports this module only to exclude three methods from compilation. If the installed torch lacks these
    internals, nothing is changed.
    """
    for name in ("add_param_group", "state_dict", "load_state_dict"):
        method = getattr(getattr(torch.optim.Optimizer, name), "__wrapped__", None)
        if method is not None and not hasattr(method, "__dynamo_disable"):
            method.__dynamo_disable = method


def _is_plain(policy: MLPPolicySL, parameters: list[torch.Tensor]) -> bool:
    """Whether the policy has only ``parameters``, all are trainable, and its tensors are float32 and on the CPU."""
    found = list(policy.parameters())
    same = {*map(id, found)} == {*map(id, parameters)} and len(found) == len(parameters)
    trainable = all(type(p) is nn.Parameter and p.requires_grad for p in found)
    tensors = [*found, policy.ob_mean, policy.ob_std]
    return same and trainable and all(t.dtype == torch.float32 and t.is_contiguous() and t.is_cpu for t in tensors)


def _adam_is_known(optimizer: torch.optim.Optimizer, parameters: list[torch.Tensor]) -> bool:
    """Whether the optimiser is Adam on all parameters, with no options but learning rate, betas and epsilon."""
    if type(optimizer) is not torch.optim.Adam or len(optimizer.param_groups) != 1:
        return False
    if "step" in vars(optimizer) and not hasattr(optimizer.step, "_wrapped_by_lr_sched"):
        return False
    group = optimizer.param_groups[0]
    tensors = any(isinstance(number, torch.Tensor) for number in (group["lr"], group["eps"], *group["betas"]))
    variants = ("weight_decay", "amsgrad", "maximize", "capturable", "differentiable")
    if tensors or any(group.get(name) for name in variants):
        return False
    return {*map(id, group["params"])} == {*map(id, parameters)}


def _has_hooks(policy: MLPPolicySL) -> bool:
    of_modules = ("forward_hooks", "forward_pre_hooks", "backward_hooks", "backward_pre_hooks")
    hooks = [getattr(module, f"_{kind}", None) for module in policy.modules() for kind in of_modules]
    hooks += [getattr(nn.modules.module, f"_global_{kind}", None) for kind in of_modules]
    hooks += [hook for p in policy.parameters() for hook in (p._backward_hooks, p._post_accumulate_grad_hooks)]
    for when in ("pre", "post"):
        hooks.append(getattr(policy.optimizer, f"_optimizer_step_{when}_hooks", None))
        hooks.append(getattr(sys.modules[torch.optim.Optimizer.__module__], f"_global_optimizer_{when}_hooks", None))
    return any(hooks)


class _FastUpdate:
    """A gradient step in numpy on the parameters of one policy and the state of its Adam.

    Parameters, gradients and Adam's averages become views of one flat array each, so that one call of numpy updates
    all parameters.
    """

    def __init__(self, policy: MLPPolicySL, parameters: list[torch.Tensor]) -> None:
        self._policy, self._optimizer = policy, policy.optimizer
        self._parameters, self._gradients_were_compared = parameters, False
        states = [policy.optimizer.state[p] for p in parameters]
        zeros = [torch.zeros_like(p) for p in parameters]
        self._p, p_views = _flatten([p.detach() for p in parameters])
        self._g, g_views = _flatten(zeros)
        self._m, m_views = _flatten([s.get("exp_avg", zero) for s, zero in zip(states, zeros, strict=True)])
        self._v, v_views = _flatten([s.get("exp_avg_sq", zero) for s, zero in zip(states, zeros, strict=True)])
        self._steps = np.array([float(state.get("step", 0.0)) for state in states], np.float32)
        steps = torch.from_numpy(self._steps)
        for n, (p, state) in enumerate(zip(parameters, states, strict=True)):
            p.data, p.grad = p_views[n], g_views[n]
            state.update(step=steps[n], exp_avg=m_views[n], exp_avg_sq=v_views[n])
        addresses = [view.data_ptr() for view in p_views]
        self._views = list(zip(parameters, addresses, g_views, m_views, v_views, strict=True))
        self._scratch = np.empty_like(self._p)
        self._arrays = [view.numpy() for view in p_views]
        self._gradients = [view.numpy() for view in g_views]
        self._standardizer = (policy.ob_mean, policy.ob_std)

    def _is_bound(self) -> bool:
        """Whether parameters and Adam's state are still views of this object's arrays; also binds the gradients."""
        policy, (mean, std) = self._policy, self._standardizer
        if policy.optimizer is not self._optimizer or policy.loss != "mse":
            return False
        if policy.ob_mean is not mean or policy.ob_std is not std:
            return False
        for p, address, gradient, m, v in self._views:
            state = self._optimizer.state.get(p, {})
            if state.get("exp_avg") is not m or state.get("exp_avg_sq") is not v or p.data_ptr() != address:
                return False
            p.grad = gradient
        return True

    @np.errstate(all="ignore")  # a loss that is not finite is reported at the iteration's end
    def __call__(self, observations: torch.Tensor, actions: torch.Tensor) -> dict[str, Any]:
        if not self._is_bound():
            again = fast_update(self._policy)
            if again is None:
                return self._policy.update(observations, actions)
            vars(self).update(vars(again))
        fits = actions.shape == (len(observations), *self._arrays[-1].shape) and actions.dtype == torch.float32
        if not observations.is_cpu or not fits:
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
        mean, std = self._standardizer
        layers = range(0, len(self._arrays), 2)  # self._arrays has weight, bias, weight, bias, ...
        inputs, x = [], (observations.astype(np.float32, copy=False) - mean.numpy()) / std.numpy()
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
        group, scratch = self._optimizer.param_groups[0], self._scratch
        beta1, beta2 = group["betas"]
        self._steps += 1
        steps = float(self._steps[0])
        np.subtract(self._g, self._m, out=scratch)
        scratch *= 1 - beta1
        self._m += scratch
        np.multiply(self._g, self._g, out=scratch)
        scratch *= 1 - beta2
        self._v *= beta2
        self._v += scratch
        np.sqrt(self._v, out=scratch)
        scratch /= math.sqrt(1 - beta2**steps)
        scratch += group["eps"]
        np.divide(self._m, scratch, out=scratch)
        scratch *= group["lr"] / (1 - beta1**steps)
        self._p -= scratch


def _flatten(tensors: list[torch.Tensor]) -> tuple[Array, list[torch.Tensor]]:
    """Copy tensors into one flat array; returns the array, and views of it in the shapes of the tensors."""
    flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
    pieces = torch.split(flat, [tensor.numel() for tensor in tensors])
    return flat.numpy(), [piece.view(tensor.shape) for piece, tensor in zip(pieces, tensors, strict=True)]
