"""Reading and writing of recorded episodes as numpy archives in D4RL's layout, and as Minari data sets."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from cs285.data.trajectory import Array, Trajectory
from cs285.data.whole_files import check_budget, read_whole, reading, whole_file, whole_folder
from cs285.errors import InvalidInput

NAMES = {  # the course's name of each array, and the names that other libraries use
    "observation": ("observations", "obs"),
    "action": ("actions", "acts"),
    "reward": ("rewards",),
    "next_observation": ("next_observations", "next_obs"),
    "terminal": ("terminals", "terminations", "dones"),
    "timeout": ("timeouts", "truncations"),
}


def read_npz(path: Path) -> dict[str, Array]:
    """Read an archive's arrays with names in `NAMES`; raise InvalidInput if the archive is damaged or too large."""
    known = {name for group in NAMES.items() for name in (group[0], *group[1])}
    with reading(path, "a numpy archive"), np.load(path, allow_pickle=False) as archive:
        check_budget(path, (info.file_size for info in archive.zip.infolist()))
        arrays = {name: archive[name] for name in archive.files if name in known}
    if not arrays:
        raise InvalidInput(f"{path} has none of the arrays that docs/data.md names, but {archive.files!s:.200}")
    # `np.load` returns views of flat arrays, but `read_episodes` can only shorten arrays that own their memory.
    for name, array in arrays.items():
        if array.flags.c_contiguous and array.base is not None:
            arrays[name] = array.base
            arrays[name].resize(array.shape, refcheck=False)
    return arrays


def write_npz(trajectories: Sequence[Trajectory], path: Path) -> None:
    """Write all episodes, concatenated, as one array for each of D4RL's names; raise InvalidInput if that fails."""
    last = [np.arange(len(path)) == len(path) - 1 for path in trajectories]
    names = ("observations", "actions", "rewards", "next_observations")
    arrays: Any = {name: np.concatenate([getattr(path, name) for path in trajectories]) for name in names}
    for name, attribute in (("terminals", "terminated"), ("timeouts", "truncated")):
        arrays[name] = np.concatenate([end & getattr(p, attribute) for end, p in zip(last, trajectories, strict=True)])
    with whole_file(path) as file:
        np.savez(file, **arrays)


def minari_name(path: Path) -> str | None:
    """The id or folder in ``minari:<id or folder>``; None for any other path."""
    text = path.as_posix()
    return text.removeprefix("minari:") if text.startswith("minari:") else None


def minari_folder(name: str) -> Path:
    """Find the folder with the metadata.json of a Minari data set, given by path or id, or raise InvalidInput."""
    minari = import_minari()
    for folder in (Path(name), Path(name, "data"), minari.storage.datasets_root_dir.get_dataset_path(name) / "data"):
        if (folder / "metadata.json").is_file():
            return folder
    raise InvalidInput(f"minari:{name}: no such data set here; get it with: minari download {name}")


def read_minari(name: str) -> list[dict[str, Any]]:
    """Read the episodes of a Minari data set, given its path or id, as dicts of arrays with the course's names.

    Observations from a space other than a Box are flattened to vectors. Modules that the data set names are not
    imported. Raises InvalidInput when the data set can't be read.
    """
    minari, folder = import_minari(), minari_folder(name)
    with reading(f"minari:{name}", "a Minari data set"):
        metadata = json.loads(read_whole(folder / "metadata.json"))
        if not {"observation_space", "action_space"} <= metadata.keys():
            raise InvalidInput("it has no observation_space and action_space in metadata.json")
        data = minari.MinariDataset(folder)
        return [
            {
                "observation": _flatten(data.observation_space, episode.observations),
                "action": episode.actions,
                "reward": episode.rewards,
                "terminal": episode.terminations,
                "timeout": episode.truncations,
            }
            for episode in data.iterate_episodes()
        ]


def _flatten(space: Any, values: Any) -> Array:
    """Convert N values of a space to an array: (N, *shape) for a Box, else (N, n) as by `gymnasium.spaces.flatten`."""
    if isinstance(space, gym.spaces.Box):
        return np.asarray(values)
    batches = gym.vector.utils.batch_space(space)
    flat: Any = [gym.spaces.flatten(space, value) for value in gym.vector.utils.iterate(batches, values)]
    return np.stack(flat)


def write_minari(trajectories: Sequence[Trajectory], path: Path, env_name: str) -> None:
    """Write a Minari data set into a new folder, to be read as ``minari:<path>``; raise InvalidInput if that fails."""
    minari, first, path = import_minari(), trajectories[0], path.absolute()
    if not all(trajectory.is_chain for trajectory in trajectories):
        raise InvalidInput("in a Minari data set, the next observation must be the observation of the following step")
    observations = _space(first.observations)
    actions = gym.spaces.Discrete(1 + max(int(t.actions.max()) for t in trajectories)) if first.discrete else None
    with whole_folder(path) as unfinished:
        (unfinished / "data").mkdir()
        storage = minari.dataset.minari_storage.MinariStorage.new(
            unfinished / "data", observations, actions or _space(first.actions), jpeg_encoding=False
        )
        storage.update_metadata({"dataset_id": path.name, "minari_version": minari.__version__, "env_name": env_name})
        storage.update_episodes(
            minari.data_collector.EpisodeBuffer(
                id=number,
                observations=trajectory.states,
                actions=trajectory.actions,
                rewards=trajectory.rewards,
                terminations=trajectory.terminals,
                truncations=(np.arange(len(trajectory)) == len(trajectory) - 1) & trajectory.truncated,
            )
            for number, trajectory in enumerate(trajectories)
        )


def _space(rows: Array) -> gym.spaces.Box:
    info = np.iinfo(rows.dtype) if rows.dtype.kind in "iu" else None
    low, high = (info.min, info.max) if info else (-np.inf, np.inf)
    return gym.spaces.Box(low, high, rows.shape[1:], rows.dtype.type)


def import_minari() -> Any:
    """Import Minari, an optional dependency; raise InvalidInput, with the missing package's name, if that fails."""
    try:
        import minari
        import minari.storage.datasets_root_dir
    except ImportError as error:
        raise InvalidInput(f"Minari data sets need {error.name}: pip install 'minari[hdf5]'") from error
    return minari
