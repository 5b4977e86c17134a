"""A killed training of an expert goes on from its checkpoint, which holds nothing that could be run."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from cs285.policies.loaded_gaussian_policy import LoadedGaussianPolicy
from tests.fakes import pickle_file
from tests.scripts.conftest import ROOT, USERS_ENVIRONMENT, Script, files_below
from tests.scripts.tiny_training import TINY

for library in ("stable_baselines3", "sbx"):
    pytest.importorskip(library, reason=f"{library}, of the extra `experts`, is missing")


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
