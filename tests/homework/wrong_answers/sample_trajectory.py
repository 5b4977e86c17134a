# fmt: off
#: Wrong answers to the blank sample_trajectory; tests/homework/answers.py explains the format of this file.
# base
def sample_trajectory(env, spec, policy, seed, on_frame=None):
    with episode_generators(seed):
        policy.reset(seed)
        ob, _ = env.reset(seed=seed)
        ob = np.array(ob, spec.ob_dtype)
        obs, acs, rewards, next_obs = [], [], [], []
        while True:
            if on_frame and len(rewards) % spec.frame_stride == 0:
                on_frame(env.render())
            ac = policy.get_action(ob)
            obs.append(ob)
            acs.append(as_actions(np.asarray(ac), spec))
            ob, reward, terminated, truncated, _ = env.step(acs[-1])
            ob = np.array(ob, spec.ob_dtype)
            next_obs.append(ob)
            rewards.append(reward)
            if terminated or truncated or len(rewards) >= spec.max_episode_steps:
                break
    obs, acs, next_obs = np.array(obs), np.array(acs), np.array(next_obs)
    rewards = np.array(rewards, np.float32)
    check_finite(np.concatenate([obs, next_obs[-1:]]), acs, rewards, seed)
    return Trajectory(obs, acs, rewards, next_obs, terminated, not terminated)
# a dict, not a Trajectory | a dictionary is returned, as in the course's code
#~ return Trajectory( ==> return {"observation": obs, "action": acs, "reward": rewards}; Trajectory(
# no copies | the environment's array is kept without a copy
#~ ob = np.array(ob, spec.ob_dtype) ==> ob = ob
#~ ), np.array(acs), np.array(next_obs ==> , np.float32), np.array(acs), np.array(next_obs, np.float32
# env.reset returns (observation, info) | the first observation is the pair that env.reset returns
#~ ob, _ = env.reset(seed=seed) ==> ob = env.reset(seed=seed)
#~ ob = np.array(ob, spec.ob_dtype) ==> ob = ob
# env.reset gets the seeds [None] | env.reset is called without the seed
#~ env.reset(seed=seed) ==> env.reset()
# policy.reset the seeds [] | policy.reset is not called
#~ policy.reset(seed) ==> pass
# the trajectory has 6 steps | the last step of the episode is left out
#~ Trajectory(obs, acs, rewards, next_obs, ==> Trajectory(obs[:-1], acs[:-1], rewards[:-1], next_obs[:-1],
# raises ValueError | there is one observation more than steps
#~ obs), np.array(acs), np.array(next_obs ==> [*obs, ob]), np.array(acs), np.array([*next_obs, ob]
# the next observations are | each next observation is the observation itself
#~ next_obs.append(ob) ==> next_obs.append(obs[-1])
# the observations are those of the steps [1 | the observations are those after the step
#~ obs, acs, rewards, next_obs, ==> next_obs, acs, rewards, next_obs + np.float32([1, 0, 0]),
# but a time limit ended | every episode is marked as terminated
#~ , next_obs, terminated, not terminated ==> , next_obs, True, False
# but the task ended | no episode is marked as terminated
#~ , next_obs, terminated, not terminated ==> , next_obs, False, True
# continues after spec.max_episode_steps | max_episode_steps is ignored
#~ if terminated or truncated or len(rewards) >= spec.max_episode_steps: ==> if terminated or truncated:
# called 11 times | the episode stops one step before the limit
#~ len(rewards) >= spec.max_episode_steps ==> len(rewards) >= spec.max_episode_steps - 1
# after the episode has ended | the environment's truncation is ignored
#~ or truncated or len(rewards) >= spec. ==> or len(rewards) >= spec.
# actions are clipped | actions are clipped to the environment's action space
#~ env.step(acs[-1]) ==> env.step(acs[-1] if spec.discrete else np.clip(acs[-1], -1, 1))
# the action has shape () | the policy's action is indexed as if it were a batch
#~ ac = policy.get_action(ob) ==> ac = policy.get_action(ob); ac = ac if spec.discrete else ac[0]
# the environment got the actions | every action is that of the first observation
#~ ac = policy.get_action(ob) ==> ac = policy.get_action(obs[0] if obs else ob)
# the rewards are | each reward is the sum of all rewards so far
#~ rewards.append(reward) ==> rewards.append(reward + sum(rewards[-1:]))
# on_frame | the frame of every step is rendered
#~ if on_frame and len(rewards) % spec.frame_stride == 0: ==> if on_frame:
# all actions are for the first observation | the policy gets the observation of env.reset in every step
#~ ob = np.array(ob, spec.ob_dtype) ==> pass
#~ obs.append(ob) ==> obs.append(np.array(ob, spec.ob_dtype))
#~ ob, reward, ==> _, reward,
