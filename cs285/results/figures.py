"""Figures of several series: learning curves, the effect of one setting, and final returns on several tasks.

Points with bars are mean and standard deviation over the seeds; lines and bands, or bars with whiskers, are
the interquartile mean (IQM) and its 95 % bootstrap interval. With one seed the bars are the standard
deviation over the episodes of the evaluation.
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
from cs285.results.series import Series, differing, group_by_parameter, numeric_settings, series_names

PURPLE, SKY, YELLOW = "#CC79A7", "#56B4E9", "#E69F00"
STYLES = ((BLUE, "o"), (ORANGE, "s"), (PURPLE, "^"), (SKY, "D"), (YELLOW, "v"), ("black", "P"))
MAX_TICKS = 8
LOG_SCALE_RATIO = 8  # largest to smallest value of an axis that is logarithmic
INCHES_PER_TASK = 1.5
LETTERS_PER_TASK = 15


def learning_curves(series: Sequence[Series]) -> Figure:
    """Draw the return of DAgger series on one task over their iterations, with the expert's; other series are ignored.

    Raises:
        InvalidInput: when there is no DAgger series, they have different tasks, or they are more than the styles.
    """
    series = [s for s in series if s.method == "DAgger"]
    _check(series, "a learning curve", "runs of DAgger (--do_dagger)")
    figure, axes = new_figure("iteration of DAgger")
    for n, (s, name) in enumerate(zip(series, series_names(series), strict=True)):
        shift = 0.12 * (n - (len(series) - 1) / 2)  # error bars of several series beside one another
        _draw(axes, s.iterations, [(s, itr) for itr in s.iterations], n, name, shift)
    _draw_expert(axes, series)
    if len(series) == 1 and series[0].iterations[0] == 0:
        cloned = series[0].summary(0).mean
        axes.axhline(cloned, color="0.35", linestyle=":", label=f"behavioural cloning: {cloned:.0f}")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    counts = [s.summary(itr).count for s in series for itr in s.iterations]
    add_title_and_legend(figure, axes, f"DAgger on {series[0].task}", _note(counts))
    return figure


def parameter_figure(series: Sequence[Series], parameter: str | None = None) -> Figure:
    """Draw the return of BC series on one task against one setting; series that differ in no other are one curve.

    Args:
        series: the BC series among them are drawn, except those that differ from all others in another setting too.
        parameter: the setting; None: the only one in which the BC series differ.

    Raises:
        InvalidInput: when nothing differs in ``parameter`` alone, its values are not numbers, the tasks differ, or
            there are more curves than styles.
    """
    series = [s for s in series if s.method == "BC"]
    _check(series, "the effect of a setting", "runs of behavioural cloning", most=None)
    names = differing(series)
    if parameter is None and len(names) != 1:
        raise InvalidInput(f"the BC runs differ in {_listed(series)}; name one with --parameter")
    parameter = parameter or names[0]
    if parameter not in numeric_settings(series):
        values = sorted({s.facts.get(parameter, "no setting of the result") for s in series})
        raise InvalidInput(f"{parameter} is {', '.join(values)} in the BC runs; an axis needs different numbers")
    groups = group_by_parameter(series, parameter)
    _check([s for s, *_ in groups], "the effect of a setting", f"BC runs that differ in {parameter} alone")
    figure, axes = new_figure(parameter)
    for n, (group, name) in enumerate(zip(groups, series_names([s for s, *_ in groups], [parameter]), strict=True)):
        _draw(axes, [getattr(s.config, parameter) for s in group], [(s, s.last) for s in group], n, name)
    shown = [s for group in groups for s in group]
    _draw_expert(axes, shown)
    values = sorted({getattr(s.config, parameter) for s in shown})
    if 0 < values[0] * LOG_SCALE_RATIO <= values[-1]:
        axes.set_xscale("log")
    if len(values) <= MAX_TICKS:
        axes.set_xticks(values, [f"{value:g}" for value in values])
        axes.xaxis.set_minor_locator(NullLocator())
    counts = [s.summary(s.last).count for s in shown]
    add_title_and_legend(figure, axes, f"Behavioural cloning on {series[0].task}", _note(counts))
    return figure


def task_bars(series: Sequence[Series]) -> Figure:
    """Draw the final return on each task in per cent of the expert's, BC and DAgger side by side.

    Args:
        series: at most one of BC and one of DAgger for each task.

    Raises:
        InvalidInput: when a task has more, or an expert's return is not positive.
    """
    tasks = sorted({s.task for s in series})
    figure, axes = new_figure("", "return, % of the expert's", max(5.0, 1.6 + INCHES_PER_TASK * len(tasks)))
    methods = sorted({s.method for s in series})
    width = 0.8 / len(methods)
    for n, method in enumerate(methods):
        chosen = [s for s in series if s.method == method]
        for task in tasks:
            if len(several := [s for s in chosen if s.task == task]) > 1:
                raise InvalidInput(f"{method} on {task} has series that differ in {_listed(several)}; use --where")
        percent = np.array([_percent_of_expert(s) for s in chosen])
        places = np.array([tasks.index(s.task) for s in chosen]) + (n - (len(methods) - 1) / 2) * width
        bars = axes.bar(places, percent[:, 0], 0.94 * width, color=STYLES[n][0], hatch=("", "//")[n], label=method)
        whiskers = np.abs(percent[:, 1:] - percent[:, :1]).T
        axes.errorbar(places, percent[:, 0], whiskers, fmt="none", ecolor="black", elinewidth=1, capsize=3)
        axes.bar_label(bars, fmt="%.0f", label_type="center", fontsize="small", bbox={"facecolor": "white", "pad": 1})
    axes.axhline(100, color=GREEN, linestyle="--", label="expert")
    axes.set_xticks(range(len(tasks)), [textwrap.fill(task, LETTERS_PER_TASK) for task in tasks])
    seeds = _span([s.summary(s.last).count for s in series])
    add_title_and_legend(figure, axes, "Final return on each task", f"IQM and 95 % bootstrap interval, {seeds}")
    return figure


def _check(series: Sequence[Series], what: str, needed: str, most: int | None = len(STYLES)) -> None:
    if not series:
        raise InvalidInput(f"{what} needs {needed}")
    if tasks := [name for name in differing(series) if name == "env_name"]:
        tasks = sorted({s.task for s in series})
        raise InvalidInput(f"{what} is of one task, not of {', '.join(tasks)}; select one with --env_name")
    if most is not None and len(series) > most:
        listed = _listed(series)
        raise InvalidInput(f"{what} has at most {most} curves, not {len(series)} that differ in {listed}; use --where")


def _listed(series: Sequence[Series]) -> str:
    return ", ".join(differing(series)) or "no setting"


def _draw(
    axes: Axes, xs: Sequence[float], points: Sequence[tuple[Series, int]], style: int, name: str, shift: float = 0.0
) -> None:
    """Draw one curve: for each point a series and the iteration of its evaluation."""
    color, marker = STYLES[style]
    summaries = [s.summary(itr) for s, itr in points]
    several = any(u.count > 1 for u in summaries)
    stds = [u.std if several else s.rollout_std(itr) for u, (s, itr) in zip(summaries, points, strict=True)]
    if several:
        axes.fill_between(xs, [u.low for u in summaries], [u.high for u in summaries], color=color, alpha=0.2)
    axes.plot(xs, [u.iqm for u in summaries], color=color, linewidth=1.6)
    bars = {"elinewidth": 1, "capsize": 2.5, "markersize": 4.5, "color": color, "fmt": marker}
    axes.errorbar(np.add(xs, shift), [u.mean for u in summaries], stds, label=name, **bars)


def _draw_expert(axes: Axes, series: Sequence[Series]) -> None:
    expert = float(np.mean([s.expert()[0] for s in series]))
    axes.axhline(expert, color=GREEN, linestyle="--", label=f"expert: {expert:.0f}")


def _percent_of_expert(series: Series) -> tuple[float, float, float]:
    """IQM of the last evaluation and the ends of its interval."""
    expert, _ = series.expert()
    if expert <= 0:
        raise InvalidInput(f"the expert's return on {series.task} is {expert:.1f}; per cent of it are undefined")
    last = series.summary(series.last)
    return 100 * last.iqm / expert, 100 * last.low / expert, 100 * last.high / expert


def _note(counts: Sequence[int]) -> str:
    if max(counts) == 1:
        return "one seed: mean ± standard deviation over the episodes of the evaluation"
    return f"points: mean ± std over {_span(counts)}; line and band: IQM and 95 % bootstrap interval"


def _span(counts: Sequence[int]) -> str:
    fewest, most = min(counts), max(counts)
    return f"{fewest} to {most} seeds" if fewest < most else f"{most} seed{'s' * (most > 1)}"
