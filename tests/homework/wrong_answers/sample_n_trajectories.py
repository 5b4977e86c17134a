# fmt: off
#: Wrong answers to the blank sample_n_trajectories; tests/homework/answers.py explains the format of this file.
# base
def sample_n_trajectories(rollouts, policy, ntraj, seeds):
    episodes = rollouts.episodes(policy, seeds)
    return [next(episodes) for _ in range(ntraj)]
# 4 episodes | one episode more is returned
#~ range(ntraj) ==> range(ntraj + 1)
# without end | episodes are rolled out for all seeds
#~ [next(episodes) for _ in range(ntraj)] ==> list(episodes)[:ntraj]
# islice, not a list | an iterator is returned
#~ [next(episodes) for _ in range(ntraj)] ==> islice(episodes, ntraj)
# there are { | a pair with a number of steps is returned
#~ [next(episodes) for _ in range(ntraj)] ==> [next(episodes) for _ in range(ntraj)], 15
# [4, 4, 4], not [4, 6, 5] | the same episode is returned again and again
#~ [next(episodes) for _ in range(ntraj)] ==> [next(episodes)] * ntraj
# call rollouts.episodes once | a generator is made for each episode
#~ next(episodes) ==> next(rollouts.episodes(policy, seeds))
# raises TypeError | next is called on a list
#~ episodes = rollouts.episodes(policy, seeds) ==> episodes = list(islice(rollouts.episodes(policy, seeds), ntraj))
# not a given seed | the given seeds are not used
#~ rollouts.episodes(policy, seeds) ==> rollouts.episodes(policy, iter(range(ntraj)))
