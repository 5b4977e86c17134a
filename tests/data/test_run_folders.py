"""Atomic writing of files, reading of complete and incomplete run folders, and the commit in config.json."""

import os
import re
import stat
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from unittest.mock import Mock

import pytest

from cs285.data import run_folders
from cs285.data.run_folders import read_config, read_run, read_runs
from cs285.data.whole_files import whole_file
from cs285.errors import InvalidInput
from tests.fake_runs import write_run


def test_every_run_below_is_found_once_and_hidden_ones_are_ignored(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "nowhere", Path(__file__)):
        assert read_runs([place]) == []
    deep = write_run(tmp_path / "a" / "b", [1.0])
    write_run(tmp_path / "a" / ".unfinished", [1.0])
    other = write_run(tmp_path, [2.0], exp_name="other")
    assert {run.path for run in read_runs([tmp_path, tmp_path / "a", deep])} == {deep, other}


def test_a_row_cut_short_at_the_end_is_left_out(tmp_path: Path) -> None:
    folder = write_run(tmp_path, [1.0, 2.0, 3.0])
    whole = (folder / "log.csv").read_bytes()
    for size in range(1, len(whole)):
        (folder / "log.csv").write_bytes(whole[:size])
        run = read_run(folder)
        complete = max(0, whole[:size].count(b"\n") - 1)
        assert [row["Eval_AverageReturn"] for row in run.rows] == [1.0, 2.0, 3.0][:complete]
        assert not run.complete


COLUMNS = "itr,Eval_AverageReturn,Eval_StdReturn,Initial_DataCollection_AverageReturn\n"
INVALID = {
    "{": "as the config.json of a run",
    "[" * 100_000: "as the config.json of a run",
    '{"settings": {}, "inputs": {"expert_data": []}}': "inputs.expert_data is []; it must be text",
    '{"settings": {}, "policy": "mine"}': "policy is 'mine'; it must be a mapping",
    '{"settings": {}, "versions": {"numpy": "\\u001b[2J"}}': "versions.numpy is '\\x1b[2J'; it must be text",
    '{"settings": {"env_name": "Ant\\u0000"}}': "--env_name is 'Ant\\x00'",
    '{"settings": {"expert_data": "x\\udc00"}}': "--expert_data is 'x\\udc00'",
    '{"settings": {"env_name": "$\\\\frac{$"}}': "--env_name is '$\\\\frac{$'; it may have letters",
    '{"settings": {"seed": 1' + "0" * 400 + "}}": "--seed is an integer of 1329 bits",
    '{"settings": {"n_layers": 1000000000}}': "--n_layers is 1000000000; it must be at most 1000",
    '{"settings": {"size": 0}}': "--size is 0",
    COLUMNS + "0,1,1,1\n1,1,1,1\n0,2,1,1\n": "itr is 0; it must be int, from 2",
    COLUMNS + "1e9,1,1,1\n": "itr is 1000000000; it must be int, from 0 to 1",
    COLUMNS + "0.5,1,1,1\n": "itr is 0.5; it must be int, from 0",
    COLUMNS + "0,1e308,1,1\n": "Eval_AverageReturn in row 1 is 1e+308; it must be float, from -1e+100 to 1e+100",
    "itr," + COLUMNS + "0,0,1,1,1\n": "equal names",
    COLUMNS + "0,fast,1,1\n": "float: 'fast'",
    COLUMNS + "0,nan,1,1\n": "Eval_AverageReturn in row 1 is nan",
    COLUMNS + "0,1,-1,1\n": "Eval_StdReturn in row 1 is -1",
    COLUMNS + "0,1,1,1,1\n": "row 1 has 5 values for 4 columns",
    "itr," + 2**21 * ",": "it has 2097153 commas; at most 2097152 are allowed",
    "itr,other\n0,1\n": "no column Eval_AverageReturn",
}


def test_an_invalid_field_is_refused_with_the_file(tmp_path: Path) -> None:
    for n, (content, reason) in enumerate(INVALID.items()):
        folder = write_run(tmp_path / str(n), [1.0, 2.0])
        (folder / ("log.csv" if content.startswith("itr") else "config.json")).write_text(content, encoding="utf-8")
        with pytest.raises(InvalidInput, match=f"{folder}.*{re.escape(reason)}"):
            read_runs([folder])


def test_unknown_settings_are_ignored_and_old_runs_get_the_settings_they_had(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text('{"settings": {"env_name": "Ant-v5", "size": 32, "from_the_future": 1}}', encoding="utf-8")
    assert (read_config(path).size, read_config(path).learning_rate_schedule) == (32, "constant")


def test_a_file_is_replaced_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file"
    for content in (b"first", b"second"):
        with whole_file(path) as file:
            file.write(content)
        assert path.read_bytes() == content
    with pytest.raises(KeyError), whole_file(path) as file:
        file.write({b"": b"third"}[b"missing"])
    assert path.read_bytes() == b"second"
    assert list(path.parent.iterdir()) == [path]
    assert stat.S_IMODE(path.stat().st_mode) & 0o444 == 0o444


def test_a_file_that_is_open_on_windows_is_replaced_when_it_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [PermissionError(13, "in use")] * 3 + [None]
    monkeypatch.setattr(os, "replace", Mock(side_effect=answers * 2))
    for platform, outcome in (("win32", nullcontext()), ("linux", pytest.raises(InvalidInput, match="in use"))):
        monkeypatch.setattr(sys, "platform", platform)
        with outcome, whole_file(tmp_path / "file"):
            pass


def test_the_commit_is_of_the_projects_own_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    identity = ("-c", "user.name=x", "-c", "user.email=x@y")
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    subprocess.run(["git", "-C", str(tmp_path), *identity, "commit", "-q", "--allow-empty", "-m", "x"], check=True)
    (tmp_path / "project").mkdir()
    monkeypatch.setattr(run_folders, "ROOT", tmp_path)
    assert len(run_folders.git_commit() or "") == 40
    monkeypatch.setattr(run_folders, "ROOT", tmp_path / "project")
    assert run_folders.git_commit() is None
    monkeypatch.setenv("GIT_DIR", str(tmp_path / ".git"))
    assert run_folders.git_commit() is None
