"""study.py: one plan of runs with equally many labels, its table and its figure."""

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import pytest

from cs285.config import Config
from tests.fake_runs import write_run
from tests.scripts.conftest import Script


def test_the_study_records_runs_and_prints_the_scores(
    script: Script, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = []

    def record_missing(path: Path, task: str, episodes: int, noise: float) -> None:
        recorded.append((task, episodes, noise))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")

    def run_missing(configs: Sequence[Config], logdir: Path, num_cpus: int | None) -> None:
        for config in configs:
            assert config.expert_data is not None
            labels = [1000.0 * (itr + 1) for itr in range(config.iterations)]
            if not config.do_dagger:
                labels = [1000.0 * (config.expert_episodes or 0)]
            scores = [label / 20_000 for label in labels]
            assert config.num_agent_train_steps_per_iter * config.iterations == labels[-1]
            columns = {"Train_ExpertLabelsSoFar": labels, "Eval_NormalizedScore": scores}
            write_run(**{**asdict(config), "returns": scores, "columns": columns})

    monkeypatch.setitem(sys.modules, "cs285.experts.recording", SimpleNamespace(record_missing=record_missing))
    monkeypatch.setitem(sys.modules, "cs285.sweeps.run", SimpleNamespace(run_missing=run_missing))
    out = script("study", "--tasks", "Ant-v5,Hopper-v5", "--seeds", 2).succeeded().out
    assert recorded == [(task, 20, noise) for task in ("Ant-v5", "Hopper-v5") for noise in (0.0, 0.1)]
    rows = [line.strip("| ").split(" | ") for line in out.splitlines() if "0.05 [0.05, 0.05]" in line]
    methods = ["BC expert_data=demonstrations.pkl", "BC expert_data=noisy.pkl", "DAgger"]
    assert [row[:2] for row in rows] == [[t, m] for t in ("Ant-v5", "Hopper-v5", "all tasks") for m in methods]
    assert {tuple(row[2:]) for row in rows} == {tuple(f"{s:.2f} [{s:.2f}, {s:.2f}]" for s in (0.05, 0.1, 0.25, 0.5, 1))}
    assert (workplace / "study.png").stat().st_size > 1000
    assert (workplace / "study.pdf").stat().st_size > 1000


def test_unknown_and_repeated_tasks_are_refused(script: Script) -> None:
    for tasks in ("Ant-v5,Nowhere-v1", "Ant-v5,Ant-v5"):
        script("study", "--tasks", tasks).refused("--tasks is", tasks, "Hopper-v5")
