"""make_report.py: the page loads alone in a browser, the PDF has every part, and captions say what was run."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cs285.data.provenance import digest
from cs285.data.shipped import PROJECT_ROOT
from cs285.infrastructure.video import VideoWriter
from tests.browser import visit
from tests.fake_runs import write_run
from tests.scripts.conftest import Script, files_below, finish, start

for library in ("scipy", "jinja2", "fpdf"):
    pytest.importorskip(library, reason=f"{library}, of the extra named results, is missing")

SEEDS = (1, 2, 3)
DATA = digest(PROJECT_ROOT / "expert_data/expert_data_Hopper-v5.pkl")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of what the assignment asks for, on two tasks; one DAgger run is filmed."""
    place = tmp_path_factory.mktemp("report")
    for seed in SEEDS:
        for task in ("Hopper-v5", "HalfCheetah-v5"):
            for steps in (5000, 10_000):
                write_run(place / "data", [40.0 + seed], seed=seed, env_name=task, eval_batch_size=steps)
            folder = write_run(place / "data", [40.0 + seed, 80.0, 97.0 + seed], seed=seed, env_name=task)
        for steps in (500, 5000):
            write_run(place / "data", [30.0 + seed], seed=seed, num_agent_train_steps_per_iter=steps)
    (folder / "videos").mkdir()
    for itr in (0, 2):
        with VideoWriter(folder / "videos" / f"eval_rollouts_itr_{itr}.mp4", fps=10) as video:
            for brightness in range(0, 250, 25):
                video.add(np.full((64, 64, 3), brightness, np.uint8))
    made = finish(start("make_report", cwd=place)).succeeded()
    assert made.out == "report/report.html\nreport/report.pdf\n"
    return place / "report"


def test_the_page_loads_alone_in_a_browser(report: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone.html"
    alone.write_bytes((report / "report.html").read_bytes())
    with visit(alone.as_uri(), offline=True) as seen:
        page = seen.page
        page.wait_for_function("[...document.querySelectorAll('video')].every(v => v.readyState >= 1)")
        widths = page.evaluate("[...document.images].map(i => i.naturalWidth)")
        films = page.evaluate("[...document.querySelectorAll('video')].map(v => [v.videoWidth, v.duration])")
        headings = page.locator("h2").all_inner_texts()
        too_wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        page.screenshot(path=str(tmp_path / "page.png"), full_page=True)
    assert headings == ["Table 1", "Table 2", "Figure 1", "Figure 2a", "Figure 2b", "Figure 3", "Videos"]
    assert len(widths) == 4
    assert min(widths) > 600
    assert films == [[64, pytest.approx(1.0)], [64, pytest.approx(1.0)]]
    assert too_wide == 0
    assert seen.complaints == []
    assert seen.requests == [alone.as_uri()]
    assert Image.open(tmp_path / "page.png").convert("L").getextrema()[0] < 60  # something is drawn


@pytest.mark.parametrize("width", [1300, 1600])
def test_a_table_fits_without_scrolling(script: Script, workplace: Path, width: int) -> None:
    task = "module:Namespace/LongTaskName-v12"
    for seed, mean in ((1, -1_234_567.8), (2, -2_345_678.9)):
        for inputs in ({"expert_data": "1" * 64}, {"expert_data": "2" * 64}):
            settings = {"env_name": task, "seed": seed, "inputs": inputs, "eval_batch_size": 10_000}
            write_run(workplace / "data", [mean], std=123_456.7, expert=-1_234_567.8, **settings)
            write_run(workplace / "data", [mean, mean], std=123_456.7, expert=-1_234_567.8, **settings)
    script("make_report").succeeded()
    with visit((workplace / "report/report.html").as_uri()) as seen:
        seen.page.set_viewport_size({"width": width, "height": 900})
        hidden = "[...document.querySelectorAll('.wide')].map(box => box.scrollWidth - box.clientWidth)"
        assert seen.page.evaluate(hidden) == [0, 0]
        assert seen.page.locator("th").all_inner_texts()[2] == "eval_batch_size"


def test_usual_cells_stay_on_one_line(report: Path) -> None:
    with visit((report / "report.html").as_uri()) as seen:
        seen.page.set_viewport_size({"width": 1300, "height": 900})
        heights = seen.page.evaluate("[...document.querySelectorAll('tbody tr')].map(row => row.clientHeight)")
    assert len(heights) == 6
    assert max(heights) < 40  # pixels; two lines would take more


def test_the_page_says_what_was_run(report: Path) -> None:
    page = (report / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"""(src|href)=["'](?!data:)""", page)
    for part in (
        *("2 hidden layers of 64 units", "1000 gradient steps", "eval_batch_size 5000 or 10000", "ep_len Half"),
        *("expert_data_Hopper-v5.pkl, 2 episodes with 2000 transitions", "Task: Hopper-v5.", "learning rate 0.005"),
        *("against num_agent_train_steps_per_iter", "ep_len 1000 (the task&#39;s own)", "DAgger, iteration 2, seed 3"),
        "python scripts/run_hw1.py --env_name Hopper-v5 --num_agent_train_steps_per_iter 500 --seeds 1,2,3",
        "python scripts/run_hw1.py --env_name HalfCheetah-v5 --do_dagger --n_iter 3 --seeds 1,2,3",
    ):
        assert part in page, part


def test_the_table_is_of_the_runs(report: Path) -> None:
    with (report / "table1.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["task"], row["eval_batch_size"]) for row in rows] == [
        (task, steps) for task in ("HalfCheetah-v5", "Hopper-v5") for steps in ("5000", "10000")
    ]
    for row in rows:
        assert (row["seeds"], row["mean return"], row["std over rollouts"], row["std over seeds"]) == (
            *("3", "42.0", "10.0", "1.0"),
        )
        assert (row["expert"], row["% of expert"]) == ("100.0 ± 2.0", "42")


def test_the_pdf_has_every_part_and_every_figure_is_a_file(report: Path) -> None:
    pdf = (report / "report.pdf").read_bytes()
    assert pdf.startswith(b"%PDF-")
    assert pdf.count(b"/Subtype /Image") >= 4
    names = ["figure1_num_agent_train_steps_per_iter_Hopper-v5", "figure2_HalfCheetah-v5", "figure2_Hopper-v5"]
    files = [f"{name}{ending}" for name in [*names, "figure3_tasks"] for ending in (".pdf", ".png")]
    assert files_below(report) == sorted([*files, "report.html", "report.pdf", "table1.csv", "table2.csv"])


def test_what_is_missing_is_said(script: Script, workplace: Path) -> None:
    write_run(workplace / "data", [40.0])
    said = script("make_report").succeeded().out
    assert "Figure 1 needs runs" in said
    assert "Figure 2 needs runs" in said
    assert "Figure 1 needs runs" in (workplace / "report/report.html").read_text(encoding="utf-8")


def test_a_run_cut_short_is_among_the_notes(script: Script, workplace: Path) -> None:
    write_run(workplace / "data", [1.0, 2.0, 3.0], seed=1)
    cut = write_run(workplace / "data", [1.0, 2.0], seed=2, n_iter=3)
    line = f"data/{cut.name}: cut short, 2 of 3 evaluations are there and used"
    outcome = script("make_report", "-r", "data")
    assert (outcome.code, outcome.err) == (0, line + "\n")
    assert line not in outcome.out
    assert f"<p>{line}</p>" in Path("report/report.html").read_text(encoding="utf-8")


def test_of_a_file_that_was_replaced_only_the_name_is_told(script: Script, workplace: Path) -> None:
    for expert_data in (DATA, "1" * 64):
        write_run(workplace / expert_data, [40.0], inputs={"expert_data": expert_data})
    for folder, known in ((DATA, True), ("1" * 64, False)):
        script("make_report", "-r", folder, "-o", f"of {folder}").succeeded()
        page = Path(f"of {folder}/report.html").read_text(encoding="utf-8")
        assert ("expert_data_Hopper-v5.pkl, 2 episodes" in page) == known
        assert ("expert_data_Hopper-v5.pkl, mean return 101" in page) != known


def test_rows_that_differ_in_their_files_say_so(script: Script, workplace: Path) -> None:
    for expert_data in ("1" * 64, "2" * 64):
        write_run(workplace / "data", [40.0], inputs={"expert_data": expert_data})
    write_run(workplace / "data", [40.0], env_name="Ant-v5")
    script("make_report").succeeded()
    with open("report/table1.csv", newline="", encoding="utf-8") as file:
        tasks = [row["task"] for row in csv.DictReader(file)]
    assert tasks == ["Ant-v5", "Hopper-v5 expert_data=111111", "Hopper-v5 expert_data=222222"]


REFUSED: dict[str, tuple[Sequence[object], Sequence[str]]] = {
    "no runs": (("-r", "nowhere"), ("no run folders", "nowhere")),
    "exists": (("-o", "data"), ("data exists",)),
    "unwritable": (("-o", "file/report"), ("file/report",)),
    "another task": (("-w", "env_name=Swimmer-v5"), ("Swimmer-v5", "Hopper-v5")),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refusals(what: str, script: Script, workplace: Path) -> None:
    write_run(workplace / "data", [40.0])
    (workplace / "file").write_text("in the way")
    before = files_below(workplace)
    arguments, parts = REFUSED[what]
    script("make_report", *arguments).refused(*parts)
    assert files_below(workplace) == before
