"""Adapters that make a policy of a function or of any object with ``get_action``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cs285.data.trajectory import Array
from cs285.errors import InvalidInput
from cs285.policies.base_policy import BasePolicy


class ExternalPolicy(BasePolicy):
    """Adapter for a user's expert: an object with ``get_action``, or a function of a batch of observations.

    The expert always gets a batch (N, *ob_shape) and must return N actions. Its ``reset(seed)``, if it has
    one, is called when an episode begins.
    """

    def __init__(self, act: Callable[[Array], Any], ob_ndim: int = 1, reset: Callable[[int], Any] | None = None):
        self._act, self._ob_ndim, self._reset = act, ob_ndim, reset

    def get_action(self, observations: Array) -> Array:
        """See `BasePolicy.get_action`.

        Raises:
            InvalidInput: when the number of actions differs from the number of observations.
        """
        single = observations.ndim == self._ob_ndim
        batch = np.array(observations[None] if single else observations)  # a copy: the expert may change it
        actions = np.asarray(self._act(batch))
        if actions.ndim not in (1, 2) or len(actions) != len(batch):
            raise InvalidInput(
                f"the expert answered {len(batch)} observations with actions of shape {actions.shape}; "
                "it must give one action for each"
            )
        return np.asarray(actions[0]) if single else actions

    def reset(self, seed: int) -> None:
        """See `BasePolicy.reset`."""
        if self._reset is not None:
            self._reset(seed)


def as_policy(expert: object, ob_ndim: int = 1) -> BasePolicy:
    """Make a policy of a policy, of an object with ``get_action``, or of a function.

    Args:
        expert: what acts.
        ob_ndim: dimensions of one observation: 1 for a vector, 3 for an image.

    Raises:
        InvalidInput: for anything else.
    """
    if isinstance(expert, BasePolicy):
        return expert
    act = getattr(expert, "get_action", expert)
    if not callable(act):
        raise InvalidInput(
            f"an expert is an object with get_action or a function of observations, not a {type(expert).__name__}"
        )
    return ExternalPolicy(act, ob_ndim, getattr(expert, "reset", None))
