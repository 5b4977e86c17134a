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
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from cs285.config import Config
from cs285.data.checkpoint import settings_to_resume
from cs285.data.run_folders import read_runs
from cs285.infrastructure.bc_trainer import BC_Trainer
from tests.fakes import expert_rule

pytest.importorskip("tensorboard", reason="tensorboard, of the extra named notebook, is missing")
pytestmark = pytest.mark.slow

STATISTICS = ("AverageReturn", "StdReturn", "MaxReturn", "MinReturn", "AverageEpLen")
SCALARS = {f"{kind}_{name}" for kind in ("Eval", "Train") for name in STATISTICS}
SCALARS |= {"Train_EnvstepsSoFar", "TimeSinceStart", "Training_Loss", "Initial_DataCollection_AverageReturn"}
STARTS_WITHIN = 100.0  # seconds


@contextmanager
def served(logdir: Path) -> Iterator[str]:
    """Serve a folder with TensorBoard; gives the server's address."""
    command = ["-m", "tensorboard.main", "--logdir", str(logdir), "--port", "0", "--host", "127.0.0.1"]
    process = subprocess.Popen(
        [sys.executable, *command, "--reload_interval", "1"],
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


def test_scalars_and_clips_of_a_resumed_run(tiny: Config) -> None:
    """Each scalar has the values of log.csv, and each clip is a strip of frames of 64 x 48."""
    with BC_Trainer(replace(tiny, video_log_freq=1, n_iter=2), expert_rule) as trainer:
        trainer.run_training_loop()
    BC_Trainer(settings_to_resume({"resume": trainer.run_dir, "n_iter": 3}), expert_rule).run_training_loop()
    (run,) = read_runs([tiny.logdir])
    name, tags = run.path.name, {column.replace(" ", "_"): column for column in run.rows[0] if column != "itr"}
    with served(tiny.logdir) as server:
        assert set(wait_for(server, "plugin/scalars/tags", name)) == set(tags) >= SCALARS
        for tag, column in tags.items():
            points = get(server, "plugin/scalars/scalars", run=name, tag=tag)
            assert [step for _, step, _ in points] == [0, 1, 2]
            assert [value for *_, value in points] == pytest.approx([row[column] for row in run.rows], rel=1e-6), tag
        assert set(wait_for(server, "plugin/images/tags", name)) == {"train_rollouts", "eval_rollouts"}
        for tag in ("train_rollouts", "eval_rollouts"):
            last = get(server, "plugin/images/images", run=name, tag=tag, sample="0")[-1]
            assert last["step"] == 2
            picture = get(server, "plugin/images/individualImage", **dict(urllib.parse.parse_qsl(last["query"])))
            with Image.open(io.BytesIO(picture)) as strip:
                assert (strip.height, strip.width % 64) == (48, 0)
                assert strip.width > 64
