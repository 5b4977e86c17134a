"""plot_results.py: from run folders to PNG and PDF, and refusals that write nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

from tests.fake_runs import write_run
from tests.scripts.conftest import Script, files_below


@pytest.fixture
def runs(workplace: Path) -> Path:
    """BC with two sizes and DAgger, two seeds each, on two tasks."""
    for seed in (1, 2):
        for task in ("Hopper-v5", "Ant-v5"):
            write_run(workplace / "data", [10.0 * seed, 60.0, 90.0 + seed], seed=seed, env_name=task)
            for size in (32, 64):
                write_run(workplace / "data", [10.0 * seed], seed=seed, env_name=task, size=size)
    return workplace / "data"


FIGURES = {
    "learning_curve": ("-env", "Ant-v5"),
    "hyperparameter": ("-f", "hyperparameter", "-env", "Ant-v5", "-p", "size"),
    "tasks": ("-f", "tasks", "-w", "size=64"),
}


@pytest.mark.parametrize("what", FIGURES)
def test_each_figure_is_written_as_png_and_pdf(what: str, script: Script, runs: Path, workplace: Path) -> None:
    before = files_below(workplace)
    out = script("plot_results", *FIGURES[what], "-o", "figures/mine").succeeded().out
    assert out == "figures/mine.png\nfigures/mine.pdf\n"
    assert set(files_below(workplace)) - set(before) == {"figures", "figures/mine.png", "figures/mine.pdf"}
    assert min(Image.open("figures/mine.png").size) > 500
    assert Path("figures/mine.pdf").read_bytes().startswith(b"%PDF-")


def test_an_incomplete_run_is_reported_and_used(script: Script, workplace: Path) -> None:
    folder = write_run(workplace / "data", [1.0, 2.0], n_iter=3, env_name="module:Space/Task-v1")
    outcome = script("plot_results", "-env", "module:Space/Task-v1")
    assert outcome.code == 0
    assert outcome.err == f"data/{folder.name}: incomplete run, 2 of 3 evaluations used\n"
    assert Path("learning_curve_module-Space-Task-v1.png").exists()


REFUSED: dict[str, tuple[Sequence[object], Sequence[str]]] = {
    "no runs": (("-r", "nowhere"), ("no run folders", "nowhere")),
    "different tasks": ((), ("one task, not of Ant-v5, Hopper-v5", "--env_name")),
    "another task": (("-env", "Walker2d-v5"), ("env_name=Walker2d-v5", "Ant-v5, Hopper-v5")),
    "no such setting": (("-w", "colour=red"), ("colour=red",)),
    "parameter without effect": (("-p", "size"), ("--parameter size", "hyperparameter")),
    "not a number": (("-f", "hyperparameter", "-env", "Ant-v5", "-p", "seed"), ("seed is no setting that",)),
    "a folder": (("-env", "Ant-v5", "-o", "."), ("--output", "name")),
    "a folder above": (("-env", "Ant-v5", "-o", "a/.."), ("--output", "name")),
    "unwritable": (("-env", "Ant-v5", "-o", "file/figure"), ("file/figure.png",)),
    "existing": (("-env", "Ant-v5", "-o", "mine"), ("mine.pdf exists",)),
    "the same runs twice": (("-r", "data", "-r", "again"), ("two runs with seed 2", "again")),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refusals(what: str, script: Script, runs: Path, workplace: Path) -> None:
    for name in ("file", "mine.pdf"):
        (workplace / name).write_text("in the way")
    write_run(workplace / "again", [1.0, 60.0, 90.0], seed=2, env_name="Ant-v5")
    before = files_below(workplace)
    arguments, parts = REFUSED[what]
    script("plot_results", *arguments).refused(*parts)
    assert files_below(workplace) == before
    assert (workplace / "mine.pdf").read_text() == "in the way"
