# fmt: off
# tensor: a tensor on the graph
def get_action(self, observations):
    single = observations.ndim == len(self.ob_shape)
    actions = self(from_numpy(observations[None] if single else observations, self.ob_mean.device)).mode
    return actions[0] if single else actions
# raises RuntimeError: numpy() of a tensor on the graph
def get_action(self, observations):
    single = observations.ndim == len(self.ob_shape)
    outputs = self.outputs(torch.from_numpy(observations[None] if single else observations))
    actions = outputs.argmax(1).numpy() if self.discrete else outputs.numpy()
    return actions[0] if single else actions
# batch dimension: kept for a single observation
def get_action(self, observations):
    batch = observations[None] if observations.ndim == len(self.ob_shape) else observations
    return to_numpy(self(from_numpy(batch, self.ob_mean.device)).mode)
# batch dimension: none added to a single observation
def get_action(self, observations):
    return to_numpy(self(from_numpy(observations, self.ob_mean.device)).mode)
# batch dimension: an image taken for a batch, as the starter code's len(obs.shape) > 1 does
def get_action(self, observations):
    single = len(observations.shape) == 1
    actions = to_numpy(self(from_numpy(observations[None] if single else observations, self.ob_mean.device)).mode)
    return actions[0] if single else actions
# batch dimension: only the first action of a batch
def get_action(self, observations):
    batch = observations[None] if observations.ndim == len(self.ob_shape) else observations
    return to_numpy(self(from_numpy(batch, self.ob_mean.device)).mode)[0]
# batch dimension: squeezed whatever it is
def get_action(self, observations):
    single = observations.ndim == len(self.ob_shape)
    return to_numpy(self(from_numpy(observations[None], self.ob_mean.device)).mode).squeeze() if single else to_numpy(
        self(from_numpy(observations, self.ob_mean.device)).mode.T)
# standardised: the network called with raw observations
def get_action(self, observations):
    single = observations.ndim == len(self.ob_shape)
    batch = from_numpy(observations[None] if single else observations, self.ob_mean.device)
    outputs = self.network(batch.flatten(1))
    actions = to_numpy(outputs.argmax(1) if self.discrete else outputs)
    return actions[0] if single else actions
# logits: one number for each choice
def get_action(self, observations):
    single = observations.ndim == len(self.ob_shape)
    actions = to_numpy(self.outputs(from_numpy(observations[None] if single else observations, self.ob_mean.device)))
    return actions[0] if single else actions
# dtype: the mean of a categorical distribution
def get_action(self, observations):
    single = observations.ndim == len(self.ob_shape)
    actions = to_numpy(self(from_numpy(observations[None] if single else observations, self.ob_mean.device)).mean)
    return actions[0] if single else actions
# wrong action: clipped to the box
def get_action(self, observations):
    single = observations.ndim == len(self.ob_shape)
    actions = to_numpy(self(from_numpy(observations[None] if single else observations, self.ob_mean.device)).mode)
    actions = actions if self.discrete else np.clip(actions, -0.1, 0.1)
    return actions[0] if single else actions
# wrong sample: noise of the logarithm of the deviation
def get_action(self, observations):
    single = observations.ndim == len(self.ob_shape)
    outputs = self.outputs(from_numpy(observations[None] if single else observations, self.ob_mean.device))
    if self.discrete:
        actions = to_numpy(outputs.argmax(1))
    else:
        actions = to_numpy(outputs + torch.randn_like(outputs) * self.logstd)
    return actions[0] if single else actions
# wrong sample: choices drawn without their probabilities
def get_action(self, observations):
    single = observations.ndim == len(self.ob_shape)
    outputs = self.outputs(from_numpy(observations[None] if single else observations, self.ob_mean.device))
    actions = to_numpy(torch.randint(0, outputs.shape[1], (len(outputs),)) if self.discrete else outputs)
    return actions[0] if single else actions
# type: the distribution itself
def get_action(self, observations):
    return self(from_numpy(np.atleast_2d(observations), self.ob_mean.device))
# batch dimension: dropped from a batch of one too
def get_action(self, observations):
    batch = observations[None] if observations.ndim == len(self.ob_shape) else observations
    return to_numpy(self(from_numpy(batch, self.ob_mean.device)).mode.squeeze(0))
# standardised: twice
def get_action(self, observations):
    single = observations.ndim == len(self.ob_shape)
    batch = from_numpy(observations[None] if single else observations, self.ob_mean.device)
    actions = to_numpy(self((batch.flatten(1) - self.ob_mean) / self.ob_std).mode)
    return actions[0] if single else actions
