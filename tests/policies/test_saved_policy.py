"""Saved policies: read from their run folder with the function that made them; other files are refused."""

import json
import re
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from torch import nn

from cs285.config import Config
from cs285.envs.make_env import TaskSpec
from cs285.errors import InvalidInput
from cs285.policies.make_policy import describe_policy, make_mlp_policy
from cs285.policies.MLP_policy import MLPPolicy
from cs285.policies.saved_policy import load_run_config, load_run_policy
from tests.fakes import CHOICE, CHOICE_SPEC, OB_DIM, POINT, POINT_SPEC, PointEnv

SETTINGS = {"env_name": POINT, "n_layers": 1, "size": 8, "ep_len": 7}
CONFIG = Config(env_name=POINT, n_layers=1, size=8)


def make_relu(*arguments: Any) -> MLPPolicy:
    """Make a policy with ReLU, whose parameters have the same names and shapes as the default policy's parameters."""
    policy: MLPPolicy = make_mlp_policy(*arguments)
    policy.network[1] = nn.ReLU()
    return policy


def save_run(folder: Path, make_policy: Any = make_mlp_policy, spec: Any = POINT_SPEC, env_name: str = POINT) -> Any:
    """Write config.json and policy_itr_0.pt; return the path of policy_itr_0.pt, and the policy."""
    policy = make_policy(CONFIG, spec, [])
    torch.save(policy.state_dict(), folder / "policy_itr_0.pt")
    content = {"settings": {**SETTINGS, "env_name": env_name}, "policy": describe_policy(make_policy, policy)}
    (folder / "config.json").write_text(json.dumps(content), encoding="utf-8")
    return folder / "policy_itr_0.pt", policy


def change_config(path: Path, **changes: object) -> None:
    """Change entries of the config.json in a policy's folder; None removes an entry."""
    config = path.parent / "config.json"
    content = {**json.loads(config.read_text(encoding="utf-8")), **changes}
    config.write_text(
        json.dumps({name: value for name, value in content.items() if value is not None}), encoding="utf-8"
    )


@pytest.mark.parametrize(("env_name", "spec"), [(POINT, POINT_SPEC), (CHOICE, CHOICE_SPEC)])
def test_the_saved_policy_is_read(tmp_path: Path, env_name: str, spec: TaskSpec) -> None:
    path, saved = save_run(tmp_path, spec=spec, env_name=env_name)
    loaded, env, spec = load_run_policy(path)
    observations = np.random.default_rng(0).normal(size=(20, OB_DIM))
    np.testing.assert_array_equal(loaded.get_action(observations), saved.get_action(observations))
    assert spec.max_episode_steps == 7
    assert env.reset(seed=0)[0].shape == (OB_DIM,)


def test_a_policy_is_read_only_with_the_function_that_made_it(tmp_path: Path) -> None:
    path, saved = save_run(tmp_path, make_relu)
    loaded, *_ = load_run_policy(path, make_policy=make_relu)
    observations = np.random.default_rng(0).normal(size=(20, OB_DIM))
    np.testing.assert_array_equal(loaded.get_action(observations), saved.get_action(observations))
    named = re.escape(f"{__name__}:make_relu")
    with pytest.raises(InvalidInput, match=f"make_policy is .*:make_mlp_policy, but .* began with {named}"):
        load_run_policy(path)
    path, _ = save_run(tmp_path)
    with pytest.raises(InvalidInput, match=f"make_policy is {named}, but .* began with .*:make_mlp_policy"):
        load_run_policy(path, make_policy=make_relu)


def test_a_config_with_another_architecture_or_make_policy_is_refused(tmp_path: Path) -> None:
    path, _ = save_run(tmp_path)
    architecture = describe_policy(make_mlp_policy, make_relu(CONFIG, POINT_SPEC, []))
    for entry, message in (
        (architecture, r"the policy's architecture is .*Tanh.*, but .* began with"),
        ({"make_policy": "os:system"}, "but .* began with os:system"),
        ({"make_policy": 3}, r"can't be read as the config\.json"),
        (3, r"can't be read as the config\.json"),
    ):
        change_config(path, policy=entry)
        with pytest.raises(InvalidInput, match=message):
            load_run_policy(path)


def test_the_module_of_an_environment_is_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "evil_envs.py").write_text(
        "import pathlib; pathlib.Path(__file__).with_name('canary').touch()", encoding="utf-8"
    )
    path, _ = save_run(tmp_path, env_name="evil_envs:tests/Evil-v0")
    with pytest.raises(InvalidInput, match=r"can't make 'tests/Evil-v0': .* doesn't exist"):
        load_run_policy(path)
    assert not (tmp_path / "canary").exists()
    assert load_run_policy(path, env_name=POINT)[2].ob_dim == OB_DIM
    gym.register("tests/Evil-v0", PointEnv, max_episode_steps=9)  # importing the user's module would register this task
    assert load_run_config(tmp_path).env_name == "tests/Evil-v0"
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty, not a saved policy"),
        ([1, 2], "list"),
        ({"more": 3}, 'Unexpected key.*"more"'),
        ({"logstd": 3}, '"logstd", expected .*int'),
        ({"logstd": torch.zeros(3)}, "size mismatch for logstd"),
        ({"logstd": torch.zeros(1).expand(30_000, 30_000)}, "more memory than the file"),
    ],
)
def test_refusals_of_other_parameters_name_the_difference(tmp_path: Path, content: Any, message: str) -> None:
    path, policy = save_run(tmp_path)
    torch.save({**policy.state_dict(), **content} if isinstance(content, dict) else content, path)
    if isinstance(content, bytes):
        path.write_bytes(content)
    with pytest.raises(InvalidInput, match=message) as refused:
        load_run_policy(path)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_other_settings_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    path, _ = save_run(tmp_path)
    for change in ({"size": 16}, {"n_layers": 2}):
        change_config(path, policy=None, settings={**SETTINGS, **change})
        with pytest.raises(InvalidInput, match=r"policy_itr_0\.pt can't be read as the state_dict of a policy"):
            load_run_policy(path)
    (tmp_path / "config.json").unlink()
    with pytest.raises(InvalidInput, match=r"can't read .*config\.json: No such file"):
        load_run_config(tmp_path)
