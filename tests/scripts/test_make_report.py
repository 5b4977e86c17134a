"""make_report.py: the page needs no other file, the PDF has every part, and the numbers are those of the runs."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from cs285.data.provenance import digest
from cs285.data.shipped import PROJECT_ROOT
from cs285.infrastructure.films import write_video
from tests.browser import visit
from tests.fake_runs import write_run
from tests.scripts.conftest import Script, files_below, finish, start

SEEDS = (1, 2, 3)
DIGEST = digest(PROJECT_ROOT / "expert_data/expert_data_Hopper-v5.pkl")
FIGURES = ("figure1_num_agent_train_steps_per_iter_Hopper-v5", "figure2_HalfCheetah-v5", "figure2_Hopper-v5")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report on runs of BC and DAgger on two tasks; one DAgger run has videos."""
    place = tmp_path_factory.mktemp("report")
    for seed in SEEDS:
        for task in ("Hopper-v5", "HalfCheetah-v5"):
            write_run(place / "data", [40.0 + seed], seed=seed, env_name=task)
            folder = write_run(place / "data", [40.0 + seed, 80.0, 97.0 + seed], seed=seed, env_name=task)
        for steps in (500, 5000):
            write_run(place / "data", [30.0 + seed], seed=seed, num_agent_train_steps_per_iter=steps)
    (folder / "videos").mkdir()
    for itr in (0, 1, 2):
        with write_video(folder / "videos" / f"eval_rollouts_itr_{itr}.mp4", 10, []) as add_frame:
            for brightness in range(0, 250, 25):
                add_frame(np.full((64, 64, 3), brightness, np.uint8))
    (place / "typed").write_text("typed at the prompt")
    with (place / "typed").open() as typed:
        outcome = finish(start("make_report", cwd=place, stdin=typed)).succeeded()
        assert os.lseek(typed.fileno(), 0, os.SEEK_CUR) == 0  # neither it nor ffmpeg reads it
    assert outcome.out.endswith("report/report.html\nreport/report.pdf\n")
    assert "Figure 3: tasks is left out: BC on Hopper-v5 has series that differ in num_agent" in outcome.out
    return place / "report"


def test_the_page_loads_without_other_files(report: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone.html"
    alone.write_bytes((report / "report.html").read_bytes())
    with visit(alone.as_uri()) as seen:
        page = seen.page
        page.wait_for_function("[...document.querySelectorAll('video')].every(v => v.readyState >= 1)")
        widths = page.evaluate("[...document.images].map(i => i.naturalWidth)")
        videos = page.evaluate("[...document.querySelectorAll('video')].map(v => [v.videoWidth, v.duration])")
        headings = page.locator("h2").all_inner_texts()
        too_wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    figures = ["Figure 1: num_agent_train_steps_per_iter Hopper-v5", "Figure 2: HalfCheetah-v5", "Figure 2: Hopper-v5"]
    assert headings == ["Table 1", "Table 2", *figures, "Videos"]
    assert len(widths) == 3
    assert min(widths) > 600
    assert videos == [[64, pytest.approx(1.0)], [64, pytest.approx(1.0)]]  # iterations 0 and 2
    assert too_wide == 0
    assert seen.errors == []
    assert seen.requests == [alone.as_uri()]


def test_captions_have_the_settings_and_the_commands_repeat_the_runs(report: Path) -> None:
    page = (report / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"""(src|href)=["'](?!data:)""", page)
    for part in (
        "n_layers=2, size=64, learning_rate=0.005",
        "They differ in num_agent_train_steps_per_iter",
        "HalfCheetah-v5: DAgger, iteration 2, seed 3, mean return 100",
        "python scripts/run_hw1.py --env_name Hopper-v5 --num_agent_train_steps_per_iter 500 --seeds 1,2,3",
        "python scripts/run_hw1.py --env_name HalfCheetah-v5 --do_dagger --n_iter 3 --seeds 1,2,3",
    ):
        assert part in page, part


def test_the_tables_have_the_numbers_of_the_runs(report: Path) -> None:
    rows = []
    for number in (1, 2):
        with (report / f"table{number}.csv").open(newline="", encoding="utf-8") as file:
            rows += list(csv.DictReader(file))
    names = ["task", "gradient steps", "mean return", "std over seeds", "% of expert"]
    assert [[row[name] for name in names] for row in rows] == [
        ["HalfCheetah-v5", "1000", "42.0", "1.0", "42"],
        ["Hopper-v5", "500", "32.0", "1.0", "32"],
        ["Hopper-v5", "1000", "42.0", "1.0", "42"],
        ["Hopper-v5", "5000", "32.0", "1.0", "32"],
        ["HalfCheetah-v5", "3000", "99.0", "1.0", "99"],
        ["Hopper-v5", "3000", "99.0", "1.0", "99"],
    ]
    assert {(row["seeds"], row["std over rollouts"], row["expert"]) for row in rows} == {("3", "10.0", "100.0 ± 2.0")}


def test_the_pdf_has_every_figure_and_each_is_a_file(report: Path) -> None:
    pdf = (report / "report.pdf").read_bytes()
    assert pdf.startswith(b"%PDF-")
    assert pdf.count(b"/Subtype /Image") >= len(FIGURES)
    files = [f"{name}.{extension}" for name in FIGURES for extension in ("pdf", "png")]
    assert files_below(report) == sorted([*files, "report.html", "report.pdf", "table1.csv", "table2.csv"])


def test_figure_3_compares_the_tasks(script: Script, workplace: Path) -> None:
    for task in ("Hopper-v5", "module:Space/Task-v1"):
        write_run(workplace / "data", [40.0], env_name=task)
    folder = write_run(workplace / "data", [40.0, 50.0], env_name="Hopper-v5", n_iter=3, size=8)
    outcome = script("make_report", "-r", "data")
    line = f"data/{folder.name}: incomplete run, 2 of 3 evaluations used"
    assert (outcome.code, outcome.err) == (0, line + "\n")
    assert "Figure 1 needs runs of BC on one task that differ" in outcome.out
    assert Path("report/figure3_tasks.png").exists()
    page = Path("report/report.html").read_text(encoding="utf-8")
    assert f"<p>{line}</p>" in page
    assert "Figure 1 needs runs" in page


def test_data_are_told_apart_by_their_digest_and_described_if_they_are_the_file_that_was_read(
    script: Script, workplace: Path
) -> None:
    for expert_data in (DIGEST, "1" * 64):
        write_run(workplace / "data", [40.0], inputs={"expert_data": expert_data})
    out = script("make_report").succeeded().out
    assert "Table 2 needs runs of DAgger" in out
    page = Path("report/report.html").read_text(encoding="utf-8")
    for part in ("2 episodes, 2000 transitions, ", ""):
        assert f"expert_data_Hopper-v5.pkl, {part}mean return 101" in page
    with open("report/table1.csv", newline="", encoding="utf-8") as file:
        tasks = {row["task"] for row in csv.DictReader(file)}
    assert tasks == {f"Hopper-v5 expert_data=default (SHA-256 {digest[:6]})" for digest in (DIGEST, "111111")}


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("-r", "nowhere"), "no run folders"),
        (("-o", "data"), "data exists"),
        (("-o", "file/report"), "file/report"),
        (("-w", "env_name=Swimmer-v5"), "Hopper-v5"),
    ],
)
def test_refusals(arguments: Sequence[object], part: str, script: Script, workplace: Path) -> None:
    write_run(workplace / "data", [40.0])
    (workplace / "file").write_text("in the way")
    before = files_below(workplace)
    script("make_report", *arguments).refused(part)
    assert files_below(workplace) == before
