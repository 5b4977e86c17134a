"""train_expert.py: each flag reaches the training; a killed training goes on; what it leaves is whole."""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from cs285.infrastructure import expert_algorithms, expert_card
from cs285.infrastructure.expert_settings import ExpertSettings
from cs285.policies.loaded_gaussian_policy import LoadedGaussianPolicy
from tests import fakes
from tests.fakes import expert_content, pickle_file
from tests.scripts.conftest import ROOT, USERS_ENVIRONMENT, Script, files_below, load_script

for library in ("stable_baselines3", "sbx"):
    pytest.importorskip(library, reason=f"{library}, of the extra `experts`, is missing")

ANT_LIKE, LEANING = "tests/Ant-v0", "tests/Leaning-v0"
TINY = (
    *("-env", fakes.POINT, "--total_steps", 8, "--n_envs", 2, "--n_steps", 4, "--batch_size", 4, "--n_epochs", 1),
    *("--eval_episodes", 2, "-o", "expert.pkl"),
)
SAC = ("--algorithm", "SAC")
FROZEN = ("--total_steps", 200, "--policy_starts", 100, "--stop_after", 8)  # the policy stays as it is


class LeaningEnv(fakes.PointEnv):
    """A point with a body: rotation matrices, row by row, of the world and of it."""

    data = SimpleNamespace(xmat=np.stack([np.eye(3).ravel(), np.full(9, np.cos(np.radians(3)))]))


@pytest.fixture(scope="module", autouse=True)
def ant_like() -> None:
    """A task with the observations of Ant-v5, and one whose body leans by three degrees, as MuJoCo would tell."""
    gym.register(ANT_LIKE, fakes.PointEnv, max_episode_steps=fakes.TIME_LIMIT, kwargs={"ob_shape": (27,)})
    gym.register(LEANING, LeaningEnv, max_episode_steps=fakes.TIME_LIMIT)


@dataclass(frozen=True)
class Trained:
    """A training that is over: stable-baselines3's model, the card, and where the files are."""

    model: Any
    card: dict[str, Any]
    folder: Path


@dataclass(frozen=True)
class Case:
    """What is seen with a flag, and not without it."""

    flag: Sequence[object]
    seen: Callable[[Trained], Any]
    expected: Any
    both: Sequence[object] = ()


CASES = {
    "env_name": Case(("-env", fakes.CHOICE), lambda trained: trained.card["task"], fakes.CHOICE),
    "total_steps": Case(
        ("--total_steps", 24), lambda trained: (trained.model.num_timesteps, trained.card["steps"]), (24, 24)
    ),
    "stop_after": Case(("--stop_after", 16), lambda trained: trained.card["steps"], 18, ("--total_steps", 40)),
    "output": Case(("-o", "mine/e.pkl"), lambda trained: (trained.folder / "mine/e.pkl").exists(), True),
    "checkpoints": Case(
        ("--checkpoints", "kept"), lambda trained: bool(list(trained.folder.glob("kept/*/*/step_*"))), True
    ),
    "seed": Case(("--seed", 7), lambda trained: (trained.model.seed, trained.card["seed"]), (7, 7)),
    "ob_dim": Case(
        ("--ob_dim", 111), lambda trained: trained.model.observation_space.shape, (111,), ("-env", ANT_LIKE)
    ),
    "min_height": Case(("--min_height", 99), lambda trained: episode_lengths(trained), {1}),
    "max_height": Case(("--max_height", -99), lambda trained: episode_lengths(trained), {1}),
    "max_tilt": Case(("--max_tilt", 1), lambda trained: episode_lengths(trained), {1}, ("-env", LEANING)),
    "n_layers": Case(("--n_layers", 3), lambda trained: len(hidden(trained)), 3),
    "size": Case(("--size", 5), lambda trained: {layer.out_features for layer in hidden(trained)}, {5}),
    "n_envs": Case(("--n_envs", 1), lambda trained: trained.model.n_envs, 1),
    "n_steps": Case(("--n_steps", 2), lambda trained: trained.model.n_steps, 2),
    "batch_size": Case(("--batch_size", 2), lambda trained: trained.model.batch_size, 2),
    "n_epochs": Case(("--n_epochs", 2), lambda trained: trained.model.n_epochs, 2),
    "learning_rate": Case(("-lr", 0.01), lambda trained: [trained.model.lr_schedule(x) for x in (1, 0)], [0.01, 0]),
    "initial_expert": Case(
        ("--initial_expert", "../first.pkl"), lambda trained: [layer.out_features for layer in hidden(trained)], [8, 9]
    ),
    "policy_starts": Case(
        ("--policy_starts", 9),
        lambda trained: trained.model.policy.log_std.tolist(),
        [-1, -1],
        ("--total_steps", 16, "--stop_after", 8, "--initial_expert", "../first.pkl"),
    ),
    "initial_log_std": Case(
        ("--initial_log_std", 1), lambda trained: trained.model.policy.log_std.mean().round().item(), 1
    ),
    "gamma": Case(("--gamma", 0.5), lambda trained: trained.model.gamma, 0.5),
    "gae_lambda": Case(("--gae_lambda", 0.5), lambda trained: trained.model.gae_lambda, 0.5),
    "clip_range": Case(("--clip_range", 0.4), lambda trained: trained.model.clip_range(1.0), 0.4),
    "vf_coef": Case(("--vf_coef", 0.9), lambda trained: trained.model.vf_coef, 0.9),
    "ent_coef": Case(("--ent_coef", 0.1), lambda trained: trained.model.ent_coef, 0.1),
    "algorithm": Case(("--algorithm", "SAC"), lambda trained: trained.card["algorithm"], "SAC"),
    "updates_per_step": Case(("--updates_per_step", 3), lambda trained: trained.model.gradient_steps, 6, SAC),
    "policy_delay": Case(("--policy_delay", 3), lambda trained: trained.model.policy_delay, 3, SAC),
    "learning_starts": Case(("--learning_starts", 2), lambda trained: trained.model.learning_starts, 2, SAC),
    "buffer_size": Case(("--buffer_size", 20), lambda trained: trained.model.buffer_size, 20, SAC),
    "target_kl": Case(("--target_kl", 0.02), lambda trained: trained.model.target_kl, 0.02),
    "evaluations": Case(("--evaluations", 2), lambda trained: evaluated(trained), [32, 64, 64], ("--total_steps", 64)),
    "eval_episodes": Case(("--eval_episodes", 3), lambda trained: trained.card["evaluation"]["episodes"], 3),
}


def evaluated(trained: Trained) -> list[int]:
    """The steps at which the policy was measured."""
    (state,) = trained.folder.rglob("state.json")
    return [steps for steps, *_ in json.loads(state.read_text())["record"]["evaluations"]]


def episode_lengths(trained: Trained) -> set[int]:
    """How long the episodes were that the training saw."""
    return {episode["l"] for episode in trained.model.ep_info_buffer}


def hidden(trained: Trained) -> list[Any]:
    """The hidden layers of the policy."""
    return [layer for layer in trained.model.policy.mlp_extractor.policy_net if hasattr(layer, "out_features")]


@pytest.mark.parametrize("flag", CASES)
def test_each_flag_does_what_it_says(
    flag: str, script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case, models = CASES[flag], []
    module = load_script("train_expert")
    export = expert_algorithms.export
    monkeypatch.setattr(expert_algorithms, "export", lambda model, path: (models.append(model), export(model, path)))
    monkeypatch.setattr(expert_card, "write_training_curve", lambda *arguments: None)
    pickle_file(tmp_path / "first.pkl", expert_content(widths=(8, 9)))

    def seen(folder: Path, *more: object) -> Any:
        folder.mkdir()
        monkeypatch.chdir(folder)
        assert script(module, *TINY, *case.both, *more).code == 0
        (card,) = (path for path in folder.rglob("*.json") if path.name != "state.json")
        return case.seen(Trained(models[-1], json.loads(card.read_text()), folder))

    assert seen(tmp_path / "without") != case.expected
    assert seen(tmp_path / "with", *case.flag) == case.expected


def test_every_flag_has_a_case() -> None:
    flags = {field.name for field in fields(ExpertSettings)}
    assert set(CASES) | {"backend"} == flags  # tests/infrastructure/test_mujoco_py_backend.py has the backend


def test_what_a_training_leaves(script: Script, workplace: Path) -> None:
    said = script("train_expert", *TINY, "--total_steps", 64, "-env", "CartPole-v1").succeeded().out
    assert files_below(workplace)[-3:] == ["expert.json", "expert.pkl", "expert.png"]
    assert (workplace / "expert.png").read_bytes().startswith(b"\x89PNG")
    card = json.loads((workplace / "expert.json").read_text())
    assert set(card) == {
        *("task", "algorithm", "versions", "command", "seed", "steps", "kept_from_step"),
        *("wall_time_minutes", "machine", "evaluation"),
    }
    assert set(card["versions"]) == {"python", "stable_baselines3", "torch", "gymnasium", "mujoco"}
    assert set(card["evaluation"]) == {
        *("episodes", "mean", "std", "min", "max", "iqm", "iqm_95_low", "iqm_95_high", "ended_early")
    }
    assert card["command"].startswith("python train_expert.py -env")
    assert (card["task"], card["algorithm"], card["seed"], card["steps"]) == ("CartPole-v1", "PPO", 1, 64)
    assert said.splitlines()[-1].startswith(f"expert.pkl: {card['evaluation']['mean']:.0f} ± ")


@pytest.mark.parametrize(
    "options",
    [("-env", fakes.POINT), ("-env", fakes.CHOICE), ("-env", fakes.POINT, *SAC, "--learning_starts", 4)],
    ids=["PPO", "PPO, discrete", "SAC"],
)
def test_the_exported_expert_acts_as_the_trained_one(
    options: Sequence[object], script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    export, differences = expert_algorithms.export, []
    observations = np.random.default_rng(0).normal(size=(20, fakes.OB_DIM))

    def compare(model: Any, path: Path) -> None:
        export(model, path)
        exported = LoadedGaussianPolicy(path, discrete=fakes.CHOICE in options).get_action(observations)
        normalized = model.get_vec_normalize_env().normalize_obs(observations)
        differences.append(np.abs(exported - model.predict(normalized, deterministic=True)[0]).max())

    monkeypatch.setattr(expert_algorithms, "export", compare)
    script("train_expert", *TINY, *options, "--total_steps", 64, "-lr", 0.01).succeeded()
    assert max(differences) < 1e-4


@pytest.mark.parametrize("env_name", [fakes.POINT, fakes.CHOICE])
def test_a_training_begins_as_the_expert_that_it_goes_on_from(env_name: str, script: Script, workplace: Path) -> None:
    discrete = env_name == fakes.CHOICE
    first = pickle_file(workplace / "first.pkl", expert_content(widths=(8, 9, 4), constant=[1]))
    (workplace / "first.json").write_text('{"mine": 1}')
    script("train_expert", *TINY, "-env", env_name, "--initial_expert", first, *FROZEN).succeeded()
    observations = np.random.default_rng(0).normal(size=(50, fakes.OB_DIM))
    before, after = (LoadedGaussianPolicy(path, discrete).get_action(observations) for path in (first, "expert.pkl"))
    np.testing.assert_allclose(after, before, atol=1e-5)
    assert json.loads((workplace / "expert.json").read_text())["initial_expert"] == {
        "sha256": hashlib.sha256(first.read_bytes()).hexdigest(),
        "card": {"mine": 1},
    }


def test_an_expert_is_measured_on_the_task_as_it_is_whatever_ends_training_s_episodes(
    script: Script, workplace: Path
) -> None:
    first = pickle_file(workplace / "first.pkl", expert_content(widths=(8, 9)))
    measured = []
    for folder, more in (("whole", ()), ("cut", ("--min_height", 99))):
        output = ("-o", f"{folder}.pkl", "--checkpoints", folder)
        script("train_expert", *TINY, *output, "--initial_expert", first, *FROZEN, *more).succeeded()
        measured.append(json.loads((workplace / f"{folder}.json").read_text())["evaluation"])
    assert measured[0] == measured[1]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--policy_starts", 4), "--initial_expert"),
        (("--initial_expert", "x", "--policy_starts", 8), "--total_steps, 8"),
    ],
)
def test_a_policy_that_would_never_start_to_learn_is_refused(
    options: Sequence[object], said: str, script: Script
) -> None:
    script("train_expert", *TINY, *options).refused("--policy_starts", said)


@pytest.mark.parametrize("tilt", ["0", "-1", "181", "nan", "inf"])
def test_a_tilt_that_is_no_angle_is_refused(tilt: str, script: Script) -> None:
    script("train_expert", *TINY, f"--max_tilt={tilt}").refused("--max_tilt", tilt, "180 degrees")


def test_a_tilt_needs_a_body(script: Script) -> None:
    script("train_expert", *TINY, "--max_tilt", 40).refused("--max_tilt", "MuJoCo", fakes.POINT)


@pytest.mark.parametrize("height", ["nan", "inf", "-inf"])
def test_a_height_that_is_not_finite_is_refused(height: str, script: Script) -> None:
    script("train_expert", *TINY, f"--max_height={height}").refused("--max_height", height, "finite")


def test_a_range_of_heights_without_a_height_is_refused(script: Script) -> None:
    script("train_expert", *TINY, "--min_height", 0.9, "--max_height", 0.9).refused(
        "--min_height", "--max_height", "0.9"
    )


@pytest.mark.parametrize(
    ("content", "options", "said"),
    [
        (expert_content(ob_dim=7), (), ("reads 7 numbers", f"read {fakes.OB_DIM}", "--ob_dim")),
        (expert_content(ac_dim=5), (), ("gives 5", f"give {fakes.AC_DIM}")),
        (expert_content(activation="lrelu"), (), ("lrelu", "tanh")),
        (expert_content(), SAC, ("--initial_expert is for PPO, not for SAC",)),
        ([], (), ("is not an expert policy",)),
    ],
    ids=["observations", "actions", "activation", "SAC", "no expert"],
)
def test_an_expert_that_it_can_t_go_on_from_is_refused(
    content: Any, options: Sequence[object], said: Sequence[str], script: Script, workplace: Path
) -> None:
    first = pickle_file(workplace / "first.pkl", content)
    script("train_expert", *TINY, *options, "--initial_expert", first).refused(*said)


# A training that saves a checkpoint after each update, as the script does every two minutes.
EAGER = """
import sys
sys.path.insert(0, {scripts!r})
import train_expert
from cs285.command_line import run
train_expert.CHECKPOINT_SECONDS = 0
run(train_expert.main)
"""


def steps_of(checkpoints: Path) -> int:
    """Steps of the newest whole checkpoint; 0 when there is none."""
    return max((int(path.name[5:]) for path in checkpoints.glob("step_*[0-9]")), default=0)


def test_a_killed_training_goes_on_from_its_checkpoint(script: Script, workplace: Path) -> None:
    small = ("-env", "CartPole-v1", *("--n_envs", 2, "--n_steps", 16, "--batch_size", 16, "--eval_episodes", 2))
    code = EAGER.format(scripts=str(ROOT / "scripts"))
    command = [sys.executable, "-c", code, *map(str, small), "--total_steps", "10000000", "-o", "expert.pkl"]
    checkpoints = workplace / "data/train_expert/CartPole-v1_1"
    with subprocess.Popen(command, cwd=workplace, env=USERS_ENVIRONMENT) as process:
        try:
            deadline = time.monotonic() + 60
            while steps_of(checkpoints) < 3 * 32:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.01)
        finally:
            process.kill()
    assert not (workplace / "expert.pkl").exists()

    saved = steps_of(checkpoints)
    goal = saved + 64
    said = script("train_expert", *small, "--total_steps", goal, "-o", "expert.pkl").succeeded().out
    resumed = f"resuming from data/train_expert/CartPole-v1_1/step_{saved:010d}: {saved} of {goal} steps"
    assert said.splitlines()[0] == resumed
    assert steps_of(checkpoints) == goal
    assert json.loads((workplace / "expert.json").read_text())["steps"] == goal
    assert LoadedGaussianPolicy(workplace / "expert.pkl", discrete=True).ob_dim == 4


def test_a_checkpoint_of_other_settings_is_kept(script: Script, workplace: Path) -> None:
    script("train_expert", *TINY).succeeded()
    before = files_below(workplace)
    script("train_expert", *TINY, "--size", 32).refused("--size 64, not 32", "--checkpoints")
    assert files_below(workplace) == before


def test_ctrl_c_is_one_line(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    module = load_script("train_expert")

    def interrupt(settings: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "train", interrupt)
    outcome = script(module, *TINY)
    assert (outcome.code, outcome.err) == (130, "interrupted\n")


@pytest.mark.parametrize(("algorithm", "library"), [("PPO", "stable_baselines3"), ("SAC", "sbx"), ("PPO", "scipy")])
def test_without_its_library_it_says_what_to_install(
    algorithm: str, library: str, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    script("train_expert", *TINY, "--algorithm", algorithm).refused(algorithm, library, "pip install -e '.[experts]'")


def test_sac_refuses_discrete_actions(script: Script) -> None:
    script("train_expert", *TINY, *SAC, "-env", fakes.CHOICE).refused("SAC", "continuous", fakes.CHOICE)


@pytest.fixture
def checkpoint(script: Script, workplace: Path) -> Path:
    """The checkpoint of a training that is over, whose expert is gone."""
    script("train_expert", *TINY).succeeded()
    (workplace / "expert.pkl").unlink()
    (folder,) = workplace.glob("data/train_expert/*/*/step_*")
    return folder


class Attack:
    """A pickle that runs a command."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, ("touch canary",)


@pytest.mark.parametrize("name", ["normalizer.pkl", "model.zip", "replay_buffer.pkl", "model.npz"])
def test_code_in_a_checkpoint_does_not_run(name: str, checkpoint: Path, script: Script, workplace: Path) -> None:
    pickle_file(checkpoint / name, Attack())
    script("train_expert", *TINY, "--total_steps", 16)
    assert not (workplace / "canary").exists()


def test_a_checkpoint_without_plain_arrays_is_refused_and_kept(checkpoint: Path, script: Script) -> None:
    (checkpoint / "model.npz").rename(checkpoint / "model.zip")
    before = files_below(checkpoint)
    script("train_expert", *TINY, "--total_steps", 16).refused(str(checkpoint.name), "no model.npz", "move its folder")
    assert files_below(checkpoint) == before


NO_STATE = ("", "{", "[]", "3", "null", "{}", "\xff", "[" * 200_000, '{"settings": {}}', '{"record": {}}')
NO_POINTS = (None, 3, {}, "ab", [3], [[]], [[1]], ["ab"], [["a", "b"]], [[1, None]], [[0, 1.0, 1.0]])
NO_NUMBER = (math.nan, math.inf, "1", None, True, 10**400)


def test_a_spoiled_state_of_a_checkpoint_is_refused(checkpoint: Path, script: Script) -> None:
    path = checkpoint / "state.json"
    state = json.loads(path.read_text())
    record = state["record"]
    contents = [
        *NO_STATE,
        *(json.dumps({**state, "settings": value}) for value in (3, [], None)),
        *(json.dumps({**state, "record": value}) for value in (3, [], None, {}, {"seconds": 1.0})),
        *(
            json.dumps({**state, "record": {**record, name: value}})
            for name in ("exploring", "evaluations")
            for value in NO_POINTS
        ),
        *(json.dumps({**state, "record": {**record, "evaluations": [[8, value, 1.0]]}}) for value in NO_NUMBER),
        *(json.dumps({**state, "record": {**record, "seconds": value}}) for value in NO_NUMBER),
    ]
    for content in contents:
        path.write_text(content, encoding="latin1")
        script("train_expert", *TINY).refused("state.json", "is not the state of a training")


@pytest.mark.parametrize("name", ["state.json", "best.pkl"])
def test_a_missing_file_of_a_checkpoint_is_named(name: str, checkpoint: Path, script: Script) -> None:
    (checkpoint / name).unlink()
    script("train_expert", *TINY).refused(name, "No such file")


@pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="the system does not name open files")
def test_what_a_checkpoint_holds_is_on_the_disk_before_it_has_its_name(
    script: Script, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsync, replace, happened = os.fsync, os.replace, []

    def sync(descriptor: int) -> None:
        happened.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        fsync(descriptor)

    def rename(source: Path, target: Path) -> None:
        happened.append(str(target))
        replace(source, target)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(os, "replace", rename)
    script("train_expert", *TINY).succeeded()
    (folder,) = workplace.glob("data/train_expert/*/*/step_*")
    named = happened.index(str(folder.relative_to(workplace)))
    unfinished = str(folder.with_suffix(".unfinished"))
    for name in ("model.npz", "state.json", "best.pkl"):
        assert any(path.startswith(f"{unfinished}/.{name}.") for path in happened[:named])
    assert happened[named - 1] == unfinished
    assert str(folder.parent) in happened[named:]


def test_the_expert_appears_whole_or_not_at_all(
    script: Script, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = os.replace

    def refuse(source: Path, target: Path) -> None:
        if Path(target).name == "expert.pkl":
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(os, "replace", refuse)
    script("train_expert", *TINY).refused("expert.pkl", "No space left")
    assert files_below(workplace)[-1].startswith("data/")
