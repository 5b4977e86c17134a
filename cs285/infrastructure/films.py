"""Films of a policy at work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PIL import Image

from cs285.envs.make_env import RenderingUnavailable, make_env
from cs285.envs.v2_tasks import Backend
from cs285.infrastructure.utils import sample_trajectory
from cs285.infrastructure.video import VideoWriter
from cs285.policies.base_policy import BasePolicy


def film(
    path: Path,
    env_name: str,
    policy: BasePolicy,
    seeds: Sequence[int],
    ep_len: int | None = None,
    backend: Backend = "mujoco",
) -> list[Image.Image]:
    """Roll out episodes and write a video of them, one after the other.

    Args:
        path: the MP4 to write; it appears when it is whole.
        env_name: the environment's id.
        policy: chooses the actions.
        seeds: of the episodes; the same seeds and policy give the same episodes as without a film.
        ep_len: cut episodes after so many steps; None: at the environment's limit.
        backend: the bindings that a -v2 task runs on.

    Returns:
        Small pictures of the first few seconds.

    Raises:
        InvalidInput: when the environment can't be made.
    """
    env, spec = make_env(env_name, ep_len, render=True, backend=backend)
    policy = policy.frozen_copy()
    try:
        with VideoWriter(path, spec.video_fps) as video:
            for seed in seeds:
                sample_trajectory(env, spec, policy, seed, on_frame=video.add)
    finally:
        env.close()
    return video.clip


def can_render(check: Callable[[], None]) -> bool:
    """Whether a check of rendering passes; if not, this says what would mend it."""
    try:
        check()
    except RenderingUnavailable as error:
        print(f"going on without videos: {error}", flush=True)
        return False
    return True
