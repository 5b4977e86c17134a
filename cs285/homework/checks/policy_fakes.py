"""A policy whose network, optimiser and other blanks are those of the checks."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from cs285.homework.checks.mistake import close, require
from cs285.policies import MLP_policy

core: Any = MLP_policy
N, OB_DIM = 6, 3  # observations in a batch, and their size


class Optimizer:
    """Gradient descent that records what is called, in place of torch's optimisers."""

    made = 0

    def __init__(self, parameters: Any, lr: float = 0.05, **options: Any) -> None:
        """Take parameters or groups of them."""
        given = list(parameters)
        groups = given if given and isinstance(given[0], dict) else [{"params": given}]
        self.parameters = [parameter for group in groups for parameter in group["params"]]
        self.param_groups = [{"lr": lr, "params": self.parameters}]
        self.events, self.gradients = list[str](), list[torch.Tensor]()
        Optimizer.made += 1

    def zero_grad(self, set_to_none: bool = True) -> None:
        """See torch.optim."""
        self.events.append("zero_grad")
        for parameter in self.parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        """See torch.optim."""
        self.events.append("step")
        self.gradients = [torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in self.parameters]
        for parameter in self.parameters:
            if parameter.grad is not None:
                parameter -= 0.05 * parameter.grad


class Distribution:
    """The distribution over actions for the outputs of a network, by its formulas."""

    def __init__(self, outputs: torch.Tensor, logstd: torch.Tensor | None) -> None:
        """Take means and the logarithms of standard deviations, or logits and None."""
        self.outputs, self.logstd, self.has_rsample = outputs, logstd, logstd is not None
        self.logits = self.log_probs = outputs - outputs.logsumexp(1, keepdim=True)
        self.probs = self.log_probs.exp()
        discrete = logstd is None
        self.mode = outputs.argmax(1) if discrete else outputs
        self.mean = self.outputs[:, 0] * math.nan if discrete else outputs
        self.stddev = self.mean if logstd is None else logstd.exp().expand_as(outputs)

    def rsample(self) -> torch.Tensor:
        """An action for each row."""
        return self.mean + self.stddev * torch.randn_like(self.mean)

    def sample(self) -> torch.Tensor:
        """An action for each row, off the graph."""
        return self.rsample().detach() if self.has_rsample else self.probs.multinomial(1)[:, 0]

    def log_prob(self, actions: torch.Tensor) -> torch.Tensor:
        """The logarithm of the probability, or its density, of each row's action."""
        if self.logstd is None:
            return self.log_probs[torch.arange(len(actions)), actions]
        z = (actions - self.mean) / self.stddev
        return -(z * z / 2 + self.logstd + math.log(2 * math.pi) / 2).sum(1)


def network_outputs(policy: Any, observations: torch.Tensor, inputs: str = "right") -> Any:
    """The outputs for observations that are standardised in the right way or in another."""
    flat, mean, std = observations.flatten(start_dim=1), policy.ob_mean, policy.ob_std
    right = (flat - mean) / std
    others = {"as they are": flat, "standardised twice": (right - mean) / std, "divided too early": flat / std - mean}
    return (policy.logits_na if policy.discrete else policy.mean_net)({"right": right, **others}[inputs])


def check_inputs(found: Any, policy: Any, observations: torch.Tensor, convert: Callable[[Any], Any]) -> None:
    """Raise a `Mistake` where a value is what ``convert`` makes of outputs for wrongly standardised observations."""
    for name in ("as they are", "standardised twice", "divided too early"):
        wrong = close(found, convert(network_outputs(policy, observations, name)))
        require(not wrong, "standardised", f"the network gets observations {name}: self.outputs standardises them")


def distribution(policy: Any, observations: Any) -> Distribution:
    """What `MLPPolicy.forward` is to give."""
    outputs = network_outputs(policy, torch.as_tensor(observations))
    return Distribution(outputs, None if policy.discrete else policy.logstd)


def modes(policy: Any, observations: Any) -> Any:
    """What `MLPPolicy.get_action` is to give for a batch."""
    return distribution(policy, observations).mode.detach().numpy()


def make_policy(
    ac_dim: int = 2, ob_shape: tuple[int, ...] = (OB_DIM,), discrete: bool = False, loss: str = "mse", **methods: Any
) -> Any:
    """An `MLPPolicySL` with a network of this file, and with ``methods`` in place of its own."""
    optimizers: Any = torch.optim
    optimizers.Adam = optimizers.AdamW = optimizers.SGD = optimizers.RMSprop = Optimizer
    core.build_mlp = lambda inputs, outputs, *_, **__: nn.Sequential(
        nn.Linear(inputs, 8), nn.Tanh(), nn.Linear(8, outputs)
    )
    # The answer's file pytorch_utils.py, of which these are, may be broken.
    core.from_numpy = lambda array, device=None: torch.as_tensor(np.asarray(array, np.float32))
    core.to_numpy = lambda tensor: tensor.detach().numpy().copy()
    torch.default_generator.manual_seed(0)
    kind = type("MLPPolicySL", (core.MLPPolicySL,), {"outputs": network_outputs, **methods})
    policy: Any = kind(ac_dim, math.prod(ob_shape), 1, 8, discrete=discrete, ob_shape=ob_shape, loss=loss)
    policy.ob_mean, policy.ob_std = policy.ob_mean + 1, policy.ob_std * 0.5
    if not discrete:
        policy.logstd.data = torch.linspace(-1, 0.5, ac_dim)
    return policy


def make_batch(policy: Any, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Observations and actions."""
    generator = torch.Generator().manual_seed(seed)
    observations = torch.randn(N, OB_DIM, generator=generator)
    if policy.discrete:
        return observations, torch.randint(2, (N,), generator=generator)
    return observations, 2 * torch.randn(N, len(policy.logstd), generator=generator)
