"""train_expert.py: what it leaves, how it goes on from an expert, and how it ends."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cs285.experts import algorithms as expert_algorithms
from cs285.policies.loaded_gaussian_policy import LoadedGaussianPolicy
from tests import fakes
from tests.fakes import expert_content, pickle_file
from tests.scripts.conftest import Script, files_below, load_script
from tests.scripts.tiny_training import FROZEN, SAC, TINY

for library in ("stable_baselines3", "sbx"):
    pytest.importorskip(library, reason=f"{library}, of the extra `experts`, is missing")


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
