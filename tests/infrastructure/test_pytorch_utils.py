"""Networks, devices and threads."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_info, threadpool_limits
from torch import nn

from cs285.errors import InvalidInput
from cs285.infrastructure.pytorch_utils import build_mlp, choose_device, use_threads


@given(inputs=st.integers(1, 5), outputs=st.integers(1, 5), n_layers=st.integers(0, 4), size=st.integers(1, 9))
def test_the_network_has_the_sizes_asked_for(inputs: int, outputs: int, n_layers: int, size: int) -> None:
    network = build_mlp(inputs, outputs, n_layers, size)
    shapes = [tuple(layer.weight.shape) for layer in network if isinstance(layer, nn.Linear)]
    widths = [inputs, *[size] * n_layers, outputs]
    assert shapes == list(zip(widths[1:], widths[:-1], strict=True))
    assert network(torch.zeros(7, inputs)).shape == (7, outputs)


def test_activations_of_hidden_layers_and_of_the_output() -> None:
    kinds = [type(layer) for layer in build_mlp(2, 3, 2, 8)]
    assert kinds == [nn.Linear, nn.Tanh, nn.Linear, nn.Tanh, nn.Linear, nn.Identity]
    network = build_mlp(3, 2, 1, 6, activation=nn.ReLU, output_activation=nn.Sigmoid)
    x = torch.randn(5, 3)
    torch.testing.assert_close(network(x), torch.sigmoid(network[2](torch.relu(network[0](x)))))


def test_the_gpu_is_chosen_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert choose_device(no_gpu=True, which_gpu=0) == torch.device("cpu")
    assert choose_device(no_gpu=False, which_gpu=1) == torch.device("cuda", 1)
    with pytest.raises(InvalidInput, match="--which_gpu is 2; this machine has 2"):
        choose_device(no_gpu=False, which_gpu=2)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device(no_gpu=False, which_gpu=2) == torch.device("cpu")


def test_threads_of_torch_and_of_numpy() -> None:
    with threadpool_limits(limits=None):  # restores all at its end, torch's OpenMP too
        for count in (3, 1):
            use_threads(count)
            in_numpy = {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}
            assert (torch.get_num_threads(), in_numpy) == (count, {count})
