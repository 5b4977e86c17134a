# fmt: off
# indices: drawn for each field
def sample_random_data(self, batch_size):
    return Batch(*(self._gather(self.rng.integers(len(self), size=batch_size))[n] for n in range(5)))
# indices: next observations of the following rows
def sample_random_data(self, batch_size):
    slots = self.rng.integers(len(self) - 1, size=batch_size)
    return self._gather(slots)._replace(next_observations=self._gather(slots + 1).next_observations)
# indices: every array shuffled by itself, in place
def sample_random_data(self, batch_size):
    for array in self._arrays:
        self.rng.shuffle(array[: len(self)])
    return self._gather(np.arange(batch_size))
# max_size: drawn from the capacity
def sample_random_data(self, batch_size):
    return self._gather(self.rng.integers(self.max_size, size=batch_size))
# max_size: drawn from the memory reserved
def sample_random_data(self, batch_size):
    return self._gather(self.rng.integers(len(self._arrays[0]), size=batch_size))
# max_size: drawn from all that were ever added
def sample_random_data(self, batch_size):
    return self._gather(self.rng.integers(self._added, size=batch_size))
# same rows: the first ones
def sample_random_data(self, batch_size):
    return self._gather(np.arange(batch_size))
# same rows: the last ones
def sample_random_data(self, batch_size):
    return self.sample_recent_data(batch_size)
# same rows: a generator made anew from one seed
def sample_random_data(self, batch_size):
    return self._gather(np.random.default_rng(0).integers(len(self), size=batch_size))
# global state: numpy seeded in every call
def sample_random_data(self, batch_size):
    np.random.seed(0)
    return self._gather(np.random.randint(len(self), size=batch_size))
# consecutive: a window at a random place
def sample_random_data(self, batch_size):
    start = self.rng.integers(len(self) - batch_size + 1)
    return self._gather(np.arange(start, start + batch_size))
# one transition: a single index
def sample_random_data(self, batch_size):
    return self._gather(np.full(batch_size, self.rng.integers(len(self))))
# never drawn: the last transition
def sample_random_data(self, batch_size):
    return self._gather(self.rng.integers(0, len(self) - 1, size=batch_size))
# never drawn: batch_size taken for the buffer's size
def sample_random_data(self, batch_size):
    return self._gather(self.rng.permutation(batch_size))
# not uniform: rounded numbers
def sample_random_data(self, batch_size):
    return self._gather(np.round(self.rng.random(batch_size) * (len(self) - 1)).astype(int))
# batch_size: one row
def sample_random_data(self, batch_size):
    return self._gather(self.rng.integers(len(self), size=1))
# type: a tuple of arrays
def sample_random_data(self, batch_size):
    slots = self.rng.integers(len(self), size=batch_size)
    return tuple(array[slots] for array in self._arrays)
# type: fields that are arrays
def sample_random_data(self, batch_size):
    return Batch(*(field.numpy() for field in self._gather(self.rng.integers(len(self), size=batch_size))))
# next observation: always that of the next slot, at an episode's end too
def sample_random_data(self, batch_size):
    slots = self.rng.integers(len(self), size=batch_size)
    return self._gather(slots)._replace(next_observations=torch.from_numpy(self._arrays[0].take(slots + 1, 0, mode="wrap")))
# dtype: every field made float
def sample_random_data(self, batch_size):
    return Batch(*(field.float() for field in self._gather(self.rng.integers(len(self), size=batch_size))))
