# fmt: off
#: Wrong answers to the blank train_agent; tests/homework/answers.py explains the format of this file.
# base
def train_agent(self):
    logs = []
    for _ in range(self.config.num_agent_train_steps_per_iter):
        batch = self.agent.sample(self.config.train_batch_size)
        logs.append(self.agent.train(batch))
    return last_training_log(logs, self.agent.actor)
# each step needs a new batch | one batch is drawn before the loop
#~ batch = self.agent.sample(self.config.train_batch_size) ==> pass
#~ logs = [] ==> logs, batch = [], self.agent.sample(self.config.train_batch_size)
# 1 gradient steps | one gradient step is taken
#~ for _ in range(self.config.num_agent_train_steps_per_iter): ==> if True:
# {37} transitions | the batch size is that of the rollouts
#~ self.config.train_batch_size ==> self.config.batch_size
# {'Tensor'}, not a Batch | the agent gets only the observations of the batch
#~ self.agent.train(batch) ==> self.agent.train(batch.observations)
# a list, not the scalars | the list of all logs is returned, as in the course's code
#~ return last_training_log(logs, self.agent.actor) ==> return logs
# nothing (None) | nothing is returned
#~ return last_training_log(logs, self.agent.actor) ==> last_training_log(logs, self.agent.actor)
# the loss of the last step | the scalars of the first step are returned
#~ return last_training_log(logs, self.agent.actor) ==> return last_training_log(logs[:1], self.agent.actor)
# no attribute 'replay_buffer' | batches come from the replay buffer, which another agent may not have
#~ self.agent.sample( ==> self.agent.replay_buffer.sample_random_data(
# no attribute 'update' | the actor's update is called, not the agent's train
#~ self.agent.train(batch) ==> self.agent.actor.update(batch.observations, batch.actions)
