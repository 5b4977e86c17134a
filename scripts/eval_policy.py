"""Roll out a policy that run_hw1.py saved with --save_params, print its returns, and film it."""

from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Annotated, Literal

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
    backend: Literal["mujoco", "mujoco_py"] | None = None
    """MuJoCo bindings of a -v2 task: the official ones, or mujoco-py. None: as in the run."""
    video: Path | None = None  # New MP4 file for a video of the first episode. None: no video

    def __post_init__(self) -> None:
        check_at_least(1, self, "episodes", "ep_len")
        check_at_least(0, self, "seed")
        if self.video is not None and (self.video.suffix != ".mp4" or self.video.exists()):
            raise InvalidInput(f"--video is {self.video}; it must be a new file that ends in .mp4")


def main(settings: Settings) -> None:
    import numpy as np

    from cs285.infrastructure.metrics import return_statistics
    from cs285.infrastructure.rollout_workers import RolloutWorkers
    from cs285.infrastructure.seeding import Stream, episode_seeds
    from cs285.infrastructure.utils import sample_n_trajectories
    from cs285.policies.frozen_copy import frozen_copy
    from cs285.policies.saved_policy import load_run_config, load_run_policy

    run_dir = settings.policy if settings.policy.is_dir() else settings.policy.parent
    config = load_run_config(run_dir, settings.env_name)
    ep_len, backend = settings.ep_len or config.ep_len, settings.backend or config.backend
    restart_in_mujoco_py_venv(backend)
    if settings.video is not None:
        check_writable(settings.video)  # so that a wrong path is refused before the rollouts
    seeds = list(islice(episode_seeds(settings.seed, Stream.EVALUATION, itr=0), settings.episodes))
    policy, env, _ = load_run_policy(settings.policy, ep_len, backend, env_name=settings.env_name)
    frozen = frozen_copy(policy, np.stack([env.reset(seed=seed)[0] for seed in seeds[:2]]))
    env.close()
    films = settings.video is not None
    with RolloutWorkers(
        config.env_name, ep_len, None, backend, films, settings.episodes, config.env_kwargs
    ) as rollouts:
        paths = sample_n_trajectories(rollouts, frozen, settings.episodes, iter(seeds))
        for number, path in enumerate(paths):
            print(f"episode {number}: return {path.total_reward:.1f}, {len(path)} steps")
        summary = "return {R_AverageReturn:.1f} ± {R_StdReturn:.1f}, from {R_MinReturn:.1f} to {R_MaxReturn:.1f}"
        print(f"{settings.policy}: {summary.format(**return_statistics(paths, 'R'))}, over {len(paths)} episodes")
        if settings.video is not None and rollouts.can_render():
            rollouts.wait(rollouts.start_film(settings.video, frozen, seeds[:1]))
            print(f"wrote {settings.video}")


if __name__ == "__main__":
    run(main, Settings, __doc__)
