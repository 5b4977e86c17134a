# fmt: off
# replacement: a batch without, as the course draws it
def sample_random_data(self, batch_size):
    return self._gather(self.rng.choice(len(self), size=batch_size, replace=False))
# ok: random numbers rounded down
def sample_random_data(self, batch_size):
    return self._gather((self.rng.random(batch_size) * len(self)).astype(np.int64))
# ok: a loop over the rows
def sample_random_data(self, batch_size):
    slots = [int(self.rng.integers(0, len(self))) for _ in range(batch_size)]
    return self._gather(np.array(slots))
# permutation, replacement, generator: of numpy's global generator, as the course hints
def sample_random_data(self, batch_size):
    return self._gather(np.random.permutation(len(self))[:batch_size])
# generator: made anew, without a seed
def sample_random_data(self, batch_size):
    return self._gather(np.random.default_rng().integers(len(self), size=batch_size))
