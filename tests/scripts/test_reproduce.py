"""reproduce.py: the runs that answer the assignment's questions, and the report of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pytest

from cs285.config import Config
from cs285.data.provenance import digest
from cs285.data.shipped import input_files, shipped_tasks
from cs285.presets import PRESETS
from cs285.results.series import RESULT_SETTINGS, identity
from cs285.sweeps import run as ray_sweep
from tests.fake_runs import write_run
from tests.scripts.conftest import Script, files_below, load_script

for library in ("scipy", "jinja2", "fpdf"):
    pytest.importorskip(library, reason=f"{library}, of the extra named results, is missing")


def test_the_plan_answers_every_question() -> None:
    tasks = ["Ant-v5", "CartPole-v1", "Hopper-v5", "Humanoid-v5"]
    plan: list[Config] = load_script("reproduce").plan(tasks, 5, Path("data"))
    assert len({(identity(config), config.seed) for config in plan}) == len(plan)
    cloning = [c for c in plan if not c.do_dagger]
    table = {(c.env_name, c.eval_batch_size, c.seed) for c in cloning if c.num_agent_train_steps_per_iter == 1000}
    assert table == {(task, steps, seed) for task in tasks for steps in (5000, 10_000) for seed in range(1, 6)}
    longer = {(c.env_name, c.seed) for c in cloning if c.num_agent_train_steps_per_iter == 10_000}
    assert longer == {(task, seed) for task in tasks for seed in range(1, 6)}
    assert {c.size for c in plan if c.do_dagger and c.env_name == "Humanoid-v5"} == {PRESETS["humanoid"]["size"]}
    figure_1 = {(c.num_agent_train_steps_per_iter, c.seed) for c in cloning if c.env_name == "Ant-v5"}
    assert figure_1 == {(steps, seed) for steps in (500, 1000, 5000, 10_000) for seed in range(1, 6)}
    assert {(c.env_name, c.seed) for c in plan if c.do_dagger} == {(task, s) for task in tasks for s in range(1, 6)}
    assert {(c.env_name, c.seed) for c in plan if c.video_log_freq > 0} == {("Ant-v5", 1), ("Hopper-v5", 1)}


def test_what_ships_is_what_is_run() -> None:
    assert {"CartPole-v1", "Hopper-v5", "HalfCheetah-v5"} <= set(shipped_tasks())


def test_from_runs_to_the_report(script: Script, workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Config] = []

    def pretend(configs: Sequence[Config], logdir: Path, address: str | None, num_cpus: int | None) -> object:
        asked.extend(configs)
        for config in configs:
            settings = {name: asdict(config)[name] for name in (*RESULT_SETTINGS, "seed") if name != "do_dagger"}
            returns = [50.0] * config.iterations
            write_run(logdir, [value + config.seed for value in returns], **settings, do_dagger=config.do_dagger)
        return ray_sweep.Outcome()

    monkeypatch.setattr(ray_sweep, "run_sweep", pretend)
    arguments = ("--tasks", "CartPole-v1,Hopper-v5", "--seeds", 2)
    said = script("reproduce", *arguments).succeeded().out
    assert said.endswith("report/report.html\nreport/report.pdf\n")
    page = (workplace / "report/report.html").read_text(encoding="utf-8")
    for part in ("Table 1", "Figure 1", "Figure 2b", "Figure 3", "eval_batch_size 5000 or 10000"):
        assert part in page
    first = len(asked)
    assert first == len({(identity(config), config.seed) for config in asked})
    script("reproduce", *arguments).refused("report exists")
    script("reproduce", *arguments, "-o", "again").succeeded()
    assert len(asked) == first  # nothing is run twice


def test_runs_with_files_that_were_replaced_are_run_again_and_left_out(
    script: Script, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pretend(configs: Sequence[Config], logdir: Path, *_: object) -> object:
        for config in configs:
            digests = {name: digest(path) for name, path in input_files(config).items()}
            settings = {name: asdict(config)[name] for name in (*RESULT_SETTINGS, "seed")}
            write_run(logdir, [mean] * config.iterations, inputs=digests, **settings)
        return ray_sweep.Outcome()

    monkeypatch.setattr(ray_sweep, "run_sweep", pretend)
    for kind in ("policies/experts/CartPole-v1.pkl", "expert_data/expert_data_CartPole-v1.pkl"):
        Path(kind).parent.mkdir(parents=True)
        Path(kind).write_text("one")
    arguments = ("--tasks", "CartPole-v1", "--seeds", 2, "-o")
    mean = 11.0
    script("reproduce", *arguments, "first").succeeded()
    Path("expert_data/expert_data_CartPole-v1.pkl").write_text("another")
    mean = 77.0
    said = script("reproduce", *arguments, "second").succeeded().out
    assert ", 0 of them done already" in said
    assert "11.0" in Path("first/table1.csv").read_text()
    assert "77.0" in Path("second/table1.csv").read_text()
    assert "11.0" not in Path("second/table1.csv").read_text()


REFUSED: dict[str, tuple[Sequence[object], str]] = {
    "no seeds": (("--seeds", 0), "--seeds is 0"),
    "another task": (("--tasks", "Nope-v1"), "Nope-v1"),
    "no tasks": (("--tasks", ""), "--tasks is ''; it must be tasks with commas between them"),
    "a comma too many": (("--tasks", "CartPole-v1,"), "--tasks is 'CartPole-v1,'"),
    "unwritable report": (("--tasks", "CartPole-v1", "-o", "file/deep/report"), "can't write file/deep"),
    "unwritable runs": (("--tasks", "CartPole-v1", "--logdir", "file/runs"), "can't write file/runs"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refusals(what: str, script: Script, workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_sweep, "connected", None)  # nothing is begun
    (workplace / "file").write_text("in the way")
    arguments, part = REFUSED[what]
    script("reproduce", *arguments).refused(part)
    assert files_below(workplace) == ["file"]


def test_spaces_after_commas_are_no_part_of_a_task() -> None:
    settings = load_script("reproduce").Settings(tasks="CartPole-v1, Hopper-v5")
    assert settings.names_of_tasks() == ["CartPole-v1", "Hopper-v5"]
