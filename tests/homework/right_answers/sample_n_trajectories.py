# fmt: off
# ok: islice of the episodes
def sample_n_trajectories(rollouts, policy, ntraj, seeds):
    return list(islice(rollouts.episodes(policy, seeds), ntraj))
# ok: a loop over zip
def sample_n_trajectories(rollouts, policy, ntraj, seeds):
    paths = []
    for _, path in zip(range(ntraj), rollouts.episodes(policy, seeds)):
        paths.append(path)
    return paths
