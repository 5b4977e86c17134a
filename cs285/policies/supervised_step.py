"""The gradient step of supervised learning, for one network or for many of the same shape at once.

The gradients of a multi-layer perceptron fit on a page, and Adam in a few lines. Written out
here, with all parameters in one piece of memory, a step of the small networks of imitation
learning takes a fraction of the time that autograd and `torch.optim` need to find their way;
`MLPPolicySL.compute_loss` is the same mathematics for autograd, and the tests compare the two.

On a GPU torch computes. On the CPU numpy does, in the same memory: a call of numpy's costs a
fraction of one of torch's, which is most of what so small a step takes. Both name what is used
here alike, so there is one text; ``xp`` in it is either.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from torch import nn

Loss: TypeAlias = Literal["mse", "nll", "cross_entropy"]
Schedule: TypeAlias = Callable[[int], float]  # how many steps were taken -> what the learning rate is multiplied with
Array: TypeAlias = Any  # of numpy on the CPU, of torch on a GPU

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


def constant_schedule(step: int) -> float:
    """The learning rate stays."""
    return 1.0


@dataclass(frozen=True)
class CosineSchedule:
    """The learning rate falls towards 0 in half a cosine, over and over (Loshchilov and Hutter 2017).

    Attributes:
        period: gradient steps after which it begins anew.
    """

    period: int

    def __call__(self, step: int) -> float:
        """The factor of the step that ``step`` others came before."""
        return (1 + math.cos(math.pi * (step % self.period) / self.period)) / 2


class SupervisedStep:
    """Adam on the loss of K tanh networks, each with data of its own, by batched matrix products.

    The parameters of the networks become views of one (K, P) tensor, in which the step changes
    them.
    """

    def __init__(
        self,
        networks: Sequence[nn.Sequential],
        logstds: Sequence[nn.Parameter],
        loss: Loss,
        learning_rates: Sequence[float],
        standardizers: Sequence[tuple[torch.Tensor, torch.Tensor]],
        schedule: Schedule,
    ) -> None:
        """Take over the parameters of K networks.

        Args:
            networks: of one shape and on one device: affine layers with tanh between them.
            logstds: for ``nll``, the (ac_dim,) log standard deviation of each; else none.
            loss: ``mse``: squared error of the outputs; ``nll``: negative log-likelihood of a
                Gaussian around the outputs; ``cross_entropy``: of the outputs as logits.
            learning_rates: of each.
            standardizers: (ob_dim,) mean and standard deviation of each network's observations.
            schedule: of the learning rates.
        """
        self._loss, self._schedule, self._steps = loss, schedule, 0
        learners = [_parameters(network, logstds[k : k + 1]) for k, network in enumerate(networks)]
        values = torch.stack([torch.cat([p.detach().reshape(-1) for p in ps]) for ps in learners])
        gradients = torch.zeros_like(values)
        shapes = [p.shape for p in learners[0]]
        views = _views(values, shapes)
        for k, parameters in enumerate(learners):
            for parameter, view in zip(parameters, views, strict=True):
                parameter.data = view[k].view(parameter.shape)
        self._taken_over = [(parameters[0], view) for parameters, view in zip(learners, views[0], strict=True)]

        self._p, self._g = ([_as_array(view) for view in parts] for parts in (views, _views(gradients, shapes)))
        self._values, self._gradients = _as_array(values), _as_array(gradients)
        self._m, self._v = (_as_array(torch.zeros_like(values)) for _ in range(2))
        self._ob_mean, self._ob_std = (
            _as_array(torch.stack(part)[:, None]) for part in zip(*standardizers, strict=True)
        )
        self._learning_rates = _as_array(torch.tensor(learning_rates, device=values.device)[:, None])
        self._one_hot = _as_array(torch.eye(views[-1].shape[2], device=values.device))

    @np.errstate(all="ignore")  # a loss that is not finite is the caller's to report
    def step(self, observations: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
        """Take one gradient step with every network.

        Args:
            observations: (K, N, ob_dim) float32.
            actions: (K, N, ac_dim) float32, or for ``cross_entropy`` (K, N) int64, choices from 0.

        Returns:
            (K,), the losses before the step, left on the device.

        Raises:
            RuntimeError: when a network's parameters were moved or copied since they were taken over.
        """
        if any(weight.data_ptr() != view.data_ptr() for weight, view in self._taken_over):
            raise RuntimeError("the network was moved or copied: make it a new SupervisedStep (see join_learners)")
        losses = self._compute_gradients(_as_array(observations), _as_array(actions))
        self._adam()
        return _as_tensor(losses)

    def averages(self) -> dict[str, torch.Tensor]:
        """Adam's memory: its two running averages, (K, P), and how many steps they were taken over, ()."""
        return {"m": _as_tensor(self._m), "v": _as_tensor(self._v), "steps": torch.tensor(self._steps)}

    def restore(self, averages: Mapping[str, torch.Tensor]) -> None:
        """Go on from Adam's memory as `averages` gave it.

        Raises:
            KeyError: when a part is missing.
            ValueError: when it is of other networks.
        """
        for name, held in (("m", self._m), ("v", self._v)):
            if averages[name].shape != held.shape:
                raise ValueError(f"{name} of shape {tuple(averages[name].shape)} for {tuple(held.shape)} parameters")
            held[...] = averages[name]
        self._steps = int(averages["steps"])

    @property
    def _xp(self) -> Any:
        """The module that computes: numpy or torch."""
        return np if isinstance(self._values, np.ndarray) else torch

    def _compute_gradients(self, observations: Array, actions: Array) -> Array:
        """Fill in the gradients of all parameters; arguments and result as of `step`."""
        xp, layers = self._xp, range(0, len(self._p) - 1, 2)  # weight, bias, weight, bias, ... and perhaps a logstd
        inputs, x = [], (observations - self._ob_mean) / self._ob_std
        for i in layers:
            if i > 0:
                x = xp.tanh(x)
            inputs.append(x)
            x = x @ self._p[i].swapaxes(1, 2) + self._p[i + 1]
        losses, delta = self._loss_and_its_gradient(x, actions)
        for i in reversed(layers):
            x = inputs[i // 2]
            xp.matmul(delta.swapaxes(1, 2), x, out=self._g[i])
            self._g[i + 1][...] = delta.sum(axis=1, keepdims=True)
            if i > 0:
                delta = (delta @ self._p[i]) * (1 - x * x)  # the slope of tanh is 1 - tanh²
        return losses

    def _loss_and_its_gradient(self, outputs: Array, actions: Array) -> tuple[Array, Array]:
        """The (K,) losses, and their gradient with respect to the (K, N, outputs)."""
        xp, (_, n, width) = self._xp, outputs.shape
        if self._loss == "cross_entropy":
            logits = outputs - xp.amax(outputs, axis=2, keepdims=True)
            exponentials = xp.exp(logits)
            total = exponentials.sum(axis=2, keepdims=True)
            chosen = self._one_hot[actions]
            losses = (xp.log(total) - (logits * chosen).sum(axis=2, keepdims=True)).sum(axis=(1, 2)) / n
            return losses, (exponentials / total - chosen) / n
        error = outputs - actions
        if self._loss == "mse":
            return (error * error).sum(axis=(1, 2)) / (n * width), error * (2 / (n * width))
        logstd = self._p[-1]  # (K, 1, ac_dim)
        std = xp.exp(logstd)
        z = error / std
        self._g[-1][...] = (1 - z * z).sum(axis=1, keepdims=True) / n
        negative_log_likelihood = 0.5 * z * z + logstd + 0.5 * math.log(2 * math.pi)
        return negative_log_likelihood.sum(axis=(1, 2)) / n, z / (std * n)

    def _adam(self) -> None:
        """Adam (Kingma and Ba 2015, algorithm 1)."""
        factor = self._schedule(self._steps)
        self._steps += 1
        self._m += (1 - BETA1) * (self._gradients - self._m)
        self._v *= BETA2
        self._v += (1 - BETA2) * self._gradients * self._gradients
        denominator = self._xp.sqrt(self._v / (1 - BETA2**self._steps)) + EPSILON
        self._values -= self._learning_rates * (factor / (1 - BETA1**self._steps)) * (self._m / denominator)


def _as_array(tensor: torch.Tensor) -> Array:
    """The same memory, as what computes there takes it."""
    tensor = tensor.detach()
    return tensor.numpy() if tensor.is_cpu else tensor


def _as_tensor(array: Array) -> torch.Tensor:
    """The other way round."""
    return torch.from_numpy(array) if isinstance(array, np.ndarray) else array


def _parameters(network: nn.Sequential, logstds: Sequence[nn.Parameter]) -> list[torch.Tensor]:
    """Weight and bias of each affine layer in turn, then the logstd if there is one."""
    affine = [layer for layer in network if isinstance(layer, nn.Linear)]
    return [p for layer in affine for p in (layer.weight, layer.bias)] + list(logstds)


def _views(flat: torch.Tensor, shapes: Sequence[torch.Size]) -> list[torch.Tensor]:
    """Cut (K, P) into (K, rows, columns) for each shape; a vector is one row."""
    views, start = [], 0
    for shape in shapes:
        rows_and_columns = (1, *shape) if len(shape) == 1 else shape
        views.append(flat[:, start : start + shape.numel()].view(len(flat), *rows_and_columns))
        start += shape.numel()
    return views
