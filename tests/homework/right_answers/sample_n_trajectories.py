# fmt: off
#: Right answers to the blank sample_n_trajectories; tests/homework/answers.py explains the format of this file.
# ok: islice of the episodes
#~ [next(episodes) for _ in range(ntraj)] ==> list(islice(episodes, ntraj))
# ok: zip
#~ [next(episodes) for _ in range(ntraj)] ==> [path for _, path in zip(range(ntraj), episodes)]
