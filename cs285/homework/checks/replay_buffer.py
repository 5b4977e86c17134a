"""Check of `ReplayBuffer.sample_random_data`."""

from collections.abc import Iterator
from typing import Any

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
    with case("batch_size=80 with 40 transitions"):
        rows = len(buffer.sample_random_data(80).observations)
    if rows < 80:
        yield Mistake(f"batch_size=80 with 40 transitions gives {rows} rows: draw with replacement")
    if not torch.equal(*(_buffer(1000).sample_random_data(ROWS).observations for _ in range(2))):
        yield Mistake("the batches depend on other generators than self.rng, so --seed does not fix them")


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
    batch = buffer.sample_random_data(ROWS)
    require_type(batch, Batch, "a Batch")
    shapes, wanted = [tuple(field.shape) for field in batch], [(ROWS, 3), (ROWS, 2), (ROWS,), (ROWS, 3), (ROWS,)]
    require(shapes == wanted, f"for batch_size={ROWS} the fields have shapes {shapes}, not {wanted}")
    dtypes, right = [field.dtype for field in batch], [torch.float32] * 4 + [torch.bool]
    require(dtypes == right, f"the fields of the batch have the dtypes {dtypes}, not {right}")
    k = batch.observations[:, 0].numpy()
    stored = (k >= 1) & (k <= STORED)
    room = f"len(self) is {len(buffer)} and max_size is {buffer.max_size}"
    require(stored.all(), f"row {np.argmin(stored)} is not a stored transition: {room}")
    ends = (k % (STORED // 4) == 0) & (k > STORED // 2)
    slots = {"next observations from the next slot, which may belong to another episode": k % STORED + 0.5}
    for name, field, transition in (
        ("actions", batch.actions[:, 0], k),
        ("rewards", batch.rewards, k),
        ("next observations", batch.next_observations[:, 0] - 0.5, k),
        ("terminals", batch.terminals, ends),
    ):
        text = f"the observations are those of transitions {show(k)}, but the {name} are those of"
        require_equal(field, transition, text, ": draw the indices once, for all fields", slots)
    return k.astype(int)


def _check_draws(draws: Any, stored: Any) -> None:
    """Check that ``draws``, numbers k by (batch, row), are independent, uniform draws from the numbers ``stored``."""
    rows = f"the first batches have the transitions {show(draws[0, :4])} ..., {show(draws[1, :4])} ..."
    near = (np.abs(np.diff(draws, axis=1)) <= 1).mean()
    require(near < 0.5, f"{near:.0%} of the rows are the transition of the row before or the next one: {rows}")
    count, mean = np.bincount(draws.ravel(), minlength=STORED + 1)[stored], draws.size / len(stored)
    far = np.argmax(np.abs(count - mean))
    text = f"transition {stored[far]} is drawn {count[far]} times in {draws.size} rows, not about {mean:.0f} times"
    require(abs(count[far] - mean) < 6 * np.sqrt(mean), f"{text}; {rows}")
