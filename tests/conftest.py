"""Settings and fixtures of all tests: fake environments, Hypothesis's profile, and the course's files."""

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, settings

from cs285.config import Config
from cs285.envs.make_env import check_rendering
from cs285.errors import InvalidInput
from tests import fakes

ROOT = Path(__file__).parents[1]

# All examples of a test share its fixtures, such as the folder tmp_path. Hypothesis would report this as an error.
repeated = [HealthCheck.function_scoped_fixture]
settings.register_profile("suite", max_examples=25, deadline=None, derandomize=True, suppress_health_check=repeated)
settings.load_profile("suite")
fakes.register_fakes()
# Some tests interrupt a run. If the tests are a shell's background job, they would otherwise ignore SIGINT.
signal.signal(signal.SIGINT, signal.default_int_handler)
# The tests use one thread, as a run does, because several threads slow each other down on a busy machine.
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def process_state(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """After a test, restore what scripts in this process change: signal handlers, the command line, MPLBACKEND."""
    monkeypatch.setattr(sys, "argv", sys.argv)
    before = {signum: signal.getsignal(signum) for signum in (signal.SIGINT, signal.SIGTERM)}
    yield
    for signum, handler in before.items():
        signal.signal(signum, handler)
    os.environ.pop("MPLBACKEND", None)


def copied_project(folder: Path) -> Path:
    """Copy the project's code into a folder, and return the folder."""
    for name in ("cs285", "scripts"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1
    file.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture(scope="session")
def course() -> Path:
    """The folder of the course's own files."""
    folder = ROOT.parent / "shared" / "course"
    if not folder.is_dir():
        pytest.skip("the course's files are not here (../shared/course)")
    return folder


@pytest.fixture(scope="session")
def gl() -> None:
    """Skip the test if MuJoCo can't render here, or fail the test if CS285_REQUIRE_RENDERING is set, too."""
    try:
        check_rendering("Hopper-v5")
    except InvalidInput as error:
        if os.environ.get("CS285_REQUIRE_RENDERING"):
            pytest.fail(str(error))
        pytest.skip(str(error))


@pytest.fixture
def tiny(tmp_path: Path) -> Config:
    """Settings of a very short DAgger run on the task `fakes.POINT`; tests change the settings with `replace`.

    The actions in the expert data are those of `fakes.expert_rule`, which tests pass to the trainer as the expert.
    """
    data = [fakes.course_episode(2023, seed=n) for n in range(2)]
    for episode in data:
        episode["action"] = fakes.expert_rule(episode["observation"])
    return Config(
        env_name=fakes.POINT,
        expert_data=fakes.pickle_file(tmp_path / "data.pkl", data),
        do_dagger=True,
        n_iter=3,
        num_agent_train_steps_per_iter=5,
        batch_size=20,
        eval_batch_size=20,
        train_batch_size=8,
        size=8,
        num_workers=0,
        logdir=tmp_path / "runs",
    )
