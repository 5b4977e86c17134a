"""The gradient step of supervised learning, for one network or for many of the same shape at once.

The gradients of a multi-layer perceptron fit on a page, and Adam in a few lines. Written out
here, with all parameters in one piece of memory, a step of the small networks of imitation
learning takes a fraction of the time that autograd and `torch.optim` need to find their way;
`MLPPolicySL.compute_loss` is the same mathematics for autograd, and the tests compare the two.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import torch
from torch import nn

Loss: TypeAlias = Literal["mse", "nll", "cross_entropy"]
Schedule: TypeAlias = Callable[[int], float]  # how many steps were taken -> what the learning rate is multiplied with

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
        self._loss = loss
        learners = [_parameters(network, logstds[k : k + 1]) for k, network in enumerate(networks)]
        self._values = torch.stack([torch.cat([p.detach().reshape(-1) for p in ps]) for ps in learners])
        self._gradients, self._m, self._v = (torch.zeros_like(self._values) for _ in range(3))
        self._ob_mean, self._ob_std = (torch.stack(part)[:, None] for part in zip(*standardizers, strict=True))
        self._schedule = schedule
        self._learning_rates = torch.tensor(learning_rates, device=self._values.device)[:, None]
        self._steps = 0
        shapes = [p.shape for p in learners[0]]
        self._p, self._g = _views(self._values, shapes), _views(self._gradients, shapes)
        self._taken_over = [(parameters[0], view) for parameters, view in zip(learners, self._p[0], strict=True)]
        for k, parameters in enumerate(learners):
            for parameter, view in zip(parameters, self._p, strict=True):
                parameter.data = view[k].view(parameter.shape)

    @torch.no_grad()
    def step(self, observations: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
        """Take one gradient step with every network.

        Args:
            observations: (K, N, ob_dim) float32.
            actions: (K, N, ac_dim) float32, or (K, N) int64 for ``cross_entropy``.

        Returns:
            (K,), the losses before the step, left on the device.

        Raises:
            RuntimeError: when a network's parameters were moved or copied since they were taken over.
        """
        if any(weight.data_ptr() != view.data_ptr() for weight, view in self._taken_over):
            raise RuntimeError("the network was moved or copied: make it a new SupervisedStep (see join_learners)")
        losses = self.compute_gradients(observations, actions)
        self._adam()
        return losses

    def compute_gradients(self, observations: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
        """Fill in the gradients of all parameters; arguments and result as of `step`."""
        layers = range(0, len(self._p) - 1, 2)  # weight, bias, weight, bias, ... and perhaps a logstd
        inputs, x = [], (observations - self._ob_mean) / self._ob_std
        for i in layers:
            if i > 0:
                _tanh_(x)
            inputs.append(x)
            x = torch.baddbmm(self._p[i + 1], x, self._p[i].mT)
        losses, delta = self._loss_and_its_gradient(x, actions)
        for i in reversed(layers):
            x = inputs[i // 2]
            torch.bmm(delta.mT, x, out=self._g[i])
            torch.sum(delta, dim=1, keepdim=True, out=self._g[i + 1])
            if i > 0:
                delta = torch.bmm(delta, self._p[i]).mul_(torch.rsub(x.mul_(x), 1))  # the slope of tanh is 1 - tanh²
        return losses

    def averages(self) -> dict[str, torch.Tensor]:
        """Adam's memory: its two running averages, (K, P), and how many steps they were taken over, ()."""
        return {"m": self._m, "v": self._v, "steps": torch.tensor(self._steps)}

    def restore(self, averages: Mapping[str, torch.Tensor]) -> None:
        """Go on from Adam's memory as `averages` gave it.

        Raises:
            KeyError: when a part is missing.
            ValueError: when it is of other networks.
        """
        for name, held in (("m", self._m), ("v", self._v)):
            if averages[name].shape != held.shape:
                raise ValueError(f"{name} of shape {tuple(averages[name].shape)} for {tuple(held.shape)} parameters")
            held.copy_(averages[name])
        self._steps = int(averages["steps"])

    def _loss_and_its_gradient(self, outputs: torch.Tensor, actions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The (K,) losses, and their gradient with respect to the (K, N, outputs)."""
        n = outputs.shape[1]
        if self._loss == "cross_entropy":
            log_p = outputs.log_softmax(dim=2)
            chosen = actions[:, :, None]
            losses = -log_p.gather(2, chosen).mean(dim=(1, 2))
            return losses, log_p.exp_().scatter_add_(2, chosen, torch.full_like(log_p, -1.0)).div_(n)
        error = outputs - actions
        if self._loss == "mse":
            return (error * error).mean(dim=(1, 2)), error.mul_(2 / error[0].numel())
        logstd = self._p[-1]  # (K, 1, ac_dim)
        z = error / logstd.exp()
        square = z * z
        torch.sum(1 - square, dim=1, keepdim=True, out=self._g[-1])
        self._g[-1].div_(n)
        log_likelihood = -0.5 * square - logstd - 0.5 * math.log(2 * math.pi)
        return -log_likelihood.sum(dim=2).mean(dim=1), z.div_(logstd.exp() * n)

    def _adam(self) -> None:
        """Adam (Kingma and Ba 2015, algorithm 1), in the order of operations of `torch.optim.Adam`."""
        factor = self._schedule(self._steps)
        self._steps += 1
        self._m.lerp_(self._gradients, 1 - BETA1)
        self._v.mul_(BETA2).addcmul_(self._gradients, self._gradients, value=1 - BETA2)
        step_size = self._learning_rates * factor / (1 - BETA1**self._steps)
        denominator = self._v.sqrt().div_(math.sqrt(1 - BETA2**self._steps)).add_(EPSILON)
        self._values.sub_(self._m.div(denominator).mul_(step_size))


def _tanh_(x: torch.Tensor) -> None:
    """In place; on the CPU by numpy, which vectorises it and takes a sixth of the time."""
    if x.is_cpu:
        np.tanh(x.numpy(), out=x.numpy())
    else:
        x.tanh_()


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
