"""Each point of a label curve has the scores of the runs with this number of labels; incomparable runs are refused."""

from pathlib import Path

import numpy as np
import pytest

from cs285.data.run_folders import read_runs
from cs285.errors import InvalidInput
from cs285.results.figures import ALL_TASKS, Curves, label_curves, label_figure
from cs285.results.series import group_by_settings, summarize
from tests.fake_runs import write_run

TASKS, SEEDS, EPISODES = ("Ant-v5", "Hopper-v5"), (1, 2, 3, 4, 5), (1, 5)


def write_scores(folder: Path, labels: list[float], scores: list[float], **settings: object) -> None:
    columns = {"Train_ExpertLabelsSoFar": labels, "Eval_NormalizedScore": scores}
    write_run(folder, [100 * score for score in scores], columns=columns, **settings)


def score(task: str, episodes: int, seed: int) -> float:
    return 0.1 * episodes + 0.01 * seed**2 + (0.2 if task == "Ant-v5" else 0.0)


def write_study(folder: Path) -> None:
    for task in TASKS:
        for seed in SEEDS:
            labels = [1000.0, 2000.0 + seed]
            write_scores(folder, labels, [score(task, 1, seed), 0.9], env_name=task, seed=seed, expert_episodes=1)
            for episodes in EPISODES:
                for name in ("clean", "noisy"):
                    settings = {"env_name": task, "seed": seed, "expert_episodes": episodes}
                    settings |= {"num_agent_train_steps_per_iter": 1000 * episodes}
                    data = folder / task / f"{name}.pkl"
                    write_scores(
                        folder, [1000.0 * episodes], [score(task, episodes, seed)], expert_data=data, **settings
                    )


def read_curves(folder: Path) -> dict[str, Curves]:
    return label_curves(group_by_settings(read_runs([folder])))


def test_points_are_the_scores_of_the_runs_by_task_and_method(tmp_path: Path) -> None:
    write_study(tmp_path)
    tasks = read_curves(tmp_path)
    assert list(tasks) == [*TASKS, ALL_TASKS]
    for task in TASKS:
        assert set(tasks[task]) == {"BC expert_data=clean.pkl", "BC expert_data=noisy.pkl", "DAgger"}
        points = tasks[task]["BC expert_data=noisy.pkl"]
        assert [point.labels for point in points] == [1000, 5000]
        values = [score(task, 5, seed) for seed in SEEDS]
        assert points[1].scores == (pytest.approx(values),)
        assert summarize(*points[1].scores).iqm == pytest.approx(np.mean(values[1:4]))
        assert tasks[task]["DAgger"][1].labels == 2003
    pooled = sorted(score(task, 1, seed) for task in TASKS for seed in SEEDS)
    point = tasks[ALL_TASKS]["BC expert_data=clean.pkl"][0]
    _, _, _, iqm, low, high = summarize(*point.scores)
    assert iqm == pytest.approx(np.mean(pooled[2:8]))
    assert pooled[0] < low < iqm < high < pooled[-1]


def test_the_interval_over_tasks_resamples_the_seeds_of_each_task_alone() -> None:
    """If the seeds of each task agree, the interval is narrow, however much the tasks differ."""
    *_, low, high = summarize([0.1] * 4 + [0.1001], [0.9] * 5)
    assert high - low < 1e-3
    *_, low, high = summarize([0.1] * 5 + [0.9] * 5)
    assert high - low > 0.1


def test_the_figure_has_axes_for_each_task_and_lines_at_the_points(tmp_path: Path) -> None:
    write_study(tmp_path)
    tasks = read_curves(tmp_path)
    figure = label_figure(group_by_settings(read_runs([tmp_path])))
    assert [axes.get_title() for axes in figure.axes] == list(tasks)
    for axes in figure.axes:
        lines = {line.get_label(): line.get_xydata().tolist() for line in axes.lines}
        for name, points in tasks[axes.get_title()].items():
            assert lines[name] == [[point.labels, summarize(*point.scores).iqm] for point in points]


def test_runs_without_a_score_or_with_equally_many_labels_are_refused(tmp_path: Path) -> None:
    for steps in (1000, 3000):
        write_scores(tmp_path / "two", [1000.0], [0.5], num_agent_train_steps_per_iter=steps)
    with pytest.raises(InvalidInput, match="points with equal label counts; use --where"):
        read_curves(tmp_path / "two")
    write_run(tmp_path / "old", [50.0])
    with pytest.raises(InvalidInput, match="no normalised score"):
        read_curves(tmp_path / "old")
