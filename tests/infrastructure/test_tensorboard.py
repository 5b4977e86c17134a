"""TensorBoard itself, over HTTP, shows what a finished run logged."""

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

from cs285.data.run_folders import RunFolder, read_run
from cs285.infrastructure.bc_trainer import BC_Trainer
from tests.conftest import tiny_config
from tests.fakes import expert_rule

pytest.importorskip("tensorboard", reason="tensorboard, of the extra named notebook, is missing")

STATISTICS = ("AverageReturn", "StdReturn", "MaxReturn", "MinReturn", "AverageEpLen")
SCALARS = {
    *(f"{kind}_{name}" for kind in ("Eval", "Train") for name in STATISTICS),
    *("Train_EnvstepsSoFar", "TimeSinceStart", "Training Loss", "Initial_DataCollection_AverageReturn"),
}
STARTS_WITHIN = 100.0  # seconds


@pytest.fixture(scope="module")
def logdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tensorboard")


@pytest.fixture(scope="module")
def server(logdir: Path) -> Iterator[str]:
    """The address of a server on ``logdir``."""
    command = ["-m", "tensorboard.main", "--logdir", str(logdir), "--port", "0", "--host", "127.0.0.1"]
    process = subprocess.Popen(
        [sys.executable, *command, "--reload_interval", "1"],
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    try:
        lines = iter(process.stdout.readline, "")
        said = next((found for line in lines if (found := re.search(r"http://127\.0\.0\.1:\d+", line))), None)
        assert said is not None, "TensorBoard did not start"
        threading.Thread(target=process.stdout.read, daemon=True).start()  # or its output would block it
        yield said[0]
    finally:
        process.terminate()
        process.wait(timeout=30)


def ask(server: str, path: str, **query: str) -> Any:
    with urllib.request.urlopen(f"{server}/data/{path}?{urllib.parse.urlencode(query)}", timeout=30) as answer:
        content = answer.read()
        return json.loads(content) if "json" in answer.headers["Content-Type"] else content


def wait_for(server: str, path: str, run: str) -> dict[str, Any]:
    """The tags of a run, once the server has read it."""
    end = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < end:
        if tags := ask(server, path).get(run):
            return dict(tags)
        time.sleep(0.2)
    raise AssertionError(f"{run} does not appear under {path}")


@pytest.fixture(scope="module")
def run(logdir: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A finished DAgger run with videos."""
    config = replace(tiny_config(tmp_path_factory.mktemp("files")), video_log_freq=1, logdir=logdir)
    trainer = BC_Trainer(config, expert_rule)
    trainer.run_training_loop()
    return read_run(trainer.run_dir)


def test_every_scalar_is_there_with_the_values_of_the_table(run: RunFolder, server: str) -> None:
    name = run.path.name
    assert set(wait_for(server, "plugin/scalars/tags", name)) == {*run.rows[0], *SCALARS} - {"itr"}
    for tag in set(run.rows[0]) - {"itr"}:
        points = ask(server, "plugin/scalars/scalars", run=name, tag=tag)
        assert [step for _, step, _ in points] == list(run.iterations)
        assert [value for *_, value in points] == pytest.approx([row[tag] for row in run.rows], rel=1e-6), tag


def test_the_clips_are_there_as_moving_pictures(run: RunFolder, server: str) -> None:
    name = run.path.name
    tags = wait_for(server, "plugin/images/tags", name)
    assert set(tags) == {"train_rollouts", "eval_rollouts"}
    for tag in tags:
        images = ask(server, "plugin/images/images", run=name, tag=tag, sample="0")
        assert [image["step"] for image in images] == list(run.iterations)
        for image in images:
            picture = ask(server, "plugin/images/individualImage", **query_of(image))
            with Image.open(io.BytesIO(picture)) as clip:
                assert (clip.format, clip.size) == ("GIF", (64, 48))
                assert clip.n_frames > 1


def query_of(image: dict[str, Any]) -> dict[str, str]:
    return dict(urllib.parse.parse_qsl(image["query"]))
