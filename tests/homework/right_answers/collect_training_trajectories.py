# fmt: off
#: Right answers to the blank collect_training_trajectories; tests/homework/answers.py explains the format of this file.
# ok | the answer has an else branch and sums the lengths
def collect_training_trajectories(self, itr):
    if itr > 0:
        policy = self.frozen_actor()
        paths, _ = sample_trajectories(
            rollouts=self.rollouts, policy=policy, min_timesteps=self.config.batch_size,
            seeds=episode_seeds(self.config.seed, Stream.TRAINING_ROLLOUTS, itr), description="collecting")
        self.total_envsteps = self.total_envsteps + sum(len(path) for path in paths)
    else:
        policy, paths = self.expert_policy, list(self.initial_expertdata)
    self.collection_policy = policy
    return paths
# a faster copy | the policy itself acts, not a frozen copy
#~ self.frozen_actor() ==> self.agent.actor
# ok | one copy acts and another copy is kept
#~ self.rollouts, self.collection_policy ==> self.rollouts, self.frozen_actor()
