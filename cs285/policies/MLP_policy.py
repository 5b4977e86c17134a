"""The learned policies: a multi-layer perceptron, and its supervised learning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from torch import distributions, nn
from torch.nn import functional

from cs285.data.trajectory import Array
from cs285.infrastructure.pytorch_utils import build_mlp, from_numpy, to_numpy
from cs285.policies.base_policy import BasePolicy
from cs285.policies.numpy_policy import NumpyPolicy
from cs285.policies.supervised_step import Loss, Schedule, SupervisedStep, constant_schedule


class MLPPolicy(nn.Module, BasePolicy):
    """A policy whose distribution over actions is given by a multi-layer perceptron.

    Continuous actions: a Gaussian with the network's output as its mean and a learned log
    standard deviation that does not depend on the observation. Discrete actions: a
    categorical distribution with the network's output as its logits.

    The network reads standardised observations: less ``ob_mean``, divided by ``ob_std``, which
    are 0 and 1 until they are set.
    """

    ob_mean: torch.Tensor
    ob_std: torch.Tensor

    def __init__(self, ac_dim: int, ob_dim: int, n_layers: int, size: int, discrete: bool = False) -> None:
        """Build the network, from torch's current random state.

        Args:
            ac_dim: numbers in an action, or choices when discrete.
            ob_dim: numbers in an observation.
            n_layers: hidden layers, tanh after each.
            size: width of each hidden layer.
            discrete: whether actions are numbers of choices.
        """
        super().__init__()
        self.discrete = discrete
        self.ob_dim = ob_dim
        self.register_buffer("ob_mean", torch.zeros(ob_dim))
        self.register_buffer("ob_std", torch.ones(ob_dim))
        network = build_mlp(ob_dim, ac_dim, n_layers, size)
        if discrete:
            self.logits_na = network
        else:
            self.mean_net = network
            self.logstd = nn.Parameter(torch.zeros(ac_dim))

    @property
    def network(self) -> nn.Sequential:
        """The network behind the distribution: logits, or means."""
        return self.logits_na if self.discrete else self.mean_net

    def forward(self, observations: torch.Tensor) -> distributions.Distribution:
        """The distribution over actions for each of (N, ob_dim) observations."""
        outputs = self.outputs(observations)
        if self.discrete:
            return distributions.Categorical(logits=outputs)
        return distributions.Independent(distributions.Normal(outputs, self.logstd.exp()), 1)

    def outputs(self, observations: torch.Tensor) -> torch.Tensor:
        """The network's outputs, means or logits (N, ac_dim), for (N, ob_dim) observations."""
        return self.network((observations - self.ob_mean) / self.ob_std)  # type: ignore[no-any-return]

    @torch.no_grad()
    def get_action(self, observations: Array) -> Array:
        """The most likely action: the mean, or the best choice (see `BasePolicy.get_action`).

        An imitator is judged, and collects its data, by what it takes the expert's action to
        be; noise around that would only be spread over states the expert never visits. To
        sample, use ``policy(observations).sample()``.
        """
        device = next(self.parameters()).device
        outputs = self.outputs(from_numpy(np.asarray(observations, np.float32), device))
        return to_numpy(outputs.argmax(dim=-1) if self.discrete else outputs)

    def frozen_copy(self) -> NumpyPolicy:
        """A copy in numpy with the parameters of this moment; its first layer standardises observations too."""
        affine = [layer for layer in self.network if isinstance(layer, nn.Linear)]
        weights = [np.ascontiguousarray(to_numpy(layer.weight).T) for layer in affine]
        biases = [to_numpy(layer.bias) for layer in affine]
        mean, std = to_numpy(self.ob_mean).astype(np.float64), to_numpy(self.ob_std).astype(np.float64)
        first = weights[0] / std[:, None]
        weights[0], biases[0] = first.astype(np.float32), (biases[0] - mean @ first).astype(np.float32)
        return NumpyPolicy(
            weights,
            biases,
            activation="tanh",
            discrete=self.discrete,
        )


class MLPPolicySL(MLPPolicy):
    """An `MLPPolicy` that learns by supervision, from pairs of observation and action."""

    def __init__(
        self,
        ac_dim: int,
        ob_dim: int,
        n_layers: int,
        size: int,
        discrete: bool = False,
        learning_rate: float = 5e-3,
        loss: Literal["mse", "nll"] = "mse",
        device: torch.device | None = None,
        standardizer: tuple[Array, Array] | None = None,
        schedule: Schedule = constant_schedule,
    ) -> None:
        """Build the network on ``device`` and its optimiser, Adam.

        Args:
            ac_dim: as in `MLPPolicy`, and so are the next four.
            ob_dim: numbers in an observation.
            n_layers: hidden layers.
            size: width of each.
            discrete: whether actions are numbers of choices; the loss is then the cross entropy.
            learning_rate: Adam's.
            loss: for continuous actions, ``mse``: the squared error of the mean action;
                ``nll``: the negative log-likelihood, which also learns the standard deviation.
            device: the CPU when None.
            standardizer: (ob_dim,) mean and standard deviation of the observations; None: 0 and 1.
            schedule: of the learning rate.
        """
        super().__init__(ac_dim, ob_dim, n_layers, size, discrete)
        if standardizer is not None:
            self.ob_mean, self.ob_std = (from_numpy(part, torch.device("cpu")) for part in standardizer)
        self.to(device or torch.device("cpu"))
        self.loss: Loss = "cross_entropy" if discrete else loss
        self.learning_rate, self.schedule = learning_rate, schedule
        self.optimizer = join_learners([self])

    def update(self, observations: torch.Tensor, actions: torch.Tensor) -> dict[str, torch.Tensor]:
        """Take one gradient step towards the given actions.

        Args:
            observations: (N, ob_dim) float32, on the policy's device.
            actions: (N, ac_dim) float32, or (N,) int64 when discrete.

        Returns:
            ``{"Training Loss": scalar}``, the loss before the step, left on the device so that
            nothing waits for it.
        """
        return {"Training Loss": self.optimizer.step(observations[None], actions[None])[0]}

    def compute_loss(self, observations: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
        """The mean loss over the batch that `update` descends, for autograd.

        A loss of one's own starts here: give it to ``backward`` and any of `torch.optim`.
        """
        if self.loss == "cross_entropy":
            return functional.cross_entropy(self.outputs(observations), actions)
        if self.loss == "nll":
            return -self(observations).log_prob(actions).mean()  # type: ignore[no-any-return]
        return functional.mse_loss(self.outputs(observations), actions)


def join_learners(policies: Sequence[MLPPolicySL]) -> SupervisedStep:
    """One optimiser that takes the gradient steps of several policies of the same shape, loss and schedule.

    The policies keep their parameters, and must not be updated one by one any more.
    """
    return SupervisedStep(
        networks=[policy.network for policy in policies],
        logstds=[policy.logstd for policy in policies] if policies[0].loss == "nll" else [],
        loss=policies[0].loss,
        learning_rates=[policy.learning_rate for policy in policies],
        standardizers=[(policy.ob_mean, policy.ob_std) for policy in policies],
        schedule=policies[0].schedule,
    )
