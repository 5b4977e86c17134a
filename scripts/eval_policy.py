"""Roll out a policy that run_hw1.py saved with --save_params, print its returns, and film it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import _checkout  # noqa: F401
from tyro.conf import arg

from cs285.command_line import check_at_least, parse, run
from cs285.data.whole_files import check_writable
from cs285.envs.mujoco_py_backend import hand_over
from cs285.errors import InvalidInput

if TYPE_CHECKING:
    from cs285.policies.base_policy import BasePolicy


@dataclass(frozen=True)
class Settings:
    """Settings of an evaluation."""

    policy: Annotated[Path | None, arg(aliases=["-p"])] = None  # Policy_itr_<n>.pt in its run folder (needed)
    episodes: Annotated[int, arg(aliases=["-n"])] = 20  # Episodes to roll out
    ep_len: int | None = None  # Steps after which an episode is cut; None: as in the run
    seed: int = 1  # The one seed
    backend: Literal["mujoco", "mujoco_py"] | None = None
    """What a -v2 task runs on: the official bindings, or the original; None: as in the run."""
    video: Path | None = None  # MP4 file to write of the first episode; None: no video

    def __post_init__(self) -> None:
        check_at_least(1, self, "episodes", "ep_len")
        check_at_least(0, self, "seed")
        if self.policy is None:
            raise InvalidInput("--policy is missing; give the policy_itr_<n>.pt to evaluate")
        if self.video is not None and (
            self.video.suffix != ".mp4" or self.video.exists() or not self.video.parent.is_dir()
        ):
            raise InvalidInput(f"--video is {self.video}; it must be a new file in a folder, and end in .mp4")


def main() -> None:
    """Evaluate, print one line for each episode and one for all, and write the video."""
    settings = parse(Settings, __doc__ or "")
    assert settings.policy is not None
    from cs285.infrastructure.metrics import return_statistics
    from cs285.infrastructure.seeding import Stream, episode_seeds
    from cs285.infrastructure.utils import sample_n_trajectories
    from cs285.policies.saved_policy import load_run_config, load_run_policy

    hand_over(settings.backend or load_run_config(settings.policy.parent).backend)
    if settings.video is not None:
        check_writable(settings.video)  # now rather than after the rollouts
    policy, env, spec = load_run_policy(settings.policy, settings.ep_len, backend=settings.backend)
    seeds = episode_seeds(settings.seed, Stream.EVALUATION, itr=0)
    trajectories = sample_n_trajectories(env, spec, policy, settings.episodes, seeds)
    for number, trajectory in enumerate(trajectories):
        print(f"episode {number}: return {trajectory.total_reward:.1f}, {len(trajectory)} steps")
    statistics = return_statistics(trajectories, "Eval")
    print(
        f"{settings.policy}: return {statistics['Eval_AverageReturn']:.1f} ± {statistics['Eval_StdReturn']:.1f}, "
        f"from {statistics['Eval_MinReturn']:.1f} to {statistics['Eval_MaxReturn']:.1f}, "
        f"over {settings.episodes} episodes"
    )
    if settings.video is not None:
        write_video(settings, settings.video, policy, next(episode_seeds(settings.seed, Stream.EVALUATION, itr=0)))


def write_video(settings: Settings, path: Path, policy: BasePolicy, seed: int) -> None:
    """Film an episode; where nothing renders, say so and go on."""
    from cs285.envs.make_env import RenderingUnavailable, check_rendering
    from cs285.infrastructure.films import film
    from cs285.policies.saved_policy import load_run_config

    assert settings.policy is not None
    config = load_run_config(settings.policy.parent)
    backend = settings.backend or config.backend
    try:
        check_rendering(config.env_name, backend)
    except RenderingUnavailable as error:
        print(f"going on without a video: {error}", file=sys.stderr)
        return
    film(path, config.env_name, policy, [seed], settings.ep_len or config.ep_len, backend)
    print(f"wrote {path}")


if __name__ == "__main__":
    run(main)
