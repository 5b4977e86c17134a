"""Run folders arrive whole, under a name of their own, or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cs285.errors import InvalidInput
from cs285.sweeps.packed_runs import pack_runs, unpack_runs
from tests.fake_runs import write_run


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_was_packed_is_unpacked(tmp_path: Path) -> None:
    scratch, home = tmp_path / "scratch", tmp_path / "home"
    runs = [write_run(scratch, [1.0], seed=seed, exp_name=f"s{seed}") for seed in (1, 2)]
    (runs[0] / "videos").mkdir()
    (runs[0] / "videos" / "film.mp4").write_bytes(b"film")
    packed = pack_runs(scratch, logdir=home)
    assert {json.loads((run / "config.json").read_text())["settings"]["logdir"] for run in runs} == {str(home)}
    arrived = unpack_runs(packed, home)
    assert [path.name for path in arrived] == [run.name for run in sorted(runs)]
    assert [contents(path) for path in arrived] == [contents(run) for run in sorted(runs)]
    assert sorted(home.iterdir()) == arrived


def test_an_existing_folder_is_left_alone(tmp_path: Path) -> None:
    run = write_run(tmp_path / "scratch", [1.0])
    packed = pack_runs(tmp_path / "scratch", logdir=tmp_path)
    taken = tmp_path / "home" / run.name
    taken.mkdir(parents=True)
    (second,) = unpack_runs(packed, tmp_path / "home")
    (third,) = unpack_runs(packed, tmp_path / "home")
    assert (second.name, third.name) == (f"{run.name}_2", f"{run.name}_3")
    assert list(taken.iterdir()) == []


def test_what_arrives_broken_leaves_nothing(tmp_path: Path) -> None:
    write_run(tmp_path / "scratch", [1.0])
    packed = pack_runs(tmp_path / "scratch", logdir=tmp_path)
    with pytest.raises(Exception):  # noqa: B017, PT011 - whatever tarfile says
        unpack_runs(packed[:700], tmp_path / "home")
    assert list((tmp_path / "home").iterdir()) == []


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    write_run(tmp_path / "scratch", [1.0])
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InvalidInput, match=f"can't write run folders into {tmp_path}/file"):
        unpack_runs(pack_runs(tmp_path / "scratch", logdir=tmp_path), tmp_path / "file")
