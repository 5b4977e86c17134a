"""The assignment's report from run folders: Table 1, Figure 1, Figure 2 and more, as HTML and PDF."""

from __future__ import annotations

import base64
import contextlib
import csv
import io
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

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

TABLE_HEAD = (
    "task,gradient steps,eval_batch_size,seeds,mean return,std over rollouts,std over seeds,"
    "IQM [95 % interval],expert,% of expert"
).split(",")
TABLE_CAPTION = (
    "Mean return in the last evaluation over the seeds; standard deviation over the rollouts of one policy, and over "
    "the seeds; interquartile mean (IQM) over the seeds with its 95 % bootstrap interval."
)
IN_CAPTION = ("env_name", "do_dagger", "expert_policy_file", "expert_data")  # shown in other words
END_OF_PART = "<!-- end of part -->"  # in the template; no page of the PDF ends within a part that fits a page


@dataclass(frozen=True)
class Part:
    """A table or a figure with its heading, caption, and the commands that repeat its runs.

    Attributes:
        file: name of its files, without extension.
        rows: of a table, the head first; empty for a figure.
        figure: None for a table.
    """

    name: str
    file: str
    caption: str
    commands: Sequence[str]
    rows: Sequence[Sequence[str]] = ()
    figure: Figure | None = None


def write_report(
    series: Sequence[Series], folder: Path, notes: Sequence[str] = (), compared: Sequence[Series] = ()
) -> list[str]:
    """Write report.html, report.pdf, each table as CSV and each figure as PNG and PDF into a new folder.

    Table 1 has all series of BC, Table 2 all of DAgger. Figure 1 is BC on one task against one setting, Figure 2
    the learning curves of DAgger on one task, Figure 3 the final returns on all tasks. Videos are the first and
    the last of each DAgger run.

    Args:
        series: of BC, DAgger or both, on any tasks.
        folder: the folder to make.
        notes: remarks on the runs.
        compared: the series of Figure 3, at most one of BC and one of DAgger for each task; all series when empty.

    Returns:
        What is left out, with the reason.

    Raises:
        InvalidInput: when the folder exists or can't be written; it is not there then.
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
                if part.figure is None:
                    with (unfinished / f"{part.file}.csv").open("w", newline="", encoding="utf-8") as file:
                        csv.writer(file).writerows(part.rows)
                else:
                    for extension in ("png", "pdf"):
                        save_figure(part.figure, unfinished / f"{part.file}.{extension}")
            unfinished.rename(folder)
    return left_out


def _make_parts(series: Sequence[Series], compared: Sequence[Series]) -> tuple[list[Part], list[str]]:
    parts, left_out = [], []
    for number, method in ((1, "BC"), (2, "DAgger")):
        if chosen := [s for s in series if s.method == method]:
            parts.append(_table(f"Table {number}", chosen))
        else:
            left_out.append(f"Table {number} and Figure {number} need runs of {method}")
    for number, what, caption, chosen, draw in _plan_figures(series, compared):
        file = f"figure{number}_{what}".translate(str.maketrans(" /:\\", "_---"))
        try:
            part = Part(f"Figure {number}: {what}", file, caption, [s.command() for s in chosen], figure=draw(chosen))
            parts.append(part)
        except InvalidInput as error:
            left_out.append(f"Figure {number}: {what} is left out: {error}")
    if not any(part.name.startswith("Figure 1") for part in parts):
        left_out.append("Figure 1 needs runs of BC on one task that differ in one setting with numbers")
    return parts, left_out


def _plan_figures(
    series: Sequence[Series], compared: Sequence[Series]
) -> Iterator[tuple[int, str, str, Sequence[Series], Callable[[Sequence[Series]], Figure]]]:
    """Yield number, subject, caption and series of each figure, and the function that draws them."""
    for task, group in _by_task(series, "BC"):
        for name in numeric_settings(group):
            if name != "eval_batch_size":  # a setting of the measurement, not of the policy
                caption = f"Behavioural cloning against {name}. {_settings(group)}"
                yield 1, f"{name} {task}", caption, group, partial(parameter_figure, parameter=name)
    for task, group in _by_task(series, "DAgger"):
        caption = f"DAgger over its iterations, of which iteration 0 is behavioural cloning. {_settings(group)}"
        yield 2, task, caption, group, learning_curves
    if len({s.task for s in compared}) > 1:
        yield 3, "tasks", f"Final returns in per cent of the expert's. {_settings(compared)}", compared, task_bars


def _by_task(series: Sequence[Series], method: str) -> list[tuple[str, list[Series]]]:
    tasks = sorted({s.task for s in series if s.method == method})
    return [(task, [s for s in series if (s.task, s.method) == (task, method)]) for task in tasks]


def _table(name: str, series: Sequence[Series]) -> Part:
    rows, commands = [TABLE_HEAD], []
    for task, group in _by_task(series, series[0].method):
        in_columns = ("eval_batch_size", "num_agent_train_steps_per_iter")
        for s, label in zip(group, series_names(group, in_columns), strict=True):
            rows.append([label.replace(s.method, task, 1), *_numbers(s)])
            commands.append(s.command())
    caption = f"{series[0].method}. {TABLE_CAPTION} {_settings(series)}"
    return Part(name, name.lower().replace(" ", ""), caption, commands, rows)


def _numbers(series: Series) -> list[str]:
    summary, (expert, expert_std) = series.summary(series.last), series.expert()
    several = summary.count > 1
    return [
        str(series.config.iterations * series.config.num_agent_train_steps_per_iter),
        str(series.config.eval_batch_size),
        str(summary.count),
        f"{summary.mean:.1f}",
        f"{series.rollout_std(series.last):.1f}",
        f"{summary.std:.1f}" if several else "–",
        f"{summary.iqm:.1f} [{summary.low:.1f}, {summary.high:.1f}]" if several else "–",
        f"{expert:.1f}" if expert_std is None else f"{expert:.1f} ± {expert_std:.1f}",
        f"{100 * summary.mean / expert:.0f}" if expert > 0 else "–",
    ]


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
    path = input_files(series.config).get("expert_data")
    mean = f"mean return {series.values('Initial_DataCollection_AverageReturn', series.iterations[0])[0]:.0f}"
    if path is None:
        return mean
    with contextlib.suppress(InvalidInput):
        if series.runs[0].inputs.get("expert_data") == digest(path):
            episodes = load_expert_data(path)
            return f"{path.name}, {len(episodes)} episodes, {sum(map(len, episodes))} transitions, {mean}"
    return f"{path.name}, {mean}"


def _videos(series: Series) -> Iterator[tuple[str, bytes]]:
    """Caption and excerpt of the first and the last video of each run's evaluations."""
    for run in series.runs:
        found = {path.stem.rpartition("_")[2]: path for path in run.path.glob("videos/eval_rollouts_itr_*.mp4")}
        iterations = sorted(int(itr) for itr in found if itr.isdecimal())
        for itr in dict.fromkeys([*iterations[:1], *iterations[-1:]]):
            means = [f", mean return {row[RETURN]:.0f}" for row in run.rows if row["itr"] == itr]
            caption = f"{series.task}: DAgger, iteration {itr}, seed {run.config.seed}{''.join(means)}"
            yield caption, excerpt(found[str(itr)])


def _render(parts: Sequence[Part], videos: Sequence[tuple[str, bytes]], notes: Sequence[str], pdf: bool) -> str:
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, undefined=jinja2.StrictUndefined)
    environment.filters |= {"base64": lambda content: base64.b64encode(content).decode(), "png": _png}
    template = Path(__file__).with_name("report.html.jinja").read_text(encoding="utf-8")
    return environment.from_string(template).render(parts=parts, videos=videos, notes=notes, pdf=pdf)


def _png(figure: Figure) -> bytes:
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=150)
    return drawn.getvalue()


def _to_pdf(html: str) -> bytes:
    pdf = FPDF()
    fonts = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    for family, style, file in (("text", "", "Sans"), ("text", "B", "Sans-Bold"), ("mono", "", "SansMono")):
        pdf.add_font(family, style, str(fonts / f"DejaVu{file}.ttf"))
    pdf.set_font("text", size=7)
    pdf.add_page()
    heading = {"color": "#000000", "font_style": "B", "b_margin": 1}
    styles = {
        "h1": TextStyle(font_size_pt=15, **heading),
        "h2": TextStyle(font_size_pt=11, t_margin=5, **heading),
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
