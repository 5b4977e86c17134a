"""Checkpoints of a run, and the checks that are made before a run resumes.

A resumed run gives bit for bit the results of a run that was never stopped. In ``<run folder>/checkpoint``, the file
``state.pt`` has the state of the run; each checkpoint replaces this file atomically. Each file ``added_<itr>.pkl`` has
the episodes that were collected between two checkpoints. Reading these files executes no code from them.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from cs285.config import Config
from cs285.data.restricted_pickle import TENSOR_DTYPES, is_key, load_pickle, load_torch_file
from cs285.data.run_folders import COUNT, SCALAR, check, read_config, read_content, versions
from cs285.data.shipped import object_name
from cs285.data.trajectory import Trajectory
from cs285.data.whole_files import digest, reading, whole_file, write_pickle
from cs285.errors import InvalidInput

VERSION = 5  # version of the checkpoint's format
# Kinds of the values in state.pt, for `check`.
EVALUATION = {"pending": object, "log": {str: {str: SCALAR}}}
STATE: Any = {"agent": dict, "total_envsteps": COUNT, "seconds": (float, 0, 1e12), "evaluation": EVALUATION}
CHECKPOINT = {"version": (int, VERSION, VERSION), "itr": COUNT, "settings": {str: object}, "added": {str: str}}
CHECKPOINT |= {"state": STATE}
# Settings that may differ when a run resumes. But n_iter may only grow, and the expert's file and data may only move:
# they must have the same SHA-256.
MAY_CHANGE = {"resume", "logdir", "num_workers", "which_gpu", "checkpoint_freq", "video_log_freq", "save_params"}
MAY_CHANGE |= {"expert_policy_file", "expert_data", "n_iter", "debug"}


class Checkpoints:
    """Writes and reads the checkpoints of one run folder."""

    def __init__(self, run_dir: Path) -> None:
        """Set the run folder; its files are neither read nor written until `load` or `save` is called."""
        self._run_dir, self._folder, self._config = run_dir, run_dir / "checkpoint", run_dir / "config.json"
        self._file = self._folder / "state.pt"
        self._itr, self._settings = -1, dict[str, Any]()  # iteration and settings that `load` found
        self._added: dict[str, str] = {}  # SHA-256 of each added_<itr>.pkl, in the order of the iterations

    def save(self, itr: int, state: Mapping[str, Any], new_paths: Sequence[Trajectory]) -> None:
        """Replace the checkpoint atomically: if the process is killed, the old or the new checkpoint is complete.

        ``itr`` is the last complete iteration. ``state`` has dicts, lists and tuples of tensors, arrays, numbers,
        strings and None, as in a `state_dict`; for a value of another type, InvalidInput names the value's place.
        ``new_paths`` are the episodes that the run collected since the last checkpoint, without the expert data.
        """
        import torch  # imported only here, so that workers are forked before torch is imported

        settings = read_content(self._config)["settings"] if self._config.exists() else {}
        content = {"version": VERSION, "itr": itr, "settings": settings, "added": self._added}
        # A value of another type raises InvalidInput here, before a file is written.
        content["state"] = portable(dict(state), "state")
        if new_paths:
            path = self._folder / f"added_{itr}.pkl"
            write_pickle([episode.fields() for episode in new_paths], path)
            self._added[path.name] = digest(path)
        with whole_file(self._file) as file:
            torch.save(content, file)

    def load(self) -> tuple[int, dict[str, Any], list[Trajectory]]:
        """Read the checkpoint.

        Returns the number of the last complete iteration; the ``state`` that `save` got, with its tensors on the CPU;
        and all episodes that the run has collected. Raises InvalidInput when there is no checkpoint, when a file is
        damaged or belongs to another run, or when a field has a wrong type or is out of range.
        """
        if not self._file.exists():
            raise InvalidInput(f"{self._run_dir} has no checkpoint; --do_dagger writes one after each iteration")
        for path in self._run_dir.rglob("*"):  # writing through a link would change a file of another folder
            special = path.is_symlink() or not (path.is_file() or path.is_dir())
            if special or (path.name == "log.csv" and path.stat().st_nlink > 1):
                raise InvalidInput(f"{path} is a link or a special file; --resume does not allow it")
        episodes = list[Trajectory]()
        with reading(self._file, "a checkpoint of this run"):
            content = load_torch_file(self._file)
            check(content, CHECKPOINT)
            self._itr, self._settings, self._added = (content[name] for name in ("itr", "settings", "added"))
            if (pending := content["state"]["evaluation"]["pending"]) is not None:
                check(pending, {"itr": (int, self._itr, self._itr), "scalars": {str: SCALAR}}, "pending")
            for optimizer in content["state"]["agent"].get("training", {}).values():
                for values in optimizer.get("state", {}).values():
                    check(float(values.get("step", 0)), (float, 0, 2**53), "step of Adam")
        for name, sha256 in self._added.items():
            path = self._folder / Path(name).name
            with reading(path, "episodes of this run's checkpoint"):
                if digest(path) != sha256:
                    raise InvalidInput("it was changed or belongs to another run: state.pt has another SHA-256")
                episodes += map(Trajectory.from_fields, load_pickle(path))
        return self._itr, content["state"], episodes

    def check_same_run(self, config: Config, inputs: Mapping[str, str]) -> None:
        """Raise InvalidInput, with both values, if settings or input files differ from those of the loaded checkpoint.

        ``inputs`` maps each setting that names an input file to the file's SHA-256. Differences in versions or hardware
        are only printed.
        """
        itr, settings, content = self._itr, self._settings, read_content(self._config)
        given = json.loads(json.dumps(asdict(config), default=str))
        facts = {f"--{name}": (now, settings.get(name, now)) for name, now in given.items() if name not in MAY_CHANGE}
        facts |= {f"the SHA-256 of --{name}": (now, content["inputs"].get(name)) for name, now in inputs.items()}
        self._check_equal(facts)
        now, before = config.iterations, settings.get("n_iter", 0)
        check(before, COUNT, "the checkpoint's n_iter")
        if now < before:
            raise InvalidInput(f"--n_iter is {now}, but {self._run_dir} began with {before}; it may only grow")
        if config.evaluated and itr == before - 1 and itr not in config.evaluated:
            why = f"a run of {now} iterations with --scalar_log_freq {config.scalar_log_freq} does not log it"
            raise InvalidInput(f"{self._run_dir} logged its last iteration, {itr}; {why}")
        old = content["versions"]
        changed = [f"{name} {old.get(name)!s:.60} -> {now}" for name, now in versions().items() if old.get(name) != now]
        if changed:
            print(f"results may differ from those of an unstopped run: {', '.join(changed)}", file=sys.stderr)

    def check_same_policy(self, policy: Mapping[str, str]) -> None:
        """Raise InvalidInput, with both values, if ``policy``, from `describe_policy`, differs from config.json."""
        before = read_content(self._config)["policy"]
        self._check_equal({f"the policy's {name}": (now, before.get(name, now)) for name, now in policy.items()})

    def _check_equal(self, facts: Mapping[str, tuple[Any, Any]]) -> None:
        for name, values in facts.items():
            one, other = (" ".join(str(value).split()) for value in values)
            if one != other:
                raise InvalidInput(f"{name} is {one:.200}, but {self._run_dir} began with {other:.200}")


def settings_to_resume(given: Mapping[str, Any]) -> Config:
    """Read the settings of the run folder ``given["resume"]``, and replace those that are also in ``given``.

    Raises InvalidInput when the path is not a run folder, or when the task is "module:id" or the expert
    "module:object" in config.json and is not in ``given``: config.json may come from another person, so it must not
    decide which module is imported.
    """
    path = given["resume"] / "config.json"
    config = read_config(path)
    expert = config.expert_policy_file
    imports = {"env_name": ":" in config.env_name, "expert_policy_file": expert is not None and object_name(expert)}
    for name in imports:
        if imports[name] and name not in given:
            flag = f"--{name} {getattr(config, name)}"
            raise InvalidInput(f"--resume: {path} has {flag}; to import this module, repeat the flag")
    return replace(config, **given)


def portable(value: Any, path: str) -> Any:
    """Copy a tree of containers for ``torch.save``, with its tensors on the CPU.

    ``path`` is the name of the tree in messages. Raises InvalidInput, with the place of the value in the tree, for a
    value that `load_torch_file` would refuse.
    """
    import torch

    if isinstance(value, torch.Tensor) and str(value.dtype).removeprefix("torch.") in TENSOR_DTYPES.values():
        return value.detach().cpu().to_dense().clone()  # cloned, since a view would be saved with all of its storage
    if isinstance(value, dict) and all(map(is_key, value)):
        return {key: portable(item, f"{path}.{key}") for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(portable(item, f"{path}.{n}") for n, item in enumerate(value))
    numeric = isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "fiub"
    if numeric or value is None or type(value) in (bool, int, float, str):
        return value
    allowed = "dicts, lists, tuples, tensors, arrays, numbers, texts and None (or give --checkpoint_freq -1)"
    raise InvalidInput(f"can't save {path}: a {type(value).__name__}; allowed are {allowed}")
