"""Figures of several series: learning curves, the effect of one setting, and final returns on several tasks.

Points with bars are mean and standard deviation over the seeds, or with one seed over the episodes of the
evaluation; lines with bands and bars with whiskers are the interquartile mean (IQM) and its 95 % bootstrap interval.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator

from cs285.errors import InvalidInput
from cs285.infrastructure.learning_curve import BLUE, GREEN, ORANGE, add_title_and_legend, new_figure
from cs285.results.series import RETURN, Series, differing, group_by_parameter, numeric_settings, series_names

STYLES = ((BLUE, "o"), (ORANGE, "s"), ("#CC79A7", "^"), ("#56B4E9", "D"), ("#E69F00", "v"), ("black", "P"))
MAX_TICKS = 8
LOG_SCALE_RATIO = 8  # largest to smallest value from which an axis is logarithmic
TASK_INCHES, TASK_LETTERS = 1.5, 15  # width of a task's bars, and of a line of its name


def learning_curves(series: Sequence[Series]) -> Figure:
    """Draw the return of the DAgger series among some series over their iterations.

    Raises InvalidInput when there is none, tasks differ, or there are more series than styles.
    """
    series = [s for s in series if s.method == "DAgger"]
    _check_curves(series, "runs of DAgger (--do_dagger)")
    figure, axes = new_figure("iteration of DAgger")
    for n, (s, name) in enumerate(zip(series, series_names(series), strict=True)):
        shift = 0.12 * (n - (len(series) - 1) / 2)  # error bars of several series beside one another
        _draw_curve(axes, s.iterations, [(s, itr) for itr in s.iterations], n, name, shift)
    if len(series) == 1 and series[0].iterations[0] == 0:
        cloned = series[0].summary(0).mean
        axes.axhline(cloned, color="0.35", linestyle=":", label=f"behavioural cloning: {cloned:.0f}")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    _finish(figure, axes, f"DAgger on {series[0].task}", [(s, itr) for s in series for itr in s.iterations])
    return figure


def parameter_figure(series: Sequence[Series], parameter: str) -> Figure:
    """Draw the return of the BC series against a setting; each curve joins series that differ in nothing else.

    Raises InvalidInput when the setting is equal in all or no number, tasks differ, or there are too many curves.
    """
    if not (series := [s for s in series if s.method == "BC"]):
        raise InvalidInput("the figure needs runs of behavioural cloning")
    if parameter not in numeric_settings(series):
        values = sorted({s.facts.get(parameter, "no setting that changes results") for s in series})
        raise InvalidInput(f"{parameter} is {', '.join(values)} in the BC runs; an axis needs different numbers")
    curves = group_by_parameter(series, parameter)
    _check_curves([first for first, *_ in curves], f"BC runs that differ in {parameter} alone")
    figure, axes = new_figure(parameter)
    for n, (curve, name) in enumerate(zip(curves, series_names([s for s, *_ in curves], [parameter]), strict=True)):
        _draw_curve(axes, [getattr(s.config, parameter) for s in curve], [(s, s.last) for s in curve], n, name)
    shown = [s for curve in curves for s in curve]
    ticks = sorted({getattr(s.config, parameter) for s in shown})
    if 0 < ticks[0] * LOG_SCALE_RATIO <= ticks[-1]:
        axes.set_xscale("log")
    if len(ticks) <= MAX_TICKS:
        axes.set_xticks(ticks, [f"{value:g}" for value in ticks])
        axes.xaxis.set_minor_locator(NullLocator())
    _finish(figure, axes, f"Behavioural cloning on {shown[0].task}", [(s, s.last) for s in shown])
    return figure


def task_bars(series: Sequence[Series]) -> Figure:
    """Draw the final return on each task in per cent of the expert's, BC and DAgger side by side.

    Raises InvalidInput when a task has several series of one method, or its expert's return is not positive.
    """
    tasks, methods = sorted({s.task for s in series}), sorted({s.method for s in series})
    figure, axes = new_figure("", "return, % of the expert's", max(5.0, 1.6 + TASK_INCHES * len(tasks)))
    width = 0.8 / len(methods)
    for n, method in enumerate(methods):
        chosen = [s for s in series if s.method == method]
        for task in tasks:
            if len(several := [s for s in chosen if s.task == task]) > 1:
                names = ", ".join(differing(several)) or "the architecture of the policy"
                raise InvalidInput(f"{method} on {task} has series that differ in {names}; use --where to select one")
        iqm, low, high = np.transpose([_percent_of_expert(s) for s in chosen])
        places = np.array([tasks.index(s.task) for s in chosen]) + (n - (len(methods) - 1) / 2) * width
        color, hatch = STYLES[n][0], ("", "//")[n]
        bars = axes.bar(places, iqm, 0.9 * width, color=color, hatch=hatch, edgecolor="white", label=method)
        axes.errorbar(places, iqm, [iqm - low, high - iqm], fmt="none", ecolor="black", elinewidth=1, capsize=3)
        axes.bar_label(bars, fmt="%.0f", label_type="center", fontsize="small", bbox={"color": "white", "pad": 1})
    axes.axhline(100, color=GREEN, linestyle="--", label="expert")
    axes.set_xticks(range(len(tasks)), [textwrap.fill(task, TASK_LETTERS) for task in tasks])
    note = f"IQM and its 95 % bootstrap interval, {_seeds([(s, s.last) for s in series])}"
    add_title_and_legend(figure, axes, "Final return on each task", note)
    return figure


def _check_curves(series: Sequence[Series], needed: str) -> None:
    """Refuse other than 1 to ``len(STYLES)`` curves of one task; ``series`` has one of each curve."""
    if not series:
        raise InvalidInput(f"the figure needs {needed}")
    if len(tasks := sorted({s.task for s in series})) > 1:
        raise InvalidInput(f"the figure is of one task, not of {', '.join(tasks)}; use --where env_name=... to select")
    if len(series) > len(STYLES):
        names = ", ".join(differing(series))
        raise InvalidInput(f"the figure has more than {len(STYLES)} curves, which differ in {names}; use --where")


def _draw_curve(
    axes: Axes, xs: Sequence[float], points: Sequence[tuple[Series, int]], style: int, name: str, shift: float = 0.0
) -> None:
    """Draw the evaluation of a series in an iteration at each of ``xs``."""
    if len(set(xs)) < len(xs):
        raise InvalidInput(f"series of {name} differ in the architecture of the policy only; name the runs of one")
    color, marker = STYLES[style]
    xs = [x + shift for x in xs]
    summaries = [s.summary(itr) for s, itr in points]
    stds = [u.std for u in summaries]
    if all(u.seeds == 1 for u in summaries):
        stds = [s.rollout_std(itr) for s, itr in points]
    else:
        axes.fill_between(xs, [u.low for u in summaries], [u.high for u in summaries], color=color, alpha=0.2)
    axes.plot(xs, [u.iqm for u in summaries], color=color, linewidth=1.6)
    means = [u.mean for u in summaries]
    axes.errorbar(xs, means, stds, color=color, fmt=marker, markersize=4.5, capsize=2.5, label=name)


def _finish(figure: Figure, axes: Axes, title: str, points: Sequence[tuple[Series, int]]) -> None:
    """Add the expert's return, the title, the legend and a note on what is drawn."""
    expert = float(np.mean([s.expert()[0] for s, _ in points]))
    axes.axhline(expert, color=GREEN, linestyle="--", label=f"expert: {expert:.0f}")
    note = f"points: mean ± std over {_seeds(points)}; line and band: IQM and its 95 % bootstrap interval"
    if _seeds(points) == "1 seed":
        note = "1 seed: mean ± standard deviation over the episodes of the evaluation"
    add_title_and_legend(figure, axes, title, note)


def _seeds(points: Sequence[tuple[Series, int]]) -> str:
    counts = sorted({len(s.values(RETURN, itr)) for s, itr in points})
    return f"{counts[0]} to {counts[-1]} seeds" if len(counts) > 1 else f"{counts[0]} seed{'s' * (counts[0] > 1)}"


def _percent_of_expert(series: Series) -> tuple[float, float, float]:
    """IQM of the last evaluation and the ends of its interval."""
    expert, _ = series.expert()
    if expert <= 0:
        raise InvalidInput(f"the expert's return on {series.task} is {expert:.1f}; per cent of it are undefined")
    last = series.summary(series.last)
    return 100 * last.iqm / expert, 100 * last.low / expert, 100 * last.high / expert
