"""Checkpoints: any tree of state_dicts round-trips bit for bit, and nothing but a checkpoint of this run is loaded."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import strategies as st

from cs285.config import Config
from cs285.data import checkpoint
from cs285.data.checkpoint import MAY_CHANGE, Checkpoints, settings_to_resume
from cs285.data.provenance import digest, versions
from cs285.data.trajectory import Array, Trajectory
from cs285.errors import InvalidInput
from tests.data.stopped_runs import files
from tests.fakes import make_trajectory
from tests.fuzzing import Watch, fuzz_file, numbers, spoiled, spoiled_value

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


def bits(value: Any) -> bytes:
    array: Array = value.reshape(-1).view(torch.uint8).numpy() if isinstance(value, torch.Tensor) else value
    return array.tobytes()


def assert_equal(one: Any, other: Any) -> None:
    """Check that two trees have the same types and bits."""
    if isinstance(one, dict):
        assert list(one) == list(other)
        assert [type(key) for key in one] == [type(key) for key in other]
        one, other = list(one.values()), list(other.values())
    assert type(one) is type(other)
    if isinstance(one, list | tuple):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            assert_equal(a, b)
    elif isinstance(one, torch.Tensor | np.ndarray | np.generic):
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        assert bits(one) == bits(other)
    else:
        assert repr(one) == repr(other)


def run_state(**more: Any) -> dict[str, Any]:
    """The fields that the loop and the logger read, and others."""
    evaluation = {"pending": {"itr": 2, "scalars": {"a": 0.5}}, "log": {"size": 9, "sha256": "0a"}}
    return {"agent": {}, "total_envsteps": 5, "seconds": 1.5, "evaluation": evaluation, **more}


def test_any_tree_of_state_dicts_round_trips(tmp_path: Path) -> None:
    Checkpoints(tmp_path).save(2, run_state(agent=TREE), [])
    itr, state, paths = Checkpoints(tmp_path).load()
    assert (itr, paths) == (2, [])
    assert_equal(run_state(agent=TREE), state)


@pytest.mark.parametrize(
    "value", [object(), {1.5: 0}, {2**40: 0}, {True: 0}, {1, 2}, b"x", np.array(["x"]), np.array([None]), 1j]
)
def test_other_types_are_refused_with_their_path(value: Any, tmp_path: Path) -> None:
    message = rf"can't save state\.agent\.optimizer\.0\.1 for --resume: a {type(value).__name__}"
    with pytest.raises(InvalidInput, match=message):
        Checkpoints(tmp_path).save(0, {"agent": {"optimizer": [(1, value)]}}, episodes(0))
    assert list(tmp_path.iterdir()) == []


def test_importing_it_does_not_import_torch() -> None:
    code = "import sys, cs285.data.checkpoint; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], stdin=subprocess.DEVNULL).returncode == 0


def episodes(itr: int) -> list[Trajectory]:
    return [make_trajectory(steps=3, start=itr), make_trajectory(steps=1, start=9.0, terminated=True)]


def test_only_new_transitions_are_written(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    written: dict[str, int] = {}
    for itr in range(4):
        state = run_state(evaluation={**run_state()["evaluation"], "pending": None})
        checkpoints.save(itr, state, episodes(itr) if itr in (1, 3) else [])
        if itr == 2:  # a resumed run keeps those before
            checkpoints = Checkpoints(tmp_path)
            checkpoints.load()
        inodes = {path.name: path.stat().st_ino for path in tmp_path.glob("checkpoint/added_*.npz")}
        assert inodes.items() >= written.items()
        written = inodes
    assert sorted(written) == ["added_1.npz", "added_3.npz"]
    for path, same in zip([*episodes(1), *episodes(3)], Checkpoints(tmp_path).load()[2], strict=True):
        assert_equal(vars(path), vars(same))


@pytest.mark.parametrize("follows", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_observations_of_any_shape_are_written_once(dtype: Any, follows: bool, tmp_path: Path) -> None:
    states = np.random.default_rng(0).integers(0, 255, (101, 32, 32, 3)).astype(dtype)
    following, actions = states[1:] if follows else states[:0:-1], np.arange(100)
    path = Trajectory(states[:-1], actions, np.zeros(100, np.float32), following, terminated=False, truncated=False)
    Checkpoints(tmp_path).save(2, run_state(), [path, path])
    for same in Checkpoints(tmp_path).load()[2]:
        assert_equal(vars(path), vars(same))
    size = (tmp_path / "checkpoint/added_2.npz").stat().st_size
    assert size < (1 if follows else 2) * 1.1 * 2 * path.observations.nbytes


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A folder with a checkpoint of iteration 2 and its transitions."""
    adam = {"state": {0: {"step": torch.tensor(3.0), "exp_avg": torch.zeros(2)}}}
    Checkpoints(tmp_path).save(2, run_state(agent={"adam": adam}), episodes(2))
    return tmp_path


def edit(run_dir: Path, change: Callable[[Any], object], name: str = "state.npz") -> None:
    """Change the tree in a file of the checkpoint, and write it whole."""
    path = run_dir / "checkpoint" / name
    tree = checkpoint._read(path)
    change(tree)
    checkpoint._write(path, tree)
    if name != "state.npz":
        edit(run_dir, lambda content: content["added"].update({name: digest(path)}))


def put(tree: Any, place: str, value: Any) -> None:
    """Set a value in nested dicts and lists; ``place`` has the keys."""
    *folders, last = (int(key) if key.isdecimal() else key for key in place.split("."))
    for key in folders:
        tree = tree[key]
    tree[last] = value


NOT_COUNTS = [-1, "2", True, None, float("nan"), float("inf"), 10**400]
FIELDS: dict[str, Any] = {
    "version": [2, None],
    "itr": [1.5, *NOT_COUNTS],
    "added": [{"../state.npz": ""}, {"added_2.npz": 1}, {"/etc/passwd": ""}, {"added_3.npz": ""}, [1]],
    "settings": [1, None, "x"],
    "state": [1, [], {}],
    "state.agent": [1, [], None],
    "state.agent.adam.state.0.step": [-0.5, [], *(v for v in NOT_COUNTS if v not in ("2", True))],
    "state.total_envsteps": [1.5, *NOT_COUNTS],
    "state.seconds": NOT_COUNTS,
    "state.evaluation": [None, [], {"log": {}, "pending": None}],
    "state.evaluation.pending": [1, {}, {"itr": 2}],
    "state.evaluation.pending.itr": [1, *NOT_COUNTS],
    "state.evaluation.pending.scalars": [None, [1.0], {"a": "x"}, {0: 1.0}],
    "state.evaluation.log.size": [1.5, *NOT_COUNTS],
    "state.evaluation.log.sha256": [None, 1],
    "0.terminated": [2.0, None, np.array([1]), True],
    "0.rewards": [np.float32([1.0]), np.float32([np.nan] * 3), np.float32([[1.0]] * 3), np.arange(3)],
    "0.actions": [np.float32([[1.0]]), np.float32([[np.inf]] * 3), 1.0],
    "0.states": [np.float32([[1.0] * 3] * 3), np.float32([1.0] * 4), "x"],
    "0.more": [np.float32([1.0] * 3)],
}


@pytest.mark.parametrize("place", FIELDS)
def test_a_field_of_another_type_or_range_is_refused(place: str, saved: Path) -> None:
    name = "added_2.npz" if place.startswith("0.") else "state.npz"
    whole = files(saved)
    for value in FIELDS[place]:
        edit(saved, lambda tree, value=value: put(tree, place, value), name)
        before = files(saved)
        with pytest.raises(InvalidInput, match=r"added_2\.npz is not of" if name == "added_2.npz" else ".") as refused:
            Checkpoints(saved).load()
        assert "\n" not in str(refused.value)
        assert files(saved) == before
        for path, content in whole.items():
            (saved / path).write_bytes(content)


@pytest.mark.parametrize("name", ["state.npz", "added_2.npz"])
def test_damaged_and_missing_files_and_those_of_another_run_are_refused(name: str, saved: Path, tmp_path: Path) -> None:
    path = saved / "checkpoint" / name
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[whole.rindex(b"\x93NUMPY") + 9] ^= 1
    Checkpoints(tmp_path / "other").save(2, run_state(), episodes(3))
    for content in (flipped, whole[:-30], b"", (tmp_path / "other/checkpoint/added_2.npz").read_bytes()):
        path.write_bytes(content)
        with pytest.raises(InvalidInput, match=name):
            Checkpoints(saved).load()
    path.unlink()
    with pytest.raises(InvalidInput, match=name if "added" in name else "has no checkpoint"):
        Checkpoints(saved).load()


OTHERS: dict[str, Any] = {
    **{"env_name": "CartPole-v1", "exp_name": "other", "do_dagger": False, "ep_len": 9, "loss": "nll", "size": 9},
    **{"num_agent_train_steps_per_iter": 9, "batch_size": 9, "eval_batch_size": 9, "train_batch_size": 9},
    **{"n_layers": 1, "learning_rate": 0.1, "learning_rate_schedule": "constant", "ob_normalization": "none"},
    **{"scalar_log_freq": 2, "no_gpu": True, "max_replay_buffer_size": 9, "seed": 9, "backend": "mujoco_py"},
}


POLICY = {"make_policy": "mine:make", "architecture": "Net(\n  (0): " + "Linear(8)\n  " * 50 + "(9): ReLU()\n)"}


def begin(config: Config, itr: int = 2, **content: Any) -> Config:
    """Write the config.json and a checkpoint of a run; return the settings to resume it."""
    config.logdir.mkdir()
    settings = asdict(replace(config, n_iter=config.iterations))
    facts = {"settings": settings, "inputs": {"expert_data": "0a"}, "versions": versions(), "policy": POLICY, **content}
    (config.logdir / "config.json").write_text(json.dumps(facts, default=str))
    state = run_state(evaluation={**run_state()["evaluation"], "pending": None})
    Checkpoints(config.logdir).save(itr, state, [])
    return settings_to_resume({"resume": config.logdir})


def check(config: Config, sha256: str = "0a", policy: dict[str, str] = POLICY) -> None:
    assert config.resume is not None
    checkpoints = Checkpoints(config.resume)
    checkpoints.load()
    checkpoints.check_same_run(config, {"expert_data": sha256}, policy)


def test_what_changes_results_must_stay(tiny: Config, capsys: pytest.CaptureFixture[str]) -> None:
    config = begin(tiny)
    assert {*OTHERS, *MAY_CHANGE} >= {field.name for field in fields(Config)}
    check(replace(config, num_workers=2, logdir=Path("elsewhere"), checkpoint_freq=7, n_iter=9))
    for name, value in OTHERS.items():
        with pytest.raises(InvalidInput) as refused:
            check(replace(config, **{name: value}, **({"n_iter": 1} if name == "do_dagger" else {})))
        assert f"--{name} is {value}, but {config.resume} began with {getattr(tiny, name)}" in str(refused.value)
    with pytest.raises(InvalidInput, match=r"--n_iter is 2, but .* began with 3; it may only grow"):
        check(replace(config, n_iter=2))
    with pytest.raises(InvalidInput, match=r"the SHA-256 of --expert_data is 0b, but .* began with 0a"):
        check(config, "0b")
    with pytest.raises(InvalidInput, match=r"the policy's make_policy is x:y, but .* began with mine:make"):
        check(config, policy={**POLICY, "make_policy": "x:y"})
    with pytest.raises(InvalidInput, match=r"^the policy's architecture is .*9\): Tanh.*, but .* with .*9\): ReLU"):
        check(config, policy={**POLICY, "architecture": POLICY["architecture"].replace("ReLU", "Tanh")})
    with pytest.raises(InvalidInput, match=r"--n_iter is 5, .* ended with 4 and logged its last iteration"):
        check(replace(begin(replace(tiny, logdir=tiny.logdir / "odd", n_iter=4, scalar_log_freq=2), itr=3), n_iter=5))
    assert capsys.readouterr().err == ""
    path = tiny.logdir / "config.json"
    path.write_text(path.read_text().replace('"seed": 1', '"seed": 2'))
    with pytest.raises(InvalidInput, match=r"--seed is 2, but .* began with 1"):
        check(settings_to_resume({"resume": path.parent}))


def test_other_versions_and_hardware_get_a_notice(tiny: Config, capsys: pytest.CaptureFixture[str]) -> None:
    check(begin(tiny, versions={**versions(), "numpy": "1.2.3", "threads": "64"}))
    changed = f"numpy 1.2.3 -> {np.__version__}, threads 64 -> 1"
    assert capsys.readouterr().err == f"results may differ from those of an unstopped run: {changed}\n"


def test_a_folder_without_a_run_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing", Path(__file__)):
        with pytest.raises(InvalidInput, match=f"--resume is {path}; it must be the folder of a run"):
            settings_to_resume({"resume": path})


@pytest.fixture(scope="module")
def watch() -> Watch:
    return Watch()


@pytest.mark.parametrize("name", ["state.npz", "added_2.npz"])
def test_no_edit_ends_in_a_traceback(name: str, watch: Watch, saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved / "checkpoint" / name
    sha = digest(saved / "checkpoint/added_2.npz")
    monkeypatch.setattr("cs285.data.checkpoint.digest", lambda path: sha)
    contents = st.one_of(spoiled(path.read_bytes()), archives(path))
    fuzz_file(path, contents, watch, lambda: Checkpoints(saved).load())


def archives(path: Path) -> st.SearchStrategy[bytes]:
    """Whole archives whose JSON is not that which was written."""
    with np.load(path) as file:
        whole = dict(file)

    def packed(tree: Any) -> bytes:
        file = io.BytesIO()
        np.savez(file, **{**whole, "content": np.frombuffer(json.dumps(tree).encode(), np.uint8)})
        return file.getvalue()

    kinds = st.sampled_from(["dict", "list", "tuple", "tensor", "array", "scalar"])
    plain = st.recursive(
        st.one_of(numbers, st.sampled_from(["0", "x", "float32"]), st.none()),
        lambda leaf: st.one_of(st.lists(leaf, max_size=3), st.dictionaries(kinds, leaf, max_size=2)),
    )
    written = json.loads(whole["content"].tobytes())
    return st.one_of(plain, spoiled_value(written, plain)).map(packed)
