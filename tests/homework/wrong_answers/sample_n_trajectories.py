# fmt: off
#: Wrong answers to the blank sample_n_trajectories; tests/homework/answers.py explains the format of this file.
# base
def sample_n_trajectories(rollouts, policy, ntraj, seeds):
    episodes = rollouts.episodes(policy, seeds)
    return [next(episodes) for _ in range(ntraj)]
# number of episodes: one more
#~ range(ntraj) ==> range(ntraj + 1)
# endless: all seeds
#~ [next(episodes) for _ in range(ntraj)] ==> list(episodes)[:ntraj]
# type: a generator
#~ [next(episodes) for _ in range(ntraj)] ==> islice(episodes, ntraj)
# type: steps too
#~ [next(episodes) for _ in range(ntraj)] ==> [next(episodes) for _ in range(ntraj)], 15
# order: one episode again and again
#~ [next(episodes) for _ in range(ntraj)] ==> [next(episodes)] * ntraj
# order: a generator for each episode
#~ next(episodes) ==> next(rollouts.episodes(policy, seeds))
# raises TypeError: a list in place of an iterator
#~ episodes = rollouts.episodes(policy, seeds) ==> episodes = list(islice(rollouts.episodes(policy, seeds), ntraj))
# seeds: made up
#~ rollouts.episodes(policy, seeds) ==> rollouts.episodes(policy, iter(range(ntraj)))
