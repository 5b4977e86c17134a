"""A multi-layer perceptron in numpy, several times faster than torch for one observation at a time."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from cs285.data.trajectory import Array
from cs285.policies.base_policy import BasePolicy

ACTIVATIONS: Mapping[str, Callable[[Array], Array]] = {
    "tanh": np.tanh,
    "lrelu": lambda x: np.where(x > 0, x, 0.01 * x),
    "relu": lambda x: np.maximum(x, 0),
}


class NumpyPolicy(BasePolicy):
    """A perceptron with a linear output layer. Its action is the output or, if discrete, the largest output's index."""

    copyable = True

    def __init__(
        self,
        weights: Sequence[Array],
        biases: Sequence[Array],
        activation: str,
        discrete: bool,
        standardizer: tuple[Array, Array] | None = None,
        ob_shape: tuple[int, ...] = (0,),
        output: Callable[[Array], Array] | None = None,
    ) -> None:
        """Build the network.

        Args:
            weights: an array (inputs, outputs) for each layer.
            biases: an array (outputs,) for each layer.
            activation: a key of `ACTIVATIONS`, applied after every layer but the last.
            discrete: whether the outputs are logits of choices.
            standardizer: mean and standard deviation of the observations, each (ob_dim,); None: 0 and 1. The two
                arrays are not part of the first layer's float32 weights, because that would cost precision.
            ob_shape: shape of an observation, which is flattened; a vector by default.
            output: a picklable function that maps the network's outputs to the actions. None: no change.
        """
        self.weights, self.biases = list(weights), list(biases)
        self.activation, self.discrete = activation, discrete
        self._standardizer, self._ob_ndim, self._output = standardizer, len(ob_shape), output
        self.ob_dim, self.ac_dim = self.weights[0].shape[0], self.weights[-1].shape[1]

    @np.errstate(over="ignore", invalid="ignore")  # rollouts check that actions are finite
    def get_action(self, observations: Array) -> Array:
        """See `BasePolicy.get_action`; computed in the dtype of the weights."""
        if self._ob_ndim != 1:
            observations = observations.reshape(*observations.shape[: observations.ndim - self._ob_ndim], -1)
        hidden, activation = observations.astype(self.weights[0].dtype, copy=False), ACTIVATIONS[self.activation]
        if self._standardizer is not None:
            mean, std = self._standardizer
            hidden = (hidden - mean) / std
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            hidden = activation(hidden.dot(weight) + bias)  # for one vector, dot is quicker than @
        outputs = hidden.dot(self.weights[-1]) + self.biases[-1]
        outputs = outputs if self._output is None else self._output(outputs)
        return np.asarray(outputs.argmax(axis=-1) if self.discrete else outputs)
