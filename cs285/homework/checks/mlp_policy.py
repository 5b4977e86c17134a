"""Checks of `MLPPolicy.get_action` and `forward`, and of `MLPPolicySL.update` with `compute_loss`."""

from collections.abc import Iterator, Mapping
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import distributions

from cs285.homework.checks import policy_fakes as fakes
from cs285.homework.checks.mistake import Mistake, close, require, require_equal, require_type, run_cases, show
from cs285.homework.checks.policy_fakes import OB_DIM, N, make_policy


def _check_actions(discrete: bool, ob_shape: tuple[int, ...]) -> Iterator[Mistake]:
    """Compare actions with the modes of the distribution, for a batch and for single observations."""
    policy = make_policy(discrete, ob_shape, forward=fakes.distribution)
    observations = np.random.default_rng(0).normal(size=(N, *ob_shape)).astype(np.float32)
    mode = fakes.modes(policy, observations)
    actions = _actions(policy, observations, mode)
    require(not discrete or actions.dtype.kind in "iu", "dtype", f"the actions are {actions.dtype}, not integers")
    try:
        single = _actions(policy, observations[1], mode[1])
    except (IndexError, RuntimeError) as error:
        raise Mistake("batch dimension", f"a single observation raises {error!r}; a batch works") from error
    _actions(policy, observations[:1], mode[:1])
    if close(actions, mode):
        return require_equal(single, mode[1], "single", "the action is", ", which the observation gets in a batch")
    fakes.check_inputs(actions, policy, observations, lambda outputs: outputs.argmax(1) if discrete else outputs)
    found = f"an action is {show(actions[1])}, but the most likely action for its observation is {show(mode[1])}"
    drawn = policy.get_action(np.repeat(observations[1:2], 4000, axis=0))
    require(len(np.unique(drawn, axis=0)) > 1, "wrong action", found)
    wanted = fakes.distribution(policy, observations[1:2])
    if discrete:
        fits = np.allclose(np.bincount(drawn, minlength=4) / len(drawn), wanted.probs.detach()[0], atol=0.05)
    else:
        fits = np.allclose([drawn.mean(0), drawn.std(0)], [mode[1], wanted.stddev.detach()[0]], atol=0.1)
    require(fits, "wrong sample", f"{found}; actions are sampled, but not from the policy's distribution")
    yield Mistake("sampling", f"actions are sampled ({found}), which leads to states that the expert never visits")


def _actions(policy: Any, observations: Any, mode: Any) -> Any:
    """Call `get_action`; return its actions, or raise a `Mistake` if their type or shape is wrong."""
    given = observations.copy()
    actions = policy.get_action(given)
    require_type(actions, (np.ndarray, np.generic, int), "a numpy array, as environments need it (see to_numpy)")
    require(np.array_equal(given, observations), "observations changed", "it changes its argument, the observations")
    text = f"observations of shape {given.shape} give actions of shape {np.shape(actions)}, not {mode.shape}"
    logits = policy.discrete and np.shape(actions) == (N, 4)
    require(not logits, "logits", f"{text}: there is a number for each of the 4 choices, not the index of one choice")
    require(np.shape(actions) == mode.shape, "batch dimension", f"{text}; self.ob_shape is {policy.ob_shape}")
    return actions


def _check_distribution(discrete: bool) -> None:
    """Compare the distribution's parameters, log-probabilities and gradients with the network's outputs."""
    policy = make_policy(discrete)
    observations = fakes.make_batch(policy, 1)[0]
    found, wanted = policy(observations), fakes.distribution(policy, observations)
    require_type(found, distributions.Distribution, "a distribution of torch.distributions")
    center = found.probs if discrete else found.mean
    fakes.check_inputs(center, policy, observations, lambda outputs: outputs.softmax(1) if discrete else outputs)
    if discrete:
        hint = ": the network's outputs are logits, not probabilities"
        require_equal(center[0], wanted.probs[0], "logits", "the probabilities in the first row are", hint)
    else:
        require_equal(center[0], wanted.mean[0], "mean", "the mean in the first row is")
        logstd = policy.logstd
        others = {
            "exp missing": (logstd.abs(), ": it must be the exponential of logstd"),
            "covariance": ((logstd / 2).exp(), ": logstd.exp() was given as a variance or covariance"),
            "squared": ((2 * logstd).exp(), ": this is the variance"),
        }
        name = f"with a logstd of {show(logstd)} the standard deviation is"
        require_equal(found.stddev[0], logstd.exp(), "standard deviation", name, others=others)
    actions = wanted.sample()
    log_prob = found.log_prob(actions)
    text = f"log_prob has shape {tuple(log_prob.shape)}, not {(N,)}: each action has one log-probability"
    require(log_prob.shape == (N,), "log_prob shape", text)
    require_equal(log_prob, wanted.log_prob(actions), "log_prob", "log_prob is")
    log_prob.sum().backward()
    without = [name for name, parameter in policy.named_parameters() if parameter.grad is None]
    require(not without, "detached", f"log_prob has no gradient with respect to {without}")


def update() -> Iterator[Mistake]:
    """Check the values of the loss, and the gradients and the order of calls in two gradient steps."""
    policy = make_policy()
    optimized = {id(parameter) for parameter in policy.optimizer.parameters}
    missing = [name for name, parameter in policy.named_parameters() if id(parameter) not in optimized]
    require(not missing, "optimiser", f"the optimiser made in __init__ lacks {missing}, which are then never trained")
    losses = {"mse": {}, "mse, ac_dim=1": {"ac_dim": 1}, "nll": {"loss": "nll"}, "discrete": {"discrete": True}}
    yield from run_cases(_check_loss, {f"compute_loss, {name}": (options,) for name, options in losses.items()})
    yield from _check_steps()


def _losses(policy: Any, outputs: torch.Tensor, actions: torch.Tensor) -> dict[str, torch.Tensor]:
    """Map "right" to the right loss, and the name of each common mistake to the loss that this mistake leads to."""
    nll = fakes.action_distribution(policy, outputs).log_prob(actions).mean().neg()
    losses = {"right": nll}
    if policy.discrete:
        losses["softmax twice"] = fakes.action_distribution(policy, outputs.softmax(1)).log_prob(actions).mean().neg()
        losses["logits taken for logarithms of probabilities"] = -outputs.gather(1, actions[:, None]).mean()
    else:
        mse, absolute = ((outputs - actions).abs().pow(power).mean() for power in (2, 1))
        losses = {"right": nll if policy.loss == "nll" else mse, "mse in place of nll": mse, "nll in place of mse": nll}
        losses |= {"absolute error": absolute, "root of the squared error": mse.sqrt()}
        losses["means squashed by tanh"] = (outputs.tanh() - actions).pow(2).mean()
        losses["(N,) broadcast against (N, 1)"] = (outputs[:, :1] - actions[:, 0]).pow(2).mean()
        losses["summed over rows and columns"] = mse * actions.numel()
    return {**losses, "wrong sign": -losses["right"], "summed over the rows of the batch": losses["right"] * N}


def _compute_loss(policy: Any, observations: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
    return _losses(policy, fakes.network_outputs(policy, observations), actions)["right"]


def _check_loss(options: dict[str, Any]) -> Iterator[Mistake]:
    policy = make_policy(**options, forward=fakes.distribution, get_action=fakes.modes)
    observations, actions = fakes.make_batch(policy, 0)
    loss, again = (policy.compute_loss(observations, actions) for _ in range(2))
    require_type(loss, torch.Tensor, "a tensor, from which backward computes gradients")
    text = f"the loss has shape {tuple(loss.shape)}, not (): it must be the mean over the batch"
    require(loss.ndim == 0, "not reduced", text)
    text = f"two losses of the same batch are {loss:.4g} and {again:.4g}: use the mean action, not a sampled one"
    require(loss == again, "sampled action", text)
    losses = _losses(policy, fakes.network_outputs(policy, observations), actions)
    right = losses.pop("right")
    scale = loss.item() / right.item()
    if not close(scale, 1):
        fakes.check_inputs(loss, policy, observations, lambda outputs: _losses(policy, outputs, actions)["right"])
        text = f"the loss is {loss:.4g}, not {right:.4g}"
        for key, other in losses.items():
            require(not close(loss, other), key, f"{text}; the likely mistake: {key}")
        factors = () if policy.discrete else (0.5, actions.shape[1], actions.shape[1] / 2, 1 / actions.shape[1])
        require(any(close(scale, factor) for factor in factors), "value", text)
        yield Mistake("factor", f"the loss is {scale:.3g} times the usual mean, so it is not comparable with others")
    text = "the loss has no gradient: it must be computed from tensors that depend on the parameters"
    require(loss.requires_grad, "detached", text)
    names, parameters = zip(*policy.named_parameters(), strict=True)
    found, wanted = (torch.autograd.grad(value, parameters, allow_unused=True) for value in (loss, right))
    without = [name for name, a, b in zip(names, found, wanted, strict=True) if a is None and b is not None]
    text = f"the loss has no gradient with respect to {without}: get_action, sample() and detach() cut off gradients"
    require(not without, "detached", text)


def _check_steps() -> Iterator[Mistake]:
    policy = make_policy(compute_loss=_compute_loss, forward=fakes.distribution)
    optimizer, made = policy.optimizer, fakes.Optimizer.made
    policy.scheduler = SimpleNamespace(step=lambda: optimizer.events.append("scheduler"))
    next(policy.mean_net.parameters()).register_hook(lambda _: optimizer.events.append("backward"))
    for step in range(2):
        observations, actions = fakes.make_batch(policy, step)
        loss = policy.compute_loss(observations, actions)
        wanted = torch.autograd.grad(loss, optimizer.parameters, allow_unused=True, materialize_grads=True)
        optimizer.events.clear()
        log = policy.update(observations, actions)
        same = policy.optimizer is optimizer and fakes.Optimizer.made == made
        require(same, "optimiser anew", "it makes a new optimiser, which has lost Adam's averages: use self.optimizer")
        _check_order(optimizer.events)
        norms = [float(torch.cat([p.flatten() for p in parts]).norm()) for parts in (optimizer.gradients, wanted)]
        text = f"the step's gradient has norm {norms[0]:.3g}, the gradient of the batch's loss has norm {norms[1]:.3g}"
        right = all(close(a, b) for a, b in zip(optimizer.gradients, wanted, strict=True))
        require(right or step, "gradient", f"the step does not follow the gradient of compute_loss: {text}")
        require(right, "zero_grad", f"{text}: without zero_grad, the previous step's gradient is added")
        advanced = optimizer.events.count("scheduler")
        require(advanced == 1 - step, "scheduler", f"self.scheduler.step() is called {advanced} times, not once")
        policy.scheduler = None
        require_type(log, Mapping, '{"Training Loss": loss}')
        require("Training Loss" in log, "Training Loss", f"it returns the scalars {list(log)}, not 'Training Loss'")
        value, after = torch.as_tensor(log["Training Loss"]), policy.compute_loss(observations, actions)
        text = f"'Training Loss' is {value:.4g}, not {loss:.4g}, the loss before the step (after it: {after:.4g})"
        require(close(value, loss), "Training Loss", text)
    if value.requires_grad:
        yield Mistake("graph", "the returned loss keeps the graph of its computation in memory: detach the loss")


def _check_order(events: list[str]) -> None:
    order = f"it calls {', '.join(events) or 'nothing'}"
    require("backward" in events, "no backward", f"{order}; backward, which computes the gradient, is missing")
    require("step" in events, "no step", f"{order}; optimizer.step(), which changes the parameters, is missing")
    require(events.count("step") == 1, "several steps", f"{order}; it must take one step for each batch")
    before, after = events[: events.index("step")], events[events.index("step") :]
    require("backward" not in after, "step before backward", f"{order}; step must come after backward")
    require("scheduler" not in before, "scheduler", f"{order}; the scheduler must come after the optimiser's step")
    late = "zero_grad" in before[before.index("backward") :]
    require(not late, "zero_grad too late", f"{order}; zero_grad erases the gradient before the step uses it")


KINDS = {"continuous actions": (False,), "discrete actions": (True,)}
forward = partial(run_cases, _check_distribution, KINDS)
SHAPES = {name: (*kind, (OB_DIM,)) for name, kind in KINDS.items()}
get_action = partial(run_cases, _check_actions, {**SHAPES, "ob_shape=(2, 2)": (False, (2, 2))})
