"""PyTorch helpers without module-level state: networks, devices, threads, conversion from and to numpy."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch import nn

from cs285.data.trajectory import Array
from cs285.errors import InvalidInput

Activation: TypeAlias = Literal["tanh", "relu", "leaky_relu", "sigmoid", "selu", "softplus", "identity"]

_ACTIVATIONS: dict[Activation, type[nn.Module]] = {
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "sigmoid": nn.Sigmoid,
    "selu": nn.SELU,
    "softplus": nn.Softplus,
    "identity": nn.Identity,
}


def build_mlp(
    input_size: int,
    output_size: int,
    n_layers: int,
    size: int,
    activation: Activation = "tanh",
    output_activation: Activation = "identity",
) -> nn.Sequential:
    """Build a multi-layer perceptron.

    Args:
        input_size: numbers in an input.
        output_size: numbers in an output.
        n_layers: hidden layers; with 0 the network is one affine layer.
        size: width of each hidden layer.
        activation: after each hidden layer.
        output_activation: after the output layer.

    Returns:
        A module from (N, input_size) to (N, output_size).
    """
    layers: list[nn.Module] = []
    width = input_size
    for _ in range(n_layers):
        layers += [nn.Linear(width, size), _ACTIVATIONS[activation]()]
        width = size
    layers += [nn.Linear(width, output_size), _ACTIVATIONS[output_activation]()]
    return nn.Sequential(*layers)


def choose_device(no_gpu: bool, which_gpu: int) -> torch.device:
    """The GPU of that index if there is one at all and it is wanted, else the CPU.

    Raises:
        InvalidInput: when there are GPUs, but none of that index.
    """
    if no_gpu or not torch.cuda.is_available():
        return torch.device("cpu")
    if which_gpu >= torch.cuda.device_count():
        raise InvalidInput(f"--which_gpu is {which_gpu}; this machine has {torch.cuda.device_count()}, counted from 0")
    return torch.device("cuda", which_gpu)


def use_threads(count: int) -> None:
    """Compute with so many threads in this process, in torch and in the linear algebra of numpy."""
    torch.set_num_threads(count)
    threadpool_limits(count, user_api="blas")


def from_numpy(array: Array, device: torch.device) -> torch.Tensor:
    """A tensor on the device; floats become float32."""
    dtype = np.float32 if np.issubdtype(array.dtype, np.floating) else array.dtype
    return torch.from_numpy(np.ascontiguousarray(array, dtype)).to(device)


def to_numpy(tensor: torch.Tensor) -> Array:
    """An array of the tensor's numbers, in a memory of its own."""
    array: Array = tensor.detach().cpu().numpy().copy()
    return array
