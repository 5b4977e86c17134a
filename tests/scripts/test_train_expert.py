"""train_expert.py with PPO and SAC. Only this file runs JAX, because a process that ran JAX should not fork workers."""

import json
import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from cs285.policies.loaded_gaussian_policy import LoadedGaussianPolicy
from tests import fakes
from tests.scripts.conftest import Script, files_below

pytest.importorskip("stable_baselines3", reason="stable_baselines3, of the extra `experts`, is missing")
pytest.importorskip("sbx", reason="sbx, of the extra `experts`, is missing")

from cs285.experts import training
from cs285.experts.settings import ExpertSettings
from cs285.experts.training import export_policy, load_checkpoint

TINY = (
    *("-env", fakes.POINT, "--total_steps", 8, "--n_envs", 2, "--batch_size", 4, "--evaluations", 2),
    *("--eval_episodes", 2, "-o", "expert.pkl"),
)


def test_a_training_leaves_an_expert_its_card_and_its_curve_and_resumes(script: Script, workplace: Path) -> None:
    ppo = (*TINY, "--n_steps", 4, "--n_epochs", 1, "--noise", 0.2)
    said = script("train_expert", *ppo).succeeded().out
    assert files_below(workplace)[-3:] == ["expert.json", "expert.pkl", "expert.png"]
    card = json.loads((workplace / "expert.json").read_text(encoding="utf-8"))
    assert list(card) == [
        *("task", "algorithm", "versions", "command", "seed", "steps", "kept_from_step"),
        *("wall_time_minutes", "evaluation", "behavioural_cloning"),
    ]
    cloned = card["behavioural_cloning"]
    assert (cloned["noise"], cloned["seeds"]) == (0.2, [1, 2, 3])
    assert cloned["min"] < cloned["mean"] < 0
    assert {"python", "processor", "stable_baselines3", "torch", "gymnasium", "mujoco"} <= set(card["versions"])
    assert card["command"].split()[0] == "python"
    assert "train_expert.py -env" in card["command"]
    assert (card["task"], card["algorithm"], card["seed"], card["steps"]) == (fakes.POINT, "PPO", 1, 8)
    assert said.splitlines()[-1].startswith(f"expert.pkl: {card['evaluation']['mean']:.0f} ± ")
    assert said.splitlines()[-1].endswith(f"cloned from two of them: {cloned['mean']:.0f}")
    assert LoadedGaussianPolicy(workplace / "expert.pkl").ob_dim == fakes.OB_DIM
    script("train_expert", *ppo).refused("expert.pkl exists")
    script("train_expert", *ppo, "-o", "x.pkl", "--keep_step", 5).refused("can't read", "policy_5.pkl")
    said = script("train_expert", *ppo, "--total_steps", 16, "-o", "longer.pkl").succeeded().out
    assert re.search(r"resuming from data/train_expert/.*/model\.zip: 8 of 16 steps\n", said)
    assert json.loads((workplace / "longer.json").read_text(encoding="utf-8"))["steps"] == 16


@pytest.mark.slow
@pytest.mark.skipif("CS285_SAC" not in os.environ, reason="JAX compiles for half a minute; .ci/run sets CS285_SAC")
def test_sac_has_its_settings_is_exported_as_it_acts_and_resumes(
    script: Script, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "SAC_OPTIONS", {"learning_starts": 4, "buffer_size": 50, "policy_delay": 3})
    sac = (*TINY, "--algorithm", "SAC", "--updates_per_step", 2.0)
    script("train_expert", *sac).succeeded()
    settings = ExpertSettings(env_name=fakes.POINT, algorithm="SAC", n_envs=2, batch_size=4, updates_per_step=2.0)
    model = load_checkpoint(settings)
    assert (model.policy_delay, model.gradient_steps, model.learning_starts) == (3, 4, 4)
    assert (model.buffer_size, model.batch_size, model.num_timesteps) == (50, 4, 8)
    export_policy(model, workplace / "exported.pkl")
    observations = np.random.default_rng(0).normal(size=(20, fakes.OB_DIM))
    expected, _ = model.predict(model.get_vec_normalize_env().normalize_obs(observations), deterministic=True)
    exported = LoadedGaussianPolicy(workplace / "exported.pkl").get_action(observations)
    np.testing.assert_allclose(exported, expected, atol=1e-4)

    script("train_expert", *sac, "--total_steps", 12, "-o", "longer.pkl").succeeded()
    card = json.loads((workplace / "longer.json").read_text(encoding="utf-8"))
    assert (card["algorithm"], card["steps"]) == ("SAC", 12)
    assert {"python", "processor", "sbx", "stable_baselines3", "gymnasium", "mujoco"} <= set(card["versions"])
    assert load_checkpoint(settings).replay_buffer.size() == 6  # 6 steps of each environment are stored


def test_a_missing_library_is_named(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    for algorithm, library in (("PPO", "stable_baselines3"), ("TRPO", "sb3_contrib"), ("SAC", "sbx")):
        with monkeypatch.context() as patched:
            for name in [name for name in sys.modules if name.startswith("cs285.experts.")]:
                patched.delitem(sys.modules, name)
            patched.setitem(sys.modules, library, None)
            script("train_expert", *TINY, "--algorithm", algorithm).refused(library, "pip install -e '.[experts]'")
