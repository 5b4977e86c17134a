"""A frozen multi-layer perceptron in numpy: at one observation a time, several times faster than torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from cs285.data.trajectory import Array
from cs285.policies.base_policy import BasePolicy


def leaky_relu(x: Array) -> Array:
    """The leaky rectifier with slope 0.01 below 0."""
    return np.where(x > 0, x, 0.01 * x)


ACTIVATIONS: Mapping[str, Callable[[Array], Array]] = {"tanh": np.tanh, "lrelu": leaky_relu}


class NumpyPolicy(BasePolicy):
    """Acts by a multi-layer perceptron with a linear output: the mean action, or the best choice."""

    copyable = True

    def __init__(self, weights: Sequence[Array], biases: Sequence[Array], activation: str, discrete: bool) -> None:
        """Hold the network.

        Args:
            weights: of each layer, (inputs, outputs).
            biases: of each layer, (outputs,).
            activation: a key of `ACTIVATIONS`, after every layer but the last.
            discrete: whether the outputs are logits of choices.
        """
        self.weights, self.biases = list(weights), list(biases)
        self._activation = ACTIVATIONS[activation]  # a module's function, so that the policy can be pickled
        self.discrete = discrete

    @np.errstate(over="ignore", invalid="ignore")  # who rolls out looks whether all is finite, and tells in one line
    def get_action(self, observations: Array) -> Array:
        """See `BasePolicy.get_action`; computed in the dtype of the weights."""
        hidden = observations.astype(self.weights[0].dtype, copy=False)
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            hidden = self._activation(hidden.dot(weight) + bias)  # for one vector, dot is quicker than @
        outputs = hidden.dot(self.weights[-1]) + self.biases[-1]
        return np.asarray(outputs.argmax(axis=-1) if self.discrete else outputs)
