"""Checks of `MLPPolicy.get_action` and `forward`, and of `MLPPolicySL.update` with `compute_loss`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import distributions

from cs285.homework.checks.mistake import Mistake, case, close, require, require_equal, require_type, show
from cs285.homework.checks.policy_fakes import (
    OB_DIM,
    Distribution,
    N,
    Optimizer,
    check_inputs,
    distribution,
    make_batch,
    make_policy,
    modes,
    network_outputs,
)


def get_action() -> Iterator[Mistake]:
    """Compare actions with the modes of the distribution, for batches and single observations."""
    costs: dict[str, Mistake] = {}
    for discrete, ob_shape in ((False, (OB_DIM,)), (True, (OB_DIM,)), (False, (2, 2))):
        with case("discrete actions" if discrete else f"observations of shape {ob_shape}"):
            policy = make_policy(4 if discrete else 2, ob_shape, discrete, forward=distribution)
            costs |= {cost.key: cost for cost in _check_actions(policy, ob_shape)}
    yield from costs.values()


def _check_actions(policy: Any, ob_shape: tuple[int, ...]) -> Iterator[Mistake]:
    observations = np.random.default_rng(0).normal(size=(N, *ob_shape)).astype(np.float32)
    given, mode = observations.copy(), modes(policy, observations)
    actions = policy.get_action(given)
    graph = " on the graph" if getattr(actions, "requires_grad", False) else ""
    text = f"it returns a tensor{graph}; environments take numpy arrays (to_numpy)"
    require(not isinstance(actions, torch.Tensor), "tensor", text)
    require_type(actions, np.ndarray, "a numpy array")
    require(np.array_equal(given, observations), "observations changed", "it changes the observations in place")
    shapes = f"{N} observations of shape {ob_shape} give actions of shape {actions.shape}, not {mode.shape}"
    numbers = policy.discrete and actions.shape == (N, 4)
    require(not numbers, "logits", f"{shapes}: they are numbers of the 4 choices, not choices")
    require(actions.shape == mode.shape, "batch dimension", shapes)
    require(not policy.discrete or actions.dtype.kind in "iu", "dtype", f"a choice is an integer, not {actions.dtype}")
    try:
        single = policy.get_action(observations[1].copy())
    except (IndexError, RuntimeError) as error:
        text = f"one observation of shape {ob_shape} raises {type(error).__name__}, a batch of {N} does not: {error}"
        raise Mistake("batch dimension", text) from error
    shapes = f"one observation of shape {ob_shape} gives an action of shape {np.shape(single)}, not {mode.shape[1:]}"
    require(np.shape(single) == mode.shape[1:], "batch dimension", f"{shapes}: compare with self.ob_shape")
    require_type(single, (np.ndarray, np.generic, int), "a numpy array")
    one = policy.get_action(observations[:1])
    shapes = f"a batch of one observation gives an action of shape {np.shape(one)}, not {mode[:1].shape}"
    require(np.shape(one) == mode[:1].shape, "batch dimension", f"{shapes}: compare with self.ob_shape")
    if close(actions, mode):
        return require_equal(single, mode[1], "single", "one observation gives an action that a batch does not:")
    inputs = torch.from_numpy(observations)
    check_inputs(actions, policy, inputs, lambda outputs: outputs.argmax(1) if policy.discrete else outputs)
    found = f"the action of an observation is {show(actions[1])}, the mode of its distribution is {show(mode[1])}"
    drawn = policy.get_action(np.repeat(observations[1:2], 4000, axis=0))
    require(len(np.unique(drawn, axis=0)) > 1, "wrong action", found)
    wanted = distribution(policy, observations[1:2])
    if policy.discrete:
        fits = np.allclose(np.bincount(drawn, minlength=4) / len(drawn), wanted.probs.detach()[0], atol=0.05)
    else:
        deviation = wanted.stddev.detach()[0]
        fits = np.allclose(drawn.mean(0), mode[1], atol=0.1) and np.allclose(drawn.std(0), deviation, rtol=0.1)
    require(fits, "wrong sample", f"{found}, and samples of the action have another distribution")
    yield Mistake("sampling", f"it samples ({found}): the noise leads to states that the expert never saw")


def forward() -> None:
    """Compare the distribution's parameters, log-probabilities and gradients with the network's outputs."""
    for discrete in (False, True):
        with case("discrete actions" if discrete else "continuous actions"):
            _check_distribution(make_policy(4 if discrete else 2, discrete=discrete))


def _check_distribution(policy: Any) -> None:
    observations = make_batch(policy, 1)[0]
    found, wanted = policy(observations), distribution(policy, observations)
    text = f"it returns a tensor of shape {tuple(getattr(found, 'shape', ()))}, not a distribution"
    require(not isinstance(found, torch.Tensor), "tensor", text)
    require_type(found, distributions.Distribution, "a distribution of torch.distributions")
    center = found.probs if policy.discrete else found.mean
    check_inputs(center, policy, observations, lambda outputs: outputs.softmax(1) if policy.discrete else outputs)
    if policy.discrete:
        text = "the probabilities of the first row are"
        require_equal(center[:1], wanted.probs[:1], "logits", text, ": the outputs are logits")
    else:
        require_equal(center[:1], wanted.mean[:1], "mean", "the mean of the first row is")
        _check_deviation(found.stddev[0], policy.logstd)
    _check_log_prob(policy, found, wanted)


def _check_deviation(found: torch.Tensor, logstd: torch.Tensor) -> None:
    """Compare the standard deviation with the exponential of its logarithm, and with what others take for it."""
    hints = {"exp missing": ": exp is missing", "covariance": ": a covariance or variance is its square"}
    others = {"exp missing": logstd.abs(), "covariance": (logstd / 2).exp(), "squared": (2 * logstd).exp()}
    key = next((key for key, other in others.items() if close(found, other)), "standard deviation")
    name = f"for logstd {show(logstd)} the standard deviation is"
    require_equal(found, logstd.exp(), key, name, hints.get(key, ""))


def _check_log_prob(policy: Any, found: Any, wanted: Any) -> None:
    actions = wanted.sample()
    log_prob = found.log_prob(actions)
    shapes = f"log_prob of {tuple(actions.shape)} actions has shape {tuple(log_prob.shape)}, not {(N,)}"
    hint = "" if policy.discrete else ": the numbers of one action belong together (Independent)"
    require(log_prob.shape == (N,), "log_prob shape", shapes + hint)
    require_equal(log_prob, wanted.log_prob(actions), "log_prob", "log_prob is")
    require(log_prob.requires_grad, "detached", "log_prob has no gradient: the outputs are not on the graph")
    log_prob.sum().backward()
    without = [name for name, parameter in policy.named_parameters() if parameter.grad is None]
    require(not without, "detached", f"log_prob has no gradient with respect to {without}")


def update() -> Iterator[Mistake]:
    """Compare the loss with its definition, and two steps with those of the right gradients."""
    policy, costs = make_policy(), dict[str, Mistake]()
    optimized = {id(parameter) for parameter in policy.optimizer.parameters}
    missing = [name for name, parameter in policy.named_parameters() if id(parameter) not in optimized]
    require(not missing, "optimiser", f"the optimiser of __init__ lacks {missing}, which then never learns")
    cases: dict[str, dict[str, Any]] = {"mse": {}, "mse, ac_dim=1": {"ac_dim": 1}, "nll": {"loss": "nll"}}
    for name, options in {**cases, "discrete": {"discrete": True}}.items():
        with case(f"compute_loss, {name}"):
            policy = make_policy(**options, forward=distribution, get_action=modes)
            costs |= {cost.key: cost for cost in _check_loss(policy)}
    costs |= {cost.key: cost for cost in _check_steps()}
    yield from costs.values()


def _losses(policy: Any, outputs: torch.Tensor, actions: torch.Tensor) -> dict[str, torch.Tensor]:
    """The right loss, and what others compute, by key words."""
    nll = Distribution(outputs, None if policy.discrete else policy.logstd).log_prob(actions).mean().neg()
    if policy.discrete:
        twice = Distribution(outputs.softmax(1), None).log_prob(actions).mean().neg()
        unnormalised = outputs[torch.arange(len(actions)), actions].mean().neg()
        return {"right": nll, "softmax twice": twice, "logits taken for logarithms of probabilities": unnormalised}
    mse, absolute = ((outputs - actions).abs().pow(power).mean() for power in (2, 1))
    losses = {"right": mse, "nll in place of mse": nll}
    if policy.loss == "nll":
        losses = {"right": nll, "mse in place of nll": mse}
    elif actions.shape[1] == 1:
        losses["(N,) broadcast against (N, 1)"] = (outputs - actions.T).pow(2).mean()
    losses["means squashed by tanh"] = (outputs.tanh() - actions).pow(2).mean()
    return {**losses, "absolute error": absolute, "root": mse.sqrt()}


def _compute_loss(policy: Any, observations: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
    return _losses(policy, network_outputs(policy, observations), actions)["right"]


def _check_loss(policy: Any) -> Iterator[Mistake]:
    observations, actions = make_batch(policy, 0)
    loss, again = (policy.compute_loss(observations, actions) for _ in range(2))
    require_type(loss, torch.Tensor, "a tensor on the graph")
    text = f"the loss has shape {tuple(loss.shape)}, not (): it is a mean over the batch"
    require(loss.ndim == 0, "not reduced", text)
    text = f"{loss.item():.4g} and {again.item():.4g} for one batch: the loss is on a sampled action, not on the mean"
    require(loss.item() == again.item(), "sampled action", text)
    losses = _losses(policy, network_outputs(policy, observations), actions)
    right = losses.pop("right")
    scale, ac_dim = loss.item() / right.item(), 1 if policy.discrete else actions.shape[1]
    text = f"the loss is {loss.item():.4g}, not {right.item():.4g}"
    if not close(scale, 1):
        check_inputs(loss, policy, observations, lambda outputs: _losses(policy, outputs, actions)["right"])
        for key, other in losses.items():
            require(not close(loss, other), key, f"{text}: {key}")
        require(not close(scale, -1), "sign", f"{text}: its sign is wrong, it would be climbed")
        summed = f"{text}, {scale:.3g} times the mean: it is summed over the {N} rows of the batch"
        require(not (close(scale, N) or close(scale, N * ac_dim)), "summed", summed)
        factors = {"mse": (0.5, ac_dim, ac_dim / 2), "nll": (1 / ac_dim,)}[policy.loss]
        require(not policy.discrete and any(close(scale, factor) for factor in factors), "value", text)
        yield Mistake("factor", f"the loss is {scale:.3g} times that of everybody else, so they can't be compared")
    require(loss.requires_grad, "detached", "the loss has no gradient: it was computed from numbers off the graph")
    names, parameters = zip(*policy.named_parameters(), strict=True)
    found, wanted = (torch.autograd.grad(value, parameters, allow_unused=True) for value in (loss, right))
    for name, a, b in zip(names, found, wanted, strict=True):
        text = f"no gradient of the loss reaches {name}: get_action, sample() and detach() leave the graph"
        require(a is not None or b is None, "detached", text)
        if b is not None:
            require(
                close(a, scale * b), "gradient", f"the gradient of {name} has norm {a.norm():.3g}, not {b.norm():.3g}"
            )


def _check_steps() -> Iterator[Mistake]:
    policy = make_policy(compute_loss=_compute_loss, forward=distribution)
    optimizer, made = policy.optimizer, Optimizer.made
    policy.scheduler = SimpleNamespace(step=lambda: optimizer.events.append("scheduler"))
    next(policy.mean_net.parameters()).register_hook(lambda _: optimizer.events.append("backward"))
    for step in range(2):
        observations, actions = make_batch(policy, step)
        loss = policy.compute_loss(observations, actions)
        wanted = torch.autograd.grad(loss, optimizer.parameters, allow_unused=True, materialize_grads=True)
        optimizer.events.clear()
        log = policy.update(observations, actions)
        _check_calls(policy, optimizer, made)
        norms = [float(torch.cat([p.flatten() for p in parts]).norm()) for parts in (optimizer.gradients, wanted)]
        text = f"its gradient has norm {norms[0]:.3g}, that of its batch alone {norms[1]:.3g}"
        right = all(close(a, b) for a, b in zip(optimizer.gradients, wanted, strict=True))
        require(right or step, "gradient", f"the step is not along the gradient of compute_loss: {text}")
        text = f"the second step's gradient holds the first one's too ({text}): zero_grad is missing"
        require(right, "zero_grad", text)
        advanced = optimizer.events.count("scheduler")
        require(advanced == 1 - step, "scheduler", f"self.scheduler advances {advanced} times in a step, not once")
        policy.scheduler = None
        require_type(log, Mapping, '{"Training Loss": loss}')
        require("Training Loss" in log, "Training Loss", f"the log has {list(log)}, not 'Training Loss'")
        value, after = log["Training Loss"], policy.compute_loss(observations, actions).item()
        number = value.item() if isinstance(value, torch.Tensor) else float(value)
        text = f"'Training Loss' is {number:.4g}; the loss was {loss.item():.4g} before the step, {after:.4g} after it"
        require(close(number, loss.item()), "Training Loss", text)
    if getattr(value, "requires_grad", False):
        yield Mistake("graph", "the loss that it returns keeps its graph alive: detach it")


def _check_calls(policy: Any, optimizer: Optimizer, made: int) -> None:
    """Check which optimiser was called for what, and in which order."""
    anew = "it makes a new optimiser, whose moments start from 0 each time: self.optimizer lasts"
    require(policy.optimizer is optimizer and Optimizer.made == made, "optimiser anew", anew)
    events = optimizer.events
    order = f"it calls {', '.join(events) or 'nothing'}"
    require("backward" in events, "no backward", f"no gradient is computed ({order}): backward is missing")
    require("step" in events, "no step", f"optimizer.step() is not called ({order}), and nothing is learned")
    steps, backward, step = events.count("step"), events.index("backward"), events.index("step")
    require(steps == 1, "several steps", f"it takes {steps} steps on a batch ({order})")
    require(backward < step, "step before backward", f"{order}: step comes before backward")
    require("scheduler" not in events[:step], "scheduler", f"{order}: the schedule advances before the step")
    late = "zero_grad" in events[backward:step]
    require(not late, "zero_grad too late", f"{order}: zero_grad erases the gradient before the step")
