"""Normalised score against the number of expert labels, for several methods on several tasks."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from cs285.errors import InvalidInput
from cs285.infrastructure.learning_curve import BLUE, GREEN, ORANGE
from cs285.results.intervals import interquartile_mean, iqm_interval
from cs285.results.series import FILES, Series

STYLES = ((BLUE, "o"), ("#56B4E9", "D"), (ORANGE, "s"), ("#CC79A7", "^"), ("#E69F00", "v"), ("black", "P"))
ALL_TASKS = "all tasks"
# Settings in which the points of one curve may differ; all other settings that differ are part of the curve's name.
ALONG_A_CURVE = {"env_name", "do_dagger", "expert_policy_file", "expert_episodes", "n_iter", "ep_len"}
ALONG_A_CURVE |= {"num_agent_train_steps_per_iter", "eval_batch_size"}


class Point(NamedTuple):
    """Scores of the policies that were trained on a number of expert labels."""

    labels: float  # number of expert labels, mean over the seeds and tasks
    scores: tuple[list[float], ...]  # for each task, the normalised scores of the seeds

    def iqm(self) -> float:
        """Interquartile mean of all scores."""
        return float(interquartile_mean(np.concatenate(self.scores)))

    def interval(self) -> tuple[float, float]:
        """95 % bootstrap interval of the interquartile mean; the seeds are resampled within each task."""
        return iqm_interval(*self.scores)


Curves: TypeAlias = dict[str, list[Point]]


def label_curves(series: Sequence[Series]) -> dict[str, Curves]:
    """Return the curves of each task by name; a curve is a list of points in the order of their numbers of labels.

    Each evaluated iteration of a DAgger series is a point of the series' curve. Each BC series is one point. BC series
    that differ only in the settings `ALONG_A_CURVE` form one curve. If there are several tasks, the key `ALL_TASKS` has
    the curves that have the same number of points on each task; a point of such a curve has the scores of all tasks.
    Raises InvalidInput when a run has no normalised score or no number of labels, or when two points of a curve have
    the same number of labels.
    """
    tasks: dict[str, Curves] = {}
    for s in sorted(series, key=lambda s: s.method):
        alike = [other for other in series if other.method == s.method]
        shown = [n for n in s.facts if n not in ALONG_A_CURVE and len({_value(other, n) for other in alike}) > 1]
        name = " ".join([s.method, *(f"{setting}={_value(s, setting)}" for setting in shown)])
        for itr in s.iterations if s.method == "DAgger" else [s.last]:
            labels, scores = (s.values(scalar, itr) for scalar in ("Train_ExpertLabelsSoFar", "Eval_NormalizedScore"))
            if not labels or not scores:
                raise InvalidInput(
                    f"{s.runs[0].path} has no normalised score or number of expert labels in its log.csv"
                )
            tasks.setdefault(s.task, {}).setdefault(name, []).append(Point(float(np.mean(labels)), (scores,)))
    for task, curves in tasks.items():
        for name, points in curves.items():
            points.sort()
            if len({point.labels for point in points}) < len(points):
                raise InvalidInput(f"{name} on {task} has points with equal label counts; use --where to select one")
    return {**tasks, **({ALL_TASKS: _over_tasks(list(tasks.values()))} if len(tasks) > 1 else {})}


def label_figure(tasks: dict[str, Curves]) -> Figure:
    """Draw the curves that `label_curves` returned, with axes for each task: interquartile means and intervals."""
    columns = min(len(tasks), 3)
    rows = -(-len(tasks) // columns)
    names = list(dict.fromkeys(name for curves in tasks.values() for name in curves))
    if len(names) > len(STYLES):
        raise InvalidInput(f"the figure has {len(names)} curves, more than {len(STYLES)}; use --where to select some")
    figure = Figure(figsize=(1 + 3.2 * max(columns, 2), 1.2 + 2.6 * rows), layout="constrained")
    for number, (task, curves) in enumerate(tasks.items(), 1):
        axes = figure.add_subplot(rows, columns, number, title=task, xscale="log")
        for name, points in curves.items():
            (color, marker), labels = STYLES[names.index(name)], [point.labels for point in points]
            axes.fill_between(labels, *np.transpose([p.interval() for p in points]), color=color, alpha=0.2)
            axes.plot(labels, [p.iqm() for p in points], color=color, marker=marker, markersize=4, label=name)
        axes.axhline(1, color=GREEN, linestyle="--", label="expert")
        axes.set_ylim(bottom=min(0, axes.get_ylim()[0]))
        axes.xaxis.set_major_formatter("{x:.0f}")
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set(xlabel="expert labels", ylabel="normalised score")
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle("Interquartile mean over the seeds, with its 95 % bootstrap interval", fontsize="medium")
    entries = {
        name: handle for axes in figure.axes for handle, name in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(entries.values(), entries.keys(), frameon=False, loc="outside lower center", ncols=columns + 1)
    return figure


def _value(series: Series, setting: str) -> str:
    """Text of a setting; for an input file, the file's name without the folder, which may depend on the task."""
    text = series.facts[setting]
    return Path(text.partition(" (SHA-256")[0]).name if setting in FILES else text


def _over_tasks(tasks: Sequence[Curves]) -> Curves:
    shared = [name for name in tasks[0] if len({len(curves.get(name, ())) for curves in tasks}) == 1]
    points = {name: zip(*(curves[name] for curves in tasks), strict=True) for name in shared}
    return {
        name: [Point(float(np.mean([p.labels for p in group])), tuple(p.scores[0] for p in group)) for group in groups]
        for name, groups in points.items()
    }
