"""A multi-layer perceptron in numpy, several times faster than torch for one observation at a time."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cs285.data.trajectory import Array
from cs285.policies.base_policy import BasePolicy

ACTIVATIONS: Mapping[str, Callable[[Array], Array]] = {
    "tanh": np.tanh,
    "lrelu": lambda x: np.where(x > 0, x, 0.01 * x),
    "relu": lambda x: np.maximum(x, 0),
}


@dataclass(eq=False, repr=False)
class NumpyPolicy(BasePolicy):
    """A perceptron with a linear output layer. Its action is the output or, if discrete, the largest output's index.

    Attributes:
        weights, biases: an array (inputs, outputs) and an array (outputs,) for each layer.
        activation: a key of `ACTIVATIONS`, applied after every layer but the last.
        discrete: whether the outputs are logits of choices.
        standardizer: mean and standard deviation of the observations, each (ob_dim,) or a number. They are not part of
            the first layer's float32 weights, because that would cost precision.
        ob_ndim: number of axes of an observation, which is flattened.
        output: a picklable function that maps the network's outputs to the actions.
    """

    weights: Sequence[Array]
    biases: Sequence[Array]
    activation: str
    discrete: bool
    standardizer: tuple[Array | float, Array | float] = (0.0, 1.0)
    ob_ndim: int = 1
    output: Callable[[Array], Array] = np.asarray
    copyable = True

    def __post_init__(self) -> None:
        self.ob_dim, self.ac_dim = self.weights[0].shape[0], self.weights[-1].shape[1]

    @np.errstate(over="ignore", invalid="ignore")  # rollouts check that actions are finite
    def get_action(self, observations: Array) -> Array:
        """See `BasePolicy.get_action`; computed in the dtype of the weights."""
        if self.ob_ndim != 1:
            observations = observations.reshape(*observations.shape[: observations.ndim - self.ob_ndim], -1)
        (mean, std), activation = self.standardizer, ACTIVATIONS[self.activation]
        hidden = (observations.astype(self.weights[0].dtype, copy=False) - mean) / std
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            hidden = activation(hidden.dot(weight) + bias)  # for one vector, dot is quicker than @
        outputs = self.output(hidden.dot(self.weights[-1]) + self.biases[-1])
        return np.asarray(outputs.argmax(axis=-1) if self.discrete else outputs.astype(np.float32, copy=False))
