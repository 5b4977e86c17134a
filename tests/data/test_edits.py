"""Runs with edited files: each run is resumed, or is refused before anything is written.

The environment variable CS285_FUZZ is the number of edits of each file. If the variable is set, each run of the tests
makes different edits.
"""

import json
from dataclasses import replace
from functools import reduce
from operator import getitem
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cs285.config import Config
from cs285.data.checkpoint import settings_to_resume
from cs285.data.restricted_pickle import load_pickle, load_torch_file
from cs285.errors import InvalidInput
from cs285.infrastructure.bc_trainer import BC_Trainer
from cs285.infrastructure.rl_trainer import RL_Trainer
from tests.data.stopped_runs import files
from tests.data.test_checkpoint import edit
from tests.fakes import expert_rule
from tests.fuzzing import fuzzed, numbers, spoiled, spoiled_value

odd = st.sampled_from(["\0", "\ud800", "$\\frac{$", "\x1b[2J", "a/../b", "x" * 3000, -1, 0.5, 1e308, 10**400, 2**60])
lists = st.lists(numbers, max_size=2)
values = st.one_of(odd, numbers, st.none(), st.text(max_size=4), lists, st.just({"a": float("nan")}))


@pytest.fixture
def stopped(tiny: Config, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a run that was stopped in its last iteration."""
    collect = RL_Trainer.collect_training_trajectories

    def stop(self: RL_Trainer, itr: int) -> Any:
        if itr == 2:
            raise KeyboardInterrupt
        return collect(self, itr)

    with monkeypatch.context() as patch:
        patch.setattr(RL_Trainer, "collect_training_trajectories", stop)
        trainer = BC_Trainer(replace(tiny, n_iter=3, num_workers=0, save_params=True), expert_rule)
        with pytest.raises(KeyboardInterrupt):
            trainer.run_training_loop()
    assert trainer.run_dir is not None
    return trainer.run_dir


@pytest.mark.slow
@pytest.mark.parametrize("name", ["config.json", "log.csv", "checkpoint/state.pt"])
def test_an_edited_run_is_resumed_or_refused_unchanged(
    name: str, stopped: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, path, loop, outcomes = files(stopped), stopped / name, RL_Trainer.run_training_loop, list[str]()
    monkeypatch.setattr(RL_Trainer, "run_training_loop", lambda self, n_iter: loop(self, 3))
    monkeypatch.setattr("cs285.infrastructure.learning_curve.draw_learning_curve", lambda *_: None)

    @fuzzed
    @given(content=edits(path))
    def resume(content: bytes) -> None:
        for file in files(stopped).keys() - whole.keys():
            (stopped / file).unlink()
        for file, original in {**whole, name: content}.items():
            (stopped / file).write_bytes(original)
        try:
            BC_Trainer(settings_to_resume({"resume": stopped}), expert_rule).run_training_loop()
            outcomes.append("resumed")
        except InvalidInput:
            outcomes.append("refused")
            assert files(stopped) == {**whole, name: content}
        capsys.readouterr()

    resume()
    refused = outcomes.count("refused")
    assert refused == 0 if name == "log.csv" else refused > len(outcomes) / 2  # log.csv is written anew


@pytest.mark.parametrize("place", ["0 states", "0 actions", "state agent training optimizer state 1 exp_avg"])
def test_arrays_of_another_size_are_refused(place: str, stopped: Path) -> None:
    keys = [int(key) if key.isdecimal() else key for key in place.split()]
    name, load = ("added_1.pkl", load_pickle) if keys[0] == 0 else ("state.pt", load_torch_file)
    edit(stopped, name, keys, reduce(getitem, keys, load(stopped / "checkpoint" / name))[:, :1])
    before = files(stopped)
    with pytest.raises(InvalidInput, match="the state of this policy"):
        BC_Trainer(settings_to_resume({"resume": stopped}), expert_rule).run_training_loop()
    assert files(stopped) == before


def edits(path: Path) -> st.SearchStrategy[bytes]:
    """Contents of a file in which bits, fields or values are replaced."""
    content = path.read_bytes()
    if path.suffix == ".pt":
        places = st.sampled_from(sorted(leaves(load_torch_file(path))))
        changed = st.builds(lambda keys, value: edited(path, content, keys, value), places, values)
        return st.one_of(spoiled(content), changed)
    if path.suffix == ".json":
        return st.one_of(spoiled(content), spoiled_value(json.loads(content), values).map(json.dumps).map(str.encode))
    lines = [line.split(",") for line in content.decode().splitlines()]
    texts = st.one_of(odd, numbers, st.text(max_size=4)).map(str)
    changed = spoiled_value(lines, texts).map(
        lambda rows: [row if isinstance(row, str) else ",".join(row) for row in rows]
    )
    return st.one_of(spoiled(content), changed.map(lambda rows: "\n".join([*rows, ""]).encode(errors="surrogatepass")))


def leaves(tree: Any, keys: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths to all values of a tree that are empty dicts or no dicts.

    Values below "agent" and "scalars" are left out, because only torch or the logger checks them.
    """
    if not isinstance(tree, dict) or not tree:
        return [keys]
    return [path for key in tree.keys() - {"agent", "scalars"} for path in leaves(tree[key], (*keys, key))]


def edited(path: Path, content: bytes, keys: tuple[Any, ...], value: Any) -> bytes:
    """The content of a checkpoint's file in which the value at the path ``keys`` is replaced."""
    path.write_bytes(content)
    edit(path.parents[1], path.name, [*keys], value)
    return path.read_bytes()
