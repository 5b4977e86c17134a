"""The only place that opens other people's files, and the one that writes files like them.

A pickle is a program. The unpickler here knows a few names, all of them stand-ins that
record what an array is made of; the arrays are built afterwards, once their sizes have been
checked against the bytes that are really there.
"""

from __future__ import annotations

import io
import os
import pickle
import pickletools
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cs285.errors import InvalidInput
from cs285.infrastructure.trajectory import Array, Trajectory

MAX_DEPTH = 50
PICKLE_PROTOCOL = 2  # read by every Python since 2.3, so by every edition of the course's code
REQUIRED_KEYS = ("observation", "action", "reward", "next_observation", "terminal")


class _Dtype:
    """Stands for a numpy dtype of plain numbers."""

    def __init__(self, spec: object, align: object = False, copy: object = True) -> None:
        if not isinstance(spec, str) or len(spec) > 4 or spec.lstrip("<>|=")[:1] not in tuple("fiub?"):
            raise InvalidInput(f"arrays of dtype {spec!r} are not plain numbers")
        self.dtype = np.dtype(spec)

    def __setstate__(self, state: object) -> None:
        if isinstance(state, tuple) and len(state) > 1 and state[1] in ("<", ">", "|", "="):
            self.dtype = self.dtype.newbyteorder(state[1])
            return
        raise InvalidInput(f"a dtype in the file has the state {state!r:.60}")


class _Array:
    """Stands for a numpy array until its size has been checked."""

    def __init__(self, *ignored: object) -> None:
        self.value: Array | None = None

    def __setstate__(self, state: object) -> None:
        if not isinstance(state, tuple) or len(state) != 5:
            raise InvalidInput("an array in the file is not whole")
        _, shape, dtype, fortran_order, content = state
        self.value = _build_array(content, dtype, shape, "F" if fortran_order else "C")


def _array_from_buffer(content: object, dtype: object, shape: object, order: object) -> _Array:
    """Stand-in for numpy's _frombuffer, which protocol 5 uses."""
    array = _Array()
    array.value = _build_array(content, dtype, shape, order)
    return array


def _scalar(dtype: object, content: object) -> _Array:
    """Stand-in for numpy's scalar; it gives an array of no dimensions."""
    return _array_from_buffer(content, dtype, (), "C")


def _build_array(content: object, dtype: object, shape: object, order: object) -> Array:
    if not isinstance(dtype, _Dtype) or not isinstance(shape, tuple) or order not in ("C", "F"):
        raise InvalidInput("an array in the file is not whole")
    if isinstance(content, str):
        content = content.encode("latin1")
    if not isinstance(content, bytes | bytearray):
        raise InvalidInput("an array in the file is not made of plain numbers")
    if not all(type(n) is int and n >= 0 for n in shape) or len(shape) > 8:
        raise InvalidInput(f"an array in the file has the shape {shape!r:.60}")
    expected = dtype.dtype.itemsize
    for n in shape:
        expected *= n
    if expected != len(content):
        raise InvalidInput(f"an array in the file should have {expected:.3g} bytes and has {len(content)}")
    array = np.frombuffer(bytearray(content), dtype.dtype)
    return array.reshape(shape, order="C" if order == "C" else "F").astype(dtype.dtype.newbyteorder("="))


def _encode(text: object, encoding: object = "latin1") -> bytes:
    """Stand-in for _codecs.encode, which is how old protocols write bytes."""
    if not isinstance(text, str) or encoding != "latin1":
        raise InvalidInput("the file encodes something other than bytes")
    return text.encode("latin1")


def _no_bytes(*arguments: object) -> bytes:
    """Stand-in for the call of bytes that protocol 2 writes for empty ones."""
    if arguments:
        raise InvalidInput("the file calls bytes with arguments")
    return b""


_ALLOWED: Mapping[tuple[str, str], Any] = {
    ("numpy", "dtype"): _Dtype,
    ("numpy", "ndarray"): "ndarray",
    ("_codecs", "encode"): _encode,
    ("__builtin__", "bytes"): _no_bytes,
    **{
        (f"numpy.{core}.{module}", name): stand_in
        for core in ("core", "_core")
        for module, name, stand_in in (
            ("multiarray", "_reconstruct", _Array),
            ("multiarray", "scalar", _scalar),
            ("numeric", "_frombuffer", _array_from_buffer),
        )
    },
}


class _RestrictedUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise InvalidInput(f"it names {module}.{name}; only numpy arrays and plain containers are read")
        return _ALLOWED[module, name]


def load_pickle(path: Path) -> Any:
    """Read a pickle of numpy arrays and plain containers, running nothing of it.

    Args:
        path: a pickle of any protocol, written by Python 2 or 3.

    Returns:
        What was pickled: dicts, lists, tuples, strings, numbers and arrays of numbers in the
        machine's byte order.

    Raises:
        InvalidInput: when the file can't be read, is no pickle, is cut short, or names anything
            but numpy's constructors; the message says which.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"can't read {path}: {error.strerror or error}") from error
    try:
        loaded = _RestrictedUnpickler(io.BytesIO(content), encoding="latin1").load()
        return _plain(loaded, depth=0)
    except InvalidInput as error:
        raise InvalidInput(f"{path} is refused: {error}") from error
    except Exception as error:  # a broken pickle can raise nearly anything
        raise InvalidInput(f"{path} is not a whole pickle: {type(error).__name__}: {error}") from error


def _plain(loaded: Any, depth: int) -> Any:
    """Put the arrays in the place of their stand-ins."""
    if depth > MAX_DEPTH:
        raise InvalidInput(f"containers are nested more than {MAX_DEPTH} deep")
    if isinstance(loaded, _Array):
        if loaded.value is None:
            raise InvalidInput("an array in the file is not whole")
        return loaded.value
    if isinstance(loaded, dict):
        return {key: _plain(value, depth + 1) for key, value in loaded.items()}
    if isinstance(loaded, list | tuple):
        return type(loaded)(_plain(value, depth + 1) for value in loaded)
    if loaded is None or isinstance(loaded, str | bytes | bool | int | float):
        return loaded
    raise InvalidInput(f"it holds a {type(loaded).__name__.lstrip('_')}")


def write_pickle(content: Any, path: Path) -> None:
    """Write arrays and plain containers so that any Python and numpy of the course's years reads them.

    The file appears whole or not at all.

    Raises:
        InvalidInput: when the file can't be written.
    """
    pickled = _with_names_of_numpy_1(pickle.dumps(content, protocol=PICKLE_PROTOCOL))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=path.name, delete=False) as file:
            file.write(pickled)
        os.chmod(file.name, 0o644)
        os.replace(file.name, path)
    except OSError as error:
        raise InvalidInput(f"can't write {path}: {error.strerror or error}") from error


def _with_names_of_numpy_1(pickled: bytes) -> bytes:
    """Rename numpy._core to numpy.core, which numpy 1 and 2 both know."""
    written, start = [], 0
    for opcode, argument, position in pickletools.genops(pickled):
        if opcode.name == "GLOBAL" and str(argument).startswith("numpy._core."):
            assert position is not None
            written.append(pickled[start:position] + b"cnumpy.core.")
            start = position + len(b"cnumpy._core.")
    return b"".join([*written, pickled[start:]])


def load_expert_data(path: Path, time_limit: int | None = None) -> list[Trajectory]:
    """Read recorded episodes in the layout of any edition of the course.

    Args:
        path: a pickled list of dicts of arrays ``observation`` (T, ob_dim), ``action``,
            ``reward``, ``next_observation`` and ``terminal``; ``image_obs`` is passed over.
        time_limit: the task's own, in steps. The files mark the end of every episode in
            ``terminal``; an episode of this length is taken as truncated.

    Raises:
        InvalidInput: when the file can't be read, or holds something else, or numbers that are
            not finite.
    """
    episodes = load_pickle(path)
    if not isinstance(episodes, list) or not episodes:
        raise InvalidInput(f"{path} does not hold a list of episodes but a {type(episodes).__name__}")
    trajectories = [_read_episode(episode, f"{path}, episode {n}", time_limit) for n, episode in enumerate(episodes)]
    sizes = {(t.observations.shape[1], t.actions.shape[1:], t.discrete) for t in trajectories}
    if len(sizes) > 1:
        raise InvalidInput(f"{path}: its episodes have different sizes of observations or actions")
    return trajectories


def _read_episode(episode: Any, where: str, time_limit: int | None) -> Trajectory:
    if not isinstance(episode, dict):
        raise InvalidInput(f"{where} is a {type(episode).__name__}, not a dict of arrays")
    arrays = {}
    for key in REQUIRED_KEYS:
        if not isinstance(episode.get(key), np.ndarray):
            raise InvalidInput(f"{where} has no array {key!r}; it needs {', '.join(REQUIRED_KEYS)}")
        if not np.isfinite(episode[key]).all():
            raise InvalidInput(f"{where}: {key} holds NaN or infinity")
        arrays[key] = episode[key]
    terminal = arrays["terminal"].reshape(-1).astype(bool)
    ended = bool(terminal.size and terminal[-1])
    truncated = not ended or len(terminal) == time_limit
    try:
        return Trajectory(
            observations=arrays["observation"].astype(np.float32),
            actions=_read_actions(arrays["action"]),
            rewards=arrays["reward"].astype(np.float32),
            next_observations=arrays["next_observation"].astype(np.float32),
            terminated=ended and not truncated,
            truncated=truncated,
        )
    except ValueError as error:
        raise InvalidInput(f"{where}: {error}") from error


def _read_actions(actions: Array) -> Array:
    """Discrete actions come as (T,) or (T, 1), of integers or of floats that are whole numbers."""
    if actions.ndim == 2 and actions.shape[1] == 1 and np.issubdtype(actions.dtype, np.integer):
        actions = actions[:, 0]
    if actions.ndim == 1 and np.array_equal(actions, np.round(actions)):
        return actions.astype(np.int64)
    return actions.astype(np.float32)


def write_expert_data(trajectories: Sequence[Trajectory], path: Path) -> None:
    """Write episodes in the layout of the course's fall 2020 edition.

    Raises:
        InvalidInput: when the file can't be written.
    """
    write_pickle([_course_layout(trajectory) for trajectory in trajectories], path)


def _course_layout(trajectory: Trajectory) -> dict[str, Array]:
    terminal = np.zeros(len(trajectory), np.float32)
    terminal[-1] = 1  # the course marks the end of every episode, whatever ended it
    return {
        "observation": trajectory.observations,
        "image_obs": np.zeros(0, np.uint8),
        "reward": trajectory.rewards,
        "action": trajectory.actions,
        "next_observation": trajectory.next_observations,
        "terminal": terminal,
    }
