"""Pictures of a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cs285.data.whole_files import whole_file
from cs285.infrastructure.figure_text import legend_below, set_title

# Okabe and Ito's colours, which people with any colour vision tell apart.
BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"


def learning_curve(
    title: str,
    iterations: Sequence[int],
    means: Sequence[float],
    stds: Sequence[float],
    expert: float | None,
) -> Figure:
    """Draw DAgger's return over its iterations.

    Args:
        title: of the figure.
        iterations: of the evaluations; iteration 0 is behavioural cloning.
        means: mean return of each evaluation.
        stds: standard deviation over its episodes.
        expert: the expert's mean return, when it is known.
    """
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.add_subplot()
    lower, upper = np.subtract(means, stds), np.add(means, stds)
    axes.fill_between(iterations, lower, upper, color=BLUE, alpha=0.2, linewidth=0, label="± 1 standard deviation")
    axes.plot(iterations, means, color=BLUE, marker="o", markersize=4, label="DAgger")
    if expert is not None:
        axes.axhline(expert, color=GREEN, linestyle="--", label=f"expert: {expert:.0f}")
    if iterations[0] == 0:
        axes.axhline(means[0], color=ORANGE, linestyle=":", label=f"behavioural cloning: {means[0]:.0f}")
    axes.set(xlabel="iteration", ylabel="return")
    set_title(axes, title, figure.get_figwidth())
    axes.ticklabel_format(style="plain", useOffset=False)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", alpha=0.25)
    legend_below(figure, *axes.get_legend_handles_labels(), most_columns=4)
    return figure


def save_figure(figure: Figure, path: Path) -> None:
    """Write the figure; the ending of ``path`` says in which format."""
    with whole_file(path) as file:
        figure.savefig(file, dpi=150, format=path.suffix[1:])


def draw_learning_curve(run_dir, env_name, iterations, rows):  # type: ignore
    pass
