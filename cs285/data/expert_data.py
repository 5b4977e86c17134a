"""Reading of recorded expert episodes in all known layouts, and writing in the course's layout."""

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cs285.data.episodes import read_episodes
from cs285.data.file_kinds import NPZ, PICKLE, SB3_ZIP, TORCH_FILE, kind_of
from cs285.data.formats import minari_name, read_minari, read_npz
from cs285.data.portable import write_pickle
from cs285.data.restricted_pickle import load_pickle
from cs285.data.trajectory import Array, Trajectory
from cs285.errors import InvalidInput


def load_expert_data(path: Path, time_limit: int | None = None, discrete: bool | None = None) -> list[Trajectory]:
    """Read recorded episodes; raise InvalidInput for other content, or for numbers that are not finite.

    Args:
        path: a pickle or an ``.npz`` in one of the layouts of docs/data.md, or ``minari:<id or folder>``.
        time_limit: time limit of the task in steps. In data without ``timeout``, an episode of this length counts as
            truncated, even where ``terminal`` marks its end.
        discrete: whether the task's actions are discrete; None: as in `read_episodes`.
    """
    contents: Any
    if (name := minari_name(path)) is not None:
        contents = read_minari(name)
    elif (kind := kind_of(path)) == NPZ:
        contents = [read_npz(path)]
    elif kind == PICKLE:
        contents = load_pickle(path)
    else:
        swapped = ", an expert, not expert data: were the two flags swapped?" if kind in (SB3_ZIP, TORCH_FILE) else ""
        raise InvalidInput(f"{path} is {kind}{swapped or ', not recorded episodes'}")
    if isinstance(contents, dict) and "GaussianPolicy" in contents:
        raise InvalidInput(f"{path} is an expert (--expert_policy_file), not expert data: were the two flags swapped?")
    contents = [contents] if isinstance(contents, dict) else contents
    if not isinstance(contents, list) or not contents:
        kind = "an empty list" if contents == [] else f"a {type(contents).__name__}"
        raise InvalidInput(f"{path} is {kind}, not a list of at least one recorded episode")
    trajectories: list[Trajectory] = []
    for number in range(len(contents)):  # an item of the list is released before the next one is read
        content, contents[number] = contents[number], None
        trajectories += read_episodes(content, f"{path}, episode {number}", time_limit, discrete)
    if len({(t.observations[0].shape, t.observations.dtype, t.actions[0].shape, t.discrete) for t in trajectories}) > 1:
        raise InvalidInput(f"{path}: its episodes have different sizes or dtypes of observations or actions")
    return trajectories


def write_expert_data(trajectories: Sequence[Trajectory], path: Path) -> None:
    """Write episodes in the course's fall 2020 layout; raise InvalidInput if the file can't be written."""
    episodes = []
    for trajectory in trajectories:
        episode: dict[str, Any] = {
            "observation": trajectory.observations,
            "image_obs": np.zeros(0, np.uint8),
            "reward": trajectory.rewards,
            "action": trajectory.actions,
            "next_observation": trajectory.next_observations,
            # The course's files mark the last step of each episode as terminal, even if a time limit ended the episode.
            "terminal": np.float32(np.arange(len(trajectory)) == len(trajectory) - 1),
        }
        if trajectory.is_chain:
            states = trajectory.states
            # The pickle has the array of states once. Observations and next observations are slices of this array.
            episode |= {"observation": _Part(states, slice(0, -1)), "next_observation": _Part(states, slice(1, None))}
        episodes.append(episode)
    write_pickle(episodes, path)


@dataclass(frozen=True)
class _Part:
    """A slice of an array; a pickle with several slices of one array has the array only once."""

    array: Array
    part: slice

    def __reduce__(self) -> tuple[Any, tuple[Array, slice]]:
        return operator.getitem, (self.array, self.part)
