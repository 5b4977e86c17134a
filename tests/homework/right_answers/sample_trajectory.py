# fmt: off
#: Right answers to the blank sample_trajectory; tests/homework/answers.py explains the format of this file.
# ok | a for loop fills lists of observations and of next observations
def sample_trajectory(env, spec, policy, seed, on_frame=None):
    obs, acs, rews, next_obs, terminated = [], [], [], [], False
    with episode_generators(seed):
        policy.reset(seed)
        ob, info = env.reset(seed=seed)
        for step in range(spec.max_episode_steps):
            ob = ob.astype(spec.ob_dtype)
            if on_frame is not None and step % spec.frame_stride == 0:
                on_frame(env.render())
            ac = as_actions(np.asarray(policy.get_action(ob)), spec)
            new, rew, terminated, truncated, info = env.step(ac)
            obs.append(ob), acs.append(ac), rews.append(rew), next_obs.append(new.astype(spec.ob_dtype))
            ob = new
            if terminated or truncated:
                break
    obs, next_obs, acs, rews = np.array(obs), np.array(next_obs), np.array(acs), np.array(rews, np.float32)
    check_finite(np.concatenate([obs, next_obs[-1:]]), acs, rews, seed)
    return Trajectory(obs, acs, rews, next_obs, terminated, truncated=not terminated)
# episode_generators, NaN | both functions are unused, and the policy gets the environment's dtype
def sample_trajectory(env, spec, policy, seed, on_frame=None):
    policy.reset(seed)
    states, actions, rewards = [env.reset(seed=seed)[0].copy()], [], []
    done = False
    while not done:
        if on_frame and len(actions) % spec.frame_stride == 0:
            on_frame(env.render())
        actions.append(as_actions(policy.get_action(states[-1]), spec))
        state, reward, terminated, truncated, _ = env.step(actions[-1])
        states.append(state.copy())
        rewards.append(reward)
        done = terminated or truncated or len(rewards) == spec.max_episode_steps
    states = np.stack(states).astype(spec.ob_dtype)
    return Trajectory.from_states(states, np.stack(actions), np.float32(rewards), terminated, not terminated)
# episode_generators | policy.reset is called before episode_generators
#~ policy.reset(seed) ==> pass
#- with episode_generators(seed):
#+ policy.reset(seed)
#+ with episode_generators(seed):
# NaN | the last state is not checked
#~ np.concatenate([obs, next_obs[-1:]]) ==> obs
