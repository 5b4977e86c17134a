"""Networks, devices and threads."""

import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits
from torch import nn

from cs285.errors import InvalidInput
from cs285.infrastructure.pytorch_utils import build_mlp, choose_device, use_threads


def test_sizes_and_activations_of_a_network() -> None:
    network = build_mlp(5, 4, 2, 8)
    assert [type(layer) for layer in network] == [nn.Linear, nn.Tanh, nn.Linear, nn.Tanh, nn.Linear, nn.Identity]
    assert [tuple(network[n].weight.shape) for n in (0, 2, 4)] == [(8, 5), (8, 8), (4, 8)]
    assert [tuple(layer.weight.shape) for layer in build_mlp(5, 4, 0, 8) if isinstance(layer, nn.Linear)] == [(4, 5)]
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
    with threadpool_limits(limits=None):  # restores all limits at the end, also that of torch's OpenMP
        for count in (3, 1):
            use_threads(count)
            in_numpy = {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}
            assert (torch.get_num_threads(), in_numpy) == (count, {count})
