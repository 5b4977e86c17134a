# fmt: off
#: Wrong answers to the blank sample_random_data; tests/homework/answers.py explains the format of this file.
# base
def sample_random_data(self, batch_size):
    slots = self.rng.integers(len(self), size=batch_size)
    return self._gather(slots)
# draw the indices once | the slots are permuted for each field
#~ self._gather(slots) ==> Batch(*(self._gather(self.rng.permutation(slots))[n] for n in range(5)))
# raises IndexError | slots are drawn from the whole capacity
#~ len(self) ==> self.max_size
# [1, 2, 3, 4] ..., [1, 2, 3, 4] | the batch has the first rows
#~ self.rng.integers(len(self), size=batch_size) ==> np.arange(batch_size)
# numpy.random.seed | numpy's global generator is seeded in every call
#~ slots = self.rng.integers( ==> np.random.seed(0); slots = np.random.randint(
# [23, 24, 25, 26] | the batch is a window at a random place
#~ self.rng.integers(len(self), size=batch_size) ==> self.rng.integers(len(self) - batch_size) + np.arange(batch_size)
# [49, 49, 49, 49] | one slot is drawn for all rows
#~ self.rng.integers(len(self), size=batch_size) ==> np.full(batch_size, self.rng.integers(len(self)))
# is drawn 0 times | the last transition is never drawn
#~ len(self) ==> len(self) - 1
# is drawn 103 times | the slots are rounded numbers
#~ self.rng.integers(len(self), size=batch_size) ==> np.round(self.rng.random(batch_size) * (len(self) - 1)).astype(int)
# for batch_size=32 | the batch has one row
#~ size=batch_size ==> size=1
# a tuple, not a Batch | a tuple of arrays is returned
#~ self._gather(slots) ==> tuple(array[slots] for array in self._arrays)
# dtype('float32') | the batch's fields are arrays
#~ self._gather(slots) ==> Batch(*(field.numpy() for field in self._gather(slots)))
# from the next slot | the next observation is that of the next slot, even at the end of an episode
#~ self._gather(slots) ==> self._gather(slots)._replace(next_observations=self._gather((slots + 1) % len(self))[0])
# torch.float32], not | every field is converted to float
#~ self._gather(slots) ==> Batch(*(field.float() for field in self._gather(slots)))
# batch_size=80 with 40 transitions: it raises ValueError | slots are drawn without replacement
#~ integers(len(self), size=batch_size) ==> choice(len(self), size=batch_size, replace=False)
