"""The yardstick measures: sides take turns, medians are compared, and every measurement runs in small."""

from __future__ import annotations

import importlib
import json
import os
import sys
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cs285.errors import InvalidInput

ROOT = Path(__file__).parents[2]
MODULES = ("run", "rows", "sizes", "jobs", "libraries", "measure", "textbook")
SMALL = {"GRADIENT_STEPS": 3, "ROLLOUT_STEPS": 20, "LARGE_BUFFER": 500, "LARGE_BATCHES": 4, "LEARNERS": 2, "EPISODE": 5}
FILES = Namespace(
    env_name="Hopper-v5",
    expert_policy_file=ROOT / "policies" / "experts" / "Hopper-v5.pkl",
    expert_data=ROOT / "expert_data" / "expert_data_Hopper-v5.pkl",
)


@pytest.fixture
def benchmarks(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """``benchmarks("run")`` imports a file of that folder, as a script there would."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if name in MODULES or name.startswith("measure_"):
            del sys.modules[name]


def test_sides_take_turns_and_their_medians_are_compared(
    benchmarks: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = benchmarks("run")
    asked: list[tuple[str, str]] = []
    scripted = {("textbook", "gradient"): iter([8.0, 90.0, 6.0]), ("project", "gradient"): iter([3.0, 2.0, 1.0])}
    scripted |= {("floor", "arithmetic"): iter([0.5, 0.5, 0.5])}

    def measure(who: str, what: str, settings: Any) -> dict[str, Any]:
        asked.append((who, what))
        return {"seconds": next(scripted[who, what]), "cpu_seconds": 1.0}

    monkeypatch.setattr(run, "measure", measure)
    output = tmp_path / "results.json"
    output.write_text(json.dumps({"rows": {"batch": {"seconds": {"theirs": 60.0, "project": 1.0, "ratio": 60.0}}}}))
    monkeypatch.setattr(sys, "argv", ["run.py", "--rows", "gradient,gradient_floor", "-o", str(output)])
    run.main()
    assert asked == [("textbook", "gradient"), ("floor", "arithmetic"), ("project", "gradient")] * 3
    rows = json.loads(output.read_text())["rows"]
    assert rows["gradient"]["seconds"] == {"theirs": 8.0, "project": 2.0, "ratio": 4.0}
    assert rows["gradient_floor"]["seconds"]["ratio"] == 4.0  # so many times as slow as the floor
    printed = capsys.readouterr().out
    assert "| 2000 gradient steps | textbook | 8.00 | 2.00 | 4.00 | ≥ 2.0 | 1.00 | 1.00 |" in printed
    assert "| 200 batches from a million | textbook | 60.00 | 1.00 | 60.00 | ≥ 30 |" in printed  # of the file


def test_an_unknown_row_is_refused(benchmarks: Any) -> None:
    with pytest.raises(InvalidInput, match=r"--rows has 'gradeint'; it may have job, rollouts, gradient"):
        benchmarks("run").Settings(rows="gradeint")


def test_results_of_another_environment_are_not_mixed_in(benchmarks: Any, tmp_path: Path) -> None:
    run = benchmarks("run")
    (tmp_path / "ant.json").write_text('{"env_name": "Ant-v4", "rows": {}}')
    with pytest.raises(InvalidInput, match="has results of Ant-v4"):
        run.earlier_content(run.Settings(env_name="Hopper-v5", output=tmp_path / "ant.json"))


def test_more_runs_join_those_of_the_file_and_disturbed_ones_do_not_count(benchmarks: Any) -> None:
    run = benchmarks("run")
    done = {("textbook", "gradient"): [{"seconds": 6.0}], ("project", "gradient"): [{"seconds": 2.0}]}
    earlier = {"theirs": [{"seconds": 4.0}], "project": [{"seconds": 90.0, "cores_used_by_others": 1.5}]}
    result = run.compare(run.ROWS["gradient"], done, earlier)
    assert result["seconds"] == {"theirs": 5.0, "project": 2.0, "ratio": 2.5}
    assert len(result["runs"]["project"]) == 2


def test_a_library_that_does_not_install_is_left_out(
    benchmarks: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = benchmarks("run")

    def measure(who: str, what: str, settings: Any) -> dict[str, Any]:
        if who == "imitation":
            raise run.NotInstallable("no such version")
        return {"seconds": 1.0}

    monkeypatch.setattr(run, "measure", measure)
    output = tmp_path / "results.json"
    monkeypatch.setattr(sys, "argv", ["run.py", "--rows", "imitation,gradient", "-o", str(output)])
    run.main()
    assert list(json.loads(output.read_text())["rows"]) == ["gradient"]
    assert "going on without imitation: no such version" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("who", "what"),
    [
        *(("project", what) for what in ("gradient", "many_gradient", "batch")),
        *(("textbook", what) for what in ("gradient", "batch", "rollouts")),
        *(("floor", what) for what in ("physics", "arithmetic")),
    ],
)
def test_measurements_run(benchmarks: Any, monkeypatch: pytest.MonkeyPatch, who: str, what: str) -> None:
    module = benchmarks(f"measure_{who}")
    for name, value in SMALL.items():
        if hasattr(module, name):
            monkeypatch.setattr(module, name, value)
    options = {"steps": 20} if what == "physics" else {}
    assert getattr(module, what)(FILES, **options)["seconds"] > 0


@pytest.mark.parametrize(("what", "learners"), [("job", 1), ("many_job", 10)])
def test_whole_jobs_run(benchmarks: Any, tmp_path: Path, what: str, learners: int) -> None:
    jobs, settings = benchmarks("jobs"), benchmarks("run").Settings(**vars(FILES))
    small = ["--n_iter", "2", "--num_agent_train_steps_per_iter", "3", "--eval_batch_size", "20", "--ep_len", "10"]
    flags = [*benchmarks("run").file_flags(settings), *small]
    measured = jobs.run_job(what, flags, tmp_path, os.environ)
    assert measured["peak_mb"] > 100
    if Path("/proc/self/status").exists():
        assert len(measured["peak_mb_by_iteration"]) == 2 * learners
        assert max(measured["peak_mb_by_iteration"]) <= measured["peak_mb"]
    assert len(list(tmp_path.glob("data/q2_*/log.csv"))) == learners


def test_every_row_names_measurements_that_exist(benchmarks: Any) -> None:
    run = benchmarks("run")
    for row in run.ROWS.values():
        assert row.what in run.JOBS or callable(getattr(benchmarks("measure_project"), row.what))
        if row.who not in run.REQUIREMENTS:
            assert callable(getattr(benchmarks(f"measure_{row.who}"), row.theirs))
