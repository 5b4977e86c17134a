"""Figures of several series: learning curves, the effect of a setting, final returns on tasks, scores against labels.

Points and bars are means over the n seeds. Error bars are standard deviations over the seeds, with divisor n - 1, or
over the episodes of a single seed. Bands are 95 % bootstrap intervals of the interquartile mean (IQM) over the seeds.
"""

import itertools
import re
import textwrap
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter, NullLocator

from cs285.errors import InvalidInput
from cs285.infrastructure.learning_curve import BLUE, GREEN, ORANGE, add_title_and_legend, new_figure
from cs285.results.series import METHODS, Series, by_task, compared, group_by_parameter, role, series_names, summarize

COLORS = (BLUE, "#56B4E9", ORANGE, "#CC79A7", "#E69F00", "black")
STYLES: list[Any] = list(cycler(linestyle=("-", "--", ":")) * (cycler(color=COLORS) + cycler(marker="oDs^vP")))
MAX_TICKS = 8
LOG_SCALE_RATIO = 8  # an axis is logarithmic if its largest value is at least this many times its smallest
TASK_INCHES, TASK_LETTERS = 1.5, 15  # width of a task's bars in inches; letters in a line of the task's name
BARS: dict[str, Any] = dict(zip(METHODS, cycler(color=COLORS[:3]) + cycler(hatch=("", "..", "//")), strict=True))
ALL_TASKS = "all tasks"
# Settings in which the points of one label curve may differ; other settings that differ are part of the curve's name.
ALONG_A_CURVE = ("expert_policy_file", "expert_episodes", "num_agent_train_steps_per_iter", "eval_batch_size", "ep_len")
BAND = "95 % interval of the interquartile mean (IQM)"


def learning_curves(series: Sequence[Series]) -> Figure:
    """Draw the return over the iterations for each DAgger series in ``series``.

    For a single DAgger series, lines show the return of its iteration 0, which is BC, and of BC with equal settings and
    the gradient steps of all iterations. Raises InvalidInput when there is no DAgger series or several tasks.
    """
    daggers = [s for s in series if s.method == "DAgger"]
    shifts = 0.12 * (np.arange(len(daggers)) - (len(daggers) - 1) / 2)  # keeps the error bars of several series apart
    curves = [[(itr + shift, s, itr) for itr in s.iterations] for s, shift in zip(daggers, shifts, strict=True)]
    references = list[tuple[int, float]]()
    if len(daggers) == 1:
        s, as_long = daggers[0], [other for other in series if role(other, daggers[0]) == METHODS[1]]
        if s.iterations[0] == 0:
            references.append((s.config.num_agent_train_steps_per_iter, s.summary(0).mean))
        if len(as_long) == 1:
            references.append((s.gradient_steps, as_long[0].summary(as_long[0].last).mean))
    figure, axes = _draw_curves(curves, "iteration of DAgger", "DAgger", "runs of DAgger (--do_dagger)", references)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def parameter_figure(series: Sequence[Series], parameter: str) -> Figure:
    """Draw the return of the BC series against a numeric setting; the series of one curve differ in no other setting.

    Raises InvalidInput when no series differ in the setting alone, or there are several tasks.
    """
    groups = group_by_parameter([s for s in series if s.method == "BC"], parameter)
    curves = [[(getattr(s.config, parameter), s, s.last) for s in group] for group in groups]
    needed = f"BC runs that differ in the number {parameter} alone"
    figure, axes = _draw_curves(curves, parameter, "Behavioural cloning", needed)
    ticks = sorted({x for curve in curves for x, _, _ in curve})
    if 0 < ticks[0] * LOG_SCALE_RATIO <= ticks[-1]:
        axes.set_xscale("log")
    if len(ticks) <= MAX_TICKS:
        axes.set_xticks(ticks, [f"{value:g}" for value in ticks])
        axes.xaxis.set_minor_locator(NullLocator())
    return figure


Curve: TypeAlias = Sequence[tuple[float, Series, int]]  # position on the x axis, series and iteration of each point


def _draw_curves(
    curves: Sequence[Curve], xlabel: str, title: str, needed: str, references: Sequence[tuple[int, float]] = ()
) -> tuple[Figure, Axes]:
    """Draw curves of returns, and lines at the expert's return and at ``references``, (steps, return) of BC."""
    if not curves:
        raise InvalidInput(f"the figure needs {needed}")
    points = [point for curve in curves for point in curve]
    if len(tasks := sorted({s.task for _, s, _ in points})) > 1:
        raise InvalidInput(f"the figure is of one task, not of {', '.join(tasks)}; use --where env_name=... to select")
    figure, axes = new_figure(xlabel)
    names = series_names([curve[0][1] for curve in curves], left_out=[xlabel])
    for curve, name, style in zip(curves, names, itertools.cycle(STYLES)):
        xs, summaries = [x for x, _, _ in curve], [s.summary(itr) for _, s, itr in curve]
        if len(set(xs)) < len(xs):
            raise InvalidInput(f"series of {name} differ in the architecture of the policy only; choose one by --runs")
        _, means, stds, _, lows, highs = zip(*summaries, strict=True)
        if lows != highs:
            axes.fill_between(xs, lows, highs, color=style["color"], alpha=0.2, label=BAND)
        axes.errorbar(xs, means, stds, **style, markersize=4.5, capsize=2.5, label=name)
    for line, (steps, mean) in zip((":", "-."), references, strict=False):
        axes.axhline(mean, color="0.35", linestyle=line, label=f"BC, {steps} gradient steps: {mean:.0f}")
    expert = float(np.mean([s.expert()[0] for _, s, _ in points]))
    axes.axhline(expert, color=GREEN, linestyle="--", label=f"expert: {expert:.0f}")
    add_title_and_legend(figure, axes, f"{title} on {tasks[0]}", _note([s.summary(itr).seeds for _, s, itr in points]))
    return figure, axes


def _note(counts: Sequence[int]) -> str:
    seeds = " to ".join(map(str, sorted({min(counts), max(counts)}))) + " seeds"
    if min(counts) == 1:
        seeds = "the episodes of one seed" if max(counts) == 1 else f"{seeds} or over the episodes of one seed"
    return f"mean ± standard deviation over {seeds}"


def task_bars(series: Sequence[Series]) -> Figure:
    """Draw bars of the final returns on each task, in per cent of the expert's return.

    `compared` selects the series, or raises InvalidInput. "–" replaces the bars if the expert's return is not positive.
    """
    tasks = compared(series)
    methods = [method for method in METHODS if any(method in found for found in tasks.values())]
    figure, axes = new_figure("", "return, % of the expert's", max(5.0, 1.6 + TASK_INCHES * len(tasks)))
    width = 0.8 / len(methods)
    for n, method in enumerate(methods):
        chosen = {place: found[method] for place, found in enumerate(tasks.values()) if method in found}
        xs = np.array(list(chosen)) + (n - (len(methods) - 1) / 2) * width
        means, stds = np.transpose([[s.percent(x) for x in s.summary(s.last)[1:3]] for s in chosen.values()])
        heights, errors = np.nan_to_num(means), np.nan_to_num(stds)
        style = {**BARS[method], "edgecolor": "white", "label": method}
        bars = axes.bar(xs, heights, 0.9 * width, yerr=errors, capsize=3, **style)
        axes.bar_label(bars, [f"{mean:.0f}".replace("nan", "–") for mean in means], padding=2, fontsize="small")
    axes.axhline(100, color=GREEN, linestyle="--", label="expert")
    axes.set_xticks(range(len(tasks)), [textwrap.fill(task, TASK_LETTERS) for task in tasks])
    counts = [s.summary(s.last).seeds for found in tasks.values() for s in found.values()]
    add_title_and_legend(figure, axes, "Final return on each task", _note(counts))
    return figure


class Point(NamedTuple):
    """Normalised scores of the policies that were trained on a number of expert labels."""

    labels: float  # number of expert labels, mean over the seeds and tasks
    scores: tuple[list[float], ...]  # for each task, the scores of the seeds


def label_curves(series: Sequence[Series]) -> dict[str, dict[str, list[Point]]]:
    """Return the curves of each task by name; a curve is a list of points in the order of their numbers of labels.

    Each evaluated iteration of a DAgger series is a point of the series' curve. Each BC series is one point. BC series
    that differ only in the settings `ALONG_A_CURVE` form one curve. If there are several tasks, the key `ALL_TASKS` has
    the curves that have the same number of points on each task; a point of such a curve has the scores of all tasks.
    Raises InvalidInput when a run has no normalised score or number of labels, or two points have the same number.
    """
    tasks: dict[str, dict[str, list[Point]]] = {task: {} for task in sorted({s.task for s in series})}
    for task, found in [*by_task(series, "BC").items(), *by_task(series, "DAgger").items()]:
        for s, name in zip(found, series_names(found, ALONG_A_CURVE), strict=True):
            points = tasks[task].setdefault(re.sub(r" \(SHA-256 \w+\)", "", name), [])
            for itr in s.iterations if s.method == "DAgger" else [s.last]:
                labels, scores = s.values("Train_ExpertLabelsSoFar", itr), s.values("Eval_NormalizedScore", itr)
                if not labels or not scores:
                    raise InvalidInput(f"{s.runs[0].path}/log.csv has no normalised score or number of expert labels")
                points.append(Point(float(np.mean(labels)), (scores,)))
            points.sort()
            if len({point.labels for point in points}) < len(points):
                raise InvalidInput(f"{name} on {task} has points with equal label counts; use --where to select one")
    if len(tasks) > 1:
        each = list(tasks.values())
        tasks[ALL_TASKS] = {}
        for name in each[0]:
            if len({len(curves.get(name, ())) for curves in each}) == 1:
                tasks[ALL_TASKS][name] = [
                    Point(float(np.mean([p.labels for p in group])), tuple(p.scores[0] for p in group))
                    for group in zip(*(curves[name] for curves in each), strict=True)
                ]
    return tasks


def label_figure(series: Sequence[Series]) -> Figure:
    """Draw the curves of `label_curves`, with axes for each task: interquartile means and their intervals."""
    tasks = label_curves(series)
    columns = min(len(tasks), 3)
    rows = -(-len(tasks) // columns)
    names = list(dict.fromkeys(name for curves in tasks.values() for name in curves))
    figure = Figure(figsize=(1 + 3.2 * max(columns, 2), 1.2 + 2.6 * rows), layout="constrained")
    for number, (task, curves) in enumerate(tasks.items(), 1):
        axes = figure.add_subplot(rows, columns, number, title=task, xscale="log")
        for name, points in curves.items():
            style, labels = STYLES[names.index(name) % len(STYLES)], [point.labels for point in points]
            _, _, _, iqms, lows, highs = zip(*(summarize(*point.scores) for point in points), strict=True)
            axes.fill_between(labels, lows, highs, color=style["color"], alpha=0.2)
            axes.plot(labels, iqms, **style, markersize=4, label=name)
        axes.axhline(1, color=GREEN, linestyle="--", label="expert")
        axes.xaxis.set_major_formatter("{x:.0f}")
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set(xlabel="expert labels", ylabel="normalised score")
        axes.spines[["top", "right"]].set_visible(False)
    add_title_and_legend(figure, axes, "Interquartile mean over the seeds and its 95 % interval")
    return figure
