"""Roll out experts and compare their returns with those in their cards."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import _checkout  # noqa: F401
from tyro.conf import arg

from cs285.command_line import check_at_least, parse, run
from cs285.data.shipped import PROJECT_ROOT
from cs285.envs.mujoco_py_backend import restart_in_mujoco_py_venv
from cs285.errors import InvalidInput


@dataclass(frozen=True)
class Settings:
    """Settings of a comparison."""

    expert_policy_file: Annotated[Path | None, arg(aliases=["-epf"])] = None
    """One expert, with its card beside it; None: all that ship."""
    env_name: Annotated[str | None, arg(aliases=["-env"])] = None
    """Task of that one expert; None: the name of its file."""
    episodes: Annotated[int | None, arg(aliases=["-n"])] = None
    """Episodes of each expert; None: as many as in its card, or 50."""
    backend: Literal["mujoco", "mujoco_py"] = "mujoco"
    """Bindings of the -v2 tasks: the official ones, or the original (scripts/install_mujoco_py.sh)."""

    def __post_init__(self) -> None:
        check_at_least(2, self, "episodes")
        if self.env_name is not None and self.expert_policy_file is None:
            raise InvalidInput("--env_name is the task of one expert; name it with --expert_policy_file")


def main() -> None:
    """Print a table row for each expert.

    Raises:
        InvalidInput: when a return differs from its card's by more than chance explains.
    """
    settings = parse(Settings, __doc__ or "")
    restart_in_mujoco_py_venv(settings.backend)
    folders = (root / "policies/experts" for root in (Path(), PROJECT_ROOT))
    shipped = next((found for folder in folders if (found := sorted(folder.glob("*.pkl")))), [])
    files = shipped if settings.expert_policy_file is None else [settings.expert_policy_file]
    if not files:
        raise InvalidInput("no experts ship with this installation; name one with --expert_policy_file")
    try:
        from cs285.experts.card import evaluate_expert, read_card
    except ImportError as error:
        raise InvalidInput(f"the statistics need {error.name}: pip install -e '.[experts]'") from error

    tasks = {path: settings.env_name or path.stem for path in files}
    cards = {path: read_card(path) for path in files}
    print(f"{'task':<16}{'mean':>9}{'std':>8}{'min':>9}{'max':>9}{'IQM [95 % interval]':>27}{'early':>7}{'card':>9}")
    different = []
    for path, task in tasks.items():
        card = cards[path].get("evaluation", {}) if cards[path].get("task", task) == task else {}
        result = evaluate_expert(path, task, settings.episodes or card.get("episodes", 50), backend=settings.backend)
        interval = f"{result['iqm']:.1f} [{result['iqm_95_low']:.1f}, {result['iqm_95_high']:.1f}]"
        print(
            f"{task:<16}{result['mean']:>9.1f}{result['std']:>8.1f}{result['min']:>9.1f}{result['max']:>9.1f}"
            f"{interval:>27}{result['ended_early']:>7}{card.get('mean', 'none'):>9}"
        )
        if card and not agrees(result, card):
            different.append(str(path))
    if different:
        raise InvalidInput(f"other returns than on the card: {', '.join(different)}")


def agrees(result: dict[str, Any], card: dict[str, Any]) -> bool:
    """Whether two means differ by at most 4 standard errors and 1 %, which allows for round-off in the physics."""
    standard_error = math.hypot(*(each["std"] / math.sqrt(each["episodes"]) for each in (result, card)))
    return bool(abs(result["mean"] - card["mean"]) <= 4 * standard_error + 0.01 * abs(card["mean"]))


if __name__ == "__main__":
    run(main)
