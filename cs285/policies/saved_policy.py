"""Loading and saving of policy files, ``policy_itr_<n>.pt``. The config.json in the same folder has the settings."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cs285.config import Config
from cs285.data.checkpoint import Checkpoints, portable
from cs285.data.restricted_pickle import load_torch_file
from cs285.data.run_folders import read_config, saved_file
from cs285.data.whole_files import TORCH_FILE, check_budget, kind_of, reading, whole_file
from cs285.envs.make_env import Env, TaskSpec, make_env
from cs285.errors import InvalidInput
from cs285.infrastructure.pytorch_utils import to_numpy
from cs285.policies.frozen_copy import frozen_copy
from cs285.policies.loaded_gaussian_policy import STD_OFFSET, write_gaussian_policy
from cs285.policies.make_policy import MakePolicy, describe_policy, make_mlp_policy
from cs285.policies.numpy_policy import NumpyPolicy


def load_run_config(run_dir: Path, env_name: str | None = None) -> Config:
    """Read a run's settings with the task ``env_name`` (None: its own, without ``module:``), or raise InvalidInput."""
    config = read_config(run_dir / "config.json")
    return replace(config, env_name=env_name or config.env_name.rpartition(":")[2])


def load_run_policy(
    path: Path, make_policy: MakePolicy = make_mlp_policy, env_name: str | None = None
) -> tuple[Any, Env, TaskSpec]:
    """Load a policy onto the CPU and make its run's environment, without executing code from the files.

    ``path`` is a file ``policy_itr_<n>.pt`` in a run folder, or a run folder, whose last policy file is loaded.
    ``make_policy`` is the function that made the policy; ``env_name``, if given, replaces the run's environment.
    Raises InvalidInput when a file can't be used, ``make_policy`` is not the run's, or the environment can't be made.
    """
    path = saved_file(path)
    if (kind := kind_of(path)) != TORCH_FILE:
        raise InvalidInput(f"{path} is {kind}, not a saved policy (policy_itr_<n>.pt)")
    what = "the state_dict of a policy in its run's folder (loading a torch checkpoint of a whole module runs code)"
    with reading(path, what):
        parameters, config = load_torch_file(path), load_run_config(path.parent, env_name)
        env, spec = make_env(config.env_name, config.ep_len, backend=config.backend, env_kwargs=config.env_kwargs)
        check_budget(path, [4 * config.n_layers * config.size**2])
        policy = make_policy(replace(config, no_gpu=True), spec, [])
        Checkpoints(path.parent).check_same_policy(describe_policy(make_policy, policy))
        policy.load_state_dict(parameters)
    return policy, env, spec


def load_policy(path: Path | str, make_policy: MakePolicy = make_mlp_policy, env_name: str | None = None) -> Any:
    """Load a policy onto the CPU in evaluation mode; `load_run_policy` describes the arguments."""
    policy, env, _ = load_run_policy(Path(path), make_policy=make_policy, env_name=env_name)
    env.close()
    return policy.eval() if isinstance(policy, torch.nn.Module) else policy


def load_saved_expert(path: Path) -> Any:
    """Load a frozen copy of a policy that `make_mlp_policy` made; ``path`` is as for `load_run_policy`.

    The copy's ``ob_dim`` and ``ac_dim`` are the sizes of its own run's task. Raises InvalidInput when it can't be used.
    """
    policy, env, own = load_run_policy(path)
    env.close()
    expert: Any = frozen_copy(policy, np.random.default_rng(0).normal(size=(2, *own.ob_shape)).astype(own.ob_dtype))
    expert.ob_dim, expert.ac_dim = own.ob_dim, own.ac_dim
    return expert


def export_policy(policy: Any, path: Path) -> None:
    """Write a policy's network in the course's expert format; raise InvalidInput if the format can't hold it."""
    frozen = frozen_copy(policy, np.zeros((2, *getattr(policy, "ob_shape", ())), np.float32))
    if not isinstance(frozen, NumpyPolicy) or frozen.activation != "tanh" or len(policy.ob_shape) != 1:
        raise InvalidInput("the course's format can't hold the policy: it holds perceptrons of vectors with tanh")
    mean, std = (to_numpy(part).astype(np.float64) for part in (policy.ob_mean, policy.ob_std))
    log_std = np.zeros(len(frozen.biases[-1])) if policy.discrete else to_numpy(policy.logstd)
    variance = np.square(std - STD_OFFSET)  # readers of the format add STD_OFFSET
    write_gaussian_policy(path, mean, variance, frozen.weights, frozen.biases, log_std)


def save_parameters(policy: Any, path: Path) -> None:
    """Write ``policy.state_dict()``, to be read by ``torch.load(path, weights_only=True)``, or raise InvalidInput."""
    parameters = portable(dict(policy.state_dict()), "the policy's state_dict")
    with whole_file(path) as file:
        torch.save(parameters, file)
