# fmt: off
# ok: a for loop with break
def sample_trajectories(rollouts, policy, min_timesteps, seeds, description=None):
    paths = []
    for path in rollouts.episodes(policy, seeds, min_timesteps):
        paths.append(path)
        if sum(len(path) for path in paths) >= min_timesteps:
            break
    return paths, sum(map(len, paths))
# ok: recursion over what is left
def sample_trajectories(rollouts, policy, min_timesteps, seeds, description=None):
    episodes = rollouts.episodes(policy, seeds)
    def more(left):
        if left <= 0:
            return []
        path = next(episodes)
        return [path, *more(left - len(path.rewards))]
    paths = more(min_timesteps)
    return paths, sum(len(path.observations) for path in paths)
