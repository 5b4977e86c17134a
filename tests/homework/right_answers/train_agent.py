# fmt: off
#: Right answers to the blank train_agent; tests/homework/answers.py explains the format of this file.
# NaN | the last log is converted to floats without a check
#~ last_training_log(logs, self.agent.actor) ==> {name: float(value) for name, value in logs[-1].items()}
# NaN | all batches are drawn first, and the last log is not checked
def train_agent(self):
    batches = []
    while len(batches) < self.config.num_agent_train_steps_per_iter:
        batches.append(self.agent.sample(self.config.train_batch_size))
    for batch in batches:
        log = self.agent.train(batch)
    return {name: float(value) for name, value in log.items()}
# NaN | last_training_log gets the last log only
#~ (logs, ==> (logs[-1:],
# NaN | last_training_log gets the agent, not its policy
#~ self.agent.actor) ==> self.agent)
