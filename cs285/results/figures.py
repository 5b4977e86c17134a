"""Figures of many runs, in one style: learning curves, a hyper-parameter, tasks beside one another.

Every series has a colour and a marker of its own (Okabe and Ito's colours, which people with
any colour vision tell apart), so that the figures can be read in grey too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from cs285.errors import InvalidInput
from cs285.infrastructure.figure_text import POINTS, legend_below, set_title, task_name, text_width, wrapped
from cs285.infrastructure.learning_curve import BLUE, GREEN, ORANGE
from cs285.results.intervals import Summary
from cs285.results.series import Series, check_one_task, differing_settings
from cs285.results.series_names import series_names

PURPLE, SKY, YELLOW = "#CC79A7", "#56B4E9", "#E69F00"
STYLES = ((BLUE, "o"), (ORANGE, "s"), (PURPLE, "^"), (SKY, "D"), (YELLOW, "v"), ("black", "P"))
RETURN = "Eval_AverageReturn"
MOST_TICKS = 8


def learning_curves(series: Sequence[Series]) -> Figure:
    """Draw DAgger's return over its iterations, with lines for the expert and for BC.

    Points with bars are means and standard deviations over seeds; the line is the interquartile
    mean with its 95 % bootstrap interval. With one seed the bars are over episodes.

    Args:
        series: of DAgger runs on one task.

    Raises:
        InvalidInput: when they are of different tasks, none is of DAgger, or there are too many.
    """
    check_one_task(series, "one curve")
    series = [s for s in series if s.method == "DAgger"]
    if not series:
        raise InvalidInput("no DAgger run among the runs; a learning curve needs some (--do_dagger)")
    _check_count(series)
    figure, axes = _new_figure()
    names = series_names(series)
    for n, s in enumerate(series):
        summaries = [s.summary(RETURN, itr) for itr in s.iterations]
        stds = [u.std for u in summaries] if len(s.seeds) > 1 else [s.rollout_std(itr) for itr in s.iterations]
        shift = 0.12 * (n - (len(series) - 1) / 2)  # bars of several series side by side
        _draw(axes, np.add(s.iterations, shift), s.iterations, summaries, stds, STYLES[n], names[n])
    _draw_references(axes, series)
    axes.set(xlabel="iteration of DAgger", ylabel="return", title=f"DAgger on {task_name(series[0].task)}")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    counts = [s.summary(RETURN, itr).count for s in series for itr in s.iterations]
    _finish(figure, axes, _how_many(counts, "episodes of the evaluation"))
    return figure


def hyperparameter_figure(series: Sequence[Series], parameter: str | None = None) -> Figure:
    """Draw behavioural cloning's return against one setting; its axis is logarithmic where the values span decades.

    Args:
        series: of BC runs on one task that differ in ``parameter`` alone.
        parameter: a setting with numbers for values; None: the one in which they differ.

    Raises:
        InvalidInput: when they are of different tasks, or differ in something else, or not at all.
    """
    check_one_task(series, "one curve")
    series = [s for s in series if s.method == "BC"]
    differing = differing_settings(series)
    parameter = parameter or next(iter(differing), None)
    if parameter is None or differing != [parameter]:
        raise InvalidInput(
            f"the BC runs differ in {_listed(differing)}; they must differ in {parameter or 'one setting'} alone"
        )
    values = [getattr(s.config, parameter) for s in series]
    if not all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values):
        raise InvalidInput(f"{parameter} is {_listed(sorted(map(str, values)))}; an axis needs numbers")
    series = sorted(series, key=lambda s: float(getattr(s.config, parameter)))
    values = sorted(values)
    figure, axes = _new_figure()
    summaries = [s.summary(RETURN, 0) for s in series]
    several = any(len(s.seeds) > 1 for s in series)
    stds = [u.std if several else s.rollout_std(0) for s, u in zip(series, summaries, strict=True)]
    _draw(axes, values, values, summaries, stds, STYLES[0], "behavioural cloning")
    expert = float(np.mean([s.expert[0] for s in series]))
    axes.axhline(expert, color=GREEN, linestyle="--", label=f"expert: {expert:.0f}")
    if min(values) > 0 and max(values) >= 8 * min(values):
        axes.set_xscale("log")
    if len(values) <= MOST_TICKS:
        axes.xaxis.set_major_locator(FixedLocator(values))
        axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set(xlabel=parameter, ylabel="return", title=f"Behavioural cloning on {task_name(series[0].task)}")
    _finish(figure, axes, _how_many([u.count for u in summaries], "episodes of the evaluation"))
    return figure


def task_bars(series: Sequence[Series]) -> Figure:
    """Draw the final return on each task as per cent of the expert's, BC and DAgger side by side.

    Bars are interquartile means, whiskers their 95 % bootstrap intervals.

    Args:
        series: at most one of BC and one of DAgger for each task.

    Raises:
        InvalidInput: when a task has more, or its expert's return is not positive.
    """
    tasks = sorted({s.task for s in series})
    methods = [method for method in ("BC", "DAgger") if any(s.method == method for s in series)]
    each = min(max(1.3, *(text_width(task_name(task), "medium") / POINTS / 2 for task in tasks)), 2.6)  # inches
    figure, axes = _new_figure(width=max(5.0, 1.6 + each * len(tasks)))
    width = 0.8 / len(methods)
    for n, method in enumerate(methods):
        chosen = [_only(series, task, method) for task in tasks]
        there = [(place, s) for place, s in enumerate(chosen) if s is not None]
        percent = np.array([_percent_of_expert(s) for _, s in there])
        places = np.array([place for place, _ in there]) + (n - (len(methods) - 1) / 2) * width
        whiskers = np.abs(percent[:, 1:] - percent[:, :1]).T
        color, hatch = STYLES[n][0], ("", "//")[n]
        axes.bar(places, percent[:, 0], 0.94 * width, color=color, hatch=hatch, edgecolor="white", label=method)
        if any(len(s.seeds) > 1 for _, s in there):
            axes.errorbar(places, percent[:, 0], whiskers, fmt="none", ecolor="black", elinewidth=1, capsize=3)
        for place, (value, _, top) in zip(places, percent, strict=True):
            _write_above(axes, f"{round(value)}", place, max(top, 0))
    axes.axhline(100, color=GREEN, linestyle="--", label="expert")
    room = 0.9 * (figure.get_figwidth() - 1.0) / len(tasks) * POINTS
    axes.set_xticks(range(len(tasks)), [wrapped(task_name(task), room, "medium") for task in tasks])
    axes.set(ylabel="return, % of the expert's", title="Final return on each task")
    axes.margins(y=0.12)
    _finish(figure, axes, _how_many([s.summary(RETURN, s.last).count for s in series], None))
    return figure


def _new_figure(width: float = 7.0) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, 4.4), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", alpha=0.25)
    axes.set_axisbelow(True)
    axes.ticklabel_format(style="plain", useOffset=False)
    return figure, axes


def _draw(
    axes: Axes,
    places: Any,
    xs: Any,
    summaries: Sequence[Summary],
    stds: Sequence[float],
    style: tuple[str, str],
    name: str,
) -> None:
    """One series: means with bars, and over several seeds the interquartile mean with its interval."""
    color, marker = style
    means = [u.mean for u in summaries]
    several = any(u.count > 1 for u in summaries)
    if several:
        lows, highs = [u.low for u in summaries], [u.high for u in summaries]
        axes.fill_between(xs, lows, highs, color=color, alpha=0.2, linewidth=0)
    axes.plot(xs, [u.iqm for u in summaries], color=color, linewidth=1.6)
    axes.errorbar(places, means, stds, color=color, fmt=marker, markersize=4.5, elinewidth=1, capsize=2.5, label=name)


def _draw_references(axes: Axes, series: Sequence[Series]) -> None:
    """Lines for the expert and for behavioural cloning, which is DAgger's iteration 0."""
    expert = float(np.mean([s.expert[0] for s in series]))
    axes.axhline(expert, color=GREEN, linestyle="--", label=f"expert: {expert:.0f}")
    if len(series) == 1 and series[0].iterations[0] == 0:
        cloned = series[0].summary(RETURN, 0).mean
        axes.axhline(cloned, color="0.35", linestyle=":", label=f"behavioural cloning: {cloned:.0f}")


def _how_many(counts: Sequence[int], without_seeds: str | None) -> str:
    """What bars and bands are, in one line; ``counts`` are the seeds of each number that is shown."""
    fewest, most = min(counts), max(counts)
    seeds = f"{most}" if fewest == most else f"{fewest} to {most}"
    if most == 1:
        return f"mean ± standard deviation over the {without_seeds}, one seed" if without_seeds else "one seed"
    if without_seeds is None:
        return f"interquartile mean over {seeds} seeds and its 95 % bootstrap interval"
    return f"points: mean ± std over {seeds} seeds; line and band: interquartile mean, 95 % bootstrap interval"


def _finish(figure: Figure, axes: Axes, note: str) -> None:
    handles, labels = axes.get_legend_handles_labels()
    order = sorted(range(len(labels)), key=lambda n: isinstance(handles[n], Line2D))  # expert and BC last
    legend_below(figure, [handles[n] for n in order], [labels[n] for n in order])
    axes.annotate(note, (0, 1), (0, 4), "axes fraction", textcoords="offset points", fontsize="x-small", color="0.35")
    set_title(axes, axes.get_title(), figure.get_figwidth(), pad=18)


def _write_above(axes: Axes, text: str, x: float, y: float) -> None:
    box = {"boxstyle": "round,pad=0.1", "facecolor": "white", "edgecolor": "none"}
    axes.annotate(text, (x, y), xytext=(0, 4), textcoords="offset points", ha="center", fontsize="x-small", bbox=box)


def _only(series: Sequence[Series], task: str, method: str) -> Series | None:
    found = [s for s in series if (s.task, s.method) == (task, method)]
    if len(found) > 1:
        differing = _listed(differing_settings(found))
        raise InvalidInput(f"{method} on {task} was run with different settings ({differing}); name the runs of one")
    return found[0] if found else None


def _percent_of_expert(series: Series) -> tuple[float, float, float]:
    """Interquartile mean of the last iteration and the ends of its interval."""
    expert, _ = series.expert
    if expert <= 0:
        raise InvalidInput(f"the expert's return on {series.task} is {expert:.1f}: per cent of it mean nothing")
    last = series.summary(RETURN, series.last)
    return 100 * last.iqm / expert, 100 * last.low / expert, 100 * last.high / expert


def _check_count(series: Sequence[Series]) -> None:
    if len(series) > len(STYLES):
        differing = _listed(differing_settings(series))
        raise InvalidInput(f"{len(series)} curves in one figure, which differ in {differing}; at most {len(STYLES)}")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "nothing"
