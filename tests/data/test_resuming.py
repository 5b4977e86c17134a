"""A run is killed or fills the disk. Once resumed, it has the results of an uninterrupted run, bit for bit."""

import os
import random
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cs285.config import Config
from cs285.data.checkpoint import Checkpoints, settings_to_resume
from cs285.data.run_folders import read_run
from cs285.errors import InvalidInput
from tests.data.stopped_runs import assert_same, ended, files, killed, outcome, run_dirs, train
from tests.fakes import expert_content, pickle_file

PAGE = 4096
ROOM = range(1, 60, 1 if os.environ.get("CS285_EVERY_PAGE") else 25)  # sizes of the disk in pages; a run needs about 50


@pytest.fixture
def job(tiny: Config, tmp_path: Path) -> Config:
    """Settings of a DAgger run that reads an expert file and saves parameters. The run takes half a second."""
    expert = pickle_file(tmp_path / "expert.pkl", expert_content())
    return replace(tiny, expert_policy_file=expert, n_iter=4, save_params=True)


@pytest.fixture
def whole(job: Config, tmp_path: Path) -> Path:
    config = replace(job, logdir=tmp_path / "whole")
    train(config)
    return run_dirs(config)[0]


def test_killed_while_it_writes(job: Config, whole: Path) -> None:
    """Kill runs while they write their first checkpoints; then kill and resume one run at every second checkpoint."""
    for event, count in (("open", 6), ("os.rename", 4), ("os.rename", 5)):
        config = replace(job, logdir=job.logdir / f"{event}_{count}")
        assert killed(config, event=event, count=count)
        assert_same(ended(config), whole)
    config, sessions = job, 0
    while killed(config, event="os.rename", count=6):
        sessions += 1
        config = settings_to_resume({"resume": run_dirs(job)[-1]})
    assert sessions > 1
    assert_same(run_dirs(job)[-1], whole)


@pytest.mark.slow
def test_killed_at_random_moments(job: Config) -> None:
    """The kills fall into rollouts, training, evaluation, filming, logging or writing; every third run has workers."""
    job, kills = replace(job, video_log_freq=2), int(os.environ.get("CS285_KILLS", "2"))
    whole = replace(job, logdir=job.logdir / "whole")
    began = time.monotonic()
    assert not killed(whole)
    seconds, rng, hit = time.monotonic() - began, random.Random(0), 0
    for n in range(10 * kills):  # ten tries for each kill, because some runs end before they are killed
        workers = 2 * (n % 3 == 2)
        config = replace(job, logdir=job.logdir / str(n), num_workers=workers)
        at_work = killed(config, rng.uniform(0.1, 1) * seconds * (1 + workers))
        hit += at_work
        saved = list(config.logdir.glob("q2_*/checkpoint/state.pt"))
        print(f"killed: {at_work}, with a checkpoint: {bool(saved)}")
        assert_same(ended(config), run_dirs(whole)[0])
        if hit == kills:
            return
    pytest.fail(f"only {hit} runs were still running at the moment of the kill")


def test_checkpoints_are_written_when_due(job: Config) -> None:
    for frequency, kept in ((2, ["added_2.pkl", "added_3.pkl"]), (-1, [])):
        train(replace(job, checkpoint_freq=frequency))
        run = run_dirs(job)[-1]
        assert sorted(path.name for path in run.glob("checkpoint/added_*")) == kept
    with pytest.raises(InvalidInput, match="has no checkpoint"):
        train(settings_to_resume({"resume": run}))


def test_a_finished_run_continues_with_more_iterations(job: Config, whole: Path) -> None:
    """A resumed run may change n_iter and logdir, and keeps event files of other programs."""
    train(replace(job, n_iter=2))
    (run,) = run_dirs(job)
    (run / "events.out.tfevents.1.mine").write_bytes(b"")
    train(settings_to_resume({"resume": run, "n_iter": 4, "logdir": Path("elsewhere")}))
    assert_same(run, whole)
    train(settings_to_resume({"resume": run}))  # adds no iteration, because none is left
    assert_same(run, whole)
    assert (run / "events.out.tfevents.1.mine").exists()


def test_input_files_may_move_but_not_change(
    job: Config, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert killed(job, event="os.rename", count=9)
    (run,) = run_dirs(job)
    names, before = ("expert_data", "expert_policy_file"), files(run)
    moved = {name: getattr(job, name).rename(tmp_path / f"moved_{name}") for name in names}
    for name, path in moved.items():
        content = path.read_bytes()
        path.write_bytes(content + b" ")
        with pytest.raises(InvalidInput, match=rf"SHA-256 of --{name} is \w{{64}}, but .* began with \w{{64}}"):
            train(settings_to_resume({"resume": run, **moved}))
        assert files(run) == before
        path.write_bytes(content)
    with monkeypatch.context() as patched:
        # Without make_agent no network can be built, so the run must be refused earlier.
        patched.setattr("cs285.agents.make_agent.make_agent", None)
        with pytest.raises(InvalidInput, match=r"--size is 9999, but .* began with 8"):
            train(settings_to_resume({"resume": run, **moved, "size": 9999}))
    train(settings_to_resume({"resume": run, **moved}))
    assert_same(run, whole)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """A function that resizes a file system to a number of pages and returns the folder where it is mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def resize(pages: int) -> Path:
        options = f"size={pages * PAGE}" if not os.path.ismount(folder) else f"remount,size={pages * PAGE}"
        made = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True, encoding="utf-8"
        )
        if made.returncode:
            pytest.skip(f"a small file system can't be mounted here: {made.stderr.strip()}")
        return folder

    yield resize
    subprocess.run(["umount", folder], check=False)


@pytest.mark.slow
def test_a_disk_without_room(job: Config, disk: Callable[[int], Path], tmp_path: Path) -> None:
    """A run on a full disk ends with one line, keeps its complete files, and resumes once the disk has room."""
    job = replace(job, n_iter=3, video_log_freq=2)
    whole = replace(job, logdir=tmp_path / "whole")
    train(whole)
    codes = []
    for pages in ROOM:
        config = replace(job, logdir=disk(pages) / str(pages))
        code, said = outcome(lambda config=config: train(config), tmp_path / f"stderr_{pages}")
        codes.append(code)
        if code:
            assert code == 2
            assert re.fullmatch("error: .*can't .*\n", said), said
        for folder in run_dirs(config):
            assert not [*folder.rglob("*.unfinished")]
            if (folder / "config.json").exists():
                assert [row["itr"] for row in read_run(folder).rows] == list(range(len(read_run(folder).rows)))
            if (folder / "checkpoint/state.pt").exists():
                Checkpoints(folder).load()
        disk(10_000)
        assert_same(ended(config), run_dirs(whole)[0])
        subprocess.run(["rm", "-r", config.logdir], check=True)
    assert (codes[0], codes[-1]) == (2, 0)
