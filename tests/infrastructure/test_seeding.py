"""The random streams of a run, which all come from its seed and all differ."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from cs285.infrastructure.seeding import Stream, episode_seeds, generator, integer_seed


def test_streams_iterations_episodes_and_seeds_differ() -> None:
    drawn = [
        value
        for seed in range(5)
        for stream in Stream
        for itr in range(10)
        for value in itertools.islice(episode_seeds(seed, stream, itr), 20)
    ]
    assert len(set(drawn)) > 0.999 * len(drawn)  # numbers of 32 bits may coincide
    firsts = [tuple(generator(seed, stream).integers(2**32, size=3)) for seed in range(20) for stream in Stream]
    assert len(set(firsts)) == len(firsts)


@given(seed=st.integers(0, 2**64), stream=st.sampled_from(Stream), itr=st.integers(0, 1000))
def test_the_same_seed_gives_the_same_numbers_which_fit_the_libraries(seed: int, stream: Stream, itr: int) -> None:
    one, other = (list(itertools.islice(episode_seeds(seed, stream, itr), 4)) for _ in range(2))
    assert one == other
    assert generator(seed, stream).random() == generator(seed, stream).random()
    assert 0 <= integer_seed(seed, stream, itr) < 2**32
