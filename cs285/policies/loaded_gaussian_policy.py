"""Expert policies: reading files of every supported format, and writing files of the course's format."""

import itertools
import pkgutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cs285.data.restricted_pickle import load_pickle
from cs285.data.shipped import object_name
from cs285.data.trajectory import Array
from cs285.data.whole_files import FOLDER, PICKLE, SB3_ZIP, TORCH_FILE, kind_of, reading, write_pickle
from cs285.envs.layouts import convert_observations, print_conversion
from cs285.envs.make_env import TaskSpec
from cs285.errors import InvalidInput
from cs285.policies.base_policy import BasePolicy
from cs285.policies.external_policy import ExternalPolicy, as_policy
from cs285.policies.numpy_policy import ACTIVATIONS, NumpyPolicy
from cs285.policies.sb3_policy import load_sb3_policy
from cs285.process import users_code

CONSTANT_STD = 1e-4  # a dimension with a smaller standard deviation counts as constant
OBSERVATIONS = {"observation", "observations", "obs"}  # keys of recorded data, which an expert's file does not have
STD_OFFSET = 1e-6  # the course adds this number to the standard deviation before it divides


class LoadedGaussianPolicy(NumpyPolicy):
    """Gaussian policy from a file of the course; it acts by its mean, an MLP of standardised observations.

    An observation dimension whose recorded standard deviation is below 1e-4 was constant in the expert's training; its
    standardised value is 0. (The course divides the dimension by 1e-6, so that a difference of 0.1 between versions of
    MuJoCo becomes 1e5.) ``ob_mean`` and ``ob_variance`` (ob_dim,) float64 are those of the observations in training.
    """

    def __init__(self, filename: Path | str, discrete: bool = False) -> None:
        """Read a pickle in the course's layout, or raise InvalidInput; if ``discrete``, the outputs are logits."""
        content = load_pickle(Path(filename))
        if isinstance(content, list) or (isinstance(content, dict) and content.keys() & OBSERVATIONS):
            raise InvalidInput(f"{filename} is expert data (--expert_data), not an expert: were the two flags swapped?")
        with reading(filename, "an expert policy"):
            activation, policy = content["nonlin_type"], content["GaussianPolicy"]
            if activation not in ACTIVATIONS:
                raise ValueError(f"nonlin_type is {activation!r:.60}; it must be one of {', '.join(ACTIVATIONS)}")
            standardizer, hidden = policy["obsnorm"]["Standardizer"], policy["hidden"]["FeedforwardNet"]
            mean = _finite(standardizer["mean_1_D"]).reshape(-1)
            variance = np.maximum(0.0, _finite(standardizer["meansq_1_D"]).reshape(-1) - mean**2)
            names = sorted(hidden, key=lambda name: int(name.removeprefix("layer_")))
            layers = [layer["AffineLayer"] for layer in (*(hidden[name] for name in names), policy["out"])]
            weights = [_finite(layer["W"]) for layer in layers]
            biases = [_finite(layer["b"]).reshape(-1) for layer in layers]
            shapes = [weight.shape for weight in weights]
            if shapes != list(itertools.pairwise([len(mean), *map(len, biases)])):
                raise ValueError(f"weights of shapes {shapes} do not fit one another, or a mean of {len(mean)} numbers")
        self.ob_mean, self.ob_variance, std = mean, variance, np.sqrt(variance)
        divisor = np.where(std < CONSTANT_STD, np.inf, std + STD_OFFSET)
        super().__init__(weights, biases, activation, discrete, standardizer=(mean, divisor))


def load_expert(path: Path, env_name: str, spec: TaskSpec) -> BasePolicy:
    """Read the expert policy for an environment, or import the object that ``path`` names as ``module:object``.

    For an expert of another known layout, a notice is printed and observations are converted. Raises InvalidInput when
    the expert can't be read or does not fit the task.
    """
    if object_name(path) is not None:
        with reading(path, "an expert"), users_code():
            imported = pkgutil.resolve_name(str(path))
        return as_policy(imported, len(spec.ob_shape), spec.ac_start)
    expert: NumpyPolicy
    kind = kind_of(path)
    if kind == PICKLE:
        expert = LoadedGaussianPolicy(path, spec.discrete)
    elif kind == SB3_ZIP:
        expert = load_sb3_policy(path, spec)
    elif kind in (FOLDER, TORCH_FILE):
        from cs285.policies.saved_policy import load_saved_expert  # imported here, since saved_policy imports torch

        expert = load_saved_expert(path)
    else:
        raise InvalidInput(f"{path} is {kind}, not an expert policy")
    if expert.ac_dim != spec.ac_dim:
        raise InvalidInput(f"{path} has actions of {expert.ac_dim} numbers, but {env_name} has {spec.ac_dim}")
    if expert.ob_dim == spec.ob_dim:
        return expert
    print_conversion(env_name, spec.ob_dim, expert.ob_dim, what=str(path))
    return ExternalPolicy(
        lambda batch: expert.get_action(convert_observations(batch, env_name, expert.ob_dim)), copyable=expert.copyable
    )


def write_gaussian_policy(
    path: Path, mean: Array, variance: Array, weights: Sequence[Array], biases: Sequence[Array], log_std: Array
) -> None:
    """Write an expert policy in the course's layout, a perceptron with tanh; raise InvalidInput if that fails.

    ``mean`` and ``variance`` (ob_dim,) are statistics of the observations. ``log_std`` (ac_dim,) is the logarithm of
    the actions' standard deviation. Each layer has ``weights`` (inputs, outputs) and ``biases`` (outputs,).
    """
    # Weights of constant dimensions become 0, since the course's loader does not ignore these dimensions.
    weights = [weights[0] * (np.sqrt(variance) >= CONSTANT_STD)[:, None], *weights[1:]]
    mean, variance, log_std, *biases = (np.asarray(row, np.float64)[None] for row in (mean, variance, log_std, *biases))
    affine = zip(weights, biases, strict=True)
    layers = [{"AffineLayer": {"W": weight.astype(np.float64), "b": bias}} for weight, bias in affine]
    width = len(str(2 * (len(layers) - 2)))  # all layer numbers get this width: the course sorts layers by name as text
    policy = {
        "obsnorm": {"Standardizer": {"mean_1_D": mean, "meansq_1_D": variance + mean**2}},
        "hidden": {"FeedforwardNet": {f"layer_{2 * n:0{width}d}": layer for n, layer in enumerate(layers[:-1])}},
        "out": layers[-1],
        "logstdevs_1_Da": log_std,
    }
    write_pickle({"nonlin_type": "tanh", "GaussianPolicy": policy}, path)


def _finite(array: Any) -> Array:
    if not isinstance(array, np.ndarray) or not np.isfinite(array).all():
        raise ValueError("a parameter is not an array of finite numbers")
    return array.astype(np.float64)
