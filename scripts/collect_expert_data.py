"""Roll out an expert and write its episodes in the course's data format."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from _checkout import check_at_least, run
from tyro.conf import arg

from cs285.config import file_name
from cs285.data.whole_files import check_new

EXTENSIONS = {"course": ".pkl", "npz": ".npz", "minari": ""}


@dataclass(frozen=True)
class Settings:
    env_name: Annotated[str, arg(aliases=["-env"])] = "Ant-v5"  # Id of a registered Gymnasium environment.
    expert_policy_file: Annotated[Path | None, arg(aliases=["-epf"])] = None  # Expert file; None: the one that ships.
    episodes: Annotated[int, arg(aliases=["-n"])] = 2  # Episodes to record; the course's files hold 2.
    ep_len: int | None = None  # Step after which episodes are truncated; None: the environment's limit.
    noise: float = 0.0
    """Standard deviation of Gaussian noise in the actions that are executed, but not in those that are recorded (DART,
    Laskey et al. 2017), as a fraction of half the range of an action."""
    seed: int = 1  # Seed of the episodes and of the noise.
    format: Literal["course", "npz", "minari"] = "course"
    """course: a pickle. npz: an array for each of D4RL's names. minari: a folder, for --expert_data minari:<folder>."""
    output: Annotated[Path | None, arg(aliases=["-o"])] = None
    """New file or folder to write; None: expert_data/expert_data_<env_name>.pkl, or .npz, or without extension."""

    def __post_init__(self) -> None:
        check_at_least(1, self, "episodes", "ep_len")
        check_at_least(0, self, "seed", "noise")


def main(settings: Settings) -> None:
    name = f"expert_data_{file_name(settings.env_name)}{EXTENSIONS[settings.format]}"
    output = settings.output or Path("expert_data") / name
    check_new(output)
    import numpy as np

    from cs285.data import formats
    from cs285.data.expert_data import write_expert_data
    from cs285.experts.rollouts import record_episodes

    fields = {name: getattr(settings, name) for name in ("episodes", "noise", "seed", "ep_len")}
    trajectories = record_episodes(settings.env_name, settings.expert_policy_file, **fields)
    if settings.format == "minari":
        formats.write_minari(trajectories, output, settings.env_name)
    else:
        (formats.write_npz if settings.format == "npz" else write_expert_data)(trajectories, output)
    returns = [trajectory.total_reward for trajectory in trajectories]
    print(f"{output}: {settings.episodes} episodes, return {np.mean(returns):.1f} ± {np.std(returns):.1f}")


if __name__ == "__main__":
    run(main, Settings, __doc__)
