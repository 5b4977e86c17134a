"""Names of any length in figures: measured, wrapped, and put into as many columns as fit."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextToPath

POINTS = 72.0  # per inch
TITLE_SHARE = 0.75  # of a figure's width that a title may take; it is centred over the axes, which are narrower
HANDLE, SPACING = 2.8, 2.0  # of a legend, in heights of its letters: the line before a name, and between columns
LINE = 0.15  # inches that a line of small text takes


def task_name(env_name: str) -> str:
    """A task without the module that registers it."""
    return env_name.partition(":")[2] or env_name


def text_width(text: str, size: str | float) -> float:
    """How wide a line is, in points; ``size`` as matplotlib takes it, such as ``"small"``."""
    width, _, _ = TextToPath().get_text_width_height_descent(text, FontProperties(size=size), ismath=False)
    return float(width)


def wrapped(text: str, points: float, size: str | float) -> str:
    """The text in lines of at most so many points, broken where a name has a joint, or else anywhere."""
    lines = [""]
    for piece in re.split(r"(?<=[\s/_=-])", text):
        if text_width(lines[-1] + piece.rstrip(), size) > points:
            lines.append("")
        for letter in piece:
            if not letter.isspace() and text_width(lines[-1] + letter, size) > points:
                lines.append("")
            lines[-1] += letter
    return "\n".join(line.strip() for line in lines if line.strip())


def set_title(axes: Axes, title: str, width: float, pad: float | None = None) -> None:
    """Give axes a title in as many lines as it needs in a figure of ``width`` inches."""
    axes.set_title(wrapped(title, TITLE_SHARE * width * POINTS, "large"), pad=pad)


def legend_below(figure: Figure, handles: Sequence[Artist], names: Sequence[str], most_columns: int = 3) -> None:
    """A legend below the axes, as many names side by side as fit; the figure grows with its lines."""
    size = "small"
    letter, room = FontProperties(size=size).get_size_in_points(), 0.95 * figure.get_figwidth() * POINTS
    names = [wrapped(name, room - HANDLE * letter, size) for name in names]
    widths = [max(text_width(line, size) for line in name.splitlines() or [""]) + HANDLE * letter for name in names]

    def width(columns: int) -> float:
        split = [column for column in np.array_split(widths, columns) if len(column)]  # as matplotlib does
        return float(sum(column.max() for column in split) + SPACING * letter * (len(split) - 1))

    columns = next((n for n in range(most_columns, 1, -1) if width(n) <= room), 1)
    lines = max(sum(name.count("\n") + 1 for name in column) for column in np.array_split(names, columns))
    figure.set_figheight(figure.get_figheight() + LINE * max(0, lines - 2))
    figure.legend(handles, names, frameon=False, loc="outside lower center", ncols=columns, fontsize=size)
