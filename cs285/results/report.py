"""The assignment's report from run folders: Table 1, Figure 1, Figure 2 and more, as HTML and PDF."""

from __future__ import annotations

import base64
import contextlib
import csv
import re
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
from cs285.infrastructure.films import excerpt
from cs285.infrastructure.learning_curve import save_figure
from cs285.results.figures import learning_curves, parameter_figure, task_bars
from cs285.results.series import RETURN, Series, differing, group_by_parameter, numeric_settings, series_names

TABLE_CAPTION = (
    "Mean return in the last evaluation over the seeds; standard deviation over the rollouts of one policy, and over "
    "the seeds; interquartile mean (IQM) over the seeds with its 95 % bootstrap interval."
)
IN_CAPTION = ("env_name", "do_dagger", "expert_policy_file", "expert_data")  # not listed among the settings
END_OF_PART = "<!-- end of part -->"  # in the template; the PDF breaks pages between parts


class Part(NamedTuple):
    """A table (rows) or a figure (PNG), with the commands that repeat its runs."""

    name: str
    caption: str
    commands: Sequence[str]
    rows: Sequence[dict[str, str]] = ()
    image: bytes = b""


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

    Returns what is left out, with the reason. Raises InvalidInput when the folder exists or can't be written.
    """
    if folder.exists():
        raise InvalidInput(f"--output: {folder} exists; it is not overwritten")
    videos = [video for s in series if s.method == "DAgger" for video in _videos(s)]
    with writing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=folder.parent) as scratch:
            unfinished = Path(scratch) / "report"
            unfinished.mkdir()
            parts, left_out = _make_parts(series, compared or series, unfinished)
            render = partial(_render, parts=parts, videos=videos, notes=[*notes, *left_out])
            (unfinished / "report.html").write_text(render(pdf=False), encoding="utf-8")
            (unfinished / "report.pdf").write_bytes(_to_pdf(render(pdf=True)))
            unfinished.rename(folder)
    return left_out


def _make_parts(series: Sequence[Series], compared: Sequence[Series], folder: Path) -> tuple[list[Part], list[str]]:
    """Make the tables and figures, and write them into a folder; name those that are left out."""
    parts: list[Part] = []
    left_out: list[str] = []
    figures: list[tuple[str, str, Sequence[Series], Callable[[Sequence[Series]], Figure]]] = []
    for task, group in _by_task(series, "BC"):
        for name in numeric_settings(group):
            if name != "eval_batch_size":  # a setting of the measurement, not of the policy
                drawn = [s for curve in group_by_parameter(group, name) for s in curve] or group
                draw = partial(parameter_figure, parameter=name)
                figures.append((f"Figure 1: {name} {task}", f"Behavioural cloning against {name}.", drawn, draw))
    if not figures:
        left_out.append("Figure 1 needs runs of BC on one task that differ in a number other than eval_batch_size")
    for task, group in _by_task(series, "DAgger"):
        caption = "DAgger over its iterations, of which iteration 0 is behavioural cloning."
        figures.append((f"Figure 2: {task}", caption, group, learning_curves))
    if len({s.task for s in compared}) > 1:
        figures.append(("Figure 3: tasks", "Final returns in per cent of the expert's.", compared, task_bars))

    for number, method in ((1, "BC"), (2, "DAgger")):
        if chosen := [s for s in series if s.method == method]:
            rows = [row for _, group in _by_task(series, method) for row in _rows(group)]
            caption = f"{method}. {TABLE_CAPTION} {_settings(chosen)}"
            parts.append(Part(f"Table {number}", caption, [s.command() for s in chosen], rows))
            with (folder / f"table{number}.csv").open("w", newline="", encoding="utf-8") as file:
                csv.writer(file).writerows([rows[0], *(row.values() for row in rows)])
        else:
            left_out.append(f"Table {number} needs runs of {method}")
    for name, caption, shown, draw_figure in figures:
        try:
            figure = draw_figure(shown)
        except InvalidInput as error:
            left_out.append(f"{name} is left out: {error}")
            continue
        stem = re.sub(r"[^\w.-]+", "_", name.replace("Figure ", "figure"))
        for extension in ("pdf", "png"):
            save_figure(figure, path := folder / f"{stem}.{extension}")
        commands = [s.command() for s in shown]
        parts.append(Part(name, f"{caption} {_settings(shown)}", commands, image=path.read_bytes()))
    return parts, left_out


def _by_task(series: Sequence[Series], method: str) -> list[tuple[str, list[Series]]]:
    tasks = sorted({s.task for s in series if s.method == method})
    return [(task, [s for s in series if (s.task, s.method) == (task, method)]) for task in tasks]


def _rows(series: Sequence[Series]) -> Iterator[dict[str, str]]:
    """The rows of a table for the series of one method on one task."""
    labels = series_names(series, ("eval_batch_size", "num_agent_train_steps_per_iter"))
    for s, label in zip(series, labels, strict=True):
        summary, (expert, expert_std) = s.summary(s.last), s.expert()
        several = summary.seeds > 1
        yield {
            "task": label.replace(s.method, s.task, 1),
            "gradient steps": str(s.config.iterations * s.config.num_agent_train_steps_per_iter),
            "eval_batch_size": str(s.config.eval_batch_size),
            "seeds": str(summary.seeds),
            "mean return": f"{summary.mean:.1f}",
            "std over rollouts": f"{s.rollout_std(s.last):.1f}",
            "std over seeds": f"{summary.std:.1f}" if several else "–",
            "IQM [95 % interval]": f"{summary.iqm:.1f} [{summary.low:.1f}, {summary.high:.1f}]" if several else "–",
            "expert": f"{expert:.1f}" if expert_std is None else f"{expert:.1f} ± {expert_std:.1f}",
            "% of expert": f"{100 * summary.mean / expert:.0f}" if expert > 0 else "–",
        }


def _settings(series: Sequence[Series]) -> str:
    """The settings that all series have in common, the names of the others, and the expert data of each task."""
    facts = {name: value for name, value in series[0].facts.items() if name not in IN_CAPTION and value != "default"}
    common = ", ".join(f"{name}={value}" for name, value in facts.items() if name not in differing(series))
    others = ", ".join(name for name in differing(series) if name not in IN_CAPTION)
    different = f" They differ in {others}: see the commands." if others else ""
    data = "; ".join(dict.fromkeys(f"{s.task}: {_data(s)}" for s in series))
    return f"Settings: {common}.{different} Expert data: {data}."


def _data(series: Series) -> str:
    """Name, size and mean return of the expert data; no size where the file is not the one that the runs read."""
    mean = series.values("Initial_DataCollection_AverageReturn", series.iterations[0])[0]
    path = input_files(series.config).get("expert_data", Path())
    size = ""
    with contextlib.suppress(InvalidInput):  # the file may be gone, or another one
        if digest(path) == series.runs[0].inputs.get("expert_data"):
            episodes = load_expert_data(path)
            size = f"{len(episodes)} episodes, {sum(map(len, episodes))} transitions"
    return ", ".join(filter(None, [path.name, size, f"mean return {mean:.0f}"]))


def _videos(series: Series) -> Iterator[tuple[str, bytes]]:
    """Caption and excerpt of the first and the last video of each run's evaluations."""
    for run in series.runs:
        found = {path.stem.rpartition("_")[2]: path for path in run.path.glob("videos/eval_rollouts_itr_*.mp4")}
        iterations = sorted(int(itr) for itr in found if itr.isdecimal())
        for itr in dict.fromkeys([*iterations[:1], *iterations[-1:]]):
            means = [f", mean return {row[RETURN]:.0f}" for row in run.rows if row["itr"] == itr]
            caption = f"{series.task}: DAgger, iteration {itr}, seed {run.config.seed}{''.join(means)}"
            yield caption, excerpt(found[str(itr)])


def _render(pdf: bool, **values: Any) -> str:
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, undefined=jinja2.StrictUndefined)
    environment.filters["base64"] = lambda content: base64.b64encode(content).decode()
    template = Path(__file__).with_name("report.html.jinja").read_text(encoding="utf-8")
    return environment.from_string(template).render(pdf=pdf, **values)


def _to_pdf(html: str) -> bytes:
    pdf = FPDF()
    fonts = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    for family, style, file in (("text", "", "Sans"), ("text", "B", "Sans-Bold"), ("mono", "", "SansMono")):
        pdf.add_font(family, style, str(fonts / f"DejaVu{file}.ttf"))
    pdf.set_font("text", size=7)
    pdf.add_page()
    styles = {
        "h1": TextStyle(font_size_pt=15, font_style="B", color="#000000", b_margin=1),
        "h2": TextStyle(font_size_pt=11, font_style="B", color="#000000", t_margin=5, b_margin=1),
        "p": TextStyle(b_margin=1),
        "pre": TextStyle(font_family="mono", font_size_pt=5.5, t_margin=1),
    }
    for part in html.split(END_OF_PART):
        with pdf.offset_rendering() as rehearsal:
            rehearsal.write_html(part, tag_styles=styles, table_line_separators=True)
        if rehearsal.page_break_triggered:
            pdf.add_page()
        pdf.write_html(part, tag_styles=styles, table_line_separators=True)
    return bytes(pdf.output())
