"""Policies that a run has saved, read back with what its config.json says of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from cs285.errors import InvalidInput
from cs285.infrastructure.config import Config
from cs285.infrastructure.envs import Env, EnvSpec, make_env
from cs285.infrastructure.run_folders import read_content
from cs285.infrastructure.v2_tasks import Backend
from cs285.policies.MLP_policy import MLPPolicy


def load_run_settings(run_dir: Path) -> dict[str, Any]:
    """The settings of a run, by the names of `cs285.infrastructure.config.Config`.

    Raises:
        InvalidInput: when the folder has no readable config.json.
    """
    settings: dict[str, Any] = read_content(run_dir / "config.json")["settings"]
    return settings


def backend_of(settings: Mapping[str, Any]) -> Backend:
    """The bindings that a run's environment was on, from its settings."""
    return "mujoco_py" if settings.get("backend") == "mujoco_py" else "mujoco"


def load_policy(path: Path, spec: EnvSpec, n_layers: int, size: int) -> MLPPolicy:
    """Read ``policy_itr_<n>.pt`` into a policy on the CPU.

    Args:
        path: the parameters, as `BCAgent.save` wrote them; nothing else in the file is run.
        spec: facts of the environment the policy was trained on.
        n_layers: the network's hidden layers.
        size: the width of each.

    Raises:
        InvalidInput: when the file can't be read or holds other parameters.
    """
    policy = MLPPolicy(spec.ac_dim, spec.ob_dim, n_layers, size, spec.discrete)
    try:
        parameters = torch.load(path, map_location="cpu", weights_only=True)
        policy.load_state_dict({**{name: getattr(policy, name) for name in ("ob_mean", "ob_std")}, **parameters})
    except OSError as error:
        raise InvalidInput(f"can't read {path}: {error.strerror or error}") from error
    except Exception as error:  # torch's reader of a broken file can raise nearly anything
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise InvalidInput(f"{path} does not hold the parameters of this run's policy: {reason}") from error
    return policy


def load_run_policy(
    path: Path, ep_len: int | None = None, backend: Backend | None = None
) -> tuple[MLPPolicy, Env, EnvSpec]:
    """Read a policy and make the environment of its run; config.json lies beside the file.

    Args:
        path: ``policy_itr_<n>.pt`` in its run folder.
        ep_len: where to cut episodes; None: where the run did.
        backend: the bindings that a -v2 task runs on; None: those of the run.

    Raises:
        InvalidInput: when one of the two files can't be used, or the environment can't be made.
    """
    settings = load_run_settings(path.parent)
    try:
        config = Config(**{name: settings[name] for name in ("env_name", "n_layers", "size", "ep_len")})
    except KeyError as error:
        raise InvalidInput(f"{path.parent / 'config.json'} has no setting {error}") from error
    except TypeError as error:
        raise InvalidInput(f"{path.parent / 'config.json'} has a setting of a wrong type: {error}") from error
    env, spec = make_env(config.env_name, ep_len or config.ep_len, backend=backend or backend_of(settings))
    return load_policy(path, spec, config.n_layers, config.size), env, spec
