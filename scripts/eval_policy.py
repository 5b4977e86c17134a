"""Roll out a policy that run_hw1.py saved with --save_params, print its returns, and film it."""

from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

from _checkout import check_at_least, run
from tyro.conf import arg

from cs285.data.whole_files import check_writable
from cs285.envs.mujoco_py_backend import restart_in_mujoco_py_venv
from cs285.errors import InvalidInput


@dataclass(frozen=True)
class Settings:
    policy: Annotated[Path, arg(aliases=["-p"])]  # Saved policy, policy_itr_<n>.pt in its run folder, or the folder
    episodes: Annotated[int, arg(aliases=["-n"])] = 20  # Number of episodes
    env_name: Annotated[str | None, arg(aliases=["-env"])] = None
    """Environment. None: as in the run. If the run used module:id, give it here, so that the module may be imported."""
    ep_len: int | None = None  # Steps after which an episode is truncated. None: as in the run
    seed: int = 1  # Seed of the episodes
    video: Path | None = None  # New MP4 file for a video of the first episode. None: no video

    def __post_init__(self) -> None:
        check_at_least(1, self, "episodes", "ep_len")
        check_at_least(0, self, "seed")
        if self.video is not None and (self.video.suffix != ".mp4" or self.video.exists()):
            raise InvalidInput(f"--video is {self.video}; it must be a new file that ends in .mp4")


def main(settings: Settings) -> None:
    from cs285.data.run_folders import saved_file
    from cs285.envs.make_env import check_rendering
    from cs285.experts.rollouts import roll_out
    from cs285.infrastructure.films import film
    from cs285.infrastructure.metrics import return_statistics
    from cs285.infrastructure.seeding import Stream, episode_seeds
    from cs285.policies.saved_policy import load_run_config

    policy = saved_file(settings.policy)
    config = load_run_config(policy.parent, settings.env_name)
    task: dict[str, Any] = {"backend": config.backend, "env_kwargs": config.env_kwargs}
    ep_len, films = settings.ep_len or config.ep_len, settings.video is not None
    restart_in_mujoco_py_venv(config.backend)
    if settings.video is not None:
        check_writable(settings.video)  # so that a wrong path is refused before the rollouts
    seeds = list(islice(episode_seeds(settings.seed, Stream.EVALUATION, itr=0), settings.episodes))
    paths, actor, _ = roll_out(
        policy, config.env_name, settings.episodes, iter(seeds), ep_len=ep_len, films=films, **task
    )
    for number, path in enumerate(paths):
        print(f"episode {number}: return {path.total_reward:.1f}, {len(path)} steps")
    summary = "return {R_AverageReturn:.1f} ± {R_StdReturn:.1f}, from {R_MinReturn:.1f} to {R_MaxReturn:.1f}"
    print(f"{settings.policy}: {summary.format(**return_statistics(paths, 'R'))}, over {len(paths)} episodes")
    if settings.video is not None:
        check_rendering(config.env_name, **task)
        film(settings.video, config.env_name, actor, seeds[:1], ep_len, **task)
        print(f"wrote {settings.video}")


if __name__ == "__main__":
    run(main, Settings, __doc__)
