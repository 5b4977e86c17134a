"""The run that tests stop, and the one that nobody stopped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cs285.config import Config
from tests.data.stopped_runs import run_dirs, train
from tests.fakes import expert_content, pickle_file


@pytest.fixture
def job(tiny: Config, tmp_path: Path) -> Config:
    """A DAgger run with an expert from a file, parameters and videos; it takes half a second."""
    expert = pickle_file(tmp_path / "expert.pkl", expert_content())
    return replace(tiny, expert_policy_file=expert, n_iter=4, save_params=True)


@pytest.fixture
def whole(job: Config, tmp_path: Path) -> Path:
    """The folder of the run that nobody stopped."""
    config = replace(job, logdir=tmp_path / "whole")
    train(config)
    return run_dirs(config)[0]
