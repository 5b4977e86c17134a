"""reproduce.py: the runs of the assignment's experiments, and the report of them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import pytest

from cs285.config import Config
from cs285.data.provenance import digest
from cs285.data.shipped import input_files, shipped_tasks
from cs285.presets import PRESETS
from cs285.results.series import RESULT_SETTINGS, identity
from tests.fake_runs import write_run
from tests.scripts.conftest import Script, files_below, load_script

RunMissing = Callable[..., None]


def replace_sweep(monkeypatch: pytest.MonkeyPatch, run_missing: RunMissing | None) -> None:
    monkeypatch.setitem(sys.modules, "cs285.sweeps.run", SimpleNamespace(run_missing=run_missing))


def test_the_plan_has_the_runs_of_every_experiment_once() -> None:
    tasks = ["Ant-v5", "CartPole-v1", "Hopper-v5", "Humanoid-v5"]
    plan: list[Config] = list(load_script("reproduce").plan(tasks, 5, Path("data")))
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


def test_experts_ship_for_the_assignments_tasks() -> None:
    assert {"CartPole-v1", "Hopper-v5", "HalfCheetah-v5"} <= set(shipped_tasks())


def test_the_report_is_of_the_runs_with_the_present_input_files(
    script: Script, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mean = 11.0

    def write_runs(configs: Sequence[Config], logdir: Path, *_: object) -> None:
        for config in configs:
            settings = {name: asdict(config)[name] for name in (*RESULT_SETTINGS, "seed", "exp_name")}
            inputs = {name: digest(path) for name, path in input_files(config).items()}
            write_run(logdir, [mean + config.seed] * config.iterations, inputs=inputs, **settings)

    replace_sweep(monkeypatch, write_runs)
    for kind in ("policies/experts/CartPole-v1.pkl", "expert_data/expert_data_CartPole-v1.pkl"):
        Path(kind).parent.mkdir(parents=True)
        Path(kind).write_text("one")
    arguments = ("--tasks", "CartPole-v1, Hopper-v5", "--seeds", 2, "-o")
    out = script("reproduce", *arguments, "first").succeeded().out
    assert out == "first/report.html\nfirst/report.pdf\n"  # nothing is left out
    page = Path("first/report.html").read_text(encoding="utf-8")
    for part in ("Table 2", "Figure 1: num_agent_train_steps_per_iter Hopper", "Figure 2: Cart", "Figure 3: tasks"):
        assert part in page
    assert "12.5" in Path("first/table1.csv").read_text()
    Path("expert_data/expert_data_CartPole-v1.pkl").write_text("another")
    mean = 77.0
    script("reproduce", *arguments, "second", "--tasks", "CartPole-v1").succeeded()
    assert "78.5" in Path("second/table1.csv").read_text()
    assert "12.5" not in Path("second/table1.csv").read_text()


REFUSED: dict[str, tuple[Sequence[object], str]] = {
    "no seeds": (("--seeds", 0), "--seeds is 0"),
    "no tasks": (("--tasks", ""), "--tasks is ''; it must be task names, separated by commas"),
    "empty name": (("--tasks", "CartPole-v1,"), "--tasks is 'CartPole-v1,'"),
    "existing report": (("--tasks", "CartPole-v1", "-o", "file"), "file exists"),
    "unwritable report": (("--tasks", "CartPole-v1", "-o", "file/deep/report"), "can't write file/deep"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refusals(what: str, script: Script, workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace_sweep(monkeypatch, None)  # nothing may run
    (workplace / "file").write_text("in the way")
    arguments, part = REFUSED[what]
    script("reproduce", *arguments).refused(part)
    assert files_below(workplace) == ["file"]
