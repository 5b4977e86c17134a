"""plot_results.py: from run folders to files, and refusals that leave everything as it was."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

from tests.fake_runs import write_run
from tests.scripts.conftest import Script, files_below

pytest.importorskip("scipy", reason="intervals need scipy (the extra named results)")


@pytest.fixture
def runs(workplace: Path) -> Path:
    """BC of two sizes and DAgger, two seeds each, on two tasks."""
    for seed in (1, 2):
        for task in ("Hopper-v5", "Ant-v5"):
            write_run(workplace / "data", [10.0 * seed, 60.0, 90.0 + seed], seed=seed, env_name=task)
            for size in (32, 64):
                write_run(workplace / "data", [10.0 * seed], seed=seed, env_name=task, size=size)
    return workplace / "data"


FIGURES = {
    "learning_curve": ("-env", "Ant-v5"),
    "hyperparameter": ("-f", "hyperparameter", "-env", "Ant-v5"),
    "tasks": ("-f", "tasks", "-w", "size=64"),
}


@pytest.mark.parametrize("what", FIGURES)
def test_each_figure_is_written_as_png_and_pdf(what: str, script: Script, runs: Path, workplace: Path) -> None:
    before = files_below(workplace)
    said = script("plot_results", *FIGURES[what], "-o", "figures/mine").succeeded().out
    assert said == "figures/mine.png\nfigures/mine.pdf\n"
    assert set(files_below(workplace)) - set(before) == {"figures", "figures/mine.png", "figures/mine.pdf"}
    assert min(Image.open("figures/mine.png").size) > 500
    assert Path("figures/mine.pdf").read_bytes().startswith(b"%PDF-")


def test_a_task_in_a_module_makes_no_folders(script: Script, workplace: Path) -> None:
    write_run(workplace / "data", [1.0, 2.0], env_name="module:Space/Task-v1")
    script("plot_results", "-env", "module:Space/Task-v1").succeeded()
    assert Path("learning_curve_module-Space-Task-v1.png").exists()


def test_a_run_cut_short_is_named_and_used(script: Script, runs: Path) -> None:
    (folder, *_) = sorted(runs.glob("q2_*Ant*"))
    log = folder / "log.csv"
    log.write_bytes(log.read_bytes()[:-5])
    outcome = script("plot_results", "-env", "Ant-v5")
    assert outcome.code == 0
    assert outcome.err == f"data/{folder.name}: cut short, 2 of 3 evaluations are there and used\n"
    assert Path("learning_curve_Ant-v5.png").exists()


REFUSED: dict[str, tuple[Sequence[object], Sequence[str]]] = {
    "no runs": (("-r", "nowhere"), ("no run folders", "nowhere")),
    "different tasks": ((), ("different tasks in one curve", "Ant-v5, Hopper-v5", "--env_name")),
    "another task": (("-env", "Walker2d-v5"), ("env_name=Walker2d-v5", "Ant-v5, Hopper-v5")),
    "no such setting": (("-w", "colour=red"), ("colour=red",)),
    "no such figure": (("-f", "pie"), ("pie", "learning_curve")),
    "a parameter for nothing": (("-p", "size"), ("--parameter size", "hyperparameter")),
    "not that parameter": (("-f", "hyperparameter", "-env", "Ant-v5", "-p", "seed"), ("size", "seed")),
    "a folder that is there": (("-env", "Ant-v5", "-o", "."), ("--output", "name")),
    "a folder above": (("-env", "Ant-v5", "-o", "a/.."), ("--output", "name")),
    "no name": (("-env", "Ant-v5", "-o", ""), ("--output", "name")),
    "unwritable": (("-env", "Ant-v5", "-o", "file/figure"), ("file/figure.png",)),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refusals(what: str, script: Script, runs: Path, workplace: Path) -> None:
    (workplace / "file").write_text("in the way")
    before = files_below(workplace)
    arguments, parts = REFUSED[what]
    script("plot_results", *arguments).refused(*parts)
    assert files_below(workplace) == before


def test_nothing_is_overwritten(script: Script, runs: Path, workplace: Path) -> None:
    (workplace / "mine.pdf").write_text("mine")
    script("plot_results", "-env", "Ant-v5", "-o", "mine").refused("mine.pdf exists")
    assert (workplace / "mine.pdf").read_text() == "mine"
    assert not (workplace / "mine.png").exists()


def test_the_same_run_twice_is_refused(script: Script, runs: Path, workplace: Path) -> None:
    again = write_run(workplace / "again", [1.0, 60.0, 90.0], seed=2, env_name="Ant-v5")
    script("plot_results", "-env", "Ant-v5", "-r", runs, again).refused("two values for seed 2, iteration 0", "again")
