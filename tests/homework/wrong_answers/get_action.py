# fmt: off
#: Wrong answers to the blank get_action; tests/homework/answers.py explains the format of this file.
# base
def get_action(self, observations):
    single = observations.ndim == len(self.ob_shape)
    batch = from_numpy(observations[None] if single else observations, self.ob_mean.device)
    actions = to_numpy(self(batch).mode)
    return actions[0] if single else actions
# a Tensor, not a numpy array | a tensor on the graph is returned
#~ to_numpy(self(batch).mode) ==> self(batch).mode
# raises RuntimeError | numpy() is called on a tensor on the graph
#~ to_numpy(self(batch).mode) ==> (self.outputs(batch).argmax(1) if self.discrete else self.outputs(batch)).numpy()
# shape (1, 2), not (2,) | the action for a single observation keeps the batch dimension
#~ actions[0] if single else actions ==> actions
# observations of shape (3,), self.ob_shape=(3,): it raises IndexError | a single observation gets no batch dimension
#~ observations[None] if single else observations ==> observations
# not standardised | the network is called with raw observations
#~ (batch).mode ==> .network(batch.flatten(1)).argmax(1) if self.discrete else self.network(batch.flatten(1))
# shape (6, 4), not (6,) | the logits are returned for discrete actions
#~ self(batch).mode ==> self.outputs(batch)
# float32, not integers | the mean is taken for discrete actions, too
#~ self(batch).mode ==> self(batch).mean
# the most likely actions | the actions are clipped to a box
#~ else actions ==> else actions if self.discrete else np.clip(actions, -0.1, 0.1)
# not sampled from the policy's distribution | noise is scaled by logstd instead of the standard deviation
#~ mode) ==> mode) + (0 if self.discrete else np.random.randn(len(batch), 2) * to_numpy(self.logstd))
