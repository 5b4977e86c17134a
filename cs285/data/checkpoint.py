"""Checkpoints: what a run needs to go on from its last complete iteration, without a bit's difference.

A run's folder holds them in ``checkpoint/``: ``state.npz``, which each new one replaces, and an
``added_<itr>.npz`` with the transitions that the run added to its data between two of them.
They are plain arrays and JSON; nothing in them can be run.
"""

from __future__ import annotations

import io
import json
import math
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from cs285.data.provenance import digest
from cs285.data.trajectory import Array, Trajectory
from cs285.data.whole_files import read_whole, whole_file
from cs285.errors import InvalidInput

FOLDER = "checkpoint"
FACTS = "facts"  # the array that holds the JSON


@dataclass(frozen=True)
class AgentState:
    """What an agent has learned and will draw next; its transitions are kept apart.

    Attributes:
        arrays: parameters and the optimiser's averages, by name.
        generator: the state of the numpy generator that draws batches, as numpy gives it.
    """

    arrays: Mapping[str, Array]
    generator: Mapping[str, Any]


@dataclass(frozen=True)
class LogState:
    """Where a run's logs stand.

    Attributes:
        sizes: in bytes, of the files that are appended to, by name.
        table: the SHA-256 of log.csv.
    """

    sizes: Mapping[str, int]
    table: str

    def __post_init__(self) -> None:
        if not all(_is_count(size) for size in self.sizes.values()) or type(self.table) is not str:
            raise ValueError("it does not say where the logs stand")


@dataclass(frozen=True)
class Checkpoint:
    """A run between two iterations.

    Attributes:
        settings: of the run that must stay as they are, as text.
        itr: the last complete iteration.
        total_envsteps: collected so far.
        seconds: the run took so far.
        unfinished: the scalars of iteration ``itr``, whose evaluation was under way; None: none was.
        log: where the logs stand.
        agent: what learned.
        added: the files that hold the run's own transitions, in order, and the SHA-256 of each.
    """

    settings: Mapping[str, str]
    itr: int
    total_envsteps: int
    seconds: float
    unfinished: Mapping[str, float] | None
    log: LogState
    agent: AgentState
    added: Mapping[str, str]

    def __post_init__(self) -> None:
        if not _is_count(self.itr) or not _is_count(self.total_envsteps):
            raise ValueError("a count is not a number from 0 up")
        if not all(re.fullmatch(r"added_\d+\.npz", name) for name in self.added):
            raise ValueError("it names a file that is no part of a checkpoint")
        if type(self.settings) is not dict or type(self.added) is not dict:
            raise ValueError("it does not say what the run was made of")
        if not all(type(x) in (int, float) for x in [self.seconds, *(self.unfinished or {}).values()]):
            raise ValueError("a scalar is not a number")
        if not 0 <= self.seconds < math.inf:
            raise ValueError("it took no time that there is")
        if not all(np.isfinite(array).all() for array in self.agent.arrays.values()):
            raise ValueError("it holds NaN or infinity")


def _is_count(number: object) -> bool:
    return type(number) is int and number >= 0


def has_checkpoint(run_dir: Path) -> bool:
    """Whether a run's folder holds a checkpoint."""
    return (run_dir / FOLDER / "state.npz").exists()


def save_checkpoint(run_dir: Path, checkpoint: Checkpoint, new: Sequence[Trajectory]) -> Checkpoint:
    """Write a checkpoint in place of the last one; one of the two is whole at any moment.

    Args:
        run_dir: the run's folder.
        checkpoint: where the run stands; ``added`` is that of the last checkpoint.
        new: the episodes that were added since the last one, without the expert's own.

    Returns:
        It as it was written, with what ``new`` was written to.

    Raises:
        InvalidInput: when it can't be written.
    """
    folder = run_dir / FOLDER
    if new:
        path = folder / f"added_{checkpoint.itr}.npz"
        _write_arrays(path, _transitions(new))
        checkpoint = replace(checkpoint, added={**checkpoint.added, path.name: digest(path)})
    facts = {**vars(checkpoint), "log": asdict(checkpoint.log), "agent": checkpoint.agent.generator}
    text = np.frombuffer(json.dumps(facts).encode(), np.uint8)
    _write_arrays(folder / "state.npz", {**checkpoint.agent.arrays, FACTS: text})
    return checkpoint


def load_checkpoint(run_dir: Path) -> tuple[Checkpoint, list[list[Trajectory]]]:
    """Read the checkpoint of a run.

    Returns:
        It, and the episodes that each of ``added`` brought, truncated wherever they did not terminate.

    Raises:
        InvalidInput: when there is none, it can't be read or is not whole, or a file in it was not written with it.
    """
    path = run_dir / FOLDER / "state.npz"
    if not has_checkpoint(run_dir):
        raise InvalidInput(
            f"{run_dir} has no checkpoint to resume from; runs without --do_dagger, with several --seeds or with "
            "--checkpoint_freq -1 write none, others when their first iteration is complete"
        )
    arrays = read_arrays(path)
    try:
        facts = json.loads(arrays.pop(FACTS).astype(np.uint8).tobytes())
        parts = {"log": LogState(**facts["log"]), "agent": AgentState(arrays, facts["agent"])}
        checkpoint = Checkpoint(**{**facts, **parts})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InvalidInput(f"{path} is not a checkpoint of a run, or of another version: {error!r:.200}") from error
    return checkpoint, [_episodes(path.with_name(name), written) for name, written in checkpoint.added.items()]


def _transitions(paths: Sequence[Trajectory]) -> dict[str, Array]:
    names = ("observations", "actions", "rewards", "next_observations")
    return {
        **{name: np.concatenate([getattr(path, name) for path in paths]) for name in names},
        "lengths": np.array([len(path) for path in paths]),
        "terminated": np.array([path.terminated for path in paths]),
    }


def _episodes(path: Path, written: str) -> list[Trajectory]:
    arrays = read_arrays(path)
    try:
        lengths, terminated = arrays.pop("lengths"), arrays.pop("terminated")
        if {len(array) for array in arrays.values()} != {int(lengths.sum())} or lengths.min() < 1:
            raise ValueError("its arrays have different lengths")
        if not all(np.isfinite(array).all() for array in arrays.values()):
            raise ValueError("it holds NaN or infinity")
        pieces = {name: np.split(array, np.cumsum(lengths)[:-1]) for name, array in arrays.items()}
        episodes = [
            Trajectory(
                **{name: parts[n] for name, parts in pieces.items()}, terminated=bool(over), truncated=not bool(over)
            )
            for n, over in enumerate(terminated)
        ]
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise InvalidInput(f"{path} does not hold the transitions of a run: {error!r:.200}") from error
    if digest(path) != written:
        raise InvalidInput(f"{path} was not written with the run's checkpoint: it was changed, or is another run's")
    return episodes


def _write_arrays(path: Path, arrays: Mapping[str, Array]) -> None:
    with whole_file(path) as file:
        np.savez(file, **dict[str, Any](arrays))


def read_arrays(path: Path) -> dict[str, Array]:
    """Read an uncompressed .npz of plain numbers, taking no more memory than a few times the file's size.

    Raises:
        InvalidInput: when it can't be read, is damaged, or holds something else.
    """
    content = read_whole(path)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            if any(member.compress_type != zipfile.ZIP_STORED for member in members):
                raise InvalidInput("it is compressed")
            if sum(member.file_size for member in members) > len(content):
                raise InvalidInput("it claims to hold more than its own size")
            return {member.filename.removesuffix(".npy"): _read_array(archive.read(member)) for member in members}
    except OSError as error:
        raise InvalidInput(f"can't read {path}: {error.strerror or error}") from error
    except InvalidInput as error:
        raise InvalidInput(f"{path} is refused: {error}") from error
    except Exception as error:  # a broken archive can raise nearly anything
        raise InvalidInput(f"{path} is not whole: {type(error).__name__}: {error!s:.200}") from error


def _read_array(content: bytes) -> Array:
    array: Array = np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
    if array.dtype.kind not in "fiub":
        raise InvalidInput("an array in it is not made of plain numbers")
    return array
