"""What the assignment asks for, from run folders: Table 1, Figure 1, Figure 2, their captions and commands."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from cs285.data.expert_data import load_expert_data
from cs285.data.provenance import digest
from cs285.data.run_folders import RunFolder
from cs285.data.shipped import shipped_data
from cs285.errors import InvalidInput
from cs285.results.figures import RETURN, hyperparameter_figure, learning_curves, task_bars
from cs285.results.series import FILES, Series, across_tasks, differing_settings, studies, usual
from cs285.results.series_names import values_that_differ

TABLE_HEAD = (
    *("task", "gradient steps", "eval_batch_size", "seeds", "mean return", "std over rollouts", "std over seeds"),
    *("IQM [95 % interval]", "expert", "% of expert"),
)


@dataclass(frozen=True)
class Table:
    """Rows of text under a head of the same length, with a caption and the commands that made it."""

    name: str
    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    commands: Sequence[str]


@dataclass(frozen=True)
class Picture:
    """A figure with its caption and commands; ``file`` is its name on disk, without an ending."""

    name: str
    file: str
    caption: str
    figure: Figure
    commands: Sequence[str]


@dataclass(frozen=True)
class Film:
    """A video of a run, an MP4."""

    path: Path
    caption: str


@dataclass(frozen=True)
class Report:
    """Everything that is reported.

    Attributes:
        tables: Table 1, of behavioural cloning, and Table 2, of DAgger, as far as there are runs.
        pictures: Figures 1, 2 and 3, as far as the runs have them.
        films: of DAgger's first and last policies, where there are any.
        notes: what was cut short or is left out, and why.
    """

    tables: Sequence[Table]
    pictures: Sequence[Picture]
    films: Sequence[Film]
    notes: Sequence[str]


def build_report(series: Sequence[Series], cut: Sequence[str] = ()) -> Report:
    """Choose, from all the runs, those that answer the assignment's questions.

    Args:
        series: all runs.
        cut: notes on those that were cut short.

    Raises:
        InvalidInput: when they answer none.
    """
    cloning, dagger = usual(series, "BC"), usual(series, "DAgger")
    pictures = [*_figure_1(series), *_figure_2(dagger), *_figure_3(cloning, dagger)]
    notes = [*cut]
    if not cloning:
        notes.append("Table 1 needs runs of behavioural cloning.")
    if not studies(series):
        notes.append("Figure 1 needs runs of behavioural cloning that differ in one setting.")
    if not dagger:
        notes.append("Figure 2 needs runs of DAgger (--do_dagger).")
    films = [film for s in dagger for run in s.runs for film in _films(run)]
    tables = [
        _table("Table 1", "Behavioural cloning", across_tasks(series, "BC")),
        _table("Table 2", "DAgger, after its last iteration", across_tasks(series, "DAgger")),
    ]
    return Report([table for table in tables if table.rows], pictures, films, notes)


def _table(name: str, what: str, series: Sequence[Series]) -> Table:
    caption = (
        f"{what}. Mean return and its standard deviation over the rollouts of one policy; over the seeds, "
        "the standard deviation and the interquartile mean (IQM) with its 95 % bootstrap interval. "
        f"{_captions(series) if series else ''}"
    )
    rows = [[_task_name(s, series), *_row(s)] for s in series]
    return Table(name, caption, TABLE_HEAD, rows, [s.command for s in series])


def _task_name(series: Series, others: Sequence[Series]) -> str:
    """The task, and where others have it with other files or another backend, those."""
    same = [s for s in others if s.task == series.task]
    names = [name for name in differing_settings(same) if name in (*FILES, "backend")]
    values = [f"{name}={values_that_differ(same, name)[same.index(series)]}" for name in names]
    return " ".join([series.task, *values])


def _row(series: Series) -> list[str]:
    summary = series.summary(RETURN, series.last)
    expert, std = series.expert
    several = summary.count > 1
    return [
        str(series.config.iterations * series.config.num_agent_train_steps_per_iter),
        *(str(series.config.eval_batch_size), str(summary.count)),
        *(f"{summary.mean:.1f}", f"{series.rollout_std(series.last):.1f}"),
        *(f"{summary.std:.1f}" if several else "–",),
        *(f"{summary.iqm:.1f} [{summary.low:.1f}, {summary.high:.1f}]" if several else "–",),
        *(f"{expert:.1f}" + (f" ± {std:.1f}" if std is not None else ""), f"{round(100 * summary.mean / expert)}"),
    ]


def _figure_1(series: Sequence[Series]) -> list[Picture]:
    found = studies(series)
    if not found:
        return []
    parameter, chosen = max(found.items(), key=lambda item: len(item[1]))
    caption = f"Behavioural cloning against {parameter}. {_caption(chosen[0], without=parameter)}"
    figure, commands = hyperparameter_figure(chosen, parameter), [s.command for s in chosen]
    return [Picture("Figure 1", f"figure1_{parameter}_{_plain(chosen[0].task)}", caption, figure, commands)]


def _figure_2(series: Sequence[Series]) -> list[Picture]:
    tasks = sorted({s.task for s in series})
    pictures = []
    for letter, task in zip("abcdefghijklmnopqrstuvwxyz", tasks, strict=False):
        chosen = [s for s in series if s.task == task]
        name = f"Figure 2{letter}" if len(tasks) > 1 else "Figure 2"
        caption = f"DAgger's learning curve; the dotted line is behavioural cloning, iteration 0. {_caption(chosen[0])}"
        file = f"figure2_{_plain(task)}"
        pictures.append(Picture(name, file, caption, learning_curves(chosen), [s.command for s in chosen]))
    return pictures


def _figure_3(cloning: Sequence[Series], dagger: Sequence[Series]) -> list[Picture]:
    by_task = {(s.task, s.method): s for s in [*cloning, *dagger]}  # of several, the longest evaluation
    chosen = [s for s in by_task.values() if s.expert[0] > 0]
    if len({s.task for s in chosen}) < 2:
        return []
    caption = f"Final returns as per cent of the expert's. {_captions(chosen)}"
    return [Picture("Figure 3", "figure3_tasks", caption, task_bars(chosen), [s.command for s in chosen])]


def _films(run: RunFolder) -> list[Film]:
    """DAgger's first policy, which is behavioural cloning's, and its last."""
    videos = run.videos()
    films = []
    for video in dict.fromkeys([*videos[:1], *videos[-1:]]):
        itr = int(video.stem.rpartition("_")[2])
        method = "behavioural cloning (iteration 0)" if itr == 0 else f"DAgger, iteration {itr}"
        returned = next((row for row in run.rows if row["itr"] == itr), None)
        mean = f"; mean return of the evaluation {returned[RETURN]:.0f}" if returned else ""
        films.append(Film(video, f"{run.config.env_name}: {method}, seed {run.config.seed}{mean}"))
    return films


def _captions(series: Sequence[Series]) -> str:
    """One caption for series of several tasks: what they share, then the data of each."""
    iterations = " or ".join(map(str, sorted({s.config.iterations for s in series})))
    with_settings: dict[str, dict[str, None]] = {}  # tasks, in their order
    for s in series:
        with_settings.setdefault(_settings(s, iterations=iterations), {})[s.task] = None
    (settings, _), *others = sorted(with_settings.items(), key=lambda item: -len(item[1]))
    shared = " ".join([settings, *(f"{', '.join(tasks)} also or instead: {text}" for text, tasks in others)])
    sizes = " or ".join(map(str, sorted({s.config.eval_batch_size for s in series})))
    lengths = ", ".join(dict.fromkeys(f"{s.task} {_ep_len(s)}" for s in series))
    data = "; ".join(dict.fromkeys(f"{s.task}: {_data(s)}" for s in series))
    return f"{shared} eval_batch_size {sizes}; ep_len {lengths}. Data: {data}."


def _caption(series: Series, without: str = "") -> str:
    return (
        f"Task: {series.task}. {_settings(series, without)} "
        f"eval_batch_size {series.config.eval_batch_size}; ep_len {_ep_len(series)}. Data: {_data(series)}."
    )


def _settings(series: Series, without: str = "", iterations: str | None = None) -> str:
    config = series.config
    several = iterations or str(config.iterations)
    steps = f"{config.num_agent_train_steps_per_iter} gradient steps an iteration"
    parts = {
        "size": f"Network: {config.n_layers} hidden layers of {config.size} units, tanh",
        "num_agent_train_steps_per_iter": f"{steps}, {several} iteration{'s' * (several != '1')}",
        "train_batch_size": f"batches of {config.train_batch_size}",
        "learning_rate": f"Adam with learning rate {config.learning_rate:g}",
        **({"batch_size": f"{config.batch_size} steps collected in each but the first"} if config.do_dagger else {}),
        "learning_rate_schedule": f"{config.learning_rate_schedule} schedule",
        "ob_normalization": "observations as they are"
        if config.ob_normalization == "none"
        else "observations standardised by the data's mean and standard deviation",
    }
    return f"{'; '.join(text for name, text in parts.items() if name != without)}."


def _data(series: Series) -> str:
    """Name and size of the expert's data, as far as the file that the runs read is still there."""
    path = series.config.expert_data or shipped_data(series.task)
    mean = series.values("Initial_DataCollection_AverageReturn", series.iterations[0])[0]
    if path is None:
        return f"mean return {mean:.0f}"
    try:
        unchanged = series.inputs.get("expert_data") in (None, digest(path))
        episodes = load_expert_data(path) if unchanged else None
    except InvalidInput:
        episodes = None
    if episodes is None:
        return f"{path.name}, mean return {mean:.0f}"
    steps = sum(len(episode) for episode in episodes)
    return f"{path.name}, {len(episodes)} episodes with {steps} transitions, mean return {mean:.0f}"


def _ep_len(series: Series) -> str:
    if series.config.ep_len is not None:
        return str(series.config.ep_len)
    import gymnasium

    try:
        return f"{gymnasium.spec(series.task).max_episode_steps} (the task's own)"
    except gymnasium.error.Error:
        return "the task's own"


def _plain(task: str) -> str:
    return task.replace("/", "-").replace(os.sep, "-").replace(":", "-")
