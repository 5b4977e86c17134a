"""The learning curve of a DAgger run, and the style that all figures share."""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from cs285.data.whole_files import whole_file

# Colours by Okabe and Ito, distinguishable with any colour vision.
BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"
LINE_HEIGHT = 0.17  # height of a line of small text in inches


def draw_learning_curve(
    run_dir: Path, env_name: str, iterations: Sequence[int], rows: Sequence[Mapping[str, float]]
) -> Figure:
    """Draw ``rows``, the scalars of a DAgger run's evaluated iterations, into learning_curve.png in ``run_dir``."""
    figure, axes = new_figure("iteration")
    means, stds = (np.array([row[f"Eval_{name}Return"] for row in rows]) for name in ("Average", "Std"))
    axes.fill_between(iterations, means - stds, means + stds, color=BLUE, alpha=0.2, label="± 1 standard deviation")
    axes.plot(iterations, means, color=BLUE, marker="o", markersize=4, label="DAgger")
    if (expert := rows[-1].get("Expert_AverageReturn")) is not None:
        axes.axhline(expert, color=GREEN, linestyle="--", label=f"expert: {expert:.0f}")
    axes.axhline(means[0], color=ORANGE, linestyle=":", label=f"behavioural cloning: {means[0]:.0f}")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    add_title_and_legend(figure, axes, f"DAgger on {env_name}")
    save_figure(figure, run_dir / "learning_curve.png")
    return figure


def new_figure(xlabel: str, ylabel: str = "return", width: float = 7.0) -> tuple[Figure, Axes]:
    """Create a figure of ``width`` inches with one empty pair of axes."""
    figure = Figure(figsize=(width, 4.2), layout="constrained")
    axes = figure.add_subplot(xlabel=xlabel, ylabel=ylabel)
    axes.ticklabel_format(style="plain", useOffset=False)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", alpha=0.25)
    axes.set_axisbelow(True)
    return figure, axes


def add_title_and_legend(figure: Figure, axes: Axes, title: str, note: str = "") -> None:
    """Add a title, a note above ``axes`` in small letters, and a legend of all axes, with which the height grows."""
    entries: dict[str, Artist] = {}
    for each in figure.axes:
        low, high = each.get_ylim()
        each.set_ylim(min(low, 0), max(high, 0))  # an axis that includes 0 does not magnify small differences
        entries |= {textwrap.fill(name, 90): h for h, name in zip(*each.get_legend_handles_labels(), strict=True)}
    axes.set_title(note, loc="left", fontsize="x-small", color="0.35")
    figure.suptitle(textwrap.fill(title, 60), parse_math=False)
    names = sorted(entries, key=lambda name: isinstance(entries[name], Line2D))  # reference lines come last
    figure.set_figheight(figure.get_figheight() + LINE_HEIGHT * sum(name.count("\n") + 1 for name in names))
    handles = [entries[name] for name in names]
    legend = figure.legend(handles, names, frameon=False, loc="outside lower center", fontsize="small")
    for text in legend.get_texts():
        text.set_parse_math(False)


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure in the format that the path's extension names; raise InvalidInput when writing fails."""
    with whole_file(path) as file:
        figure.savefig(file, dpi=150, format=path.suffix[1:])
