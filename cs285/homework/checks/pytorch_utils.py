"""Check of `build_mlp`."""

from functools import partial
from itertools import pairwise
from typing import Any

import torch
from torch import nn

from cs285.homework.checks.mistake import require, require_equal, require_type, run_cases
from cs285.infrastructure import pytorch_utils

core: Any = pytorch_utils


def _check_layers(n_layers: int, *activations: type[nn.Module]) -> None:
    network = core.build_mlp(3, 2, n_layers, 5, *activations)
    activation, output = activations or (nn.Tanh, nn.Identity)
    require_type(network, nn.Module, "an nn.Module")
    require(list(network.parameters()), "network.parameters() is empty; it does not find layers in a plain list")
    linear = [module for module in network.modules() if isinstance(module, nn.Linear)]
    sizes, wanted = [(one.in_features, one.out_features) for one in linear], list(pairwise([3, *[5] * n_layers, 2]))
    text = f"the network has affine layers of sizes (inputs, outputs) {sizes}, not {wanted}"
    require(sizes == wanted, f"{text}: n_layers is the number of hidden layers")
    require(all(layer.bias is not None for layer in linear), "an affine layer has no bias")
    equal = [size for size, layer in zip(sizes, linear, strict=True) if layer.weight.max() == layer.weight.min()]
    require(not equal, f"in the layers {equal} all weights are equal, so their units stay equal")
    called: list[nn.Module] = []
    for module in network.modules():
        if not list(module.children()):
            module.register_forward_hook(lambda module, *_: called.append(module))
    inputs = torch.linspace(-1, 1, 12).reshape(4, 3)
    outputs = network(inputs)
    names = [type(module).__name__ for module in called if type(module) is not nn.Identity]
    order = ["Linear", activation.__name__] * n_layers + ["Linear"] + [output.__name__] * (output is not nn.Identity)
    require(names == order, f"the layers are {names}, not {order}")
    hidden = [module for module in called if type(module) is activation]
    require(len(set(hidden)) == n_layers, "one activation object is used in several places")
    for module in list(called):
        inputs = module(inputs)
    require_equal(outputs, inputs, "the network's output is", ", the output of its layers in their order")


CASES = {f"n_layers={n}": (n, nn.Softplus, nn.Softsign) for n in (2, 0, 1, 3)}
build_mlp = partial(run_cases, _check_layers, {**CASES, "n_layers=1, activations left out": (1,)})
