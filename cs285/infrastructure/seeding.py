"""Independent random streams, all drawn from the run's one seed.

Each consumer has its own stream, so that logging or evaluating more often does not change what is learned. Each
episode has its own seed, so that a run has the same episodes in whatever order they are rolled out.
"""

import itertools
import random
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import IntEnum
from typing import Any

import numpy as np

# The consumers of random numbers; each has its own stream.
Stream = IntEnum("Stream", ["NETWORK", "REPLAY_BUFFER", "TRAINING_ROLLOUTS", "EVALUATION", "EXPERT", "GLOBAL"], start=0)


def generator(seed: int, stream: Stream) -> np.random.Generator:
    """The generator of one stream of the run with this seed."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(int(stream),)))


def integer_seed(seed: int, stream: Stream, *key: int) -> int:
    """A seed in [0, 2**32) for a library's own generator; seeds of different keys are independent of each other."""
    return int(np.random.SeedSequence(seed, spawn_key=(int(stream), *key)).generate_state(1)[0])


def episode_seeds(seed: int, stream: Stream, itr: int) -> Iterator[int]:
    """Endless iterator of the seeds of episodes 0, 1, 2, ... in iteration ``itr``."""
    return (integer_seed(seed, stream, itr, episode) for episode in itertools.count())


def seed_global_generators(seed: int) -> None:
    """Seed the generators that a user's policy may draw from: Python's, numpy's, and torch's once it is imported."""
    random.seed(seed)
    np.random.seed(seed)
    if "torch" in sys.modules:
        sys.modules["torch"].default_generator.manual_seed(seed)


def global_generator_states() -> dict[str, Any]:
    """The states of the global generators of Python, numpy and, once it is imported, torch (on the CPU only)."""
    states = {"python": random.getstate(), "numpy": np.random.get_state(legacy=False)}
    if "torch" in sys.modules:
        states["torch"] = sys.modules["torch"].get_rng_state()
    return states


def set_global_generator_states(states: Mapping[str, Any]) -> None:
    """Restore what `global_generator_states` returned."""
    random.setstate(states["python"])
    np.random.set_state(states["numpy"])
    if "torch" in states:
        sys.modules["torch"].set_rng_state(states["torch"])


@contextmanager
def episode_generators(seed: int) -> Iterator[None]:
    """Seed the global generators for one episode, and restore their states after the block."""
    before = global_generator_states()
    seed_global_generators(seed)
    try:
        yield
    finally:
        set_global_generator_states(before)
