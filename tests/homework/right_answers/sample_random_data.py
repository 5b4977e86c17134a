# fmt: off
#: Right answers to the blank sample_random_data; tests/homework/answers.py explains the format of this file.
# ok | the slots are random numbers, rounded down
#~ self.rng.integers(len(self), size=batch_size) ==> (self.rng.random(batch_size) * len(self)).astype(np.int64)
# replacement, other generators | numpy's global generator draws a permutation, as the course hints
#~ self.rng.integers(len(self), size=batch_size) ==> np.random.permutation(len(self))[:batch_size]
# other generators | a new generator without a seed is made in each call
#~ self.rng. ==> np.random.default_rng().
