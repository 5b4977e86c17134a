"""The assignment's report from run folders: tables and figures, as HTML and PDF."""

import base64
import contextlib
import csv
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jinja2
import matplotlib
import numpy as np
from fpdf import FPDF, TextStyle
from matplotlib.figure import Figure

from cs285.data.shipped import input_files
from cs285.data.whole_files import check_new, whole_folder, write_files
from cs285.errors import InvalidInput
from cs285.infrastructure.films import excerpt
from cs285.infrastructure.learning_curve import save_figure
from cs285.results.figures import learning_curves, parameter_figure, task_bars
from cs285.results.series import METHODS, RETURN, Series, by_task, compared, group_by_parameter, series_names

IN_CAPTIONS = ("n_layers", "size", "num_agent_train_steps_per_iter", "eval_batch_size", "ep_len")
# Settings of the default policy. For runs with a user's own policy, which may ignore them, `settings_of` omits them.
OF_POLICY = ("loss", "n_layers", "size", "learning_rate", "learning_rate_schedule", "ob_normalization")
IN_OTHER_COLUMNS = ("env_name", "do_dagger", "expert_policy_file", "expert_data")
FLAT = 0.01  # a curve is flat if its range is at most this fraction of its largest absolute value
END_OF_PART = "<!-- end of part -->"  # a mark in the template; a page of the PDF can end there


class Part(NamedTuple):
    """A table (``rows``) or a figure (``image``) of the report, with the commands that repeat the runs in it."""

    name: str
    commands: Sequence[str] = ()
    rows: Sequence[dict[str, str]] = ()
    image: str = ""  # PNG in base64
    settings: str = ""  # settings that all runs of a figure have in common, for its caption


def write_report(series: Sequence[Series], folder: Path, notes: Sequence[str] = ()) -> list[str]:
    """Write report.html, report.pdf, tables as CSV, figures as PNG and PDF, and the runs' logs into a new folder.

    Table 1 has all series of BC, and Table 2 all series of DAgger. Table 3 and Figure 3 compare the methods on each
    task; `compared` selects their series. A Figure 1 shows the return of BC on one task against a numeric setting with
    at least three values, and a Figure 2 the learning curves of DAgger on one task. The report also has the ``notes``,
    the first and the last video of each DAgger run, and config.json and log.csv of each run. Returns a line for each
    table or figure that is left out, with the reason. Raises InvalidInput when the folder exists or can't be written.
    """
    check_new(folder)
    with whole_folder(folder) as unfinished:
        for number, run in enumerate(run for s in series for run in s.runs):
            contents = {name: (run.path / name).read_bytes() for name in ("config.json", "log.csv")}
            write_files(unfinished / "runs" / f"{number}_{run.path.name}", contents)
        parts, left_out = make_tables(series)
        for part in parts:
            path = unfinished / f"{part.name.lower().replace(' ', '')}.csv"
            with path.open("w", newline="", encoding="utf-8") as file:
                csv.writer(file).writerows([part.rows[0], *(row.values() for row in part.rows)])
        for name, shown, draw in _figures(series):
            try:
                parts.append(_draw(name, shown, draw, unfinished))
            except InvalidInput as error:
                left_out.append(f"{name} is left out: {error}")
        if not any(part.name.startswith("Figure 1") for part in parts):
            left_out.append("Figure 1 needs runs of BC on one task with at least three values of one numeric setting")
        videos = [video for s in series if s.method == "DAgger" for video in _videos(s)]
        text = Path(__file__).with_name("report.html.jinja").read_text(encoding="utf-8")
        template = jinja2.Template(text, autoescape=True, trim_blocks=True, undefined=jinja2.StrictUndefined)
        render = partial(template.render, parts=parts, videos=videos, notes=[*notes, *left_out])
        (unfinished / "report.html").write_text(render(pdf=False), encoding="utf-8")
        (unfinished / "report.pdf").write_bytes(_to_pdf(render(pdf=True)))
    return left_out


def make_tables(series: Sequence[Series]) -> tuple[list[Part], list[str]]:
    """Make the tables of settings, data and results; also return a line for each table that is left out."""
    settings = [{"setting": name, "values": ", ".join(values)} for name, values in settings_of(series).items()]
    parts, left_out = [Part("Settings", rows=settings), Part("Data", rows=data_rows(series))], []
    for number, method in ((1, "BC"), (2, "DAgger")):
        if groups := by_task(series, method).values():
            rows = [row for group in groups for row in result_rows(group)]
            parts.append(Part(f"Table {number}", [s.command() for s in series if s.method == method], rows))
        else:
            left_out.append(f"Table {number} needs runs of {method}")
    try:
        rows = [comparison_row(task, found) for task, found in compared(series).items() if "DAgger" in found]
        parts += [Part("Table 3", rows=rows)] if rows else []
    except InvalidInput as error:
        left_out.append(f"Table 3 is left out: {error}")
    return parts, left_out


def settings_of(series: Sequence[Series]) -> dict[str, list[str]]:
    """The values of each setting as text, the most frequent first; settings that are always "default" are left out."""
    settings = {}
    for name in series[0].facts:
        texts = [s.facts[name] for s in series if name not in OF_POLICY or s.facts["make_policy"] == "default"]
        if name not in IN_OTHER_COLUMNS and set(texts) - {"default"}:
            settings[name] = [text for text, _ in Counter(texts).most_common()]
    return settings


def data_rows(series: Sequence[Series]) -> list[dict[str, str]]:
    """A table row for each task, data file and number of episodes, from the logs of the first iteration."""
    rows = {}
    for s in series:
        scalars = ("Train_ExpertLabelsSoFar", "Train_AverageEpLen", "Initial_DataCollection_AverageReturn")
        size, length, mean = ((s.values(name, s.iterations[0]) or [np.nan])[0] for name in scalars)
        name = input_files(s.config).get("expert_data", Path("–")).name
        counts = [f"{number:.0f}".replace("nan", "–") for number in (size / max(length, 1), size)]
        names = ("task", "expert data", "episodes", "transitions", "mean return")
        row = dict(zip(names, (s.task, name, *counts, f"{mean:.1f}"), strict=True))
        rows[s.task, s.facts["expert_data"], s.config.expert_episodes] = row
    return list(rows.values())


def result_rows(series: Sequence[Series]) -> Iterator[dict[str, str]]:
    """Yield a table row for each series; all series are of one method on one task."""
    labels = series_names(series, ("eval_batch_size", "num_agent_train_steps_per_iter"))
    short = [re.sub(r" \w+=default( \(SHA-256 \w+\))?", "", label) for label in labels]
    shown = {(s.gradient_steps, s.config.eval_batch_size, label) for s, label in zip(series, short, strict=True)}
    if len(shown) == len(labels):
        labels = short  # settings that are "default" are shown only where rows would be equal without them
    for s, label in zip(series, labels, strict=True):
        summary, several = s.summary(s.last), len(s.seeds) > 1
        scores = s.values("Eval_NormalizedScore", s.last)
        yield {
            "task": label.replace(s.method, s.task, 1),
            "gradient steps": str(s.gradient_steps),
            "evaluation steps": str(s.config.eval_batch_size),
            "seeds": str(summary.seeds),
            "mean return": f"{summary.mean:.1f}",
            "std over episodes": f"{s.rollout_std(s.last):.1f}",
            "std over seeds": f"{summary.std:.1f}" if several else "–",
            "standard error": f"{summary.std / summary.seeds**0.5:.1f}" if several else "–",
            "IQM [95 % interval]": f"{summary.iqm:.1f} [{summary.low:.1f}, {summary.high:.1f}]" if several else "–",
            "expert": plus_minus(*s.expert(), digits=1),
            "% of expert": percent(s),
            "normalised score": f"{np.mean(scores):.2f}" if scores else "–",
        }


def comparison_row(task: str, found: dict[str, Series]) -> dict[str, str]:
    """The table row that compares the methods on a task, whose series are ``found``; "–" for a method without runs."""
    returns = {m: plus_minus(s.summary(s.last).mean, s.rollout_std(s.last)) for m, s in found.items()}
    cells = {method: returns.get(method, "–") for method in METHODS}
    dagger = found["DAgger"]
    return {"task": task, **cells, "expert": plus_minus(*dagger.expert()), "DAgger, % of expert": percent(dagger)}


def percent(series: Series) -> str:
    """Text of the final mean return in per cent of the expert's return; "–" if the expert's return is not positive."""
    return f"{series.percent(series.summary(series.last).mean):.0f}".replace("nan", "–")


def plus_minus(mean: float, std: float | None, digits: int = 0) -> str:
    """Text of a mean and, unless ``std`` is None, of the standard deviation."""
    return f"{mean:.{digits}f}" if std is None else f"{mean:.{digits}f} ± {std:.{digits}f}"


def _figures(series: Sequence[Series]) -> Iterator[tuple[str, Sequence[Series], Callable[[], Figure]]]:
    """Yield the name and the series of each figure, and the function that draws it."""
    for task, group in by_task(series, "BC").items():
        for name in group[0].facts:
            drawn = [s for curve in group_by_parameter(group, name) if len(curve) > 2 for s in curve]
            if drawn and name != "eval_batch_size":  # eval_batch_size does not change the policy
                yield f"Figure 1: {name} {task}", drawn, partial(parameter_figure, drawn, name)
    for task, group in by_task(series, "DAgger").items():
        yield f"Figure 2: {task}", group, partial(learning_curves, [s for s in series if s.task == task])
    if len({s.task for s in series}) > 1:
        with contextlib.suppress(InvalidInput):  # `make_tables` has already reported this error for Table 3
            shown = [s for found in compared(series).values() for s in found.values()]
            yield "Figure 3: tasks", shown, partial(task_bars, series)


def _draw(name: str, series: Sequence[Series], draw: Callable[[], Figure], folder: Path) -> Part:
    """Write a figure as PNG and PDF and return its `Part`; raise InvalidInput if drawing fails or returns are flat."""
    means = [s.summary(itr).mean for s in series for itr in s.iterations]
    if np.ptp(means) <= FLAT * np.abs(means).max():
        raise InvalidInput(f"its curve is flat: all returns are about {means[-1]:.0f}")
    figure, stem = draw(), re.sub(r"[^\w.-]+", "_", name.replace("Figure ", "figure"))
    for extension in ("pdf", "png"):
        save_figure(figure, path := folder / f"{stem}.{extension}")
    settings = {name: values for name, values in settings_of(series).items() if name in IN_CAPTIONS}
    common = ", ".join(f"{name}={values[0]}" for name, values in settings.items() if len(values) == 1)
    image = base64.b64encode(path.read_bytes()).decode()
    return Part(name, [s.command() for s in series], image=image, settings=common)


def _videos(series: Series) -> Iterator[tuple[str, str]]:
    """Yield the caption and the base64 text of the first and the last video of each run."""
    for run in series.runs:
        films = {path.stem.rpartition("_")[2]: path for path in run.path.glob("videos/eval_rollouts_itr_*.mp4")}
        found = {int(itr): path for itr, path in films.items() if itr.isdecimal()}
        for itr in sorted({min(found), max(found)} if found else ()):
            means = [f", mean return {row[RETURN]:.0f}" for row in run.rows if row["itr"] == itr]
            caption = f"{series.task}: DAgger, iteration {itr}, seed {run.config.seed}{''.join(means)}"
            yield caption, base64.b64encode(excerpt(found[itr])).decode()


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
