"""Roll out experts again and compare their returns with what their cards say."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import _checkout  # noqa: F401
from tyro.conf import arg

from cs285.command_line import check_at_least, parse, run
from cs285.data.shipped import PROJECT_ROOT
from cs285.data.whole_files import read_whole
from cs285.envs.mujoco_py_backend import hand_over
from cs285.errors import InvalidInput


@dataclass(frozen=True)
class Settings:
    """Settings of a comparison."""

    expert_policy_file: Annotated[Path | None, arg(aliases=["-epf"])] = None
    """One expert, its card beside it; None: all that ship."""
    env_name: Annotated[str | None, arg(aliases=["-env"])] = None  # The task of that one expert; None: its file's name
    episodes: Annotated[int | None, arg(aliases=["-n"])] = None  # Episodes of each; None: as many as the card reports
    backend: Literal["mujoco", "mujoco_py"] = "mujoco"
    """What -v2 tasks run on: the official bindings, or the original (scripts/install_mujoco_py.sh)."""

    def __post_init__(self) -> None:
        check_at_least(2, self, "episodes")
        if self.env_name is not None and self.expert_policy_file is None:
            raise InvalidInput("--env_name says the task of one expert; name it with --expert_policy_file")


def main() -> None:
    """Print a table row for each expert.

    Raises:
        InvalidInput: when a return differs from its card's by more than the episodes explain.
    """
    settings = parse(Settings, __doc__ or "")
    hand_over(settings.backend)
    if settings.expert_policy_file is not None:
        files = [settings.expert_policy_file]
    else:
        folders = [root / "policies" / "experts" for root in (Path(), PROJECT_ROOT)]
        files = next((found for folder in folders if (found := sorted(folder.glob("*.pkl")))), [])
    if not files:
        raise InvalidInput("no experts ship with this installation; name one with --expert_policy_file")
    from cs285.experts.card import evaluate_expert

    tasks = {path: settings.env_name or path.stem for path in files}
    cards = {path: read_card(path, env_name) for path, env_name in tasks.items()}
    print(f"{'task':<16}{'mean':>9}{'std':>8}{'min':>9}{'max':>9}{'IQM [95 % interval]':>27}{'early':>7}{'card':>9}")
    different = []
    for path, env_name in tasks.items():
        card = cards[path]
        episodes = settings.episodes or card.get("episodes", 50)
        result = evaluate_expert(path, env_name, episodes, backend=settings.backend)
        interval = f"{result['iqm']:.1f} [{result['iqm_95_low']:.1f}, {result['iqm_95_high']:.1f}]"
        print(
            f"{env_name:<16}{result['mean']:>9.1f}{result['std']:>8.1f}{result['min']:>9.1f}{result['max']:>9.1f}"
            f"{interval:>27}{result['ended_early']:>7}{card.get('mean', 'none'):>9}"
        )
        if card and not agrees(result, card):
            different.append(str(path))
    if different:
        raise InvalidInput(f"other returns than on the card: {', '.join(different)}")


def read_card(path: Path, env_name: str) -> dict[str, Any]:
    """The evaluation on an expert's card; empty when it has no card, or one for another task."""
    card = path.with_suffix(".json")
    if not card.exists():
        return {}
    text = read_whole(card)
    try:
        content = json.loads(text)
        evaluation: dict[str, Any] = content["evaluation"]
        for name in ("episodes", "mean", "std"):
            if type(evaluation[name]) not in (int, float) or not math.isfinite(evaluation[name]):
                raise ValueError(f"its {name} is {evaluation[name]!r:.40}, not a finite number")
        if type(evaluation["episodes"]) is not int or evaluation["episodes"] < 2:
            raise ValueError(f"its episodes are {evaluation['episodes']!r:.40}, not a number from 2 up")
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise InvalidInput(f"{card} is not the card of an expert: {error!r:.200}") from error
    return evaluation if content.get("task", env_name) == env_name else {}


def agrees(result: dict[str, Any], card: dict[str, Any]) -> bool:
    """Whether two means differ by less than 4 standard errors and 1 % (physics differ in round-off)."""
    standard_error = (result["std"] ** 2 / result["episodes"] + card["std"] ** 2 / card["episodes"]) ** 0.5
    return bool(abs(result["mean"] - card["mean"]) <= 4 * standard_error + 0.01 * abs(card["mean"]))


if __name__ == "__main__":
    run(main)
