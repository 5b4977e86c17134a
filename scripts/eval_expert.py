"""Roll out experts and compare their returns with those in their cards."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from _checkout import check_at_least, run
from tyro.conf import arg

from cs285.data.shipped import shipped_expert, shipped_tasks
from cs285.envs.mujoco_py_backend import restart_in_mujoco_py_venv
from cs285.errors import InvalidInput


@dataclass(frozen=True)
class Settings:
    expert_policy_file: Annotated[Path | None, arg(aliases=["-epf"])] = None  # One expert; None: all that ship.
    env_name: Annotated[str | None, arg(aliases=["-env"])] = None  # Task of that expert; None: the file's name.
    episodes: Annotated[int | None, arg(aliases=["-n"])] = None  # Episodes of each expert; None: as in its card, or 50.
    backend: Literal["mujoco", "mujoco_py"] = "mujoco"  # MuJoCo bindings of -v2 tasks (see docs/v2.md).

    def __post_init__(self) -> None:
        check_at_least(2, self, "episodes")
        if self.env_name is not None and self.expert_policy_file is None:
            raise InvalidInput("--env_name is the task of one expert; name the expert with --expert_policy_file")


def main(settings: Settings) -> None:
    restart_in_mujoco_py_venv(settings.backend)
    from cs285.experts.rollouts import evaluate_expert, read_card

    one, different = settings.expert_policy_file, []
    experts = [shipped_expert(task) or Path() for task in shipped_tasks()] if one is None else [one]
    row = "{:<16}{:>9}{:>8}{:>9}{:>9}{:>27}{:>7}{:>9}"
    print(row.format("task", "mean", "std", "min", "max", "IQM [95 % interval]", "early", "card"))
    for path in experts:
        task, content = settings.env_name or path.stem, read_card(path)
        card = content.get("evaluation", {}) if content.get("task", task) == task else {}
        result = evaluate_expert(path, task, settings.episodes or card.get("episodes", 50), backend=settings.backend)
        returns = [result[name] for name in ("mean", "std", "min", "max")]
        interval = f"{result['iqm']} [{result['iqm_95_low']}, {result['iqm_95_high']}]"
        print(row.format(task, *returns, interval, result["ended_early"], card.get("mean", "none")))
        if card:
            # The tolerance is 4 standard errors of the difference, plus 1 % for round-off in the physics.
            standard_error = math.hypot(*(each["std"] / math.sqrt(each["episodes"]) for each in (result, card)))
            if abs(result["mean"] - card["mean"]) > 4 * standard_error + 0.01 * abs(card["mean"]):
                different.append(str(path))
    if different:
        raise InvalidInput(f"returns differ from those on the card: {', '.join(different)}")


if __name__ == "__main__":
    run(main, Settings, __doc__)
