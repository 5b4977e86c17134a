"""Figures of several series: learning curves, the effect of one setting, and final returns on several tasks.

Points and bars are means over the n seeds. Error bars are standard deviations over the seeds, with divisor n - 1. If
there is only one seed, error bars are standard deviations over the episodes of the evaluation. Bands are 95 % bootstrap
intervals of the interquartile mean (IQM) over the seeds.
"""

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator

from cs285.errors import InvalidInput
from cs285.infrastructure.learning_curve import BLUE, GREEN, ORANGE, add_title_and_legend, new_figure
from cs285.results.series import (
    METHODS,
    RETURN,
    Series,
    compared,
    differing,
    group_by_parameter,
    numeric_settings,
    role,
    series_names,
)

STYLES = ((BLUE, "o"), (ORANGE, "s"), ("#CC79A7", "^"), ("#56B4E9", "D"), ("#E69F00", "v"), ("black", "P"))
MAX_TICKS = 8
LOG_SCALE_RATIO = 8  # an axis is logarithmic if its largest value is at least this many times its smallest
TASK_INCHES, TASK_LETTERS = 1.5, 15  # width of a task's bars in inches; letters in a line of the task's name
BARS = ((BLUE, ""), ("#56B4E9", ".."), (ORANGE, "//"))  # colour and hatch of the bars, for each method in METHODS
BAND = "95 % interval of the interquartile mean (IQM)"


def learning_curves(series: Sequence[Series], references: Sequence[Series] = ()) -> Figure:
    """Draw the return over the iterations for each DAgger series in ``series``.

    If there is only one DAgger series, one horizontal line shows the return of its iteration 0, which is BC. A second
    line shows the return of the BC series in ``references`` that has the same settings and took as many gradient steps
    as all iterations of DAgger together. Raises InvalidInput when there is no DAgger series, there are several tasks,
    or there are more DAgger series than `STYLES`.
    """
    series = [s for s in series if s.method == "DAgger"]
    _check_curves(series, "runs of DAgger (--do_dagger)")
    figure, axes = new_figure("iteration of DAgger")
    for n, (s, name) in enumerate(zip(series, series_names(series), strict=True)):
        shift = 0.12 * (n - (len(series) - 1) / 2)  # keeps the error bars of several series apart
        _draw_curve(axes, s.iterations, [(s, itr) for itr in s.iterations], n, name, shift)
    if len(series) == 1:
        (s,), as_long = series, [r for r in references if role(r, series[0]) == METHODS[1]]
        lines = [(s.config.num_agent_train_steps_per_iter, s.summary(0).mean)] if s.iterations[0] == 0 else []
        lines += [(s.gradient_steps, r.summary(r.last).mean) for r in as_long if len(as_long) == 1]
        for style, (steps, mean) in zip((":", "-."), lines, strict=False):
            axes.axhline(mean, color="0.35", linestyle=style, label=f"BC, {steps} gradient steps: {mean:.0f}")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    _finish(figure, axes, f"DAgger on {series[0].task}", [(s, itr) for s in series for itr in s.iterations])
    return figure


def parameter_figure(series: Sequence[Series], parameter: str) -> Figure:
    """Draw the return of the BC series against a numeric setting; the series of one curve differ in no other setting.

    Raises InvalidInput for fewer than two numbers of the setting, several tasks, or more curves than `STYLES`.
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
    """Draw bars of the final returns on each task, in per cent of the expert's return.

    The function `compared` selects the series, and raises InvalidInput if it can't. If the expert's return on a task is
    not positive, a "–" is drawn instead of each bar.
    """
    tasks = compared(series)
    methods = [method for method in METHODS if any(method in found for found in tasks.values())]
    figure, axes = new_figure("", "return, % of the expert's", max(5.0, 1.6 + TASK_INCHES * len(tasks)))
    width = 0.8 / len(methods)
    for n, method in enumerate(methods):
        color, hatch = BARS[METHODS.index(method)]
        chosen = {place: found[method] for place, found in enumerate(tasks.values()) if method in found}
        xs = np.array(list(chosen)) + (n - (len(methods) - 1) / 2) * width
        means, stds = np.transpose([[s.percent(x) for x in _mean_and_std(s, s.last)] for s in chosen.values()])
        axes.bar(xs, means, 0.9 * width, color=color, hatch=hatch, edgecolor="white", label=method)
        axes.errorbar(xs, means, stds, fmt="none", ecolor="black", elinewidth=1, capsize=3)
        for x, mean, std in zip(xs, means, stds, strict=True):
            text, top = ("–", 0.0) if np.isnan(mean) else (f"{mean:.0f}", max(mean + std, 0.0))
            axes.text(x, top + 1, text, ha="center", va="bottom", fontsize="small")
    axes.axhline(100, color=GREEN, linestyle="--", label="expert")
    axes.set_xticks(range(len(tasks)), [textwrap.fill(task, TASK_LETTERS) for task in tasks])
    shown = [(s, s.last) for found in tasks.values() for s in found.values()]
    note = f"mean ± standard deviation over {_seeds(shown)}"
    add_title_and_legend(figure, axes, "Final return on each task", note)
    return figure


def _check_curves(series: Sequence[Series], needed: str) -> None:
    """Raise InvalidInput unless ``series`` has 1 to ``len(STYLES)`` items of one task; each item stands for a curve."""
    if not series:
        raise InvalidInput(f"the figure needs {needed}")
    if len(tasks := sorted({s.task for s in series})) > 1:
        raise InvalidInput(f"the figure is of one task, not of {', '.join(tasks)}; use --where env_name=... to select")
    if len(series) > len(STYLES):
        names = ", ".join(differing(series))
        raise InvalidInput(f"the figure has more than {len(STYLES)} curves, which differ in {names}; select by --where")


def _draw_curve(
    axes: Axes, xs: Sequence[float], points: Sequence[tuple[Series, int]], style: int, name: str, shift: float = 0.0
) -> None:
    if len(set(xs)) < len(xs):
        raise InvalidInput(f"series of {name} differ in the architecture of the policy only; choose one by --runs")
    color, marker = STYLES[style]
    xs = [x + shift for x in xs]
    means, stds = zip(*(_mean_and_std(s, itr) for s, itr in points), strict=True)
    summaries = [s.summary(itr) for s, itr in points]
    if any(u.seeds > 1 for u in summaries):
        low, high = [u.low for u in summaries], [u.high for u in summaries]
        axes.fill_between(xs, low, high, color=color, alpha=0.2, label=None if style else BAND)
    axes.errorbar(xs, means, stds, color=color, marker=marker, markersize=4.5, capsize=2.5, label=name)


def _finish(figure: Figure, axes: Axes, title: str, points: Sequence[tuple[Series, int]]) -> None:
    expert = float(np.mean([s.expert()[0] for s, _ in points]))
    axes.axhline(expert, color=GREEN, linestyle="--", label=f"expert: {expert:.0f}")
    add_title_and_legend(figure, axes, title, f"mean ± standard deviation over {_seeds(points)}")


def _seeds(points: Sequence[tuple[Series, int]]) -> str:
    counts = sorted({len(s.values(RETURN, itr)) for s, itr in points})
    if counts == [1]:
        return "the episodes of one policy"
    alone = ", or over the episodes of one seed" if counts[0] == 1 else ""
    return f"{counts[0]} to {counts[-1]} seeds{alone}" if len(counts) > 1 else f"{counts[0]} seeds"


def _mean_and_std(series: Series, itr: int) -> tuple[float, float]:
    """Mean and standard deviation over the seeds; with one seed, the standard deviation is over the seed's episodes."""
    summary = series.summary(itr)
    return summary.mean, summary.std if summary.seeds > 1 else series.rollout_std(itr)
