"""The task ``image_task:Chase-v0``, with image observations: a hollow square must be moved to a filled square."""

from typing import Any

import gymnasium as gym
import numpy as np

SIZE, SPEED, REACH = 24, 2, 3  # in pixels: image width, motion per step, distance at which the target is reached
FILLED = np.full((3, 3), 255, np.uint8)  # pixels of the target
HOLLOW = np.array([[255, 255, 255], [255, 0, 255], [255, 255, 255]], np.uint8)  # pixels of the agent


class Chase(gym.Env[Any, Any]):
    """Observations are (24, 24, 1) uint8. Actions are (2,) in [-1, 1]: the motion down and to the right.

    A step that reaches the target has the reward 1, and makes a new target appear. Every other step has the reward 0.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 10}  # noqa: RUF012 - Gymnasium's name
    observation_space = gym.spaces.Box(0, 255, (SIZE, SIZE, 1), np.uint8)
    action_space = gym.spaces.Box(-1.0, 1.0, (2,))

    def __init__(self, render_mode: str | None = None) -> None:
        self.render_mode = render_mode

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin an episode at a random place."""
        super().reset(seed=seed)
        self.agent = self.target = self.np_random.integers(1, SIZE - 1, 2)
        return self._observe(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Move by up to two pixels along each axis."""
        self.agent = np.clip(self.agent + np.rint(SPEED * np.clip(action, -1, 1)).astype(int), 1, SIZE - 2)
        reached = self._is_near()
        return self._observe(), float(reached), False, False, {}

    def render(self) -> Any:
        """A frame, (192, 192, 3) uint8."""
        return self._observe().repeat(8, axis=0).repeat(8, axis=1).repeat(3, axis=2)

    def _is_near(self) -> bool:
        return bool(np.abs(self.agent - self.target).max() <= REACH)

    def _observe(self) -> Any:
        while self._is_near():  # a new target is drawn, so that the two squares never overlap
            self.target = self.np_random.integers(1, SIZE - 1, 2)
        image = np.zeros((SIZE, SIZE, 1), np.uint8)
        for (row, column), shape in ((self.target, FILLED), (self.agent, HOLLOW)):
            image[row - 1 : row + 2, column - 1 : column + 2, 0] = shape
        return image


def expert(observations: Any) -> Any:
    """The expert: for images (N, 24, 24, 1), the actions (N, 2) that lead straight to the target."""
    windows = np.lib.stride_tricks.sliding_window_view(observations[..., 0], (3, 3), axis=(1, 2))
    target, agent = (np.argwhere((windows == shape).all(axis=(3, 4)))[:, 1:] for shape in (FILLED, HOLLOW))
    return np.clip((target - agent) / SPEED, -1, 1)


gym.register("Chase-v0", Chase, max_episode_steps=40)
