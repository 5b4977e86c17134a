"""Multi-layer perceptron policies, and their training by supervised learning."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from torch import distributions, nn
from torch.nn import functional
from torch.optim.lr_scheduler import LRScheduler, MultiplicativeLR

from cs285.data.trajectory import Array
from cs285.errors import InvalidInput
from cs285.infrastructure.pytorch_utils import build_mlp, cosine_ratio, from_numpy, to_numpy
from cs285.policies.base_policy import BasePolicy


class MLPPolicy(nn.Module, BasePolicy):
    """A policy whose distribution over actions is given by a multi-layer perceptron.

    For continuous actions, the distribution is a Gaussian. Its mean is the network's output, and its log standard
    deviation (ac_dim,) is a parameter, the same for all observations. For discrete actions, the distribution is
    categorical, with the outputs as logits. The network reads (observation - ``ob_mean``) / ``ob_std``; these buffers
    (ob_dim,) are 0 and 1 at first.
    """

    ob_mean: torch.Tensor
    ob_std: torch.Tensor

    def __init__(
        self, ac_dim: int, ob_dim: int, n_layers: int, size: int, discrete: bool = False, ob_shape: Sequence[int] = ()
    ) -> None:
        """Build the network with weights from torch's global generator.

        ``ac_dim`` is the size of an action or, if ``discrete``, the number of choices. An observation has ``ob_dim``
        numbers; its shape is ``ob_shape`` or, if that is empty, (ob_dim,). There are ``n_layers`` hidden layers of
        width ``size`` with tanh activations.
        """
        super().__init__()
        self.discrete = discrete
        self.ob_shape = tuple(ob_shape) or (ob_dim,)
        self.register_buffer("ob_mean", torch.zeros(ob_dim, dtype=torch.float32))
        self.register_buffer("ob_std", torch.ones(ob_dim, dtype=torch.float32))
        if discrete:
            self.logits_na = build_mlp(ob_dim, ac_dim, n_layers, size)
        else:
            self.mean_net = build_mlp(ob_dim, ac_dim, n_layers, size)
            self.logstd = nn.Parameter(torch.zeros(ac_dim, dtype=torch.float32))

    @property
    def network(self) -> nn.Module:
        """The network whose outputs are the logits or the means."""
        return self.logits_na if self.discrete else self.mean_net

    def get_action(self, observations: Array) -> Array:
        """Choose the most likely action: the mean, or the choice of the largest logit (see `BasePolicy.get_action`).

        Sampled actions, as from ``policy(observations).sample()``, lead to states that the expert never visits.
        """
        observations = np.asarray(observations)
        single = observations.ndim == len(self.ob_shape)
        batch = from_numpy(observations[None] if single else observations, self.ob_mean.device)
        with torch.no_grad():
            actions = to_numpy(self(batch).mode)
        return np.asarray(actions[0]) if single else actions

    def forward(self, observations: torch.Tensor) -> distributions.Distribution:
        """The distributions over actions for a batch of observations (N, *ob_shape), as one batched distribution."""
        outputs = self.outputs(observations)
        if self.discrete:
            return distributions.Categorical(logits=outputs, validate_args=False)
        normal = distributions.Normal(outputs, self.logstd.exp(), validate_args=False)
        return distributions.Independent(normal, 1, validate_args=False)

    def outputs(self, observations: torch.Tensor) -> torch.Tensor:
        """The network's outputs (N, ac_dim), which are means or logits, for observations (N, *ob_shape)."""
        standardized = (observations.flatten(start_dim=1) - self.ob_mean) / self.ob_std
        return self.network(standardized)  # type: ignore[no-any-return]


class MLPPolicySL(MLPPolicy):
    """An `MLPPolicy` with supervised learning from pairs of observation and action."""

    def __init__(
        self,
        *args: Any,
        learning_rate: float = 5e-3,
        loss: Literal["mse", "nll"] = "mse",
        schedule_period: int | None = None,
        **kwargs: Any,
    ) -> None:
        """Build the network, its optimiser and the schedule of its learning rate.

        ``args`` and ``kwargs`` are the arguments of `MLPPolicy`. Adam's learning rate falls from ``learning_rate``
        towards 0 as half a cosine in ``schedule_period`` gradient steps, and the next period starts at the full rate
        again; None: it is constant. The ``loss`` of continuous actions is ``mse``, the squared error of the mean, or
        ``nll``, the negative log-likelihood, which also trains logstd; that of discrete actions is the cross entropy.
        """
        super().__init__(*args, **kwargs)
        self.loss = loss
        self.optimizer: torch.optim.Optimizer = torch.optim.Adam(self.parameters(), learning_rate, fused=True)
        self.scheduler: LRScheduler | None = None
        if schedule_period is not None:
            self.scheduler = MultiplicativeLR(self.optimizer, partial(cosine_ratio, schedule_period))

    def update(self, observations: torch.Tensor, actions: torch.Tensor) -> dict[str, torch.Tensor]:
        """Take one gradient step towards the given actions.

        ``observations`` are (N, *ob_shape), ``actions`` are (N, ac_dim) float32 or, when discrete, (N,) int64; both are
        on the policy's device. Returns ``{"Training Loss": loss}``, with the loss before the step as a scalar tensor.
        """
        loss = self.compute_loss(observations, actions)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        if self.scheduler is not None:
            self.scheduler.step()
        return {"Training Loss": loss.detach()}

    def compute_loss(self, observations: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
        """The loss that `update` minimises, a scalar mean over the batch; the arguments are those of `update`."""
        if self.discrete:
            return functional.cross_entropy(self.outputs(observations), actions)
        if self.loss == "nll":
            return -self(observations).log_prob(actions).mean()  # type: ignore[no-any-return]
        if self.loss == "mse":
            return functional.mse_loss(self.outputs(observations), actions)
        raise InvalidInput(f"the loss is {self.loss!r}; it must be 'mse' or 'nll'")
