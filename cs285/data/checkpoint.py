"""Checkpoints of a run, and the checks before it resumes bit for bit.

In ``<run folder>/checkpoint``, ``state.npz`` has the state of the run; each checkpoint replaces it atomically. Each
``added_<itr>.npz`` has the episodes that were collected between two checkpoints.
"""

import io
import json
import sys
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from cs285.config import Config
from cs285.data.fields import ADAM_STEP, CHECKPOINT, COUNT, PENDING, check
from cs285.data.provenance import digest, versions
from cs285.data.run_folders import read_config, read_content
from cs285.data.trajectory import Array, Trajectory
from cs285.data.whole_files import check_no_links, read_whole, whole_file
from cs285.errors import InvalidInput, describe

VERSION = 3  # of the format
# Settings that may differ when a run resumes. Input files are compared by digest, not path, and n_iter may only grow.
MAY_CHANGE = {"resume", "logdir", "num_workers", "which_gpu", "checkpoint_freq", "video_log_freq", "save_params"}
MAY_CHANGE |= {"expert_policy_file", "expert_data", "n_iter", "debug"}


class Checkpoints:
    """Writes and reads the checkpoints of one run folder."""

    def __init__(self, run_dir: Path) -> None:
        """Set the folder; nothing is read or written yet."""
        self._run_dir, self._folder, self._config = run_dir, run_dir / "checkpoint", run_dir / "config.json"
        self._itr, self._settings = -1, dict[str, Any]()  # of the loaded checkpoint; -1 and {} before `load`
        self._added: dict[str, str] = {}  # SHA-256 of each added_<itr>.npz, in the order of the iterations

    def exists(self) -> bool:
        """Whether the folder has a checkpoint."""
        return (self._folder / "state.npz").exists()

    def save(self, itr: int, state: Mapping[str, Any], new_paths: Sequence[Trajectory]) -> None:
        """Replace the checkpoint; a kill at any moment leaves either the last one or this one.

        Args:
            itr: last complete iteration.
            state: nested dicts, lists and tuples of tensors, arrays, numbers, strings and None, as in a `state_dict`.
                A value of another type raises InvalidInput with its path in the tree.
            new_paths: episodes that the run collected since the last checkpoint; the expert data are not saved.
        """
        settings = read_content(self._config)["settings"] if self._config.exists() else {}
        content = {"version": VERSION, "itr": itr, "settings": settings, "added": self._added, "state": dict(state)}
        _encode(content, {})  # refuses other types before anything is written
        if new_paths:
            path = self._folder / f"added_{itr}.npz"
            _write(path, [episode.fields() for episode in new_paths])
            self._added[path.name] = digest(path)
        _write(self._folder / "state.npz", content)

    def load(self) -> tuple[int, dict[str, Any], list[Trajectory]]:
        """Read the number of the last complete iteration, the state and all collected episodes.

        Tensors of the state are on the CPU. Raises InvalidInput when there is no checkpoint, when a file is damaged or
        belongs to another run, or when a field has a wrong type or is out of range.
        """
        if not self.exists():
            raise InvalidInput(f"{self._run_dir} has no checkpoint: it needs --do_dagger and an iteration")
        check_no_links(self._run_dir)
        path, episodes = self._folder / "state.npz", list[Trajectory]()
        try:
            content = _read(path)
            check(content, CHECKPOINT)
            if content["version"] != VERSION:
                raise InvalidInput(f"its format has another version than {VERSION}")
            self._itr, self._settings, self._added = (content[name] for name in ("itr", "settings", "added"))
            if (pending := content["state"]["evaluation"]["pending"]) is not None:
                check(pending, {**PENDING, "itr": (int, self._itr, self._itr)}, "pending")
            for name, sha256 in self._added.items():
                path = self._folder / Path(name).name
                if digest(path) != sha256:
                    raise InvalidInput("it was changed, or is another run's")
                episodes += map(Trajectory.from_fields, _read(path))
        except Exception as error:  # of any type, from a damaged file
            raise InvalidInput(f"{path} is not of the run's checkpoint, or damaged: {describe(error):.200}") from error
        return self._itr, content["state"], episodes

    def check_same_run(self, config: Config, inputs: Mapping[str, str], policy: Mapping[str, str]) -> None:
        """Raise InvalidInput, with both values, if the settings to resume with differ from the loaded checkpoint's.

        ``inputs`` has the SHA-256 of each input file by the name of its setting; ``policy`` comes from
        `describe_policy`. Differences in versions or hardware are only printed.
        """
        itr, settings, content = self._itr, self._settings, read_content(self._config)
        given = json.loads(json.dumps(asdict(config), default=str))
        facts = {f"--{name}": (now, settings.get(name, now)) for name, now in given.items() if name not in MAY_CHANGE}
        facts |= {f"the SHA-256 of --{name}": (now, content["inputs"].get(name)) for name, now in inputs.items()}
        facts |= {f"the policy's {name}": (now, content["policy"].get(name, now)) for name, now in policy.items()}
        for name, values in facts.items():
            texts = [" ".join(str(value).split()) for value in values]
            if texts[0] != texts[1]:  # long ones are cut around their first difference
                same = next((n for n, (a, b) in enumerate(zip(*texts, strict=False)) if a != b), 0)
                one, other = (text[max(0, same - 40) : same + 80] for text in texts)
                raise InvalidInput(f"{name} is {one}, but {self._run_dir} began with {other}")
        now, frequency = config.iterations, config.scalar_log_freq
        before: Any = settings.get("n_iter")
        check(before, COUNT, "the checkpoint's n_iter")
        refused = f"--n_iter is {now}, but {self._run_dir}"
        if now < before:
            raise InvalidInput(f"{refused} began with {before}; it may only grow")
        if now > before == itr + 1 and frequency != -1 and itr % frequency:
            why = f"which a longer run with --scalar_log_freq {frequency} would not"
            raise InvalidInput(f"{refused} ended with {before} and logged its last iteration, {why}")
        old = content["versions"]
        changed = [f"{name} {old.get(name)!s:.60} -> {now}" for name, now in versions().items() if old.get(name) != now]
        if changed:
            print(f"results may differ from those of an unstopped run: {', '.join(changed)}", file=sys.stderr)


def _write(path: Path, tree: Any) -> None:
    """Write a tree of values as an .npz that has its arrays, and JSON of the tree that refers to them by name."""
    arrays: dict[str, Any] = {}
    text = json.dumps(_encode(tree, arrays))
    with whole_file(path) as file:
        np.savez(file, content=np.frombuffer(text.encode(), np.uint8), **arrays)


def _read(path: Path) -> Any:
    """Read the tree in a file of `_write`."""
    content = io.BytesIO(read_whole(path))
    with zipfile.ZipFile(content) as archive:
        members = archive.infolist()
    if any(m.compress_type for m in members) or sum(m.file_size for m in members) > content.getbuffer().nbytes:
        raise ValueError("it is compressed, or its members overlap")
    with np.load(content, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    return _decode(json.loads(arrays.pop("content").tobytes()), arrays)


def _encode(value: Any, arrays: dict[str, Any], path: str = "") -> Any:
    """Convert a tree of values to JSON, and add its tensors and arrays to ``arrays``, whose names the JSON contains."""
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
    raise InvalidInput(f"can't save {path[1:]} for --resume: a {type(value).__name__}; it may have {allowed}")


def _decode(node: Any, arrays: dict[str, Array]) -> Any:
    """Rebuild the tree from the JSON and the arrays of `_encode`."""
    if not isinstance(node, dict | list):
        return node
    ((kind, content),) = node.items()  # type: ignore[union-attr]
    if kind == "dict" and all(_is_key(key) for key, _ in content):
        value = {key: _decode(item, arrays) for key, item in content}
        if value.keys() >= {"step", "exp_avg"}:  # Adam's state of a parameter
            check(float(value["step"]), ADAM_STEP, "step of Adam")
        return value
    if kind in ("list", "tuple"):
        items = [_decode(item, arrays) for item in content]
        return items if kind == "list" else tuple(items)
    if kind == "tensor":
        import torch

        name, dtype, shape = content
        return torch.from_numpy(arrays.pop(name).reshape(-1)).view(vars(torch)[dtype]).reshape(shape)
    array = arrays.pop(content)  # a second reference to it could multiply its size
    return {"array": array, "scalar": array[()]}[kind]


def _is_key(key: object) -> bool:
    return type(key) is str or (type(key) is int and abs(key) < 2**31)


def settings_to_resume(given: Mapping[str, Any]) -> Config:
    """Read the settings of the run folder ``given["resume"]`` and replace those that are in ``given``.

    Raises InvalidInput when it is no run folder, or has an environment "module:id" and ``given`` has no env_name: a
    config.json, which may be another person's, must not import a module.
    """
    path = given["resume"] / "config.json"
    if not path.is_file():
        raise InvalidInput(f"--resume is {given['resume']}; it must be the folder of a run, with its config.json")
    config = read_config(path)
    if ":" in config.env_name and "env_name" not in given:
        raise InvalidInput(f"--resume: {path} has the environment {config.env_name}; import it by --env_name")
    return replace(config, **given)
