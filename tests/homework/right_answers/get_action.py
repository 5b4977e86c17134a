# fmt: off
#: Right answers to the blank get_action; tests/homework/answers.py explains the format of this file.
# ok | reshape makes a batch of one observation, without a helper
def get_action(self, observations):
    with torch.no_grad():
        batch = torch.as_tensor(np.asarray(observations, dtype=np.float32).reshape(-1, *self.ob_shape))
        actions = self.forward(batch).mode.numpy()
    return actions.reshape(np.shape(observations)[: np.ndim(observations) - len(self.ob_shape)] + actions.shape[1:])
# samples actions | actions are sampled with sample or rsample
#~ self(batch).mode ==> self(batch).sample() if self.discrete else self(batch).rsample()
