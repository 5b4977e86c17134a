# fmt: off
#: Right answers to the blank train_agent; tests/homework/answers.py explains the format of this file.
# NaN: the last log as floats
#~ last_training_log(logs, self.agent.actor) ==> {name: float(value) for name, value in logs[-1].items()}
# NaN: all batches first, the last log as floats
def train_agent(self):
    batches = []
    while len(batches) < self.config.num_agent_train_steps_per_iter:
        batches.append(self.agent.sample(self.config.train_batch_size))
    for batch in batches:
        log = self.agent.train(batch)
    return {name: float(value) for name, value in log.items()}
# NaN: the last log alone
#~ (logs, ==> (logs[-1:],
# NaN: the agent in place of its policy
#~ self.agent.actor) ==> self.agent)
