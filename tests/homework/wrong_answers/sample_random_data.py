# fmt: off
#: Wrong answers to the blank sample_random_data; tests/homework/answers.py explains the format of this file.
# base
def sample_random_data(self, batch_size):
    slots = self.rng.integers(len(self), size=batch_size)
    return self._gather(slots)
# indices: drawn for each field
#~ self._gather(slots) ==> Batch(*(self._gather(self.rng.permutation(slots))[n] for n in range(5)))
# max_size: drawn from the capacity
#~ len(self) ==> self.max_size
# same rows: the first ones
#~ self.rng.integers(len(self), size=batch_size) ==> np.arange(batch_size)
# global state: numpy seeded in every call
#~ slots = self.rng.integers( ==> np.random.seed(0); slots = np.random.randint(
# consecutive: a window at a random place
#~ self.rng.integers(len(self), size=batch_size) ==> self.rng.integers(len(self) - batch_size) + np.arange(batch_size)
# one transition: a single index
#~ self.rng.integers(len(self), size=batch_size) ==> np.full(batch_size, self.rng.integers(len(self)))
# never drawn: the last transition
#~ len(self) ==> len(self) - 1
# not uniform: rounded numbers
#~ self.rng.integers(len(self), size=batch_size) ==> np.round(self.rng.random(batch_size) * (len(self) - 1)).astype(int)
# batch_size: one row
#~ size=batch_size ==> size=1
# type: a tuple of arrays
#~ self._gather(slots) ==> tuple(array[slots] for array in self._arrays)
# type: fields that are arrays
#~ self._gather(slots) ==> Batch(*(field.numpy() for field in self._gather(slots)))
# next observation: always that of the next slot, at an episode's end too
#~ self._gather(slots) ==> self._gather(slots)._replace(next_observations=self._gather((slots + 1) % len(self))[0])
# dtype: every field made float
#~ self._gather(slots) ==> Batch(*(field.float() for field in self._gather(slots)))
# replacement: a batch without, of more rows than are stored
#~ integers(len(self), size=batch_size) ==> choice(len(self), size=batch_size, replace=False)
