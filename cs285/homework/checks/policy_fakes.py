"""A policy for checks, in which fakes replace the network, the optimiser and the blanks that are not checked."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import distributions, nn

from cs285.homework.checks.mistake import close, require
from cs285.policies import MLP_policy

core: Any = MLP_policy
N, OB_DIM = 6, 3  # number of observations in a batch, and of numbers in an observation


class Optimizer:
    """Gradient descent that replaces torch's optimisers and records the calls of its methods."""

    made = 0

    def __init__(self, parameters: Any, lr: float = 0.05, **options: Any) -> None:
        self.parameters = list(parameters)
        self.param_groups = [{"lr": lr, "params": self.parameters}]
        self.events, self.gradients = list[str](), list[torch.Tensor]()
        Optimizer.made += 1

    def zero_grad(self, set_to_none: bool = True) -> None:
        """See torch.optim."""
        self.events.append("zero_grad")
        for parameter in self.parameters:
            parameter.grad = None

    def step(self, closure: Any = None) -> None:
        """See torch.optim."""
        self.events.append("step")
        self.gradients = [torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in self.parameters]
        for parameter, gradient in zip(self.parameters, self.gradients, strict=True):
            parameter.data -= 0.05 * gradient


def network_outputs(policy: Any, observations: Any) -> Any:
    """The outputs of the policy's network for observations that are standardised correctly."""
    return policy.network((torch.as_tensor(observations).flatten(start_dim=1) - policy.ob_mean) / policy.ob_std)


def check_inputs(found: Any, policy: Any, observations: Any, convert: Callable[[Any], Any]) -> None:
    """Raise a `Mistake` if ``found`` equals ``convert(outputs)`` for observations that were not standardised."""
    outputs = policy.network(torch.as_tensor(observations).flatten(start_dim=1))
    text = "the network gets observations that are not standardised; self.outputs standardises them"
    require(not close(found, convert(outputs)), "standardised", text)


def action_distribution(policy: Any, outputs: torch.Tensor) -> distributions.Distribution:
    """The distribution over actions that has the network's outputs as parameters."""
    if policy.discrete:
        return distributions.Categorical(outputs.softmax(-1))
    return distributions.MultivariateNormal(outputs, scale_tril=policy.logstd.exp().diag())


def distribution(policy: Any, observations: Any) -> Any:
    """The distribution that `MLPPolicy.forward` should return."""
    return action_distribution(policy, network_outputs(policy, observations))


def modes(policy: Any, observations: Any) -> Any:
    """The actions that `MLPPolicy.get_action` should return for a batch."""
    return distribution(policy, observations).mode.detach().numpy()


def make_policy(
    discrete: bool = False, ob_shape: tuple[int, ...] = (OB_DIM,), loss: str = "mse", ac_dim: int = 2, **methods: Any
) -> Any:
    """Make an `MLPPolicySL` with a small network and the `Optimizer` above; ``methods`` replace the class's methods.

    A continuous action has ``ac_dim`` numbers. A discrete action is one of 4 choices.
    """
    optimizers: Any = torch.optim
    optimizers.Adam = optimizers.AdamW = optimizers.SGD = optimizers.RMSprop = Optimizer
    core.build_mlp = lambda inputs, outputs, *_, **__: nn.Sequential(
        nn.Linear(inputs, 8), nn.Tanh(), nn.Linear(8, outputs)
    )
    # The next two functions are replaced, because the student's pytorch_utils.py, which defines them, may be broken.
    core.from_numpy = lambda array, device=None: torch.as_tensor(np.asarray(array, np.float32))
    core.to_numpy = lambda tensor: tensor.detach().numpy().copy()
    torch.default_generator.manual_seed(0)
    kind = type("MLPPolicySL", (core.MLPPolicySL,), {"outputs": network_outputs, **methods})
    sizes = (4 if discrete else ac_dim, math.prod(ob_shape), 1, 8)
    policy: Any = kind(*sizes, discrete=discrete, ob_shape=ob_shape, loss=loss)
    policy.ob_mean, policy.ob_std = policy.ob_mean + 1, policy.ob_std * 0.5
    if not discrete:
        policy.logstd.data = torch.linspace(-1, 0.5, ac_dim)
    return policy


def make_batch(policy: Any, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Random observations (N, OB_DIM) and actions, (N, ac_dim) or (N,) if discrete."""
    generator = torch.Generator().manual_seed(seed)
    observations = torch.randn(N, OB_DIM, generator=generator)
    if policy.discrete:
        return observations, torch.randint(4, (N,), generator=generator)
    return observations, 2 * torch.randn(N, len(policy.logstd), generator=generator)
