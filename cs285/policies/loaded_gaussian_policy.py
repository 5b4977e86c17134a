"""The course's expert policies: read, run and written."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cs285.data.restricted_pickle import load_pickle, write_pickle
from cs285.data.trajectory import Array
from cs285.envs.layouts import check_convertible, conversion_notice, convert_observations
from cs285.envs.make_env import TaskSpec
from cs285.errors import InvalidInput
from cs285.policies.base_policy import BasePolicy
from cs285.policies.numpy_policy import ACTIVATIONS, NumpyPolicy

CONSTANT_STD = 1e-4
STD_OFFSET = 1e-6  # the course divides by the standard deviation plus this


class LoadedGaussianPolicy(BasePolicy):
    """A frozen expert from a file of the course: standardised observations into an MLP, mean action out.

    An observation dimension whose recorded standard deviation is below 1e-4 was constant
    while the expert learned and tells it nothing: its standardised value is 0. (Dividing by
    1e-6 instead would turn a change in a constant, such as a body's mass in another version
    of MuJoCo, into an input of 1e5.)

    Attributes:
        ob_mean, ob_variance: (ob_dim,) of the observations that it learned from.
        network: what it computes from standardised observations.
        activation: of the network's hidden layers.
    """

    copyable = True

    ob_mean: Array
    ob_variance: Array
    activation: str
    network: NumpyPolicy

    def __init__(self, filename: Path | str, discrete: bool = False) -> None:
        """Read the file.

        Args:
            filename: a pickle in the course's layout.
            discrete: whether the task's actions are discrete; the outputs are logits then.

        Raises:
            InvalidInput: when the file can't be read, is cut short or holds something else.
        """
        self._path = Path(filename)
        content = load_pickle(self._path)
        try:
            self._read(content, discrete)
        except InvalidInput as error:
            raise InvalidInput(f"{filename} is not an expert policy: {error}") from error
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            raise InvalidInput(f"{filename} is not an expert policy: {type(error).__name__} {error}") from error

    def _read(self, content: Any, discrete: bool) -> None:
        activation, policy = content["nonlin_type"], content["GaussianPolicy"]
        if activation not in ACTIVATIONS:
            raise InvalidInput(f"nonlin_type is {activation!r:.60}; it must be one of {', '.join(ACTIVATIONS)}")
        standardizer = policy["obsnorm"]["Standardizer"]
        mean = _numbers(standardizer["mean_1_D"]).reshape(-1)
        variance = _numbers(standardizer["meansq_1_D"]).reshape(-1) - mean**2
        std = np.sqrt(np.maximum(0.0, variance))
        layers = [*_hidden_layers(policy["hidden"]["FeedforwardNet"]), policy["out"]["AffineLayer"]]
        weights = [_numbers(layer["W"]) for layer in layers]
        biases = [_numbers(layer["b"]).reshape(-1) for layer in layers]
        _check_chain(len(mean), weights, biases)
        self.ob_mean, self.ob_variance = mean, std**2
        self.activation = activation
        self._scale = np.where(std < CONSTANT_STD, 0.0, 1.0 / (std + STD_OFFSET))
        self.network = NumpyPolicy(weights, biases, activation, discrete)
        self.ob_dim, self.ac_dim = len(mean), len(biases[-1])

    def get_action(self, observations: Array) -> Array:
        """The mean action, in float32 (see `BasePolicy.get_action`).

        Raises:
            InvalidInput: when the observations have another size than the expert's.
        """
        if observations.shape[-1] != self.ob_dim:
            raise InvalidInput(
                f"{self._path} reads observations of {self.ob_dim} numbers, these have {observations.shape[-1]}"
            )
        actions = self.network.get_action((observations - self.ob_mean) * self._scale)
        return actions if self.network.discrete else actions.astype(np.float32)


class ConvertedLayoutPolicy(BasePolicy):
    """A policy made for one observation layout of a task, used on another of the same task."""

    def __init__(self, policy: BasePolicy, env_name: str, ob_dim: int) -> None:
        """Wrap ``policy``, which reads observations of ``ob_dim`` numbers."""
        self._policy = policy
        self.copyable = policy.copyable
        self._env_name = env_name
        self._ob_dim = ob_dim

    def get_action(self, observations: Array) -> Array:
        """See `BasePolicy.get_action`.

        Raises:
            InvalidInput: when the observations are in no known layout of the task.
        """
        return self._policy.get_action(convert_observations(observations, self._env_name, self._ob_dim))


def load_expert(filename: Path, env_name: str, spec: TaskSpec) -> BasePolicy:
    """Read an expert for an environment, of the course's or of one's own.

    An expert made for another known layout of the task's observations is converted, with a
    notice on stderr.

    Args:
        filename: a pickle in the course's layout.
        env_name: the environment's id.
        spec: the environment's facts.

    Raises:
        InvalidInput: when the file can't be read, or its sizes don't fit the environment.
    """
    expert = LoadedGaussianPolicy(filename, spec.discrete)
    if expert.ac_dim != spec.ac_dim:
        raise InvalidInput(f"{filename}: actions of {expert.ac_dim} numbers, but {env_name} has {spec.ac_dim}")
    if expert.ob_dim == spec.ob_dim:
        return expert
    check_convertible(env_name, expert.ob_dim, spec.ob_dim, what=str(filename))
    print(conversion_notice(str(filename), env_name, spec.ob_dim, expert.ob_dim), file=sys.stderr)
    return ConvertedLayoutPolicy(expert, env_name, expert.ob_dim)


def write_gaussian_policy(
    path: Path,
    mean: Array,
    variance: Array,
    weights: Sequence[Array],
    biases: Sequence[Array],
    log_std: Array,
    activation: str,
) -> None:
    """Write an expert in the course's layout, which the course's own loader reads as well.

    First-layer weights of dimensions that were constant are written as 0, so that both
    loaders, which treat such dimensions differently, compute the same.

    Args:
        path: the file to write.
        mean: (ob_dim,) of the observations.
        variance: (ob_dim,) of the observations.
        weights: of each layer, (inputs, outputs); the last layer is linear.
        biases: of each layer, (outputs,).
        log_std: (ac_dim,) of the actions.
        activation: ``tanh`` or ``lrelu``.

    Raises:
        InvalidInput: when the file can't be written.
    """
    weights = [weights[0] * (np.sqrt(variance) >= CONSTANT_STD)[:, None], *weights[1:]]
    # The course takes layers in the order of their names as text, so the numbers have equal width.
    width = len(str(2 * (len(weights) - 2)))
    hidden = {
        f"layer_{2 * n:0{width}d}": _affine(weight, bias)
        for n, (weight, bias) in enumerate(zip(weights[:-1], biases[:-1], strict=True))
    }
    standardizer = {"mean_1_D": mean[None], "meansq_1_D": (variance + mean**2)[None]}
    policy = {
        "obsnorm": {"Standardizer": {name: value.astype(np.float64) for name, value in standardizer.items()}},
        "hidden": {"FeedforwardNet": hidden},
        "out": _affine(weights[-1], biases[-1]),
        "logstdevs_1_Da": log_std[None].astype(np.float64),
    }
    write_pickle({"nonlin_type": activation, "GaussianPolicy": policy}, path)


def _affine(weight: Array, bias: Array) -> dict[str, dict[str, Array]]:
    return {"AffineLayer": {"W": weight.astype(np.float64), "b": bias[None].astype(np.float64)}}


def _hidden_layers(network: dict[str, Any]) -> list[Any]:
    """The hidden layers in the order of the numbers in their names."""
    return [network[name]["AffineLayer"] for name in sorted(network, key=_layer_number)]


def _layer_number(name: str) -> int:
    match = re.fullmatch(r"layer_(\d{1,6})", name)
    if match is None:
        raise InvalidInput(f"a hidden layer is named {name!r:.60}")
    return int(match[1])


def _numbers(array: Any) -> Array:
    if not isinstance(array, np.ndarray) or not np.isfinite(array).all():
        raise InvalidInput("a parameter is not an array of finite numbers")
    return array.astype(np.float64)


def _check_chain(ob_dim: int, weights: Sequence[Array], biases: Sequence[Array]) -> None:
    """Refuse layers that do not fit on one another, naming their shapes."""
    inputs = ob_dim
    for weight, bias in zip(weights, biases, strict=True):
        if weight.ndim != 2 or weight.shape != (inputs, len(bias)) or not len(bias):
            shapes = ", ".join(str(w.shape) for w in weights)
            raise InvalidInput(f"its layers {shapes} do not fit {ob_dim} observed numbers and one another")
        inputs = len(bias)
