"""Measurements of the benchmarks with few steps, and the table of a comparison."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cs285.errors import InvalidInput

ROOT = Path(__file__).parents[2]
TASK = ("Hopper-v5", ROOT / "policies/experts/Hopper-v5.pkl", ROOT / "expert_data/expert_data_Hopper-v5.pkl")
SMALL = {"job": 10, "gradient": 3}


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A function that imports a module of benchmarks/ by its name, as the scripts in that folder do."""
    monkeypatch.setattr(sys, "path", [str(ROOT / "benchmarks"), *sys.path])
    yield importlib.import_module
    for name in ("run", "measure", "textbook", "gpu"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize(
    ("row", "side"), [*(("gradient", side) for side in ("project", "torch", "textbook")), ("job", "physics")]
)
def test_measurements_return_seconds(
    benchmark: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, row: str, side: str
) -> None:
    module = benchmark("measure")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "STEPS", SMALL)
    monkeypatch.setattr(module, "usable_cores", lambda: 1)
    assert getattr(module, row)(side, *TASK) > 0


def test_torch_side_steps_without_fast_update(benchmark: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    module, steps = benchmark("measure"), []
    monkeypatch.setattr(module, "timed", lambda action, times: steps.append(action) or 1.0)
    monkeypatch.setattr("cs285.policies.MLP_policy.MLPPolicySL.compute_loss", lambda *_: 1 / 0)
    module.gradient("torch", *TASK)
    with pytest.raises(ZeroDivisionError):
        steps[0]()


def test_table_has_medians_of_the_ratios_of_turns(benchmark: Any) -> None:
    turns = [{"project": s, "textbook": t} for s, t in ((1.0, 4.0), (2.0, 6.0), (10.0, 20.0))]
    assert benchmark("run").table_lines("gradient", turns) == [
        "| gradient | project | 2.00 | 1.00 to 10.00 | 3.00 | 1.00 |",
        "| gradient | textbook | 6.00 | 4.00 to 20.00 | 1.00 | 3.00 |",
    ]


def test_job_compares_versions_of_the_project_and_the_textbook(benchmark: Any) -> None:
    run = benchmark("run")
    found = run.commands("job", run.Settings(), {"project": ROOT, "commit 1234567": Path("/earlier")})
    assert list(found) == ["project", "commit 1234567", "textbook", "physics"]
    assert found["project"][2:] == found["commit 1234567"][2:]
    assert all(Path(word).exists() for word in found["textbook"][1:] if "/" in str(word))


def test_an_unknown_commit_is_refused(benchmark: Any) -> None:
    run = benchmark("run")
    with pytest.raises(InvalidInput, match="--against is no-such-commit"):
        run.main(run.Settings(rows=("gradient",), against="no-such-commit"))
