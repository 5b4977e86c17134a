# fmt: off
#: Right answers to the blank sample_n_trajectories; tests/homework/answers.py explains the format of this file.
# ok | the answer uses islice
#~ [next(episodes) for _ in range(ntraj)] ==> list(islice(episodes, ntraj))
# ok | the answer uses zip
#~ [next(episodes) for _ in range(ntraj)] ==> [path for _, path in zip(range(ntraj), episodes)]
