"""Writing of pickles, and of files with ``torch.save``, in a form that `restricted_pickle` can read."""

import pickle
import pickletools
from pathlib import Path
from typing import Any

import numpy as np

from cs285.data.restricted_pickle import TENSOR_DTYPES, is_key
from cs285.data.whole_files import whole_file
from cs285.errors import InvalidInput

PICKLE_PROTOCOL = 3  # every Python 3 reads this protocol; with protocol 2, arrays take 1.5 times the space


def write_pickle(content: Any, path: Path) -> None:
    """Write arrays and containers as a pickle that every Python 3 and numpy reads; raise InvalidInput if that fails."""
    pickled, parts, start = pickle.dumps(content, protocol=PICKLE_PROTOCOL), [], 0
    for opcode, argument, position in pickletools.genops(pickled):
        if opcode.name == "GLOBAL" and str(argument).startswith("numpy._core."):  # numpy 1 has only numpy.core
            assert position is not None
            parts.append(pickled[start:position] + b"cnumpy.core.")
            start = position + len(b"cnumpy._core.")
    with whole_file(path) as file:
        file.write(b"".join([*parts, pickled[start:]]))


def write_torch_file(content: Any, path: Path) -> None:
    """Write a tree from `portable` to a file, atomically and by ``torch.save``; raise InvalidInput if that fails."""
    import torch  # imported only here, so that workers are forked before torch is imported

    with whole_file(path) as file:
        torch.save(content, file)


def portable(value: Any, path: str) -> Any:
    """Copy a tree of containers for `write_torch_file`, with its tensors on the CPU.

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
