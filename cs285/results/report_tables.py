"""Tables of a report: settings, data, the results of each method, and the comparison of the methods."""

import contextlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from cs285.data.expert_data import load_expert_data
from cs285.data.shipped import input_files
from cs285.data.whole_files import digest
from cs285.errors import InvalidInput
from cs285.results.series import METHODS, Series, series_names

# Settings of the default policy. For runs with a user's own policy, which may ignore them, `settings_of` omits them.
OF_POLICY = ("loss", "n_layers", "size", "learning_rate", "learning_rate_schedule", "ob_normalization")
IN_OTHER_COLUMNS = ("env_name", "do_dagger", "expert_policy_file", "expert_data")


def settings_of(series: Sequence[Series]) -> dict[str, list[str]]:
    """The values of each setting as text, the most frequent first; settings that are always "default" are left out."""
    settings = {}
    for name in (name for name in series[0].facts if name not in IN_OTHER_COLUMNS):
        texts = [s.facts[name] for s in series if name not in OF_POLICY or s.facts["make_policy"] == "default"]
        if set(texts) - {"default"}:
            settings[name] = [text for text, _ in Counter(texts).most_common()]
    return settings


def data_rows(series: Sequence[Series]) -> list[dict[str, str]]:
    """A table row for each task, data file and number of episodes; sizes are "–" if the file is gone or has changed."""
    rows = {}
    for s in series:
        if (key := (s.task, s.facts["expert_data"], s.config.expert_episodes)) not in rows:
            path, size = input_files(s.config).get("expert_data", Path("–")), ["–", "–"]
            with contextlib.suppress(InvalidInput):  # the data's file may be gone or damaged
                if digest(path) == s.runs[0].inputs.get("expert_data"):
                    paths = load_expert_data(path)[: s.config.expert_episodes]
                    size = [str(len(paths)), str(sum(map(len, paths)))]
            mean = s.values("Initial_DataCollection_AverageReturn", s.iterations[0])[0]
            names = ("task", "expert data", "episodes", "transitions", "mean return")
            rows[key] = dict(zip(names, (s.task, path.name, *size, f"{mean:.1f}"), strict=True))
    return list(rows.values())


def result_rows(series: Sequence[Series]) -> Iterator[dict[str, str]]:
    """Yield a table row for each series; all series are of one method on one task."""
    labels = series_names(series, ("eval_batch_size", "num_agent_train_steps_per_iter"))
    short = [re.sub(r" \w+=default( \(SHA-256 \w+\))?", "", label) for label in labels]
    if len(
        {(s.gradient_steps, s.config.eval_batch_size, label) for s, label in zip(series, short, strict=True)}
    ) == len(labels):
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
