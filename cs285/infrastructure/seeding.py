"""Independent random streams, all drawn from the run's one seed.

Each consumer has a stream of its own, so that logging or evaluating more often changes
nothing that is learned; within a stream, each episode has a seed of its own, so that the
same run gives the same episodes in whatever order they are made.
"""

from __future__ import annotations

import itertools
import random
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import IntEnum
from typing import Any

import numpy as np


class Stream(IntEnum):
    """Who draws the random numbers."""

    NETWORK = 0
    REPLAY_BUFFER = 1
    TRAINING_ROLLOUTS = 2
    EVALUATION = 3
    EXPERT = 4
    GLOBAL = 5


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


def seed_global_generators(seed: int) -> None:
    """Seed the generators that a user's policy may draw from: Python's, numpy's and, if it is imported, torch's."""
    random.seed(seed)
    np.random.seed(seed)
    if "torch" in sys.modules:
        sys.modules["torch"].default_generator.manual_seed(seed)


def global_generator_states() -> dict[str, Any]:
    """The states of the global generators, as `set_global_generator_states` takes them."""
    states = {"python": random.getstate(), "numpy": np.random.get_state(legacy=False)}
    return {**states, "torch": sys.modules["torch"].get_rng_state()} if "torch" in sys.modules else states


def set_global_generator_states(states: Mapping[str, Any]) -> None:
    """Restore what `global_generator_states` returned."""
    random.setstate(states["python"])
    np.random.set_state(states["numpy"])
    if "torch" in states:
        sys.modules["torch"].set_rng_state(states["torch"])


@contextmanager
def episode_generators(seed: int) -> Iterator[None]:
    """Within the block, global generators seeded by an episode's seed; after it, those of before."""
    before = global_generator_states()
    seed_global_generators(seed)
    try:
        yield
    finally:
        set_global_generator_states(before)
