# fmt: off
#: Wrong answers to the blank get_action; tests/homework/answers.py explains the format of this file.
# base
def get_action(self, observations):
    single = observations.ndim == len(self.ob_shape)
    batch = from_numpy(observations[None] if single else observations, self.ob_mean.device)
    actions = to_numpy(self(batch).mode)
    return actions[0] if single else actions
# type: a tensor on the graph is returned
#~ to_numpy(self(batch).mode) ==> self(batch).mode
# raises RuntimeError: numpy() is called on a tensor on the graph
#~ to_numpy(self(batch).mode) ==> (self.outputs(batch).argmax(1) if self.discrete else self.outputs(batch)).numpy()
# batch dimension: the action for a single observation keeps the batch dimension
#~ actions[0] if single else actions ==> actions
# batch dimension: a single observation gets no batch dimension
#~ observations[None] if single else observations ==> observations
# standardised: the network is called with raw observations
#~ (batch).mode ==> .network(batch.flatten(1)).argmax(1) if self.discrete else self.network(batch.flatten(1))
# logits: the logits are returned for discrete actions
#~ self(batch).mode ==> self.outputs(batch)
# dtype: the mean is taken for discrete actions, too
#~ self(batch).mode ==> self(batch).mean
# wrong action: the actions are clipped to a box
#~ else actions ==> else actions if self.discrete else np.clip(actions, -0.1, 0.1)
# wrong sample: noise is scaled by logstd instead of the standard deviation
#~ mode) ==> mode) + (0 if self.discrete else np.random.randn(len(batch), 2) * to_numpy(self.logstd))
