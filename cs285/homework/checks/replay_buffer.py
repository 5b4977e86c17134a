"""Check of `ReplayBuffer.sample_random_data`."""

from collections.abc import Iterator
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import torch

from cs285.data.trajectory import Batch, Trajectory
from cs285.homework.checks.mistake import Mistake, case, require, require_equal, require_type, show
from cs285.infrastructure import replay_buffer

core: Any = replay_buffer
STORED, ROWS = 60, 32


def sample_random_data() -> Iterator[Mistake]:
    """Check the rows of batches: their content, how often each transition is drawn, and the random generator."""
    for name, max_size, batches in (("a buffer with room left", 1000, 400), ("a full buffer", 40, 100)):
        with case(name):
            buffer = _buffer(max_size)
            draws = np.stack([_transitions(buffer) for _ in range(batches)])
            _check_draws(draws, np.arange(1, STORED + 1)[-max_size:])
    np.random.permutation = MagicMock(wraps=np.random.permutation)
    repeated = []
    for _ in range(2):
        buffer = _buffer(1000)
        buffer.rng = MagicMock(wraps=buffer.rng)
        before = str(np.random.get_state()), torch.get_rng_state().tolist()
        repeated.append(buffer.sample_random_data(ROWS).observations)
        unchanged = before == (str(np.random.get_state()), torch.get_rng_state().tolist())
    if np.random.permutation.called or buffer.rng.permutation.called:
        text = "each batch permutes the whole buffer (50 ms for a million transitions); random indices are faster"
        yield Mistake("permutation", text)
    try:
        rows = f"{len(buffer.sample_random_data(80).observations)} rows"
    except ValueError as error:
        raise Mistake("replacement", f"batch_size=80 with {STORED} transitions raises ValueError: {error}") from error
    if rows != "80 rows":
        yield Mistake("replacement", f"batch_size=80 with {STORED} transitions gives {rows}: draw with replacement")
    if not unchanged or not torch.equal(*repeated):
        yield Mistake("generator", "the batches depend on other generators than self.rng, so --seed does not fix them")


def _buffer(max_size: int) -> Any:
    """A buffer of four episodes; transition k has observation, action and reward k, and next observation k + 0.5."""
    buffer = core.ReplayBuffer(max_size, np.random.default_rng(3))
    for start in range(1, STORED, STORED // 4):
        k = np.arange(start, start + STORED // 4, dtype=np.float32)
        states, late = np.repeat(k[:, None], 3, axis=1), start > STORED // 2
        buffer.add_rollouts([Trajectory(states, states[:, :2], k, states + 0.5, late, not late)])
    return buffer


def _transitions(buffer: Any) -> Any:
    """Draw a batch, check that each row is a stored transition, and return the number k of each row (see `_buffer`)."""
    room = f"len(self) is {len(buffer)} and max_size is {buffer.max_size}"
    try:
        batch = buffer.sample_random_data(ROWS)
    except IndexError as error:
        raise Mistake("max_size", f"{error}: {room}") from error
    require_type(batch, Batch, "a Batch")
    for field in batch:
        require_type(field, torch.Tensor, "a tensor, in a field of the Batch")
    shapes = [tuple(field.shape) for field in batch]
    wanted = [(ROWS, 3), (ROWS, 2), (ROWS,), (ROWS, 3), (ROWS,)]
    require(shapes == wanted, "batch_size", f"for batch_size={ROWS} the fields have shapes {shapes}, not {wanted}")
    dtypes, right = [field.dtype for field in batch], [torch.float32] * 4 + [torch.bool]
    require(dtypes == right, "dtype", f"the fields have the dtypes {dtypes}, not {right}")
    k = batch.observations[:, 0].numpy()
    stored = (k >= 1) & (k <= STORED)
    require(stored.all(), "max_size", f"row {np.argmin(stored)} is not a stored transition: {room}")
    slots = (k % STORED + 0.5, ": they are from the next slot, which may belong to another episode")
    ends = (k % (STORED // 4) == 0) & (k > STORED // 2)
    for name, field, transition in (
        ("actions", batch.actions[:, 0], k),
        ("rewards", batch.rewards, k),
        ("next observations", batch.next_observations[:, 0] - 0.5, k),
        ("terminals", batch.terminals, ends),
    ):
        text = f"the observations are those of transitions {show(k)}, but the {name} are those of"
        hint = ": draw the indices once, for all fields"
        require_equal(field, transition, "indices", text, hint, {"next observation": slots})
    return k.astype(int)


def _check_draws(draws: Any, stored: Any) -> None:
    """Check that ``draws``, numbers k by (batch, row), are independent, uniform draws from the numbers ``stored``."""
    rows = f"{draws[0, :4].tolist()} and so on"
    require((draws != draws[0]).any(), "same rows", f"all batches have the same transitions: {rows}")
    require((draws != draws[:, :1]).any(), "one transition", f"all rows of a batch are the same transition: {rows}")
    steps = np.diff(draws, axis=1)
    require((steps == 1).mean() < 0.5, "consecutive", f"the rows of a batch are consecutive transitions: {rows}")
    count, mean = np.bincount(draws.ravel(), minlength=STORED + 1)[stored], draws.size / len(stored)
    never = stored[count == 0]
    require(not len(never), "never drawn", f"transitions {show(never)} are not drawn in any of {draws.size} rows")
    far = np.argmax(np.abs(count - mean))
    text = f"transition {stored[far]} is drawn {count[far]} times in {draws.size} rows, not about {mean:.0f} times"
    require(abs(count[far] - mean) < 6 * np.sqrt(mean), "not uniform", text)
