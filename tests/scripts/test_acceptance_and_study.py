"""acceptance.py compares returns, in per cent of the expert's, with targets; study.py prints normalised scores."""

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import pytest

from cs285.config import Config
from cs285.data.run_folders import RunFolder, read_runs
from cs285.data.shipped import shipped_expert, shipped_tasks
from cs285.experts.rollouts import read_card
from tests.fake_runs import write_run
from tests.scripts.conftest import Script, load_script


def test_targets_are_of_tasks_that_ship_with_experts_that_reach_their_returns() -> None:
    least = {"Ant": 4700, "HalfCheetah": 4200, "Hopper": 3600, "Walker2d": 5500, "Humanoid": 6000}
    assert {task for task, *_ in load_script("acceptance").TARGETS} == {f"{name}-v5" for name in least}
    for name, minimum in least.items():
        card = read_card(shipped_expert(f"{name}-v5") or Path())
        evaluation = card["evaluation"]
        assert evaluation["mean"] >= minimum
        assert evaluation["std"] <= 0.08 * evaluation["mean"]
        assert (evaluation["episodes"], evaluation["ended_early"] <= 2) == (50, True)
        assert evaluation["sharpness"] > 0
        assert card["behavioural_cloning"]["mean"] > 0
    assert {f"{name}-v5" for name in least} <= set(shipped_tasks())


@pytest.mark.parametrize(("worst", "result"), [(89.0, "ok"), (80.0, "missed")])
def test_the_table_and_the_exit_code(
    script: Script, workplace: Path, monkeypatch: pytest.MonkeyPatch, worst: float, result: str
) -> None:
    """The target on Ant is a mean of 95 %. Two seeds with 102 and 89 % reach it, and two with 102 and 80 % do not."""

    def run_missing(configs: Sequence[Config], logdir: Path, num_cpus: int | None) -> list[RunFolder]:
        assert num_cpus == 3
        for config in configs:
            mean = read_card(shipped_expert(config.env_name) or Path())["evaluation"]["mean"]
            last = worst if config.env_name == "Ant-v5" and config.seed == 2 else 102.0
            rate = {"Ant-v5": 76.0, "HalfCheetah-v5": 86.0}.get(config.env_name, 9.0)
            cloned = 86.0 if config.ob_normalization == "expert_data" else rate
            returns = [mean * per_cent / 100 for per_cent in ([cloned] * 9 + [last] if config.do_dagger else [cloned])]
            write_run(**{**asdict(config), "n_iter": None, "scalar_log_freq": 1, "returns": returns})
        return read_runs([logdir])

    monkeypatch.setitem(sys.modules, "cs285.sweeps.run", SimpleNamespace(run_missing=run_missing))
    outcome = script("acceptance", "--seeds", 2, "--num_cpus", 3)
    rows = [line.split() for line in outcome.out.splitlines() if "-v5" in line]
    assert len(rows) == len(load_script("acceptance").TARGETS)
    dagger = next(row for row in rows if row[:2] == ["Ant-v5", "DAgger"])
    assert dagger[3:5] == [f"{(102 + worst) / 2:.1f}", f"{worst:.1f}"]
    assert [row[-1] for row in rows if row is not dagger] == ["ok"] * (len(rows) - 1)
    assert (dagger[-1], outcome.code) == (result, int(result == "missed"))


def test_the_study_records_runs_and_prints_the_scores(
    script: Script, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = []

    def record_missing(path: Path, task: str, episodes: int, noise: float) -> None:
        recorded.append((task, episodes, noise))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")

    def run_missing(configs: Sequence[Config], logdir: Path, num_cpus: int | None) -> list[RunFolder]:
        for config in configs:
            assert config.expert_data is not None
            labels = [1000.0 * (itr + 1) for itr in range(config.iterations)]
            if not config.do_dagger:
                labels = [1000.0 * (config.expert_episodes or 0)]
            scores = [label / 20_000 for label in labels]
            assert config.num_agent_train_steps_per_iter * config.iterations == labels[-1]
            columns = {"Train_ExpertLabelsSoFar": labels, "Eval_NormalizedScore": scores}
            write_run(**{**asdict(config), "returns": scores, "columns": columns})
        return read_runs([logdir])

    monkeypatch.setitem(sys.modules, "cs285.experts.rollouts", SimpleNamespace(record_missing=record_missing))
    monkeypatch.setitem(sys.modules, "cs285.sweeps.run", SimpleNamespace(run_missing=run_missing))
    out = script("study", "--tasks", "Ant-v5,Hopper-v5", "--seeds", 2).succeeded().out
    assert recorded == [(task, 20, noise) for task in ("Ant-v5", "Hopper-v5") for noise in (0.0, 0.1)]
    rows = [line.strip("| ").split(" | ") for line in out.splitlines() if "0.05 [0.05, 0.05]" in line]
    methods = ["BC expert_data=demonstrations.pkl", "BC expert_data=noisy.pkl", "DAgger"]
    assert [row[:2] for row in rows] == [[t, m] for t in ("Ant-v5", "Hopper-v5", "all tasks") for m in methods]
    assert {tuple(row[2:]) for row in rows} == {tuple(f"{s:.2f} [{s:.2f}, {s:.2f}]" for s in (0.05, 0.1, 0.25, 0.5, 1))}
    assert (workplace / "study.png").stat().st_size > 1000
    assert (workplace / "study.pdf").stat().st_size > 1000
    script("study", "--tasks", "Ant-v5,Hopper-v5", "--seeds", 2).refused("study.png exists")


def test_a_task_without_an_expert_is_refused(script: Script) -> None:
    script("study", "--tasks", "Nowhere-v1").refused("no expert ships for Nowhere-v1")
