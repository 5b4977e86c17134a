"""Reading of recorded expert episodes in all known layouts, and writing in the course's layout."""

import operator
from collections.abc import Iterator, Sequence
from pathlib import Path
from reprlib import repr as short_repr
from typing import Any

import numpy as np

from cs285.data.formats import NAMES, minari_name, read_minari, read_npz
from cs285.data.restricted_pickle import load_pickle
from cs285.data.trajectory import Array, Trajectory
from cs285.data.whole_files import NPZ, PICKLE, kind_of, write_pickle
from cs285.errors import InvalidInput
from cs285.process import print_notice

MARK = "mark the ends of episodes in terminals or timeouts"


def load_expert_data(path: Path, time_limit: int | None = None, discrete: bool | None = None) -> list[Trajectory]:
    """Read recorded episodes; raise InvalidInput for other content, or for numbers that are not finite.

    Args:
        path: a pickle or an ``.npz`` in one of the layouts of docs/data.md, or ``minari:<id or folder>``.
        time_limit: time limit of the task in steps. In data without ``timeout``, an episode of this length counts as
            truncated, even where ``terminal`` marks its end.
        discrete: whether the task's actions are discrete. None: they count as discrete if they are a one-dimensional
            array of whole numbers, or a single column with an integer dtype.
    """
    contents: Any
    if (name := minari_name(path)) is not None:
        contents = read_minari(name)
    elif (kind := kind_of(path)) == NPZ:
        contents = [read_npz(path)]
    elif kind == PICKLE:
        contents = load_pickle(path)
    else:
        raise InvalidInput(f"{path} is {kind}, not recorded episodes")
    if isinstance(contents, dict) and "GaussianPolicy" in contents:
        raise InvalidInput(f"{path} is an expert (--expert_policy_file), not expert data: were the two flags swapped?")
    contents = [contents] if isinstance(contents, dict) else contents
    if not isinstance(contents, list) or not contents:
        raise InvalidInput(f"{path} has {short_repr(contents):.60}, not a list of at least one recorded episode")
    trajectories: list[Trajectory] = []
    for number in range(len(contents)):  # an item of the list is released before the next one is read
        content, contents[number] = contents[number], None
        trajectories += read_episodes(content, f"{path}, episode {number}", time_limit, discrete)
    if len({(t.observations[0].shape, t.observations.dtype, t.actions[0].shape, t.discrete) for t in trajectories}) > 1:
        raise InvalidInput(f"{path}: its episodes have different sizes or dtypes of observations or actions")
    return trajectories


def read_episodes(content: Any, where: str, time_limit: int | None, discrete: bool | None) -> list[Trajectory]:
    """Read the episodes in a dict of arrays or lists of numbers, and split them where ends of episodes are marked.

    Row t of each array belongs to step t. The arrays are shortened while they are read, to save memory. Missing rewards
    become 0, with a notice. If next observations are missing, each of them is the observation of the following step.
    After the last step of T, it is the (T + 1)-th observation or, if there are only T observations, the T-th. ``where``
    names the dict in messages. Raises InvalidInput for content that can't be read in this way.
    """
    if not isinstance(content, dict):
        raise InvalidInput(f"{where} is a {type(content).__name__}, not a dict of arrays")
    given: dict[str, Any] = {}
    for name, others in NAMES.items():
        present = [other for other in (name, *others) if other in content]
        if len(present) > 1:
            raise InvalidInput(f"{where} has both {present[0]!r} and {present[1]!r}")
        if present or name in ("observation", "action"):
            given[name] = _read_array(content.get(present[0]) if present else None, name, where)
    try:
        return list(_split(given, where, time_limit, discrete))[::-1]
    except ValueError as error:
        raise InvalidInput(f"{where}: {error}") from error


def _split(given: dict[str, Array], where: str, time_limit: int | None, discrete: bool | None) -> Iterator[Trajectory]:
    """Yield the episodes in reverse order; once an episode is copied, its rows are cut off from the arrays."""
    actions = _read_actions(given["action"], discrete)
    count, states, following = len(actions), given["observation"], given.get("next_observation")
    columns = {name: given.get(name, np.zeros(count)).reshape(-1) for name in ("reward", "terminal", "timeout")}
    for name, column in columns.items():
        if len(column) != count:
            raise ValueError(f"{name} has {len(column)} entries for {count} actions")
    ends = np.flatnonzero((columns["terminal"] != 0) | (columns["timeout"] != 0)) + 1
    starts = np.unique([0, *ends[ends < count]]).tolist()
    stops = [*starts[1:], count]
    if len(states) == count + 1:
        if (ends < count).any():
            raise ValueError(f"{count + 1} observations of several episodes; give {count}, and next observations")
        following = states[1:] if following is None else following
        states = states[:-1]
    if "reward" not in given:
        print_notice(f"{where.partition(', episode')[0]}: no rewards; returns of the expert's data are logged as 0")
    rewards = columns["reward"].astype(np.float32, copy=False)
    for start, stop in reversed([*zip(starts, stops, strict=True)]):
        part = slice(start, stop)
        truncated = not columns["terminal"][stop - 1] or ("timeout" not in given and stop - start == time_limit)
        before = states[part]
        after = before[-1:] if following is None else following[part]
        chained = following is None or (before.shape == after.shape and np.array_equal(before[1:], after[:-1]))
        if not chained and not ends.size and "reward" in given:
            raise ValueError(f"next observations differ from the observations that follow; {MARK}")
        # Rows with a marked end and next observations that fit are one episode, even if it exceeds the time limit.
        one_episode = stop in ends and chained and following is not None
        if time_limit is not None and stop - start > time_limit and not one_episode:
            if "reward" in given:
                raise ValueError(f"{stop - start} steps, and the task allows {time_limit}; {MARK}")
            print_notice(f"{where}: {stop - start} steps without rewards or marked ends are read as one episode")
        executed, earned = actions[part].copy(), rewards[part].copy()
        if chained:  # from T + 1 states, the trajectory stores each observation once
            states_of_episode = np.concatenate([before, after[-1:]])
            yield Trajectory.from_states(states_of_episode, executed, earned, not truncated, truncated)
        else:
            yield Trajectory(before.copy(), executed, earned, after.copy(), not truncated, truncated)
        del before, after
        for array in (states, following):  # release the rows of this episode, or the data would be in memory twice
            if array is not None and start and array.flags.owndata and array.flags.c_contiguous:
                array.resize((start, *array.shape[1:]), refcheck=False)


def _is_numeric(value: Any) -> bool:
    """Whether a value has only numbers; numpy must not read texts, since it pads each one to the longest."""
    if isinstance(value, list | tuple):
        return all(map(_is_numeric, value))
    return isinstance(value, float | int | np.ndarray | np.generic)


def _read_array(value: Any, name: str, where: str) -> Array:
    """Convert a value to an array (floats become float32); raise InvalidInput unless it has finite numbers only."""
    try:
        array = np.asarray(value if _is_numeric(value) else None)
    except (ValueError, OverflowError):  # numpy raises these errors, for example for rows of different lengths
        array = np.asarray(None)
    if array.ndim == 0 or array.size == 0 or array.dtype.kind not in "fiub":
        raise InvalidInput(f"{where} has no array {name!r} with a row of numbers for each step")
    if array.dtype.kind == "f":
        with np.errstate(over="ignore"):  # a number beyond float32's range becomes infinite, and is refused below
            array = array.astype(np.float32, copy=False)
        if not np.isfinite(array).all():
            raise InvalidInput(f"{where}: {name} holds NaN, infinity or numbers beyond float32")
    return array


def _read_actions(actions: Array, discrete: bool | None) -> Array:
    """Convert actions to (T, ac_dim) float32, or (T,) int64 if discrete; ValueError if choices are no whole numbers."""
    if actions.ndim == 3 and actions.shape[1] == 1:  # the course's files of 2018 have (T, 1, ac_dim)
        actions = actions[:, 0]
    column = actions.ndim == 2 and actions.shape[1] == 1
    if column and (discrete or (discrete is None and actions.dtype.kind in "iu")):
        actions = actions[:, 0]
    whole = actions.ndim == 1 and np.array_equal(actions, np.round(actions)) and np.abs(actions).max() < 2.0**63
    if discrete and actions.ndim == 1 and not whole:
        raise ValueError("the actions of the task are discrete, but these are not whole numbers")
    if discrete is False and actions.ndim == 1:
        actions = actions[:, None]
    return actions.astype(np.int64 if whole and discrete is not False else np.float32, copy=False)


def write_expert_data(trajectories: Sequence[Trajectory], path: Path) -> None:
    """Write episodes in the course's fall 2020 layout; raise InvalidInput if the file can't be written."""
    episodes = []
    for trajectory in trajectories:
        parts: tuple[Any, Any] = trajectory.observations, trajectory.next_observations
        if trajectory.is_chain:
            states = trajectory.states
            parts = _Part((states, slice(0, -1))), _Part((states, slice(1, None)))
        episode = {
            "observation": parts[0],
            "image_obs": np.zeros(0, np.uint8),
            "reward": trajectory.rewards,
            "action": trajectory.actions,
            "next_observation": parts[1],
            # The course's files mark the last step of each episode as terminal, even if a time limit ended the episode.
            "terminal": np.float32(np.arange(len(trajectory)) == len(trajectory) - 1),
        }
        episodes.append(episode)
    write_pickle(episodes, path)


class _Part(tuple[Array, slice]):
    """An array and a slice, pickled as this part of the array; a pickle with several parts has the array only once."""

    def __reduce__(self) -> Any:
        return operator.getitem, tuple(self)
