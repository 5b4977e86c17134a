# fmt: off
# ok: islice of the episodes
#~ [next(episodes) for _ in range(ntraj)] ==> list(islice(episodes, ntraj))
# ok: zip
#~ [next(episodes) for _ in range(ntraj)] ==> [path for _, path in zip(range(ntraj), episodes)]
