# fmt: off
#: Wrong answers to the blank sample_trajectories; tests/homework/answers.py explains the format of this file.
# base
def sample_trajectories(rollouts, policy, min_timesteps, seeds, description=None):
    paths, timesteps = [], 0
    episodes = rollouts.episodes(policy, seeds, min_timesteps)
    while timesteps < min_timesteps:
        path = next(episodes)
        paths.append(path)
        timesteps += len(path)
    return paths, timesteps
# 10 episodes | min_timesteps is taken for a number of episodes
#~ timesteps += len(path) ==> timesteps += 1
# 3 episodes | one episode more is collected if the steps are exactly enough
#~ while timesteps < min_timesteps: ==> while timesteps <= min_timesteps:
# 1 episodes | the last episode is left out
#~ return paths, timesteps ==> return paths[:-1], timesteps
# whole episodes | the last episode is cut
#- paths.append(path)
#+ left = min_timesteps - timesteps
#+ path = Trajectory.from_states(path.states[: left + 1], path.actions[:left], path.rewards[:left], False, True)
#+ paths.append(path)
# call rollouts.episodes once | a generator is made for each episode, so that seeds are lost
#~ path = next(episodes) ==> path = next(rollouts.episodes(policy, seeds, min_timesteps))
# without end | episodes are rolled out for all seeds
#~ rollouts.episodes(policy, seeds, min_timesteps ==> iter(list(rollouts.episodes(policy, seeds, min_timesteps))
# the returned number of steps | the number of episodes is returned as the number of steps
#~ return paths, timesteps ==> return paths, len(paths)
# a list, not the pair | only the list is returned
#~ return paths, timesteps ==> return paths
# there are {'dict'} | the episodes are returned as dictionaries
#~ paths.append(path) ==> paths.append({"observation": path.observations, "reward": path.rewards})
#~ return paths, timesteps ==> return tuple(paths), timesteps
# raises AttributeError | the attribute env of the rollouts is used, which workers don't have
#~ path = next(episodes) ==> path = sample_trajectory(rollouts.env, rollouts.spec, policy, next(seeds))
# another policy than the given one | the rollouts get no policy
#~ rollouts.episodes(policy, seeds, min_timesteps) ==> rollouts.episodes(None, seeds, min_timesteps)
