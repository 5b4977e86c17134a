"""The commit of the code that a run records."""

import subprocess
from pathlib import Path

import pytest

from cs285.data import provenance


def test_the_commit_is_of_the_projects_own_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    identity = ("-c", "user.name=x", "-c", "user.email=x@y")
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    subprocess.run(["git", "-C", str(tmp_path), *identity, "commit", "-q", "--allow-empty", "-m", "x"], check=True)
    (tmp_path / "project").mkdir()
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    assert len(provenance.git_commit() or "") == 40
    monkeypatch.setattr(provenance, "ROOT", tmp_path / "project")
    assert provenance.git_commit() is None
    monkeypatch.setenv("GIT_DIR", str(tmp_path / ".git"))
    assert provenance.git_commit() is None
