"""What a policy is, and how anything with ``get_action`` becomes one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np

from cs285.data.trajectory import Array
from cs285.errors import InvalidInput


class BasePolicy(ABC):
    """Chooses actions: a batch of observations in, a batch of actions out.

    Attributes:
        copyable: whether a copy in another process acts the same; a user's own object may
            hold anything, so that is False unless a class says otherwise.
    """

    copyable = False

    @abstractmethod
    def get_action(self, observations: Array) -> Array:
        """Choose an action for each observation.

        Args:
            observations: (N, ob_dim), or a single one (ob_dim,).

        Returns:
            (N, ac_dim), or (N,) integers when actions are discrete; without N for a single one.
        """

    def frozen_copy(self) -> BasePolicy:
        """A policy with the same actions that is fast one observation at a time, frozen as it is now."""
        return self


class ExternalPolicy(BasePolicy):
    """A user's own expert: an object with ``get_action``, or a function of a batch of observations.

    It is always asked with a batch (N, ob_dim) and must answer with N actions.
    """

    def __init__(self, act: Callable[[Array], Any]) -> None:
        self._act = act

    def get_action(self, observations: Array) -> Array:
        """See `BasePolicy.get_action`.

        Raises:
            InvalidInput: when the answer has not one action for each observation.
        """
        batch = np.atleast_2d(observations)
        actions = np.asarray(self._act(batch.copy()))  # it may change what it is given
        if actions.ndim not in (1, 2) or len(actions) != len(batch):
            raise InvalidInput(
                f"the expert answered {len(batch)} observations with actions of shape {actions.shape}; "
                "it must give one action for each"
            )
        return actions if observations.ndim == 2 else np.asarray(actions[0])


def as_policy(expert: object) -> BasePolicy:
    """Make a policy of a policy, of an object with ``get_action``, or of a function.

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
    return ExternalPolicy(act)
