"""The scripts that read run folders: plot_results.py, make_report.py, make_submission.py and reproduce.py."""

import csv
import os
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cs285.config import PRESETS, Config
from cs285.data.run_folders import RunFolder, read_runs
from cs285.data.shipped import input_files
from cs285.data.whole_files import digest
from cs285.infrastructure.films import write_video
from cs285.results.report import make_tables
from cs285.results.series import RESULT_SETTINGS, group_by_settings, identity
from cs285.sweeps.run import find_runs
from tests.conftest import ROOT
from tests.fake_runs import write_run
from tests.scripts.conftest import Script, files_below, load_script

ANT = "-w env_name=Ant-v5"


@pytest.fixture
def runs(workplace: Path) -> None:
    for seed in (1, 2):
        for task in ("Hopper-v5", "Ant-v5"):
            write_run(workplace / "data", [10.0 * seed, 60.0, 90.0 + seed], seed=seed, env_name=task)
            for size in (32, 64):
                write_run(workplace / "data", [10.0 * seed], seed=seed, env_name=task, size=size)


@pytest.mark.parametrize("flags", [ANT, f"-f hyperparameter {ANT} -p size", "-f tasks -w size=64"])
def test_each_figure_is_written_as_png_and_pdf(flags: str, script: Script, runs: None, workplace: Path) -> None:
    out = script("plot_results", *flags.split(), "-o", "figures/mine").succeeded().out
    assert out == "figures/mine.png\nfigures/mine.pdf\n"
    assert files_below(workplace / "figures") == ["mine.pdf", "mine.png"]
    assert {path.name for path in workplace.iterdir()} == {"data", "figures"}
    assert min(Image.open("figures/mine.png").size) > 500
    assert Path("figures/mine.pdf").read_bytes().startswith(b"%PDF-")


def test_refusals(script: Script, runs: None, workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cs285.sweeps.run.connected", None)  # the test fails if reproduce.py starts a run
    for name in ("file", "mine.pdf"):
        (workplace / name).write_text("in the way", encoding="utf-8")
    before = files_below(workplace)
    for command, *parts in (
        ("plot_results -r nowhere", "no run folders", "nowhere"),
        ("plot_results", "one task, not of Ant-v5, Hopper-v5", "--where"),
        (f"plot_results {ANT} -o file/figure", "file/figure.png"),
        (f"plot_results {ANT} -o mine", "mine.pdf exists"),
        ("make_report -r nowhere", "no run folders"),
        ("make_report -o data", "data exists"),
        ("make_report -o file/report", "file/report"),
        ("make_report -w env_name=Swimmer-v5", "Hopper-v5"),
        ("make_submission -r nowhere", "no run folders", "nowhere"),
        ("reproduce --tasks ,", "nothing to run"),
        ("reproduce --seeds 0", "nothing to run: --seeds"),
        ("sweep --num_cpus 0", "nothing to run: --seeds and --num_cpus"),
        ("reproduce -o file", "file exists"),
        ("reproduce -o file/deep/report", "can't write file/deep"),
    ):
        script(*command.split()).refused(*parts)
    assert files_below(workplace) == before


FIGURES = ("figure1_num_agent_train_steps_per_iter_Hopper-v5", "figure2_HalfCheetah-v5", "figure2_Hopper-v5")
FIGURES += ("figure3_tasks",)


def check_tables(report: Path) -> None:
    tables, _ = make_tables(group_by_settings(read_runs([report / "runs"])))
    for table in tables:
        with (report / f"{table.name.lower().replace(' ', '')}.csv").open(newline="", encoding="utf-8") as file:
            assert list(csv.DictReader(file)) == table.rows


def test_the_numbers_of_the_report_and_of_the_readme_are_those_of_the_runs_in_the_repository() -> None:
    report = ROOT / "docs" / "report"
    if not (report / "runs").exists():
        pytest.skip("docs/report/runs is missing: python scripts/reproduce.py -o docs/report makes it")
    check_tables(report)
    with (report / "table3.csv").open(newline="", encoding="utf-8") as file:
        lines = [f"| {' | '.join(row)} |" for row in list(csv.reader(file))[1:]]
    assert [line for line in (ROOT / "README.md").read_text(encoding="utf-8").splitlines() if line in lines] == lines


@pytest.fixture
def report(script: Script, workplace: Path) -> Path:
    """The report on runs of BC and DAgger on two tasks; one DAgger run has videos."""
    for seed in (1, 2, 3):
        for task in ("Hopper-v5", "HalfCheetah-v5"):
            write_run(workplace / "data", [40.0 + seed], seed=seed, env_name=task)
            folder = write_run(workplace / "data", [40.0 + seed, 80.0, 97.0 + seed], seed=seed, env_name=task)
        for steps in (500, 5000):
            write_run(workplace / "data", [30.0 + seed], seed=seed, num_agent_train_steps_per_iter=steps)
    (folder / "videos").mkdir()
    for itr in (0, 1, 2):
        with write_video(folder / "videos" / f"eval_rollouts_itr_{itr}.mp4", 10) as add_frame:
            for brightness in range(0, 250, 25):
                add_frame(np.full((64, 64, 3), brightness, np.uint8))
    out = script("make_report").succeeded().out
    assert out.endswith("report/report.html\nreport/report.pdf\n")
    assert "left out" not in out
    return workplace / "report"


@contextmanager
def visit(address: str) -> Iterator[tuple[Any, list[str], list[str]]]:
    """Open an address offline. Without Chromium, skip the test or, if CS285_REQUIRE_CHROMIUM is set, fail the test.

    Yields Playwright's page, the errors on the page's console, and the addresses, without data URLs, that it requests.
    """
    executable = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if executable is None:
        reason = "Chromium (Debian's package chromium) is missing"
        pytest.fail(reason) if os.environ.get("CS285_REQUIRE_CHROMIUM") else pytest.skip(reason)
    pytest.importorskip("playwright", reason="playwright, which drives Chromium, is missing")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"], timeout=120_000)
        context = browser.new_context(viewport={"width": 1100, "height": 900}, offline=True)
        page, errors, requests = context.new_page(), list[str](), list[str]()
        page.set_default_timeout(120_000)
        page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda request: None if request.url.startswith("data:") else requests.append(request.url))
        page.goto(address)
        yield page, errors, requests
        browser.close()


def test_the_report_has_every_part_and_the_numbers_of_the_runs(report: Path, tmp_path: Path) -> None:
    html = (report / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"""(src|href)=["'](?!data:)""", html)
    for part in (
        "eval_batch_size=5000, n_layers=2, size=64; other settings",
        'num_agent_train_steps_per_iter</td><td align="right">1000, 500, 5000<',
        "BC against num_agent_train_steps_per_iter, chosen because more steps need no more data",
        "ep_len=1000, num_agent_train_steps_per_iter=1000, eval_batch_size=5000",
        "HalfCheetah-v5: DAgger, iteration 2, seed 3, mean return 100",
        "python scripts/run_hw1.py --env_name Hopper-v5 --num_agent_train_steps_per_iter 500 --seeds 1,2,3",
        "python scripts/run_hw1.py --env_name HalfCheetah-v5 --do_dagger --n_iter 3 --seeds 1,2,3",
    ):
        assert part in html, part

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
    assert {(row["seeds"], row["std over episodes"], row["expert"]) for row in rows} == {("3", "10.0", "100.0 ± 2.0")}

    pdf = (report / "report.pdf").read_bytes()
    assert pdf.startswith(b"%PDF-")
    assert pdf.count(b"/Subtype /Image") >= len(FIGURES)
    files = [f"{name}.{extension}" for name in FIGURES for extension in ("pdf", "png")]
    tables = {f"{name}.csv" for name in ("settings", "data", "table1", "table2", "table3")}
    assert {path.name for path in report.iterdir()} == {*files, "report.html", "report.pdf", "runs", *tables}
    assert [len(list((report / "runs").glob(f"*/{name}"))) for name in ("config.json", "log.csv", "*")] == [18, 18, 36]
    check_tables(report)

    alone = tmp_path / "alone.html"
    alone.write_text(html, encoding="utf-8")
    with visit(alone.as_uri()) as (page, errors, requests):  # `visit` skips the test if there is no browser
        page.wait_for_function("[...document.querySelectorAll('video')].every(v => v.readyState >= 1)")
        widths = page.evaluate("[...document.images].map(i => i.naturalWidth)")
        videos = page.evaluate("[...document.querySelectorAll('video')].map(v => [v.videoWidth, v.duration])")
        headings = page.locator("h2").all_inner_texts()
        too_wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    figures = ["Figure 1: num_agent_train_steps_per_iter Hopper-v5", "Figure 2: HalfCheetah-v5", "Figure 2: Hopper-v5"]
    figures.append("Figure 3: tasks")
    assert headings == ["Settings", "Data", "Table 1", "Table 2", "Table 3", *figures, "Videos"]
    assert (len(widths), min(widths) > 600, too_wide) == (4, True, 0)
    # Width and seconds of the videos of iterations 0 and 2.
    assert videos == [[64, pytest.approx(1.0)], [64, pytest.approx(1.0)]]
    assert (errors, requests) == ([], [alone.as_uri()])


def test_incomplete_runs_are_reported_and_data_files_are_distinguished_by_digest(
    script: Script, workplace: Path
) -> None:
    write_run(workplace / "data", [40.0], env_name="module:Space/Task-v1")
    for expert_data, columns in (
        ("0" * 64, {"Train_ExpertLabelsSoFar": [1500.0], "Train_AverageEpLen": [500.0]}),
        ("1" * 64, {}),
    ):
        write_run(workplace / "data", [40.0], inputs={"expert_data": expert_data}, columns=columns)
    folder = write_run(workplace / "data", [40.0, 50.0], env_name="Hopper-v5", n_iter=3, size=8)
    outcome = script("make_report")
    line = f"data/{folder.name}: incomplete run, 2 of 3 evaluations used"
    assert (outcome.code, outcome.err) == (0, line + "\n")
    page = Path("report/report.html").read_text(encoding="utf-8")
    assert f"<p>{line}</p>" in page
    assert "Figure 1 needs runs of BC on one task" in outcome.out
    assert "Figure 1 needs runs" in page
    with open("report/data.csv", newline="", encoding="utf-8") as file:
        cells = [tuple(row.values())[1:] for row in csv.DictReader(file) if row["task"] == "Hopper-v5"]
    assert {("expert_data_Hopper-v5.pkl", *size, "101.0") for size in (("3", "1500"), ("–", "–"))} == set(cells)
    with open("report/table1.csv", newline="", encoding="utf-8") as file:
        tasks = {row["task"] for row in csv.DictReader(file) if row["task"].startswith("Hopper")}
    assert tasks == {f"Hopper-v5 expert_data=default (SHA-256 {name[:6]})" for name in ("000000", "111111")}


def test_from_runs_to_the_zip(script: Script, workplace: Path) -> None:
    for returns in ([1.0], [1.0, 2.0]):
        (write_run(workplace / "data", returns) / "events.out.tfevents.1").touch()
    assert script("make_submission").succeeded().out.startswith("submit.zip: 2 runs, 0.")
    script("make_submission").refused("submit.zip exists")


def test_the_plan_has_the_runs_of_every_experiment_once() -> None:
    tasks = ["Ant-v5", "CartPole-v1", "Hopper-v5", "Humanoid-v5"]
    plan: list[Config] = list(load_script("reproduce").plan(tasks, 5, Path("data")))
    assert len({(identity(config), config.seed) for config in plan}) == len(plan)
    cloning = {(c.env_name, c.expert_episodes, c.num_agent_train_steps_per_iter) for c in plan if not c.do_dagger}
    table = {(task, None, steps * (3 if task == "Humanoid-v5" else 1)) for task in tasks for steps in (1000, 10_000)}
    figures = {("Hopper-v5", None, steps) for steps in (500, 2000, 5000)}
    assert cloning == table | figures | {("Hopper-v5", episodes, 1000) for episodes in (1, 2, 5, 10, 20)}
    assert {c.env_name for c in plan if c.do_dagger} == set(tasks)
    assert {c.size for c in plan if c.env_name == "Humanoid-v5"} == {PRESETS["humanoid"]["size"]}
    assert {c.eval_batch_size for c in plan} == {10_000}
    assert len(plan) == 5 * (len(cloning) + len(tasks))  # each combination has 5 seeds
    assert {(c.env_name, c.seed) for c in plan if c.video_log_freq > 0} == {("Ant-v5", 1), ("Hopper-v5", 1)}


def test_the_report_is_of_the_runs_with_the_present_input_files(
    script: Script, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_runs(configs: Sequence[Config], logdir: Path, mean: float = 11.0) -> None:
        for config in configs:
            settings = {name: asdict(config)[name] for name in (*RESULT_SETTINGS, "seed", "exp_name")}
            inputs = {name: digest(path) for name, path in input_files(config).items()}
            first = mean + config.seed + config.num_agent_train_steps_per_iter / 1000 + (config.expert_episodes or 0)
            write_run(logdir, [first + 9 * itr for itr in range(config.iterations)], inputs=inputs, **settings)

    def run_missing(configs: Sequence[Config], logdir: Path, *_: object) -> list[RunFolder]:
        write_runs(configs, logdir)
        return find_runs(configs, logdir)[0]

    monkeypatch.setitem(sys.modules, "cs285.sweeps.run", SimpleNamespace(run_missing=run_missing))
    tasks, data = ["CartPole-v1", "Hopper-v5"], Path("expert_data/expert_data_CartPole-v1.pkl")
    data.parent.mkdir()
    data.write_text("earlier", encoding="utf-8")
    earlier = load_script("reproduce").plan(tasks[:1], 2, Path("data"))
    write_runs([config for config in earlier if not config.expert_data], Path("data/reproduce"), mean=77.0)
    data.write_text("present", encoding="utf-8")
    recording = SimpleNamespace(record_missing=lambda path, *_: path.write_text("recorded", encoding="utf-8"))
    monkeypatch.setitem(sys.modules, "cs285.experts.rollouts", recording)
    out = script("reproduce", "--tasks", ", ".join(tasks), "--seeds", 2, "-o", "first").succeeded().out
    rows = [f"| {task} | 14 ± 10 | 22 ± 10 | 94 ± 10 | 100 ± 2 | 94 |" for task in tasks]
    # No table and no figure is left out, so the output has no other lines.
    assert out.splitlines() == [*rows, "first/report.html", "first/report.pdf"]
    page = Path("first/report.html").read_text(encoding="utf-8")
    for part in ("Table 3", "1: expert_episodes Hopper", "1: num_agent", "2: Hop", "Figure 3: tasks"):
        assert part in page
    table = Path("first/table1.csv").read_text(encoding="utf-8")
    assert "13.5" in table
    assert "79.5" not in table
