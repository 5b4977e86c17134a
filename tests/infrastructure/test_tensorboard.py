"""Scalars and clips of a resumed run, read from TensorBoard over HTTP."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from cs285.data.checkpoint import settings_to_resume
from cs285.data.run_folders import RunFolder, read_run
from cs285.infrastructure.bc_trainer import BC_Trainer
from tests.conftest import tiny_config
from tests.fakes import expert_rule

pytest.importorskip("tensorboard", reason="tensorboard, of the extra named notebook, is missing")
pytestmark = pytest.mark.slow

STATISTICS = ("AverageReturn", "StdReturn", "MaxReturn", "MinReturn", "AverageEpLen")
SCALARS = {f"{kind}_{name}" for kind in ("Eval", "Train") for name in STATISTICS}
SCALARS |= {"Train_EnvstepsSoFar", "TimeSinceStart", "Training_Loss", "Initial_DataCollection_AverageReturn"}
STARTS_WITHIN = 100.0  # seconds


@pytest.fixture(scope="module")
def logdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tensorboard")


@pytest.fixture(scope="module", params=["true", "false"])
def server(logdir: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a server on ``logdir``, with either of TensorBoard's two readers of event files."""
    command = ["-m", "tensorboard.main", "--logdir", str(logdir), "--port", "0", "--host", "127.0.0.1"]
    process = subprocess.Popen(
        [sys.executable, *command, "--reload_interval", "1", "--load_fast", request.param],
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    try:
        lines = iter(process.stdout.readline, "")
        address = next((found for line in lines if (found := re.search(r"http://127\.0\.0\.1:\d+", line))), None)
        assert address is not None, "TensorBoard did not start"
        threading.Thread(target=process.stdout.read, daemon=True).start()  # a full pipe would block the server
        yield address[0]
    finally:
        process.terminate()
        process.wait(timeout=30)


def get(server: str, path: str, **query: str) -> Any:
    with urllib.request.urlopen(f"{server}/data/{path}?{urllib.parse.urlencode(query)}", timeout=30) as answer:
        content = answer.read()
        return json.loads(content) if "json" in answer.headers["Content-Type"] else content


def wait_for(server: str, path: str, run: str) -> dict[str, Any]:
    """The tags of a run, once the server has read it."""
    end = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < end:
        if tags := get(server, path).get(run):
            return dict(tags)
        time.sleep(0.2)
    raise AssertionError(f"{run} does not appear under {path}")


@pytest.fixture(scope="module")
def run(logdir: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A DAgger run with videos that was resumed once."""
    config = replace(tiny_config(tmp_path_factory.mktemp("files")), video_log_freq=1, logdir=logdir, n_iter=2)
    trainer = BC_Trainer(config, expert_rule)
    trainer.run_training_loop()
    BC_Trainer(settings_to_resume({"resume": trainer.run_dir, "n_iter": 3}), expert_rule).run_training_loop()
    return read_run(trainer.run_dir)


def test_each_scalar_has_the_values_of_log_csv(run: RunFolder, server: str) -> None:
    name = run.path.name
    tags = {column.replace(" ", "_"): column for column in run.rows[0] if column != "itr"}
    assert set(wait_for(server, "plugin/scalars/tags", name)) == set(tags) >= SCALARS
    for tag, column in tags.items():
        points = get(server, "plugin/scalars/scalars", run=name, tag=tag)
        assert [step for _, step, _ in points] == [0, 1, 2]
        assert [value for *_, value in points] == pytest.approx([row[column] for row in run.rows], rel=1e-6), tag


def test_clips_are_strips_of_frames(run: RunFolder, server: str) -> None:
    name = run.path.name
    tags = wait_for(server, "plugin/images/tags", name)
    assert set(tags) == {"train_rollouts", "eval_rollouts"}
    for tag in tags:
        images = get(server, "plugin/images/images", run=name, tag=tag, sample="0")
        assert images[-1]["step"] == 2
        picture = get(server, "plugin/images/individualImage", **dict(urllib.parse.parse_qsl(images[-1]["query"])))
        with Image.open(io.BytesIO(picture)) as strip:
            assert strip.height == 48
            assert strip.width > 64
            assert strip.width % 64 == 0
