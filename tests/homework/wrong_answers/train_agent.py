# fmt: off
#: Wrong answers to the blank train_agent; tests/homework/answers.py explains the format of this file.
# base
def train_agent(self):
    logs = []
    for _ in range(self.config.num_agent_train_steps_per_iter):
        batch = self.agent.sample(self.config.train_batch_size)
        logs.append(self.agent.train(batch))
    return last_training_log(logs, self.agent.actor)
# same batch: drawn before the loop
#~ batch = self.agent.sample(self.config.train_batch_size) ==> pass
#~ logs = [] ==> logs, batch = [], self.agent.sample(self.config.train_batch_size)
# number of steps: one
#~ for _ in range(self.config.num_agent_train_steps_per_iter): ==> if True:
# train_batch_size: that of the rollouts
#~ self.config.train_batch_size ==> self.config.batch_size
# batch: observations alone
#~ self.agent.train(batch) ==> self.agent.train(batch.observations)
# type: the list of logs, as in the course's code
#~ return last_training_log(logs, self.agent.actor) ==> return logs
# type: nothing returned
#~ return last_training_log(logs, self.agent.actor) ==> last_training_log(logs, self.agent.actor)
# last step: the first one's scalars
#~ return last_training_log(logs, self.agent.actor) ==> return last_training_log(logs[:1], self.agent.actor)
# agent: the replay buffer of another agent
#~ self.agent.sample( ==> self.agent.replay_buffer.sample_random_data(
# update: the actor's own
#~ self.agent.train(batch) ==> self.agent.actor.update(batch.observations, batch.actions)
