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
# iteration 0: a policy is rolled out | the recorded episodes are never used
#~ if itr == 0: ==> if itr < 0:
# sample_trajectories, which rolls out a policy, is called 0 times | every iteration returns the recorded episodes
#~ if itr == 0: ==> if True:
# episodes of [5, 3, 5, 3] steps | the recorded episodes are returned twice
#~ return self.initial_expertdata ==> return self.initial_expertdata + self.initial_expertdata
# run_training_loop then adds them again | the recorded episodes are added to the buffer here and in the loop
#~ return self.initial ==> self.agent.add_to_replay_buffer(self.initial_expertdata); return self.initial
# total_envsteps | the recorded steps are counted
#~ return self.initial ==> self.total_envsteps += sum(map(len, self.initial_expertdata)); return self.initial
# total_envsteps | the steps are not counted
#~ self.total_envsteps += envsteps ==> pass
# batch_size | the batch size is that of the evaluation
#~ self.config.batch_size ==> self.config.eval_batch_size
# seeds | the seeds are the same in each iteration
#~ Stream.TRAINING_ROLLOUTS, itr ==> Stream.TRAINING_ROLLOUTS, 0
# a call of self.frozen_actor() in this iteration | the expert acts
#~ self.collection_policy = self.frozen_actor() ==> self.collection_policy = self.expert_policy
# collection_policy | collection_policy is not set to the policy that acts
#~ self.collection_policy = self.frozen_actor() ==> policy = self.frozen_actor()
#~ self.rollouts, self.collection_policy ==> self.rollouts, policy
# there are { | the pair of episodes and steps is returned
#~ return paths ==> return paths, envsteps
# a call of self.frozen_actor() in this iteration | the copy of iteration 1 acts in all iterations
#~ self.collection_policy = self.frozen_actor() ==> self.collection_policy = self.frozen_actor() if itr == 1 else self.collection_policy
# it must return those rolled out | the returned episodes are relabelled already
#~ return paths ==> return self.do_relabel_with_expert(paths)
