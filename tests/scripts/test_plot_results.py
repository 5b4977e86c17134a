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


ANT = ("-w", "env_name=Ant-v5")


@pytest.mark.parametrize("flags", [ANT, ("-f", "hyperparameter", *ANT, "-p", "size"), ("-f", "tasks", "-w", "size=64")])
def test_each_figure_is_written_as_png_and_pdf(
    flags: Sequence[object], script: Script, runs: Path, workplace: Path
) -> None:
    before = files_below(workplace)
    out = script("plot_results", *flags, "-o", "figures/mine").succeeded().out
    assert out == "figures/mine.png\nfigures/mine.pdf\n"
    assert set(files_below(workplace)) - set(before) == {"figures", "figures/mine.png", "figures/mine.pdf"}
    assert min(Image.open("figures/mine.png").size) > 500
    assert Path("figures/mine.pdf").read_bytes().startswith(b"%PDF-")


def test_an_incomplete_run_is_reported_and_used(script: Script, workplace: Path) -> None:
    folder = write_run(workplace / "data", [1.0, 2.0], n_iter=3)
    outcome = script("plot_results")
    assert (outcome.code, outcome.out) == (0, "learning_curve.png\nlearning_curve.pdf\n")
    assert outcome.err == f"data/{folder.name}: incomplete run, 2 of 3 evaluations used\n"


@pytest.mark.parametrize(
    ("flags", "parts"),
    [
        (("-r", "nowhere"), ("no run folders", "nowhere")),
        ((), ("one task, not of Ant-v5, Hopper-v5", "--where")),
        (("-p", "size"), ("--parameter is size", "hyperparameter")),
        (("-f", "hyperparameter"), ("--parameter is None", "hyperparameter")),
        (("-f", "hyperparameter", *ANT, "-p", "seed"), ("seed is no setting that",)),
        ((*ANT, "-o", "file/figure"), ("file/figure.png",)),
        ((*ANT, "-o", "mine"), ("mine.pdf exists",)),
    ],
)
def test_refusals(flags: Sequence[object], parts: Sequence[str], script: Script, runs: Path, workplace: Path) -> None:
    for name in ("file", "mine.pdf"):
        (workplace / name).write_text("in the way")
    before = files_below(workplace)
    script("plot_results", *flags).refused(*parts)
    assert files_below(workplace) == before
