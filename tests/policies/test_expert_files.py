"""An expert from a file acts as it does in the program that wrote the file; files of other kinds are refused."""

import functools
import gzip
import io
import json
import pickle
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from torch import nn

from cs285.config import Config
from cs285.data.shipped import object_name
from cs285.envs.make_env import make_env
from cs285.errors import InvalidInput
from cs285.infrastructure.bc_trainer import BC_Trainer
from cs285.policies.external_policy import as_policy
from cs285.policies.loaded_gaussian_policy import LoadedGaussianPolicy, load_expert
from cs285.policies.make_policy import make_mlp_policy
from cs285.policies.saved_policy import export_policy, load_policy
from tests import fakes

sb3 = pytest.importorskip("stable_baselines3")
contrib = pytest.importorskip("sb3_contrib")

BOUNDED, CHOICE = "tests/Bounded-v0", "tests/Three-v0"
LOW, HIGH = np.float32([-2.0, 0.5, -0.1]), np.float32([1.0, 3.0, 0.1])


class BoundedEnv(fakes.PointEnv):
    """An environment whose actions are in an asymmetric box, or are three choices."""

    def __init__(self, discrete: bool = False) -> None:
        super().__init__(ob_shape=(5,))
        self.action_space = gym.spaces.Discrete(3) if discrete else gym.spaces.Box(LOW, HIGH)


gym.register(BOUNDED, BoundedEnv, max_episode_steps=12)
gym.register(CHOICE, BoundedEnv, max_episode_steps=12, kwargs={"discrete": True})
OBSERVATIONS = np.random.default_rng(0).normal(scale=3, size=(2000, 5)).astype(np.float32)
OFF_POLICY = {"SAC", "TD3", "DDPG", "TQC", "DQN"}
MODELS = [  # algorithm, task, keyword arguments of the policy
    ("PPO", BOUNDED, {"activation_fn": nn.ReLU, "net_arch": [16, 8], "log_std_init": -1.0}),
    ("PPO", CHOICE, {"activation_fn": nn.LeakyReLU, "net_arch": {"pi": [], "vf": [8]}}),
    ("A2C", CHOICE, {}),
    ("A2C", BOUNDED, {"net_arch": [8]}),
    ("TRPO", BOUNDED, {"net_arch": {"pi": [8, 8, 8], "vf": [4]}, "share_features_extractor": False}),
    ("SAC", BOUNDED, {"net_arch": [16, 16]}),
    ("TD3", BOUNDED, {"net_arch": [16, 8], "activation_fn": nn.Tanh}),
    ("DDPG", BOUNDED, {"net_arch": [16]}),
    ("TQC", BOUNDED, {"net_arch": [16], "n_quantiles": 5, "n_critics": 2}),
    ("DQN", CHOICE, {"net_arch": [16, 8]}),
]


def make_model(algorithm: str, task: str, policy: Any = "MlpPolicy", **options: Any) -> Any:
    """An untrained model with larger parameters than usual, so that actions reach the bounds."""
    options |= {"buffer_size": 10} if algorithm in OFF_POLICY else {}
    model = getattr(sb3, algorithm, None) or getattr(contrib, algorithm)
    model = model(policy, task, seed=1, device="cpu", **options)
    with torch.no_grad():
        for name, parameter in model.policy.named_parameters():
            parameter.mul_(50 if name.startswith("action_net") else 3)
    return model


def written(write: Callable[[io.BytesIO], Any]) -> bytes:
    file = io.BytesIO()
    write(file)
    return file.getvalue()


def edit_zip(path: Path, **members: bytes) -> None:
    """Replace members of a zip that `model.save` wrote; ``policy`` is the content of the member policy.pth."""
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    content |= {name.replace("policy", "policy.pth"): data for name, data in members.items()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)


@pytest.mark.parametrize(("name", "task", "options"), MODELS, ids=lambda value: str(value)[:20])
def test_zips_of_stable_baselines3_act_as_its_own_predict(
    tmp_path: Path, name: str, task: str, options: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    model = make_model(name, task, policy_kwargs=options)
    model.save(tmp_path / "x.zip")
    _, spec = make_env(task)
    expected, _ = model.predict(OBSERVATIONS, deterministic=True)
    expert = load_expert(tmp_path / "x.zip", task, spec)
    np.testing.assert_allclose(expert.get_action(OBSERVATIONS), expected, rtol=0, atol=1e-5)
    np.testing.assert_allclose(expert.get_action(OBSERVATIONS[0]), expected[0], rtol=0, atol=1e-5)
    assert "VecNormalize" in capsys.readouterr().err
    # Actions of PPO and TRPO are clipped, and so reach the bounds. In SAC, TD3, DDPG and TQC a tanh bounds the actions.
    if name in ("PPO", "TRPO") and not spec.discrete:
        assert np.isclose(expected, HIGH).any()
    np.testing.assert_array_equal(as_policy(model).get_action(OBSERVATIONS), expected)  # the model is an expert, too


def test_a_zip_of_an_older_version_with_shared_layers_is_rebuilt(tmp_path: Path) -> None:
    model = make_model("PPO", BOUNDED, policy_kwargs={"net_arch": [8, 8]})
    model.save(tmp_path / "x.zip")
    old = {}
    for name, value in model.policy.state_dict().items():
        old[name.replace("policy_net.0", "shared_net.0").replace("policy_net.2", "policy_net.0")] = value
    edit_zip(tmp_path / "x.zip", policy=written(lambda file: torch.save(old, file)))
    expert = load_expert(tmp_path / "x.zip", BOUNDED, make_env(BOUNDED)[1])
    expected, _ = model.predict(OBSERVATIONS, deterministic=True)
    np.testing.assert_allclose(expert.get_action(OBSERVATIONS), expected, rtol=0, atol=1e-5)


def test_zips_that_cannot_be_rebuilt_are_refused_with_the_reason(tmp_path: Path) -> None:
    path, (_, spec) = tmp_path / "x.zip", make_env(BOUNDED)
    for model, named in (
        (make_model("PPO", BOUNDED, use_sde=True), "gSDE"),
        (make_model("SAC", BOUNDED, policy_kwargs={"activation_fn": nn.ELU}), "ELU"),
        (make_model("PPO", CHOICE), "Discrete"),
        (contrib.RecurrentPPO("MlpLstmPolicy", BOUNDED), "RecurrentActorCriticPolicy"),
    ):
        model.save(path)
        with pytest.raises(InvalidInput, match=named):
            load_expert(path, BOUNDED, spec)
    with pytest.raises(InvalidInput, match="recurrent"):
        as_policy(model)
    make_model("PPO", BOUNDED).save(path)
    data = json.loads(zipfile.ZipFile(path).read("data"))
    for change, named in (
        ({"action_space": {**data["action_space"], "high": "[1. 1. 1.]"}}, "high"),
        ({"policy_kwargs": {"features_extractor_class": "<class 'mine.FlattenExtractor'>"}}, "mine.FlattenExtractor"),
        ({"policy_class": 3}, "damaged"),
    ):
        edit_zip(path, data=json.dumps({**data, **change}).encode())
        with pytest.raises(InvalidInput, match=named):
            load_expert(path, BOUNDED, spec)
    edit_zip(path, data=json.dumps(data).encode())
    with pytest.raises(InvalidInput, match="3 numbers can't be converted to 5"):
        load_expert(path, fakes.POINT, replace(spec, ob_shape=(3,)))


def test_no_code_in_a_zip_is_run_and_its_memory_is_limited(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    make_model("PPO", BOUNDED).save(path)

    class Bomb:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "ran",)

    parameters = {"mlp_extractor.policy_net.0.weight": Bomb()}
    edit_zip(path, policy=written(lambda file: torch.save(parameters, file)))
    with pytest.raises(InvalidInput, match="can't be read as a zip"):
        load_expert(path, BOUNDED, make_env(BOUNDED)[1])
    assert not (tmp_path / "ran").exists()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data", b"{}")
        archive.writestr("policy.pth", bytes(2**27))
    with pytest.raises(InvalidInput, match="far more memory"):
        load_expert(path, BOUNDED, make_env(BOUNDED)[1])


def test_a_models_own_normaliser_is_applied() -> None:
    envs = sb3.common.vec_env.VecNormalize(sb3.common.vec_env.DummyVecEnv([BoundedEnv]))
    envs.obs_rms.mean, envs.obs_rms.var = np.full(5, 7.0), np.full(5, 0.04)
    model = make_model("PPO", envs)
    expected, _ = model.predict(envs.normalize_obs(OBSERVATIONS), deterministic=True)
    np.testing.assert_array_equal(as_policy(model).get_action(OBSERVATIONS), expected)
    assert not np.allclose(model.predict(OBSERVATIONS, deterministic=True)[0], expected)


def test_modules_are_called_with_float32_in_evaluation_mode_and_keep_their_mode() -> None:
    module = nn.Sequential(nn.Linear(5, 3), nn.Dropout(0.9), nn.BatchNorm1d(3))
    module[2].eval()
    expected = module[2](module[0](torch.from_numpy(OBSERVATIONS))).detach()
    half = expected.bfloat16()
    np.testing.assert_array_equal(as_policy(lambda batch: half).get_action(OBSERVATIONS), half.float())
    for expert in (module, lambda batch: expected[: len(batch)].requires_grad_()):
        actions = as_policy(expert).get_action(OBSERVATIONS.astype(np.float64))
        assert type(actions) is np.ndarray
        np.testing.assert_allclose(actions, expected.detach(), atol=1e-6)
    assert [part.training for part in module] == [True, True, False]
    with pytest.raises(InvalidInput, match=r"the expert failed: RuntimeError: .*shapes cannot be multiplied"):
        as_policy(nn.Linear(9, 1)).get_action(OBSERVATIONS)
    with pytest.raises(InvalidInput, match=r"not <class .*Sequential"):
        as_policy(nn.Sequential)
    with pytest.raises(InvalidInput, match=r"a Normal of shape \(\); it must give one action"):
        as_policy(lambda batch: torch.distributions.Normal(0.0, 1.0)).get_action(OBSERVATIONS)


def test_a_run_folder_and_its_files_are_experts_and_load_policy_reads_them(tiny: Config) -> None:
    trainer = BC_Trainer(replace(tiny, save_params=True, n_iter=2), expert=fakes.expert_rule)
    trainer.run_training_loop()
    folder, observations = trainer.run_dir, OBSERVATIONS[:, :3]
    assert folder is not None
    actor, (_, spec) = trainer.agent.actor, make_env(fakes.POINT)
    for path in (folder, folder / "policy_itr_1.pt"):
        expert = load_expert(path, fakes.POINT, spec)
        assert expert.copyable
        np.testing.assert_allclose(expert.get_action(observations), actor.get_action(observations), atol=1e-5)
        np.testing.assert_array_equal(load_policy(path).get_action(observations), actor.get_action(observations))
    dagger = BC_Trainer(replace(tiny, expert_policy_file=folder, n_iter=2))
    assert dagger.inputs.digests["expert_policy_file"]
    dagger.run_training_loop()
    with pytest.raises(InvalidInput, match="5 numbers can't be converted to 3"):
        load_expert(folder, "other-v0", replace(spec, ob_shape=(5,)))
    torch.save(nn.Linear(3, 2), folder / "policy_itr_1.pt")
    with pytest.raises(InvalidInput, match="whole module runs code"):
        load_expert(folder, fakes.POINT, spec)


def test_module_colon_object_is_distinguished_from_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path, ""])  # as in a script
    Path("door_of_mine.py").write_text(
        "class A:\n    act = staticmethod(lambda batch: batch[:, :2])\nnumber = 3\n", encoding="utf-8"
    )
    policy = load_expert(Path("door_of_mine:A.act"), fakes.POINT, fakes.POINT_SPEC)
    np.testing.assert_array_equal(policy.get_action(OBSERVATIONS[:, :3]), OBSERVATIONS[:, :2])
    for name, message in (
        ("door_of_mine:missing", "door_of_mine:missing.*missing"),
        ("no_such_module:x", "No module named"),
        ("door_of_mine:A", "not <class 'door_of_mine.A'>"),
        ("door_of_mine:number", "not 3"),
    ):
        with pytest.raises(InvalidInput, match=message):
            load_expert(Path(name), fakes.POINT, fakes.POINT_SPEC)
    for path in (r"C:\experts\ant.pkl", "C:ant.pkl", "data/x:y.pkl", "x:y/z.zip"):
        assert object_name(Path(path)) is None
    Path("door_of_mine:A.act").write_bytes(pickle.dumps([]))
    assert object_name(Path("door_of_mine:A.act")) is None


WRONG_FILES = {
    "gzip": lambda: gzip.compress(b"x"),
    "HDF5": lambda: b"\x89HDF\r\n\x1a\n" + bytes(50),
    "Git LFS pointer": lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
    "web page": lambda: b"\n<!DOCTYPE html><html></html>",
    "a numpy archive, not an expert policy": lambda: written(lambda file: np.savez(file, observation=np.zeros(3))),
    "single numpy array": lambda: written(lambda file: np.save(file, np.zeros(3))),
    "loading a torch checkpoint of a whole module runs code": lambda: written(
        functools.partial(torch.save, nn.Linear(3, 2))
    ),
    "x.pkl can't be read as the state_dict of a policy in its run's folder .*No such file": lambda: written(
        functools.partial(torch.save, nn.Linear(3, 2).state_dict())
    ),
    "empty": lambda: b"",
    "a zip: it may be damaged": lambda: written(lambda file: np.savez(file, observation=np.zeros(3)))[:-30],
    "were the two flags swapped": lambda: pickle.dumps([fakes.course_episode(2023)]),
    "two flags swapped": lambda: pickle.dumps({"observations": np.zeros((3, 3)), "actions": np.zeros((3, 2))}),
}


@pytest.mark.parametrize("named", WRONG_FILES)
def test_refusals_say_what_kind_of_file_it_is(tmp_path: Path, named: str) -> None:
    (tmp_path / "x.pkl").write_bytes(WRONG_FILES[named]())
    with pytest.raises(InvalidInput, match=named):
        load_expert(tmp_path / "x.pkl", fakes.POINT, fakes.POINT_SPEC)


@pytest.mark.parametrize(("ob_normalization", "n_layers", "discrete"), [("expert_data", 2, False), ("none", 0, True)])
def test_an_exported_policy_acts_the_same(tmp_path: Path, ob_normalization: Any, n_layers: int, discrete: bool) -> None:
    config = Config(ob_normalization=ob_normalization, n_layers=n_layers, size=8, no_gpu=True)
    paths = [fakes.make_trajectory(9)]
    policy = make_mlp_policy(config, replace(fakes.POINT_SPEC, discrete=discrete), paths)
    export_policy(policy, tmp_path / "x.pkl")
    observations = 9 * OBSERVATIONS[:, :3]
    exported = LoadedGaussianPolicy(tmp_path / "x.pkl", discrete)
    np.testing.assert_allclose(exported.get_action(observations), policy.get_action(observations), atol=1e-4)
    policy.mean_net = policy.logits_na = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    for other in (policy, make_mlp_policy(config, replace(fakes.POINT_SPEC, ob_shape=(3, 1)), [])):
        with pytest.raises(InvalidInput, match="can't hold the policy"):
            export_policy(other, tmp_path / "y.pkl")
    assert not (tmp_path / "y.pkl").exists()
