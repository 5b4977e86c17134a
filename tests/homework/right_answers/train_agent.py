# fmt: off
# ok: a comprehension
def train_agent(self):
    size = self.config.train_batch_size
    logs = [self.agent.train(self.agent.sample(size)) for _ in range(self.config.num_agent_train_steps_per_iter)]
    return last_training_log(logs, self.agent.actor)
# ok: all batches first, the last log as floats
def train_agent(self):
    batches = []
    while len(batches) < self.config.num_agent_train_steps_per_iter:
        batches.append(self.agent.sample(self.config.train_batch_size))
    for batch in batches:
        log = self.agent.train(batch)
    return {name: float(value) for name, value in log.items()}
