"""Checkpoints of a run, and the checks before it resumes bit for bit.

In ``<run folder>/checkpoint``, ``state.npz`` is replaced atomically and ``added_<itr>.npz`` has new transitions only.
"""

from __future__ import annotations

import io
import json
import re
import sys
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from cs285.config import Config
from cs285.data.provenance import digest, versions
from cs285.data.run_folders import read_config, read_content
from cs285.data.trajectory import Array, Trajectory
from cs285.data.whole_files import read_whole, whole_file
from cs285.errors import InvalidInput

VERSION = 2  # of the format
# Settings that do not change what is computed; files are compared by their digests, and n_iter may only grow.
MAY_CHANGE = {"resume", "logdir", "num_workers", "which_gpu", "checkpoint_freq", "video_log_freq", "save_params"}
MAY_CHANGE |= {"expert_policy_file", "expert_data", "n_iter", "debug"}
MALFORMED = (ValueError, TypeError, LookupError, AttributeError, RuntimeError, ArithmeticError, InvalidInput)


class Checkpoints:
    """Writes and reads the checkpoints of one run folder."""

    def __init__(self, run_dir: Path) -> None:
        """Set the folder; nothing is read or written yet."""
        self._run_dir, self._folder, self._config = run_dir, run_dir / "checkpoint", run_dir / "config.json"
        self._loaded: tuple[int, dict[str, Any]] = (-1, {})  # iteration and settings of the checkpoint
        self._added: dict[str, str] = {}  # SHA-256 of each added_<itr>.npz, in the order of the iterations

    def exists(self) -> bool:
        """Whether the folder has a checkpoint."""
        return (self._folder / "state.npz").exists()

    def save(self, itr: int, state: Mapping[str, Any], new_paths: Sequence[Trajectory]) -> None:
        """Replace the checkpoint; a kill at any moment leaves either the last one or this one.

        Args:
            itr: last complete iteration.
            state: nested dicts, lists and tuples of tensors, arrays, numbers, strings and None, as in a `state_dict`.
            new_paths: episodes collected since the last checkpoint, without the expert's recorded ones.

        Raises:
            InvalidInput: when a value has another type (naming its path in the tree) or a file can't be written.
        """
        arrays: dict[str, Array] = {}
        tree = _encode(dict(state), arrays, "")
        if new_paths:
            path = self._folder / f"added_{itr}.npz"
            _write_arrays(path, _transitions(new_paths))
            self._added[path.name] = digest(path)
        settings = read_content(self._config)["settings"] if self._config.exists() else {}
        content = {"version": VERSION, "itr": itr, "settings": settings, "added": self._added, "state": tree}
        arrays["content"] = np.frombuffer(json.dumps(content).encode(), np.uint8)
        _write_arrays(self._folder / "state.npz", arrays)

    def load(self) -> tuple[int, dict[str, Any], list[Trajectory]]:
        """Read the last complete iteration, the state (tensors on the CPU; imports torch) and all collected episodes.

        Raises:
            InvalidInput: when there is no checkpoint, or a file is damaged, a link or not part of it.
        """
        if not self.exists():
            raise InvalidInput(
                f"{self._run_dir} has no checkpoint to resume from: it needs --do_dagger and an iteration"
            )
        path = own_file(self._run_dir, "checkpoint/state.npz")
        arrays = read_arrays(path)
        try:
            content = json.loads(arrays.pop("content").tobytes())
            self._loaded = nonnegative(content, "itr", int), dict(content["settings"])
            self._added, state = dict(content["added"]), dict(_decode(content["state"], arrays))
            if content["version"] != VERSION or not all(re.fullmatch(r"added_\d+\.npz", n) for n in self._added):
                raise ValueError("the version of its format or the name of a file of transitions is unknown")
        except MALFORMED as error:
            raise InvalidInput(f"{path} is not a checkpoint, or of another version: {error!r:.200}") from error
        return self._loaded[0], state, [episode for name in self._added for episode in self._episodes(name)]

    def check_same_run(self, config: Config, inputs: Mapping[str, str]) -> None:
        """Refuse settings, or input files (SHA-256 by setting), of another run than the loaded checkpoint's.

        Raises:
            InvalidInput: naming the setting and both values. Other versions and hardware are only printed.
        """
        itr, settings = self._loaded
        for name, now in json.loads(json.dumps(asdict(config), default=str)).items():
            if name not in MAY_CHANGE:
                self._compare(f"--{name}", now, settings.get(name, now))
        content = read_content(self._config)
        for name, sha in inputs.items():
            self._compare(f"the SHA-256 of --{name}", sha, content["inputs"].get(name))
        before, now, frequency = nonnegative(settings, "n_iter", int), config.iterations, config.scalar_log_freq
        if now < before:
            raise InvalidInput(f"--n_iter is {now}, but {self._run_dir} began with {before}; it may only grow")
        if now > before == itr + 1 and frequency != -1 and itr % frequency:
            why = f"and logged its last iteration, which a longer run with --scalar_log_freq {frequency} would not"
            raise InvalidInput(f"--n_iter is {now}, but {self._run_dir} ended with {before} {why}")
        old = content["versions"]
        changed = [f"{name} {old.get(name)!s:.60} -> {now}" for name, now in versions().items() if old.get(name) != now]
        if changed:
            print(f"results may differ from those of an unstopped run: {', '.join(changed)}", file=sys.stderr)

    def check_same_policy(self, policy: Mapping[str, str]) -> None:
        """Refuse another make_policy or architecture than config.json's; InvalidInput names both."""
        recorded = read_content(self._config).get("policy")
        for name, now in policy.items():
            self._compare(f"the policy's {name}", now, recorded.get(name) if isinstance(recorded, dict) else now)

    def _compare(self, name: str, now: object, before: object) -> None:
        """Raise InvalidInput for two different values, long ones cut around their first difference."""
        texts = [" ".join(str(value).split()) for value in (now, before)]
        if texts[0] != texts[1]:
            same = next((n for n, (a, b) in enumerate(zip(*texts, strict=False)) if a != b), 0)
            one, other = (text[max(0, same - 40) : same + 80] for text in texts)
            raise InvalidInput(f"{name} is {one}, but {self._run_dir} began with {other}")

    def _episodes(self, name: str) -> list[Trajectory]:
        path = own_file(self._run_dir, f"checkpoint/{name}")
        if digest(path) != self._added[name]:
            raise InvalidInput(f"{path} was not written with the run's checkpoint: it was changed, or is another run's")
        try:
            return _split(read_arrays(path))
        except MALFORMED as error:
            raise InvalidInput(f"{path} does not hold the transitions of a run: {error!r:.200}") from error


def _transitions(paths: Sequence[Trajectory]) -> dict[str, Array]:
    """Concatenated arrays of episodes; T + 1 states where next observations are the following observations."""
    chained = all(np.array_equal(path.next_observations[:-1], path.observations[1:]) for path in paths)
    names = ["actions", "rewards"] if chained else ["actions", "rewards", "observations", "next_observations"]
    arrays = {name: np.concatenate([getattr(path, name) for path in paths]) for name in names}
    if chained:
        states = [part for path in paths for part in (path.observations, path.next_observations[-1:])]
        arrays["states"] = np.concatenate(states)
    return {**arrays, "episodes": np.array([[len(path), path.terminated, path.truncated] for path in paths])}


def _split(arrays: dict[str, Array]) -> list[Trajectory]:
    """The episodes that `_transitions` concatenated; raises one of MALFORMED for other arrays."""
    ends, states, paths, start = arrays.pop("episodes"), arrays.pop("states", None), [], 0
    for n, (steps, terminated, truncated) in enumerate(ends.tolist()):
        parts = {name: array[start : start + steps] for name, array in arrays.items()}
        if states is not None:
            here = states[start + n : start + n + steps + 1]
            parts |= {"observations": here[:-1], "next_observations": here[1:]}
        if not all(np.isfinite(part).all() for part in parts.values()):
            raise ValueError("NaN or infinity")
        paths.append(Trajectory(**parts, terminated=bool(terminated), truncated=bool(truncated)))
        start += steps
    fits = states is None or len(states) == start + len(ends)
    if not fits or any(len(array) != start for array in arrays.values()):
        raise ValueError("its arrays do not fit the lengths of its episodes")
    return paths


def _encode(value: Any, arrays: dict[str, Array], path: str) -> Any:
    """JSON for a tree of values; the content of its tensors and arrays goes to ``arrays``."""
    torch = sys.modules.get("torch")  # not imported here: workers are forked before it is
    name = str(len(arrays))
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, dict) and all(map(_is_key, value)):
        return {"dict": [[key, _encode(item, arrays, f"{path}.{key}")] for key, item in value.items()]}
    if type(value) in (list, tuple):
        return {type(value).__name__: [_encode(item, arrays, f"{path}.{n}") for n, item in enumerate(value)]}
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "fiub":
        arrays[name] = np.asarray(value)
        return {"array" if isinstance(value, np.ndarray) else "scalar": name}
    if torch is not None and isinstance(value, torch.Tensor) and value.layout == torch.strided:
        arrays[name] = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()  # numpy has no bfloat16
        return {"tensor": [name, str(value.dtype).removeprefix("torch."), list(value.shape)]}
    allowed = "dicts, lists, tuples, dense tensors, arrays, numbers, strings and None (or give --checkpoint_freq -1)"
    raise InvalidInput(f"can't save {path[1:]} for --resume: a {type(value).__name__}; a state may have {allowed}")


def _decode(node: Any, arrays: Mapping[str, Array], path: str = "") -> Any:
    """The tree that `_encode` wrote; raises one of MALFORMED for any other."""
    if not isinstance(node, dict | list):
        return node
    ((kind, content),) = node.items()  # type: ignore[union-attr]
    if kind == "dict" and all(_is_key(key) for key, _ in content):
        value = {key: _decode(item, arrays, f"{path}.{key}") for key, item in content}
        if "step" in value and re.search(r"\.state\.\d+$", path):
            nonnegative({"step of an optimizer": float(value["step"])}, "step of an optimizer", float)
        return value
    if kind in ("list", "tuple"):
        items = [_decode(item, arrays, f"{path}.{n}") for n, item in enumerate(content)]
        return items if kind == "list" else tuple(items)
    if kind == "tensor":
        import torch

        name, dtype, shape = content
        tensor = torch.empty(arrays[name].nbytes // getattr(torch, dtype).itemsize, dtype=getattr(torch, dtype))
        tensor.view(torch.uint8).numpy()[:] = np.frombuffer(arrays[name].tobytes(), np.uint8)
        return tensor.reshape(shape)
    return {"array": arrays[content], "scalar": arrays[content][()]}[kind]


def _is_key(key: object) -> bool:
    return type(key) is str or (type(key) is int and abs(key) < 2**31)


def nonnegative(values: Mapping[str, Any], name: str, kind: type) -> Any:
    """The int or float (``kind``) in a checkpoint's ``values``; InvalidInput when it is negative or not finite."""
    value: Any = values.get(name)
    if type(value) not in (int, kind) or not 0 <= value < 2**63:
        raise InvalidInput(f"the checkpoint's {name} is {value!r:.40}; it must be a number from 0 up ({kind.__name__})")
    return value


def own_file(run_dir: Path, name: str) -> Path:
    """The path of a file in a run folder; InvalidInput when it is not a regular file or its folder is a link."""
    path = run_dir / name
    if path.is_symlink() or (path.parent != run_dir and path.parent.is_symlink()):
        raise InvalidInput(f"{path} is refused: it is a symbolic link or in a linked folder")
    if not path.is_file():
        raise InvalidInput(f"can't read {path}: it is missing or not a regular file")
    return path


def _write_arrays(path: Path, arrays: Mapping[str, Array]) -> None:
    with whole_file(path) as file:
        np.savez(file, **dict[str, Any](arrays))


def read_arrays(path: Path) -> dict[str, Array]:
    """The arrays of an uncompressed .npz of numbers; InvalidInput when it is damaged or another file."""
    content = io.BytesIO(read_whole(path))
    try:
        with zipfile.ZipFile(content) as archive:
            members = archive.infolist()
        if any(m.compress_type for m in members) or sum(m.file_size for m in members) > content.getbuffer().nbytes:
            raise ValueError("it is compressed, or its members overlap")
        with np.load(content, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        if any(array.dtype.kind not in "fiub" for array in arrays.values()):
            raise ValueError("its arrays are not numbers")
    except Exception as error:  # of any type, from a damaged archive
        raise InvalidInput(f"can't read {path}: {type(error).__name__}: {error!s:.200}") from error
    return arrays


def settings_to_resume(given: Mapping[str, Any]) -> Config:
    """The settings of the run folder ``resume``, replaced by those ``given``; InvalidInput for another folder."""
    path = given["resume"] / "config.json"
    if not path.is_file():
        raise InvalidInput(f"--resume is {given['resume']}; it must be the folder of a run, with its config.json")
    return replace(read_config(path), **given)
