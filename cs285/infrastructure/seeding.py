"""Independent random streams, all drawn from the run's one seed.

Each consumer has a stream of its own, so that logging or evaluating more often changes
nothing that is learned; within a stream, each episode has a seed of its own, so that the
same run gives the same episodes in whatever order they are made.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from enum import IntEnum

import numpy as np


class Stream(IntEnum):
    """Who draws the random numbers."""

    NETWORK = 0
    REPLAY_BUFFER = 1
    TRAINING_ROLLOUTS = 2
    EVALUATION = 3
    EXPERT = 4
    TORCH = 5


def generator(seed: int, stream: Stream) -> np.random.Generator:
    """The generator of one stream of the run with this seed."""
    return np.random.default_rng(_sequence(seed, stream))


def integer_seed(seed: int, stream: Stream, *key: int) -> int:
    """A seed in [0, 2**32) for a library with a generator of its own; ``key`` tells one use from another."""
    return int(_sequence(seed, stream, *key).generate_state(1)[0])


def episode_seeds(seed: int, stream: Stream, itr: int) -> Iterator[int]:
    """The seeds of episodes 0, 1, 2, ... of iteration ``itr``; endless."""
    return (integer_seed(seed, stream, itr, episode) for episode in itertools.count())


def _sequence(seed: int, stream: Stream, *key: int) -> np.random.SeedSequence:
    return np.random.SeedSequence(seed, spawn_key=(int(stream), *key))
