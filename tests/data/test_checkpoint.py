"""Checkpoints: any tree of state_dicts round-trips bit for bit; files damaged or of another run are refused."""

import io
import json
import os
from collections import OrderedDict
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import strategies as st

from cs285.config import Config
from cs285.data.checkpoint import MAY_CHANGE, Checkpoints, settings_to_resume
from cs285.data.restricted_pickle import load_pickle, load_torch_file
from cs285.data.run_folders import versions
from cs285.data.trajectory import Trajectory
from cs285.data.whole_files import digest, whole_file, write_pickle
from cs285.errors import InvalidInput
from tests.data.stopped_runs import bits, files
from tests.fakes import make_trajectory
from tests.fuzzing import Watch, fuzz_file, pickles, spoiled, spoiled_value

TREE: dict[str, Any] = {
    "scalars": [None, True, -(2**127), 0.1, float("nan"), float("-inf"), -0.0, "é\ud800", (1, (2.0, ())), [[]], {}],
    "keys": OrderedDict([(0, "integer"), ("0", "string"), (-1, {"state": {0: {"step": 1}}})]),
    "arrays": [np.arange(6, dtype=np.uint8).reshape(2, 3).T, np.zeros((0, 4)), np.array(True), np.float32(0.1)],
    "tensors": {str(d): torch.arange(6).to(d).reshape(2, 3) for d in (torch.bfloat16, torch.bool, torch.complex64)},
    "shapes": (torch.tensor(0.1), torch.zeros(0, 4, dtype=torch.int16), torch.rand(4, 3).T[1:], torch.rand(9)[3:5]),
    "generators": {
        "torch": torch.get_rng_state(),
        "numpy": np.random.MT19937(1).state,
        "pcg": np.random.PCG64(1).state,
    },
}


def run_state(itr: int = 2, **agent: Any) -> dict[str, Any]:
    """A state as `RL_Trainer.state_dict` returns it; ``agent`` is the agent's state."""
    evaluation = {"pending": {"itr": itr, "scalars": {"a": 0.5}}, "log": {"0": {"a": 0.25}}}
    return {"agent": agent, "total_envsteps": 5, "seconds": 1.5, "evaluation": evaluation}


def episodes(itr: int) -> list[Trajectory]:
    """An episode without a termination, one with a termination, and one whose observations are images."""
    images = np.random.default_rng(itr).integers(0, 255, (101, 32, 32, 3), np.uint8)
    many = make_trajectory(100, observations=images[:-1], next_observations=images[1:], actions=np.arange(100))
    return [make_trajectory(steps=3, start=itr), make_trajectory(steps=1, start=9.0, terminated=True), many]


def test_any_tree_of_state_dicts_round_trips(tmp_path: Path) -> None:
    Checkpoints(tmp_path).save(2, run_state(**TREE), [])
    itr, state, paths = Checkpoints(tmp_path).load()
    assert (itr, paths) == (2, [])
    assert bits([state["agent"], *state.items()]) == bits([TREE, *run_state(**TREE).items()])


def test_new_transitions_are_written_once(tmp_path: Path) -> None:
    checkpoints, written = Checkpoints(tmp_path), dict[str, int]()
    for itr in range(4):
        checkpoints.save(itr, run_state(itr), episodes(itr) if itr in (1, 3) else [])
        if itr == 2:  # the new object is that of a resumed run, which keeps the files of earlier episodes
            checkpoints = Checkpoints(tmp_path)
            checkpoints.load()
        inodes = {path.name: path.stat().st_ino for path in tmp_path.glob("checkpoint/added_*.pkl")}
        assert inodes.items() >= written.items()
        written = inodes
    assert sorted(written) == ["added_1.pkl", "added_3.pkl"]
    loaded = Checkpoints(tmp_path).load()[2]
    assert bits([*map(vars, loaded)]) == bits([*map(vars, [*episodes(1), *episodes(3)])])
    assert (tmp_path / "checkpoint/added_1.pkl").stat().st_size < 1.1 * loaded[2].observations.nbytes


def test_other_types_are_refused_with_their_path(tmp_path: Path) -> None:
    for value in (object(), {1.5: 0}, {2**40: 0}, {True: 0}, {1, 2}, b"x", np.array(["x"]), np.array([None]), 1j):
        message = rf"can't save state\.agent\.optimizer\.0\.1: a {type(value).__name__}"
        with pytest.raises(InvalidInput, match=message):
            Checkpoints(tmp_path).save(0, {"agent": {"optimizer": [(1, value)]}}, episodes(0))
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A folder with a checkpoint of iteration 2 and its transitions."""
    training = {"adam": {"state": {0: {"step": torch.tensor(3.0), "exp_avg": torch.zeros(2)}}}}
    Checkpoints(tmp_path).save(2, run_state(training=training), episodes(2)[:2])
    return tmp_path


def edit(run_dir: Path, name: str, keys: list[Any], value: Any) -> None:
    """Set the value at the path ``keys`` of the tree in a file of the checkpoint.

    If the file has episodes, its digest in state.pt is replaced, too.
    """
    path = run_dir / "checkpoint" / name
    whole = tree = load_torch_file(path) if path.suffix == ".pt" else load_pickle(path)
    for key in keys[:-1]:
        tree = tree[key]
    tree[keys[-1]] = value
    (torch.save if path.suffix == ".pt" else write_pickle)(whole, path)
    if path.suffix != ".pt":
        edit(run_dir, "state.pt", ["added", name], digest(path))


NOT_COUNTS = [-1, "2", True, None, float("nan"), float("inf"), 10**400]
FIELDS: dict[str, Any] = {
    "version": [2, None],
    "itr": [1.5, *NOT_COUNTS],
    "added": [{"../state.pt": ""}, {"added_2.pkl": 1}, {"/etc/passwd": ""}, {"added_3.pkl": ""}, [1]],
    "settings": [1, None, "x"],
    "state": [1, [], {}],
    "state.agent": [1, [], None],
    "state.agent.training.adam.state.0.step": [-0.5, [], *(v for v in NOT_COUNTS if v not in ("2", True))],
    "state.total_envsteps": [1.5, *NOT_COUNTS],
    "state.seconds": NOT_COUNTS,
    "state.evaluation": [None, [], {"log": [], "pending": None}],
    "state.evaluation.pending": [1, {}, {"itr": 2}],
    "state.evaluation.pending.itr": [1, *NOT_COUNTS],
    "state.evaluation.pending.scalars": [None, [1.0], {"a": "x"}, {0: 1.0}],
    "state.evaluation.log": [None, [{"a": 0.5}], {"0": {"a": "x"}}, {0: {"a": 0.5}}],
    "0.terminated": [2.0, np.array([1]), True],
    "0.rewards": [np.float32([1.0]), np.float32([[1.0]] * 3), np.arange(3)],
    "0.actions": [np.float32([[1.0]]), 1.0],
    "0.states": [np.float32([[1.0] * 3] * 3), np.float32([1.0] * 4), "x"],
    "0.more": [np.float32([1.0] * 3)],
}


@pytest.mark.parametrize("place", FIELDS)
def test_a_field_of_another_type_or_range_is_refused(place: str, saved: Path) -> None:
    name = "added_2.pkl" if place.startswith("0.") else "state.pt"
    whole = files(saved)
    for value in FIELDS[place]:
        edit(saved, name, [int(key) if key.isdecimal() else key for key in place.split(".")], value)
        before = files(saved)
        with pytest.raises(
            InvalidInput, match=r"^[^\n]*added_2\.pkl can't be read as" if name == "added_2.pkl" else "^.*$"
        ):
            Checkpoints(saved).load()
        assert files(saved) == before
        for path, content in whole.items():
            (saved / path).write_bytes(content)


@pytest.mark.parametrize("name", ["state.pt", "added_2.pkl"])
def test_damaged_and_missing_files_and_those_of_another_run_are_refused(name: str, saved: Path, tmp_path: Path) -> None:
    path = saved / "checkpoint" / name
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[whole.index(b"exp_avg" if name == "state.pt" else b"terminated") + 1] ^= 1
    Checkpoints(tmp_path / "other").save(2, run_state(), episodes(3))
    for content in (flipped, whole[:-30], b"", (tmp_path / "other/checkpoint/added_2.pkl").read_bytes()):
        path.write_bytes(content)
        with pytest.raises(InvalidInput, match=name):
            Checkpoints(saved).load()
    path.unlink()
    with pytest.raises(InvalidInput, match=name if "added" in name else "has no checkpoint"):
        Checkpoints(saved).load()


def test_links_are_refused(saved: Path, tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("whole", encoding="utf-8")
    links: dict[str, Any] = {"log.csv": Path.symlink_to, "videos": Path.symlink_to}
    links |= {"checkpoint/added_3.pkl": Path.symlink_to}
    links |= {"./log.csv": Path.hardlink_to, "pipe": lambda path, victim: os.mkfifo(path)}
    for name, link in links.items():
        link(saved / name, tmp_path / "victim")
        with pytest.raises(InvalidInput, match=f"{Path(name).name} is a link"):
            Checkpoints(saved).load()
        (saved / name).unlink()
    assert (tmp_path / "victim").read_text(encoding="utf-8") == "whole"
    (tmp_path / ".x.unfinished").symlink_to(tmp_path / "victim")
    with whole_file(tmp_path / "x") as file:
        file.write(b"new")
    assert (tmp_path / "victim").read_text(encoding="utf-8") == "whole"


def test_a_module_of_a_foreign_run_is_not_imported(tiny: Config) -> None:
    begin(tiny)
    path = tiny.logdir / "config.json"
    path.write_text(
        path.read_text(encoding="utf-8").replace('"tests/Point-v0"', '"evil:tests/Point-v0"'), encoding="utf-8"
    )
    with pytest.raises(
        InvalidInput, match="has --env_name evil:tests/Point-v0; to import this module, repeat the flag"
    ):
        settings_to_resume({"resume": tiny.logdir})


OTHERS: dict[str, Any] = {
    **{"env_name": "CartPole-v1", "exp_name": "other", "do_dagger": False, "ep_len": 9, "loss": "nll", "size": 9},
    **{"num_agent_train_steps_per_iter": 9, "batch_size": 9, "eval_batch_size": 9, "train_batch_size": 9},
    **{"n_layers": 1, "learning_rate": 0.1, "learning_rate_schedule": "cosine", "ob_normalization": "expert_data"},
    **{"scalar_log_freq": 2, "no_gpu": True, "max_replay_buffer_size": 9, "seed": 9, "backend": "mujoco_py"},
    **{"expert_episodes": 9, "env_kwargs": {"a": 1}, "expert_eval_episodes": 9},
}
POLICY = {"make_policy": "mine:make", "architecture": "Net(\n  (0): " + "Linear(8)\n  " * 5 + "(9): ReLU()\n)"}


def begin(config: Config, itr: int = 2, **content: Any) -> Config:
    """Write the config.json and a checkpoint of a run; return the settings that resume the run."""
    config.logdir.mkdir()
    settings = asdict(replace(config, n_iter=config.iterations))
    facts = {"settings": settings, "inputs": {"expert_data": "0a"}, "versions": versions(), "policy": POLICY, **content}
    (config.logdir / "config.json").write_text(json.dumps(facts, default=str), encoding="utf-8")
    Checkpoints(config.logdir).save(itr, run_state(itr), [])
    return settings_to_resume({"resume": config.logdir})


def check(config: Config, sha256: str = "0a", policy: dict[str, str] = POLICY) -> None:
    assert config.resume is not None
    checkpoints = Checkpoints(config.resume)
    checkpoints.load()
    checkpoints.check_same_run(config, {"expert_data": sha256})
    checkpoints.check_same_policy(policy)


def test_changes_that_affect_results_are_refused(tiny: Config, capsys: pytest.CaptureFixture[str]) -> None:
    config = begin(tiny)
    assert {*OTHERS, *MAY_CHANGE} >= {field.name for field in fields(Config)}
    check(replace(config, num_workers=2, logdir=Path("elsewhere"), checkpoint_freq=7, n_iter=9))
    for name, value in OTHERS.items():
        with pytest.raises(InvalidInput, match=f"--{name} is {value}, but .* began with {getattr(tiny, name)}"):
            check(replace(config, **{name: value}, **({"n_iter": 1} if name == "do_dagger" else {})))
    with pytest.raises(InvalidInput, match=r"--n_iter is 2, but .* began with 3; it may only grow"):
        check(replace(config, n_iter=2))
    with pytest.raises(InvalidInput, match=r"the SHA-256 of --expert_data is 0b, but .* began with 0a"):
        check(config, "0b")
    with pytest.raises(InvalidInput, match=r"^the policy's architecture is .*9\): Tanh.*, but .* with .*9\): ReLU"):
        check(config, policy={**POLICY, "architecture": POLICY["architecture"].replace("ReLU", "Tanh")})
    with pytest.raises(InvalidInput, match="logged its last iteration, 3; a run of 5 iterations"):
        check(replace(begin(replace(tiny, logdir=tiny.logdir / "odd", n_iter=4, scalar_log_freq=2), itr=3), n_iter=5))
    assert capsys.readouterr().err == ""
    path = tiny.logdir / "config.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"seed": 1', '"seed": 2'), encoding="utf-8")
    with pytest.raises(InvalidInput, match=r"--seed is 2, but .* began with 1"):
        check(settings_to_resume({"resume": path.parent}))


def test_other_versions_and_hardware_get_a_notice(tiny: Config, capsys: pytest.CaptureFixture[str]) -> None:
    check(begin(tiny, versions={**versions(), "numpy": "1.2.3", "threads": "64"}))
    changed = f"numpy 1.2.3 -> {np.__version__}, threads 64 -> 1"
    assert capsys.readouterr().err == f"results may differ from those of an unstopped run: {changed}\n"
    with pytest.raises(InvalidInput, match=f"{__file__}/config.json can't be read as the config.json of a run"):
        settings_to_resume({"resume": Path(__file__)})


def test_no_edit_ends_in_a_traceback(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    watch, state, added = Watch(), saved / "checkpoint/state.pt", saved / "checkpoint/added_2.pkl"
    sha256 = digest(added)
    monkeypatch.setattr("cs285.data.checkpoint.digest", lambda path: sha256)

    def packed(tree: Any) -> bytes:
        file = io.BytesIO()
        torch.save(tree, file)
        return file.getvalue()

    changed = st.one_of(spoiled(state.read_bytes()), spoiled_value(load_torch_file(state)).map(packed))
    fuzz_file(state, changed, watch, lambda: Checkpoints(saved).load())
    fuzz_file(added, pickles(load_pickle(added)), watch, lambda: Checkpoints(saved).load())
