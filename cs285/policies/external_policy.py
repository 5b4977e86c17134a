"""Adapters that make a policy from a function, a model, a torch module or a user's object."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from cs285.data.trajectory import Array
from cs285.errors import InvalidInput, describe, users_frames
from cs285.policies.base_policy import BasePolicy


@dataclass(eq=False)
class ExternalPolicy(BasePolicy):
    """Adapter that makes a policy from a function of a batch of observations.

    ``act`` is called with a batch (N, *ob_shape), and must return N actions as an array, a list or a tensor.
    ``ob_ndim`` is the number of axes of one observation. ``begin(seed)`` is called when an episode begins. ``start`` is
    the number of the expert's first discrete action. ``copyable`` is explained at `BasePolicy`.
    """

    act: Callable[[Array], Any]
    ob_ndim: int = 1
    begin: Callable[[int], Any] | None = None
    start: int = 0
    copyable: bool = False

    def get_action(self, observations: Array) -> Array:
        """See `BasePolicy.get_action`; raises InvalidInput unless ``act`` returns one action for each observation."""
        single = observations.ndim == self.ob_ndim
        batch = np.array(observations[None] if single else observations)  # a copy, since the expert may change it
        try:
            answer = self.act(batch)
            actions = np.asarray(answer.detach().float().cpu() if hasattr(answer, "detach") else answer)
        except Exception as error:
            if isinstance(error, InvalidInput) or users_frames(error):
                raise
            raise InvalidInput(f"the expert failed: {describe(error)}") from error  # a library raised it
        if actions.ndim not in (1, 2) or len(actions) != len(batch) or actions.dtype.kind not in "fiub":
            given = f"{len(batch)} observations with a {type(answer).__name__} of shape {actions.shape}"
            raise InvalidInput(f"the expert answered {given}; it must give one action for each, as numbers")
        actions = actions - self.start if self.start else actions
        return np.asarray(actions[0]) if single else actions

    def reset(self, seed: int) -> None:
        """See `BasePolicy.reset`."""
        if self.begin is not None:
            self.begin(seed)


def as_policy(expert: object, ob_ndim: int = 1, start: int = 0) -> BasePolicy:
    """Make a policy from an object with ``get_action``, a model, a module or a function; keep a `BasePolicy` unchanged.

    A model of stable-baselines3 acts by ``predict`` with ``deterministic=True``. If the model has a VecNormalize, its
    observations are normalised first. A ``torch.nn.Module`` is called with a float32 tensor, in evaluation mode and
    without gradient. One observation has ``ob_ndim`` axes. ``start`` is the number of the expert's first discrete
    action; the returned policy counts from 0. Raises InvalidInput for an object of any other kind.
    """
    if isinstance(expert, BasePolicy):
        return expert
    torch, act = sys.modules.get("torch"), getattr(expert, "get_action", expert)
    if act is expert and hasattr(expert, "predict"):
        if hasattr(getattr(expert, "policy", expert), "lstm_actor"):
            raise InvalidInput(f"{type(expert).__name__} is recurrent; give an object with get_action and reset")
        act = partial(_predict, expert)
    elif act is expert and torch is not None and isinstance(expert, torch.nn.Module):
        act = partial(_forward, expert)
    if not callable(act) or isinstance(expert, type):
        allowed = "an object with get_action, a model of stable-baselines3, a torch.nn.Module or a function"
        raise InvalidInput(f"an expert is {allowed} of observations, not {expert!r:.100}")
    return ExternalPolicy(act, ob_ndim, getattr(expert, "reset", None), start)


def _predict(model: Any, observations: Array) -> Any:
    normalizer = getattr(model, "get_vec_normalize_env", lambda: None)()
    observations = observations if normalizer is None else normalizer.normalize_obs(observations)
    return model.predict(observations, deterministic=True)[0]


def _forward(module: Any, observations: Array) -> Any:
    torch = sys.modules["torch"]
    device = next(module.parameters(), torch.empty(0)).device
    with torch.no_grad(), evaluation_mode([module]):
        return module(torch.as_tensor(observations, dtype=torch.float32, device=device))


@contextmanager
def evaluation_mode(modules: Iterable[Any]) -> Iterator[None]:
    """Put torch modules into evaluation mode within the context, and restore each submodule's mode at its end."""
    training = [part for module in modules for part in module.modules() if part.training]
    for part in training:
        part.training = False
    try:
        yield
    finally:
        for part in training:
            part.training = True
