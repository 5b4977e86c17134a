"""PyTorch helpers without module-level state: networks, devices, threads, conversion from and to numpy."""

import math
from typing import Any

import numpy as np
import torch
from torch import nn

from cs285.data.trajectory import Array
from cs285.errors import InvalidInput


def build_mlp(
    input_size: int,
    output_size: int,
    n_layers: int,
    size: int,
    activation: type[nn.Module] = nn.Tanh,
    output_activation: type[nn.Module] = nn.Identity,
) -> nn.Sequential:
    """Build a multi-layer perceptron, a float32 module from (N, input_size) to (N, output_size).

    ``n_layers`` is the number of hidden layers, of width ``size``; with 0, the network is one affine layer. A module of
    the class ``activation`` follows each hidden layer. An ``output_activation`` follows the output layer.
    """
    layers: list[nn.Module] = []
    width = input_size
    for _ in range(n_layers):
        layers += [nn.Linear(width, size, dtype=torch.float32), activation()]
        width = size
    layers += [nn.Linear(width, output_size, dtype=torch.float32), output_activation()]
    return nn.Sequential(*layers)


def cosine_ratio(period: int, step: int) -> float:
    """The learning rate of gradient step ``step``, from 1 up, divided by the learning rate of the step before.

    The rate falls towards 0 as half a cosine in ``period`` steps, then starts again (Loshchilov and Hutter 2017).
    `MultiplicativeLR` multiplies the current rate by this ratio, so the schedule follows a rate that is set by hand.
    """
    now, before = (1 + math.cos(math.pi * (n % period) / period) for n in (step, step - 1))
    return now / before


def choose_device(no_gpu: bool, which_gpu: int) -> torch.device:
    """The GPU with this index, or the CPU if ``no_gpu`` is set or there is no GPU; InvalidInput for a wrong index."""
    if no_gpu or not torch.cuda.is_available():
        return torch.device("cpu")
    if which_gpu >= (count := torch.cuda.device_count()):
        raise InvalidInput(f"--which_gpu is {which_gpu}; this machine has {count} GPUs, with indices from 0 on")
    return torch.device("cuda", which_gpu)


def from_numpy(array: Array, device: torch.device) -> torch.Tensor:
    """Convert an array to a tensor on the device; floats become float32, and other dtypes are kept."""
    dtype: Any = np.float32 if np.issubdtype(array.dtype, np.floating) else array.dtype
    return torch.from_numpy(np.ascontiguousarray(array, dtype)).to(device)


def to_numpy(tensor: torch.Tensor) -> Array:
    """Copy a tensor, which may be on a GPU, into a numpy array of the same shape and dtype."""
    return np.array(tensor.detach().cpu().numpy())
