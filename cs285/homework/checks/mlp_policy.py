"""Checks of `MLPPolicy.get_action` and `forward`, and of `MLPPolicySL.update` with `compute_loss`."""

import math
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import torch
from torch import distributions, nn

from cs285.homework.checks.mistake import Mistake, case, close, require, require_equal, require_type, run_cases, show
from cs285.policies import MLP_policy

core: Any = MLP_policy
optim: Any = torch.optim
N, OB_DIM = 6, 3  # number of observations in a batch, and of numbers in an observation
# ob_mean is 1 and ob_std is 0.5, so this mistake gives the results that belong to the observations 0.5 * x + 1.
NOT_STANDARDISED = "the network gets observations that are not standardised (self.outputs standardises them)"


def _make_policy(
    discrete: bool = False, ob_shape: tuple[int, ...] = (OB_DIM,), loss: str = "mse", ac_dim: int = 2, **methods: Any
) -> Any:
    """Make an `MLPPolicySL` with a small network and a mock as optimiser; ``methods`` replace the class's methods."""
    optim.Adam = optim.AdamW = optim.SGD = optim.RMSprop = MagicMock()
    core.build_mlp = lambda inputs, outputs, *_: nn.Sequential(nn.Linear(inputs, 8), nn.Tanh(), nn.Linear(8, outputs))
    # The next two functions are replaced, because the student's pytorch_utils.py, which defines them, may be broken.
    core.from_numpy = lambda array, device=None: torch.as_tensor(np.asarray(array, np.float32))
    core.to_numpy = lambda tensor: tensor.detach().numpy().copy()
    torch.default_generator.manual_seed(0)
    kind = type("MLPPolicySL", (core.MLPPolicySL,), {"outputs": _outputs, **methods})
    sizes = (4 if discrete else ac_dim, math.prod(ob_shape), 1, 8)
    policy: Any = kind(*sizes, discrete=discrete, ob_shape=ob_shape, loss=loss)
    policy.ob_mean, policy.ob_std = policy.ob_mean + 1, policy.ob_std * 0.5
    if not discrete:
        policy.logstd.data = torch.linspace(-1, 0.5, ac_dim)
    return policy


def _outputs(policy: Any, observations: Any) -> Any:
    """The outputs of the policy's network for observations that are standardised correctly."""
    return policy.network((torch.as_tensor(observations).flatten(start_dim=1) - policy.ob_mean) / policy.ob_std)


def _distribution(policy: Any, observations: Any) -> Any:
    """The distribution that `MLPPolicy.forward` should return."""
    outputs = _outputs(policy, observations)
    if policy.discrete:
        return distributions.Categorical(outputs.softmax(-1))
    return distributions.MultivariateNormal(outputs, scale_tril=policy.logstd.exp().diag())


def _modes(policy: Any, observations: Any) -> Any:
    """The actions that `MLPPolicy.get_action` should return for a batch."""
    return _distribution(policy, observations).mode.detach().numpy()


def _make_batch(policy: Any, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Random observations (N, OB_DIM) and actions, (N, ac_dim) or (N,) if discrete."""
    generator = torch.Generator().manual_seed(seed)
    observations = torch.randn(N, OB_DIM, generator=generator)
    if policy.discrete:
        return observations, torch.randint(4, (N,), generator=generator)
    return observations, 2 * torch.randn(N, len(policy.logstd), generator=generator)


def _check_actions(discrete: bool, ob_shape: tuple[int, ...] = (OB_DIM,)) -> Iterator[Mistake]:
    """Compare actions with the modes of the distribution, for a batch and for single observations."""
    policy = _make_policy(discrete, ob_shape, forward=_distribution)
    observations = np.random.default_rng(0).normal(size=(N, *ob_shape)).astype(np.float32)
    modes = _modes(policy, observations)
    found = []
    for given, mode in ((observations, modes), (observations[:1], modes[:1]), (observations[1], modes[1])):
        with case(f"observations of shape {given.shape}, self.ob_shape={policy.ob_shape}"):
            actions = policy.get_action(given)
            require_type(actions, (np.ndarray, np.generic, int), "a numpy array (see to_numpy)")
            require(np.shape(actions) == mode.shape, f"the actions have shape {np.shape(actions)}, not {mode.shape}")
            dtype = np.asarray(actions).dtype
            require(not discrete or dtype.kind in "iu", f"the actions are {dtype}, not integers")
            found.append(actions)
    batch, _, single = found
    if close(batch, modes):
        require_equal(single, modes[1], "the action is", ", which the observation gets in a batch")
        return
    actions = policy.get_action(np.repeat(observations[1:2], 20_000, axis=0))
    samples = _distribution(policy, observations[1:2]).sample((20_000,))[:, 0].numpy()
    if not np.allclose([actions.mean(0), actions.std(0)], [samples.mean(0), samples.std(0)], atol=0.1):
        known = {NOT_STANDARDISED: _modes(policy, 0.5 * observations + 1)}
        hint = ", the most likely actions, and they are not sampled from the policy's distribution either"
        require_equal(batch, modes, "the actions are", hint, known)
    yield Mistake("it samples actions, which leads to states that the expert never visits")


def _check_distribution(discrete: bool) -> None:
    """Compare the distribution's parameters, log-probabilities and gradients with the network's outputs."""
    policy = _make_policy(discrete)
    observations, _ = _make_batch(policy, 1)
    found, wanted = policy(observations), _distribution(policy, observations)
    require_type(found, distributions.Distribution, "a distribution of torch.distributions")
    name = "probs" if discrete else "mean"
    known = {NOT_STANDARDISED: getattr(_distribution(policy, 0.5 * observations + 1), name)}
    hint = ": the network's outputs are logits, not probabilities" if discrete else ""
    require_equal(getattr(found, name), getattr(wanted, name), f"the distribution's {name} is", hint, known)
    if not discrete:
        name = f"with a logstd of {show(policy.logstd)} the standard deviation is"
        hint = ": it must be logstd.exp(), whose square is the variance"
        require_equal(found.stddev[0], policy.logstd.exp(), name, hint)
    actions = wanted.sample()
    log_prob = found.log_prob(actions)
    require_equal(log_prob, wanted.log_prob(actions), "log_prob is", ": each action has one log-probability")
    log_prob.sum().backward()
    without = [name for name, parameter in policy.named_parameters() if parameter.grad is None]
    require(not without, f"log_prob has no gradient with respect to {without}")


def update() -> Iterator[Mistake]:
    """Check the values of the loss, and the gradients and the order of calls in two gradient steps."""
    policy = _make_policy()
    optimized = {id(parameter) for parameter in optim.Adam.call_args.args[0]}
    missing = [name for name, parameter in policy.named_parameters() if id(parameter) not in optimized]
    require(not missing, f"the optimiser made in __init__ lacks {missing}, which are then never trained")
    losses = {"mse": {}, "mse, ac_dim=1": {"ac_dim": 1}, "nll": {"loss": "nll"}, "discrete": {"discrete": True}}
    yield from run_cases(_check_loss, {f"compute_loss, {name}": (options,) for name, options in losses.items()})
    yield from _check_steps()


def _losses(policy: Any, observations: torch.Tensor, actions: torch.Tensor) -> dict[str, torch.Tensor]:
    """Map "right" to the right loss, and the name of each common mistake to the loss that this mistake leads to."""
    outputs = _outputs(policy, observations)
    if policy.discrete:
        right = -outputs.log_softmax(1).gather(1, actions[:, None]).mean()
        twice = -outputs.softmax(1).log_softmax(1).gather(1, actions[:, None]).mean()
        logits = -outputs.gather(1, actions[:, None]).mean()
        losses = {"softmax twice": twice, "logits taken for logarithms of probabilities": logits}
    else:
        nll = -_distribution(policy, observations).log_prob(actions).mean()
        mse = (outputs - actions).square().mean()
        right = nll if policy.loss == "nll" else mse
        losses = {
            "mse in place of nll": mse,
            "nll in place of mse": nll,
            "absolute error": (outputs - actions).abs().mean(),
            "means squashed by tanh": (outputs.tanh() - actions).square().mean(),
            "(N,) broadcast against (N, 1)": (outputs[:, :1] - actions[:, 0]).square().mean(),
            "summed over rows and columns": mse * actions.numel(),
        }
    return {"right": right, **losses, "wrong sign": -right, "summed over the rows of the batch": right * N}


def _check_loss(options: dict[str, Any]) -> Iterator[Mistake]:
    policy = _make_policy(**options, forward=_distribution, get_action=_modes)
    observations, actions = _make_batch(policy, 0)
    loss, again = (policy.compute_loss(observations, actions) for _ in range(2))
    require_type(loss, torch.Tensor, "a tensor, from which backward computes gradients")
    require(loss.ndim == 0, f"the loss has shape {tuple(loss.shape)}, not (): it must be the mean over the batch")
    require(loss == again, f"one batch has the losses {loss:.4g} and {again:.4g}: use the mean action, not a sample")
    known = _losses(policy, observations, actions)
    right = known.pop("right")
    known[NOT_STANDARDISED] = _losses(policy, 0.5 * observations + 1, actions)["right"]
    scale, size = loss.item() / right.item(), actions[0].numel()
    if not any(close(scale, factor) for factor in (1, 0.5, size, size / 2, 1 / size)):
        require_equal(loss, right, "the loss is", known=known)
    if not close(scale, 1):
        yield Mistake(f"the loss is {scale:.3g} times the usual mean, so it is not comparable with others")
    names, parameters = zip(*policy.named_parameters(), strict=True)
    wanted = torch.autograd.grad(right, parameters, allow_unused=True)
    found = torch.autograd.grad(loss, parameters, allow_unused=True) if loss.requires_grad else [None] * len(names)
    without = [name for name, a, b in zip(names, found, wanted, strict=True) if a is None and b is not None]
    require(not without, f"no gradient of the loss reaches {without}: get_action, sample() and detach() cut it off")


def _check_steps() -> Iterator[Mistake]:
    policy = _make_policy(compute_loss=lambda *batch: _losses(*batch)["right"], forward=_distribution)
    parameters, gradients = list(policy.parameters()), list[torch.Tensor]()

    def step() -> None:
        gradients[:] = [torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in parameters]
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.data -= 0.05 * gradient

    calls = MagicMock(**{"step.side_effect": step, "backward.return_value": None})
    calls.zero_grad.side_effect = lambda *_, **__: policy.zero_grad(set_to_none=True)
    policy.optimizer, policy.scheduler = calls, MagicMock(step=calls.scheduler)
    next(policy.mean_net.parameters()).register_hook(calls.backward)
    optim.Adam.reset_mock()
    for order in (["backward", "step", "scheduler"], ["backward", "step"]):
        observations, actions = _make_batch(policy, len(order))
        loss = policy.compute_loss(observations, actions)
        wanted = torch.autograd.grad(loss, parameters, allow_unused=True, materialize_grads=True)
        calls.reset_mock()
        log = policy.update(observations, actions)
        same = policy.optimizer is calls and not optim.Adam.called
        require(same, "it makes a new optimiser, which has lost Adam's averages: use self.optimizer")
        events = [name for name, _, _ in calls.method_calls]
        text = f"it calls {', '.join(events) or 'nothing'}"
        found = [name for name in events if name != "zero_grad"]
        require(found == order, f"{text}; {', '.join(order)} must be called once, in this order")
        taken, right = (torch.cat([gradient.flatten() for gradient in parts]) for parts in (gradients, wanted))
        hint = "" if events[0] == "zero_grad" else "; zero_grad, which must come before backward, is missing"
        require_equal(taken, right, f"{text}; the gradient of the step is", hint)
        require_type(log, Mapping, '{"Training Loss": loss}')
        value, after = torch.as_tensor(log.get("Training Loss", np.nan)), policy.compute_loss(observations, actions)
        text = f"it returns {dict(log)}; 'Training Loss' must be {loss:.4g}, the loss before the step"
        require(close(value, loss), f"{text} (after it: {after:.4g})")
        policy.scheduler = None
    if value.requires_grad:
        yield Mistake("the returned loss keeps the graph of its computation in memory: detach the loss")


KINDS = {"continuous actions": (False,), "discrete actions": (True,)}
forward = partial(run_cases, _check_distribution, KINDS)
get_action = partial(run_cases, _check_actions, {**KINDS, "ob_shape=(2, 2)": (False, (2, 2))})
