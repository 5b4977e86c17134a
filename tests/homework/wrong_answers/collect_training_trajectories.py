# fmt: off
#: Wrong answers to the blank collect_training_trajectories; tests/homework/answers.py explains the format of this file.
# base
def collect_training_trajectories(self, itr):
    if itr == 0:
        self.collection_policy = self.expert_policy
        return self.initial_expertdata
    self.collection_policy = self.frozen_actor()
    seeds = episode_seeds(self.config.seed, Stream.TRAINING_ROLLOUTS, itr)
    paths, envsteps = sample_trajectories(self.rollouts, self.collection_policy, self.config.batch_size, seeds)
    self.total_envsteps += envsteps
    return paths
# rollouts in iteration 0: recorded data never used
#~ if itr == 0: ==> if itr < 0:
# expert data again: in every iteration
#~ if itr == 0: ==> if True:
# twice: the recorded data
#~ return self.initial_expertdata ==> return self.initial_expertdata + self.initial_expertdata
# added twice: here and in the loop
#~ return self.initial ==> self.agent.add_to_replay_buffer(self.initial_expertdata); return self.initial
# total_envsteps: recorded steps counted
#~ return self.initial ==> self.total_envsteps += sum(map(len, self.initial_expertdata)); return self.initial
# total_envsteps: not counted
#~ self.total_envsteps += envsteps ==> pass
# batch_size: that of the evaluation
#~ self.config.batch_size ==> self.config.eval_batch_size
# seeds: the same in each iteration
#~ Stream.TRAINING_ROLLOUTS, itr ==> Stream.TRAINING_ROLLOUTS, 0
# policy: the expert acts
#~ self.collection_policy = self.frozen_actor() ==> self.collection_policy = self.expert_policy
# collection_policy: left as the expert
#~ self.collection_policy = self.frozen_actor() ==> policy = self.frozen_actor()
#~ self.rollouts, self.collection_policy ==> self.rollouts, policy
# type: a pair
#~ return paths ==> return paths, envsteps
# old copy: made in iteration 1 and kept
#~ self.collection_policy = self.frozen_actor() ==> self.collection_policy = self.frozen_actor() if itr == 1 else self.collection_policy
# other trajectories: relabelled already
#~ return paths ==> return self.do_relabel_with_expert(paths)
