"""Roll out experts or saved policies, print statistics of their returns, and compare experts with their cards."""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

from _checkout import check_at_least, run
from tyro.conf import arg

from cs285.config import Config
from cs285.data.run_folders import saved_file
from cs285.data.shipped import shipped_expert, shipped_tasks
from cs285.data.whole_files import check_writable
from cs285.envs.mujoco_py_backend import restart_in_mujoco_py_venv
from cs285.errors import InvalidInput


@dataclass(frozen=True)
class Settings:
    policy: Annotated[Path | None, arg(aliases=["-p", "--expert_policy_file", "-epf"])] = None
    """Expert, or saved policy: policy_itr_<n>.pt in its run folder, or the folder. None: all experts that ship."""
    env_name: Annotated[str | None, arg(aliases=["-env"])] = None
    """Task. None: as in the run, or the name of the expert's file. A run's module:id must be given here."""
    episodes: Annotated[int | None, arg(aliases=["-n"])] = None  # Number of episodes. None: as in the card, or 50.
    ep_len: int | None = None  # Steps after which an episode is truncated. None: as in the run.
    seed: int | None = None  # Seed of the episodes. None: as in the run, or as for the card.
    backend: Literal["mujoco", "mujoco_py"] | None = None
    """MuJoCo bindings of -v2 tasks (see docs/v2.md). None: as in the run, or mujoco."""
    video: Path | None = None  # New MP4 file for a video of the first episode. None: no video.

    def __post_init__(self) -> None:
        check_at_least(1, self, "episodes", "ep_len")
        check_at_least(0, self, "seed")
        if self.policy is None and (self.env_name or self.video):
            raise InvalidInput("--env_name and --video are for one policy; name it with --policy")
        if self.video is not None and (self.video.suffix != ".mp4" or self.video.exists()):
            raise InvalidInput(f"--video is {self.video}; it must be a new file that ends in .mp4")
        if self.video is not None:
            check_writable(self.video)


def main(settings: Settings) -> None:
    from cs285.experts.rollouts import evaluate_expert, read_card
    from cs285.policies.saved_policy import load_run_config

    policies = [settings.policy] if settings.policy else [shipped_expert(task) or Path() for task in shipped_tasks()]
    given = {name: vars(settings)[name] for name in ("ep_len", "seed", "backend") if vars(settings)[name] is not None}
    configs, task = {}, settings.env_name
    for path in map(saved_file, policies):
        in_run = path.suffix == ".pt"
        config = load_run_config(path.parent, task) if in_run else Config(env_name=task or path.stem, seed=0)
        configs[path] = replace(config, **given)
        restart_in_mujoco_py_venv(configs[path].backend)
    different = []
    row = "{:<16}{:>9}{:>8}{:>9}{:>9}{:>27}{:>7}{:>9}"
    print(row.format("task", "mean", "std", "min", "max", "IQM [95 % interval]", "early", "card"))
    for path, config in configs.items():
        content, task = read_card(path), config.env_name
        card = content.get("evaluation", {}) if content.get("task", task) == task else {}
        options = {name: getattr(config, name) for name in ("ep_len", "backend", "env_kwargs")}
        episodes = settings.episodes or card.get("episodes", 50)
        result = evaluate_expert(path, task, episodes, config.seed, video=settings.video, **options)
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
