# fmt: off
# base
def sample_n_trajectories(rollouts, policy, ntraj, seeds):
    episodes = rollouts.episodes(policy, seeds)
    return [next(episodes) for _ in range(ntraj)]
# number of episodes: one more
#~ range(ntraj) ==> range(ntraj + 1)
# number of episodes: one less
#~ range(ntraj) ==> range(1, ntraj)
# endless: all seeds
def sample_n_trajectories(rollouts, policy, ntraj, seeds):
    return list(rollouts.episodes(policy, seeds))[:ntraj]
# type: a generator
def sample_n_trajectories(rollouts, policy, ntraj, seeds):
    return islice(rollouts.episodes(policy, seeds), ntraj)
# type: steps too
#- return [next(episodes) for _ in range(ntraj)]
#+ paths = [next(episodes) for _ in range(ntraj)]
#+ return paths, sum(map(len, paths))
# order: one episode again and again
def sample_n_trajectories(rollouts, policy, ntraj, seeds):
    return [next(rollouts.episodes(policy, seeds))] * ntraj
# order: a generator for each episode
#~ next(episodes) ==> next(rollouts.episodes(policy, seeds))
# raises TypeError: a list in place of an iterator
#~ episodes = rollouts.episodes(policy, seeds) ==> episodes = list(islice(rollouts.episodes(policy, seeds), ntraj))
