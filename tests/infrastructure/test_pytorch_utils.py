"""Networks, devices, and the way between numpy and torch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from cs285.errors import InvalidInput
from cs285.infrastructure.pytorch_utils import build_mlp, choose_device, from_numpy, to_numpy

CPU = torch.device("cpu")


@given(inputs=st.integers(1, 5), outputs=st.integers(1, 5), n_layers=st.integers(0, 4), size=st.integers(1, 9))
def test_the_network_has_the_sizes_asked_for(inputs: int, outputs: int, n_layers: int, size: int) -> None:
    network = build_mlp(inputs, outputs, n_layers, size)
    shapes = [tuple(layer.weight.shape) for layer in network if isinstance(layer, nn.Linear)]
    widths = [inputs, *[size] * n_layers, outputs]
    assert shapes == list(zip(widths[1:], widths[:-1], strict=True))
    assert network(torch.zeros(7, inputs)).shape == (7, outputs)


def test_hidden_layers_are_activated_and_the_output_is_not() -> None:
    network = build_mlp(2, 3, 2, 8)
    kinds = [type(layer) for layer in network]
    assert kinds == [nn.Linear, nn.Tanh, nn.Linear, nn.Tanh, nn.Linear, nn.Identity]
    assert len({id(layer) for layer in network}) == len(network)  # none is shared


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("tanh", torch.tanh),
        ("relu", torch.relu),
        ("leaky_relu", lambda x: torch.where(x > 0, x, 0.01 * x)),
        ("sigmoid", torch.sigmoid),
        ("softplus", lambda x: torch.log1p(torch.exp(x))),
        ("identity", lambda x: x),
    ],
)
def test_activations_by_name(name: str, function: object) -> None:
    network = build_mlp(3, 2, 1, 6, activation=name, output_activation=name)  # type: ignore[arg-type]
    x = torch.randn(5, 3)
    expected = function(network[2](function(network[0](x))))  # type: ignore[operator]
    torch.testing.assert_close(network(x), expected)


def test_without_a_gpu_or_the_wish_for_one_it_is_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert choose_device(no_gpu=True, which_gpu=0) == CPU
    assert choose_device(no_gpu=False, which_gpu=1) == torch.device("cuda", 1)
    with pytest.raises(InvalidInput, match="--which_gpu is 2; this machine has 2"):
        choose_device(no_gpu=False, which_gpu=2)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device(no_gpu=False, which_gpu=2) == CPU


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [(np.float64, torch.float32), (np.float32, torch.float32), (np.int64, torch.int64), (bool, torch.bool)],
)
def test_from_numpy_makes_floats_float32_and_keeps_the_rest(dtype: type, expected: torch.dtype) -> None:
    array = np.arange(6).reshape(2, 3)[:, ::-1].astype(dtype)
    tensor = from_numpy(array, CPU)
    assert tensor.dtype == expected
    np.testing.assert_array_equal(tensor.numpy(), array)


def test_to_numpy_gives_memory_of_its_own() -> None:
    tensor = torch.ones(3, requires_grad=True)
    array = to_numpy(tensor)
    array[:] = 5
    assert tensor.tolist() == [1, 1, 1]
