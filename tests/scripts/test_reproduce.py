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
from cs285.data.shipped import input_files
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
    cloning = {(c.env_name, c.eval_batch_size, c.num_agent_train_steps_per_iter) for c in plan if not c.do_dagger}
    table = {(task, *sizes) for task in tasks for sizes in ((5000, 1000), (10_000, 1000), (10_000, 10_000))}
    assert cloning == table | {("Ant-v5", 10_000, steps) for steps in (500, 5000)}
    dagger = [c for c in plan if c.do_dagger]
    assert {c.env_name for c in dagger} == set(tasks)
    assert {c.size for c in dagger if c.env_name == "Humanoid-v5"} == {PRESETS["humanoid"]["size"]}
    assert len(plan) == 5 * (len(cloning) + len(tasks))  # seeds
    assert {(c.env_name, c.seed) for c in plan if c.video_log_freq > 0} == {("Ant-v5", 1), ("Hopper-v5", 1)}


def test_the_report_is_of_the_runs_with_the_present_input_files(
    script: Script, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_runs(configs: Sequence[Config], logdir: Path, *_: object, mean: float = 11.0) -> None:
        for config in configs:
            settings = {name: asdict(config)[name] for name in (*RESULT_SETTINGS, "seed", "exp_name")}
            inputs = {name: digest(path) for name, path in input_files(config).items()}
            write_run(logdir, [mean + config.seed] * config.iterations, inputs=inputs, **settings)

    replace_sweep(monkeypatch, write_runs)
    tasks, data = ["CartPole-v1", "Hopper-v5"], Path("expert_data/expert_data_CartPole-v1.pkl")
    data.parent.mkdir()
    data.write_text("earlier")
    write_runs(load_script("reproduce").plan(tasks[:1], 2, Path("data")), Path("data/reproduce"), mean=77.0)
    data.write_text("present")
    out = script("reproduce", "--tasks", ", ".join(tasks), "--seeds", 2, "-o", "first").succeeded().out
    assert out == "first/report.html\nfirst/report.pdf\n"  # nothing is left out
    page = Path("first/report.html").read_text(encoding="utf-8")
    for part in ("Table 2", "Figure 1: num_agent_train_steps_per_iter CartPole", "Figure 2: Hop", "Figure 3: tasks"):
        assert part in page
    table = Path("first/table1.csv").read_text()
    assert "12.5" in table
    assert "78.5" not in table


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("--seeds", 0), "--seeds is 0"),
        (("--tasks", ","), "no task to run"),
        (("-o", "file"), "file exists"),
        (("-o", "file/deep/report"), "can't write file/deep"),
    ],
)
def test_refusals(
    arguments: Sequence[object], part: str, script: Script, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace_sweep(monkeypatch, None)  # nothing may run
    (workplace / "file").write_text("in the way")
    script("reproduce", *arguments).refused(part)
    assert files_below(workplace) == ["file"]
