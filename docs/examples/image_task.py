"""A task with image observations: move to the hollow square's filled twin, wherever it is drawn.

Use it as ``--env_name image_task:Chase-v0`` with this folder as the current one.
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

SIZE, SPEED, REACH = 24, 2, 3
FILLED = np.full((3, 3), 255, np.uint8)  # the target
HOLLOW = np.array([[255, 255, 255], [255, 0, 255], [255, 255, 255]], np.uint8)  # the agent


class Chase(gym.Env[Any, Any]):
    """Observations (24, 24, 1) uint8, actions (2,) in [-1, 1]: rows and columns. Reward 1 for each target reached."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 10}  # noqa: RUF012 - Gymnasium's name

    def __init__(self, render_mode: str | None = None) -> None:
        self.render_mode = render_mode
        self.observation_space = gym.spaces.Box(0, 255, (SIZE, SIZE, 1), np.uint8)
        self.action_space = gym.spaces.Box(-1.0, 1.0, (2,))

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.agent = self.np_random.integers(1, SIZE - 1, 2)
        self._draw_target()
        return self._image(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        move = np.rint(SPEED * np.clip(action, -1, 1)).astype(int)
        self.agent = np.clip(self.agent + move, 1, SIZE - 2)
        reached = self._distance() <= REACH
        if reached:
            self._draw_target()
        return self._image(), float(reached), False, False, {}

    def render(self) -> npt.NDArray[np.uint8]:
        return self._image().repeat(8, axis=0).repeat(8, axis=1).repeat(3, axis=2)

    def _distance(self) -> int:
        return int(np.abs(self.agent - self.target).max())

    def _draw_target(self) -> None:
        self.target = self.agent
        while self._distance() <= REACH:
            self.target = self.np_random.integers(1, SIZE - 1, 2)

    def _image(self) -> npt.NDArray[np.uint8]:
        image = np.zeros((SIZE, SIZE, 1), np.uint8)
        for (row, column), shape in ((self.target, FILLED), (self.agent, HOLLOW)):
            image[row - 1 : row + 2, column - 1 : column + 2, 0] = shape
        return image


def expert(observations: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """The scripted expert: (N, 24, 24, 1) images to (N, 2) actions, straight to the target."""
    windows = np.lib.stride_tricks.sliding_window_view(observations[..., 0], (3, 3), axis=(1, 2))
    target, agent = (
        np.argwhere((windows == shape).all(axis=(3, 4)))[:, 1:] for shape in (FILLED, HOLLOW)
    )  # one of each in every image
    return np.clip((target - agent) / SPEED, -1, 1).astype(np.float32)


gym.register("Chase-v0", Chase, max_episode_steps=40)
