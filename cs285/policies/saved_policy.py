"""Policies that a run has saved, read back with what its config.json says of them."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from cs285.config import Config
from cs285.data.run_folders import read_config, read_content
from cs285.data.whole_files import read_whole, whole_file
from cs285.envs.make_env import Env, TaskSpec, make_env
from cs285.envs.v2_tasks import Backend
from cs285.errors import InvalidInput
from cs285.policies.MLP_policy import MLPPolicy

STANDARDIZER = {"ob_mean": 0.0, "ob_std": 1.0}  # of policies whose files have none


def load_run_config(run_dir: Path) -> Config:
    """The settings of a run.

    Raises:
        InvalidInput: when the folder has no readable config.json, or it does not say what the policy is.
    """
    path = run_dir / "config.json"
    settings = read_content(path)["settings"]
    for name in ("env_name", "n_layers", "size", "ep_len"):
        if name not in settings or (settings[name] is None and name != "ep_len"):
            raise InvalidInput(f"{path} has no setting {name!r}")
    return read_config(path)


def load_policy(path: Path, spec: TaskSpec, n_layers: int, size: int) -> MLPPolicy:
    """Read ``policy_itr_<n>.pt`` into a policy on the CPU.

    Args:
        path: the parameters, as `BCAgent.save` wrote them; nothing else in the file is run.
        spec: facts of the environment the policy was trained on.
        n_layers: the network's hidden layers.
        size: the width of each.

    Raises:
        InvalidInput: when the file can't be read or holds other parameters, or some that are not finite.
    """
    parameters = _read_parameters(path)
    sizes = (spec.ac_dim, spec.ob_dim, n_layers, size, spec.discrete)
    with torch.device("meta"):  # shapes that take no memory
        expected = MLPPolicy(*sizes).state_dict()
    before_there_were = {name: torch.full((spec.ob_dim,), value) for name, value in STANDARDIZER.items()}
    try:
        _check_parameters({**before_there_were, **parameters}, expected)
    except InvalidInput as error:
        raise InvalidInput(f"{path} does not hold the parameters of this run's policy: {error}") from error
    policy = MLPPolicy(*sizes)
    policy.load_state_dict({**before_there_were, **parameters})
    return policy


def _read_parameters(path: Path) -> dict[str, torch.Tensor]:
    """Tensors by name, together no larger than their file."""
    content = read_whole(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns of protocols that torch does not write
            parameters = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # torch's reader of a broken file can raise nearly anything, with advice to trust it
        raise InvalidInput(f"{path} does not hold the parameters of a policy and nothing else") from error
    if not isinstance(parameters, dict) or not all(
        isinstance(name, str) and isinstance(tensor, torch.Tensor) for name, tensor in parameters.items()
    ):
        raise InvalidInput(f"{path} does not hold the parameters of a policy: it is not a table of tensors by name")
    if sum(tensor.numel() for tensor in parameters.values()) > len(content):
        raise InvalidInput(f"{path} does not hold the parameters of a policy: it claims more than its own size")
    return parameters


def _check_parameters(found: Mapping[str, torch.Tensor], expected: Mapping[str, torch.Tensor]) -> None:
    differing = sorted(found.keys() ^ expected.keys())
    if differing:
        raise InvalidInput(f"one of the two has no {differing[0]!r:.100}")
    for name, tensor in found.items():
        if tensor.shape != expected[name].shape:
            raise InvalidInput(f"{name} is {tuple(tensor.shape)}, not {tuple(expected[name].shape)}")
        if tensor.dtype != torch.float32 or tensor.layout != torch.strided or not tensor.isfinite().all():
            raise InvalidInput(f"{name} is not made of finite numbers of 32 bits")


def load_run_policy(
    path: Path, ep_len: int | None = None, backend: Backend | None = None
) -> tuple[MLPPolicy, Env, TaskSpec]:
    """Read a policy and make the environment of its run; config.json lies beside the file.

    Args:
        path: ``policy_itr_<n>.pt`` in its run folder.
        ep_len: where to cut episodes; None: where the run did.
        backend: the bindings that a -v2 task runs on; None: those of the run.

    Raises:
        InvalidInput: when one of the two files can't be used, or the environment can't be made.
    """
    config = load_run_config(path.parent)
    env, spec = make_env(config.env_name, ep_len or config.ep_len, backend=backend or config.backend)
    return load_policy(path, spec, config.n_layers, config.size), env, spec


def save_parameters(policy: Any, path: Path) -> None:
    """Write ``policy.state_dict()``; ``torch.load(path, weights_only=True)`` reads it, with a GPU or without.

    Raises:
        InvalidInput: when the file can't be written.
    """
    copies = {name: value.cpu().clone() for name, value in policy.state_dict().items()}  # not views of larger tensors
    with whole_file(path) as file:
        torch.save(copies, file)
