"""Check of `build_mlp`."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import nn

from cs285.homework.checks.mistake import case, require, require_equal, require_type
from cs285.infrastructure import pytorch_utils

core: Any = pytorch_utils


class _Activation(nn.Softplus):
    pass


class _OutputActivation(nn.Softsign):
    pass


def build_mlp() -> None:
    """Compare the layers that a network calls with those that it should have, for several depths."""
    for n_layers in (2, 0, 1, 3):
        with case(f"n_layers={n_layers}"):
            _check_layers(core.build_mlp(3, 2, n_layers, 5, _Activation, _OutputActivation), n_layers)
    with case("n_layers=1, activations left out"):
        _check_layers(core.build_mlp(3, 2, n_layers=1, size=5), 1, nn.Tanh, nn.Identity)


def _check_layers(
    network: Any, n_layers: int, activation: type[nn.Module] = _Activation, output: type[nn.Module] = _OutputActivation
) -> None:
    require_type(network, nn.Module, "an nn.Module")
    called: list[nn.Module] = []
    for module in network.modules():
        if not list(module.children()):
            module.register_forward_hook(lambda module, *_: called.append(module))
    linear = [module for module in network.modules() if isinstance(module, nn.Linear)]
    sizes = [(layer.in_features, layer.out_features) for layer in linear]
    wanted = list(pairwise([3, *[5] * n_layers, 2]))
    found = f"the affine layers (inputs, outputs) are {sizes}, not {wanted}"
    require(sizes == wanted or len(sizes) != len(wanted), "sizes", found)
    inputs = torch.linspace(-1, 1, 12).reshape(4, 3)
    outputs = expected = network(inputs)
    require(list(network.parameters()), "parameters", "net.parameters() is empty: layers in a plain list are not found")
    require(all(p.requires_grad for p in network.parameters()), "parameters", "a parameter does not require a gradient")
    times = sum(isinstance(module, nn.Linear) for module in called)
    require(times <= len(linear), "layer shared", f"{len(linear)} affine layers are applied {times} times")
    require(sizes == wanted, "number of layers", f"{found}: n_layers counts the hidden layers")
    require(all(layer.bias is not None for layer in linear), "bias", "an affine layer has no bias")
    equal = [size for size, layer in zip(sizes, linear, strict=True) if layer.weight.max() == layer.weight.min()]
    require(not equal, "weights", f"all weights of a layer of {equal} are equal, and its units stay equal")
    hidden = [module for module in called if type(module) is activation]
    names = [type(module).__name__ for module in called if type(module) is not nn.Identity]
    others = [name for name in names if name not in ("Linear", activation.__name__, output.__name__)]
    count = f"the activation is applied {len(hidden)} times for {n_layers} hidden layers"
    ignored = f"{others} stands in place of the argument activation"
    require(len(hidden) >= n_layers or not others, "activation ignored", ignored)
    require(len(hidden) >= n_layers, "activation missing", f"{count}: affine layers in a row are one affine layer")
    require(len(hidden) == n_layers, "activation after output", f"{count}: it stands after the output layer too")
    shared = "one activation object stands in several places: call the class for each layer"
    require(len(set(hidden)) == n_layers, "activation shared", shared)
    missing = "output_activation is not applied to the output"
    require(output is nn.Identity or type(called[-1]) is output, "output activation missing", missing)
    order = ["Linear", activation.__name__] * n_layers + ["Linear"] + [output.__name__] * (output is not nn.Identity)
    require(not others, "extra module", f"{others} is too much: the layers are {names}, not {order}")
    require(names == order, "order", f"the layers are {names}, not {order}")
    for module in list(called):
        inputs = expected = module(inputs)
    require_equal(outputs, expected, "output", "the output is not that of the layers in their order:")
