"""Saved policies come back as they were, from their run's folder alone; anything else is refused."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cs285.errors import InvalidInput
from cs285.policies.MLP_policy import MLPPolicy
from cs285.policies.saved_policy import load_run_config, load_run_policy
from tests.fakes import AC_DIM, CHOICE, OB_DIM, POINT

SETTINGS = {"env_name": POINT, "n_layers": 1, "size": 8, "ep_len": 7}


def saved_run(
    folder: Path, settings: object = SETTINGS, discrete: bool = False, size: int = 8
) -> tuple[Path, MLPPolicy]:
    """A folder with config.json and policy_itr_0.pt, and the policy that was saved."""
    policy = MLPPolicy(AC_DIM, OB_DIM, 1, size, discrete)
    torch.save(policy.state_dict(), folder / "policy_itr_0.pt")
    (folder / "config.json").write_text(json.dumps({"settings": settings}))
    return folder / "policy_itr_0.pt", policy


@pytest.mark.parametrize("env_name", [POINT, CHOICE])
def test_the_policy_that_was_saved_comes_back(tmp_path: Path, env_name: str) -> None:
    path, saved = saved_run(tmp_path, {**SETTINGS, "env_name": env_name}, discrete=env_name == CHOICE)
    loaded, env, spec = load_run_policy(path)
    observations = np.random.default_rng(0).normal(size=(20, OB_DIM))
    np.testing.assert_array_equal(loaded.get_action(observations), saved.get_action(observations))
    assert spec.max_episode_steps == 7
    assert env.reset(seed=0)[0].shape == (OB_DIM,)
    assert load_run_policy(path, ep_len=4)[2].max_episode_steps == 4


def test_a_file_with_code_in_it_does_not_run(tmp_path: Path) -> None:
    class Attack:
        def __reduce__(self) -> tuple[Any, tuple[str]]:
            return os.system, (f"touch {tmp_path / 'canary'}",)

    path, _ = saved_run(tmp_path)
    torch.save({"logstd": Attack()}, path)
    with pytest.raises(InvalidInput, match=r"policy_itr_0\.pt does not hold"):
        load_run_policy(path)
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize(
    "content", [b"", b"not a zip", b"PK\x03\x04broken", None, {"mean_net.0.weight": 3}, [1, 2], {1: torch.zeros(2)}]
)
def test_another_file_is_refused_by_name(tmp_path: Path, content: object) -> None:
    path, _ = saved_run(tmp_path)
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(InvalidInput, match=r"policy_itr_0\.pt does not hold the parameters") as refused:
        load_run_policy(path)
    assert "\n" not in str(refused.value)


def test_the_refusal_says_what_does_not_fit(tmp_path: Path) -> None:
    path, _ = saved_run(tmp_path, size=16)
    with pytest.raises(InvalidInput, match="16"):
        load_run_policy(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    path, _ = saved_run(tmp_path)
    path.unlink()
    with pytest.raises(InvalidInput, match=r"can't read .*policy_itr_0\.pt: No such file"):
        load_run_policy(path)
    (tmp_path / "config.json").unlink()
    with pytest.raises(InvalidInput, match=r"can't read .*config\.json: No such file"):
        load_run_config(tmp_path)


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"settings": 3}', "\xff"])
def test_another_config_json_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text, encoding="latin1")
    with pytest.raises(InvalidInput, match=r"config\.json is not the config\.json of a run"):
        load_run_config(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        *({"n_layers": value} for value in ("two", 1.0, True, None)),
        *({"ep_len": value} for value in (2.5, True, 0)),
        {"size": -8},
        {"size": None},
        {"ep_len": "x"},
        {"env_name": 3},
        {"env_name": "nosuch"},
    ],
)
def test_settings_that_cannot_be_are_refused(tmp_path: Path, change: dict[str, object]) -> None:
    path, _ = saved_run(tmp_path, SETTINGS | change)
    with pytest.raises(InvalidInput):
        load_run_policy(path)


def test_a_network_that_is_not_in_the_file_takes_no_memory(tmp_path: Path) -> None:
    path, _ = saved_run(tmp_path, SETTINGS | {"n_layers": 100, "size": 65_536})  # 1.7 TB
    with pytest.raises(InvalidInput, match=r"policy_itr_0\.pt does not hold the parameters"):
        load_run_policy(path)


def test_tensors_larger_than_their_file_are_refused(tmp_path: Path) -> None:
    path, saved = saved_run(tmp_path)
    torch.save({name: torch.zeros(1).expand(30_000, 30_000) for name in saved.state_dict()}, path)
    with pytest.raises(InvalidInput, match=r"more than its own size"):
        load_run_policy(path)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_parameters_that_are_not_finite_are_refused(tmp_path: Path, value: float) -> None:
    path, saved = saved_run(tmp_path)
    with torch.no_grad():
        saved.network[0].bias[3] = value
    torch.save(saved.state_dict(), path)
    with pytest.raises(InvalidInput, match=r"mean_net\.0\.bias is not made of finite numbers"):
        load_run_policy(path)


@pytest.mark.parametrize(
    "content", [b"", b"not a zip", b"PK\x03\x04broken", b"cos\nsystem\n(S'true'\ntR.", pickle.dumps([], 4)]
)
def test_no_refusal_advises_to_trust_the_file(tmp_path: Path, content: bytes, recwarn: pytest.WarningsRecorder) -> None:
    path, _ = saved_run(tmp_path)
    path.write_bytes(content)
    with pytest.raises(InvalidInput) as refused:
        load_run_policy(path)
    assert "weights_only" not in str(refused.value)
    assert not recwarn.list


@pytest.mark.parametrize("missing", list(SETTINGS))
def test_a_missing_setting_is_named(tmp_path: Path, missing: str) -> None:
    path, _ = saved_run(tmp_path, {name: value for name, value in SETTINGS.items() if name != missing})
    with pytest.raises(InvalidInput, match=f"no setting '{missing}'"):
        load_run_policy(path)
