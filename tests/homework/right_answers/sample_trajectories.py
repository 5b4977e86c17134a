# fmt: off
#: Right answers to the blank sample_trajectories; tests/homework/answers.py explains the format of this file.
# ok | the answer is a for loop with a break
def sample_trajectories(rollouts, policy, min_timesteps, seeds, description=None):
    paths = []
    for path in rollouts.episodes(policy, seeds, min_timesteps):
        paths.append(path)
        if sum(len(path) for path in paths) >= min_timesteps:
            break
    return paths, sum(map(len, paths))
