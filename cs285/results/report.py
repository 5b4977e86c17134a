"""The assignment's report from run folders: Table 1, Figure 1, Figure 2 and more, as HTML and PDF."""

from __future__ import annotations

import base64
import contextlib
import csv
import io
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
import matplotlib
from fpdf import FPDF, TextStyle
from matplotlib.figure import Figure

from cs285.data.expert_data import load_expert_data
from cs285.data.provenance import digest
from cs285.data.shipped import input_files
from cs285.data.whole_files import writing
from cs285.errors import InvalidInput
from cs285.infrastructure.learning_curve import save_figure
from cs285.infrastructure.video import excerpt
from cs285.results.figures import learning_curves, parameter_figure, task_bars
from cs285.results.series import RETURN, Series, differing, numeric_settings, series_names

TABLE_CAPTION = (
    "Mean return in the last evaluation over the seeds; standard deviation over the rollouts of one policy, and over "
    "the seeds; interquartile mean (IQM) over the seeds with its 95 % bootstrap interval."
)
IN_CAPTION = ("env_name", "do_dagger", "expert_policy_file", "expert_data")  # not listed among the settings
END_OF_PART = "<!-- end of part -->"  # in the template; the PDF breaks pages between parts


class Part(NamedTuple):
    """A table (rows) or a figure, with the commands that repeat its runs; ``file`` has no extension."""

    name: str
    file: str
    caption: str
    commands: Sequence[str]
    rows: Sequence[dict[str, str]] = ()
    figure: Figure | None = None


def write_report(
    series: Sequence[Series], folder: Path, notes: Sequence[str] = (), compared: Sequence[Series] = ()
) -> list[str]:
    """Write report.html, report.pdf, each table as CSV and each figure as PNG and PDF into a new folder.

    Table 1 has all series of BC, Table 2 all of DAgger. Figures 1 show BC on one task against one setting, Figures 2
    the learning curves of DAgger on one task, Figure 3 the final returns on all tasks. The page has the first and
    the last video of each DAgger run.

    Args:
        series: of BC, DAgger or both, on any tasks.
        folder: the folder to make.
        notes: remarks on the runs.
        compared: the series of Figure 3, at most one of BC and one of DAgger for each task; all series when empty.

    Returns:
        What is left out, with the reason.

    Raises:
        InvalidInput: when the folder exists or can't be written.
    """
    if folder.exists():
        raise InvalidInput(f"--output: {folder} exists; it is not overwritten")
    parts, left_out = _make_parts(series, compared or series)
    videos = [video for s in series if s.method == "DAgger" for video in _videos(s)]
    render = partial(_render, parts=parts, videos=videos, notes=[*notes, *left_out])
    with writing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=folder.parent) as scratch:
            unfinished = Path(scratch) / "report"
            unfinished.mkdir()
            (unfinished / "report.html").write_text(render(pdf=False), encoding="utf-8")
            (unfinished / "report.pdf").write_bytes(_to_pdf(render(pdf=True)))
            for part in parts:
                if part.figure is not None:
                    save_figure(part.figure, unfinished / f"{part.file}.png")
                    save_figure(part.figure, unfinished / f"{part.file}.pdf")
                    continue
                with (unfinished / f"{part.file}.csv").open("w", newline="", encoding="utf-8") as file:
                    csv.writer(file).writerows([part.rows[0], *(row.values() for row in part.rows)])
            unfinished.rename(folder)
    return left_out


def _make_parts(series: Sequence[Series], compared: Sequence[Series]) -> tuple[list[Part], list[str]]:
    parts: list[Part] = []
    left_out: list[str] = []

    def add_figure(
        name: str, what: str, caption: str, chosen: Sequence[Series], draw: Callable[[Sequence[Series]], Figure]
    ) -> None:
        file = f"{name.lower().replace(' ', '')}_{what}".translate(str.maketrans(" /:\\", "_---"))
        try:
            figure = draw(chosen)
        except InvalidInput as error:
            left_out.append(f"{name}, {what}, is left out: {error}")
        else:
            commands = [s.command() for s in chosen]
            parts.append(Part(f"{name}: {what}", file, f"{caption} {_settings(chosen)}", commands, figure=figure))

    for number, method in ((1, "BC"), (2, "DAgger")):
        rows = [_row(s, label) for _, group in _by_task(series, method) for s, label in _labels(group)]
        ...
    return parts, left_out
