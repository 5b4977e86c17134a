# fmt: off
# ok: a batch of one by reshape, without a helper
def get_action(self, observations):
    with torch.no_grad():
        batch = torch.as_tensor(np.asarray(observations, dtype=np.float32).reshape(-1, *self.ob_shape))
        actions = self.forward(batch).mode.numpy()
    return actions.reshape(np.shape(observations)[: np.ndim(observations) - len(self.ob_shape)] + actions.shape[1:])
# ok: means and largest logits from the outputs
def get_action(self, observations):
    single = np.ndim(observations) == len(self.ob_shape)
    outputs = self.outputs(from_numpy(observations[None] if single else observations, self.ob_mean.device)).detach()
    actions = outputs.argmax(dim=-1) if self.discrete else outputs
    return actions.numpy()[0] if single else actions.numpy()
# sampling: rsample, where there is one
def get_action(self, observations):
    single = observations.ndim == len(self.ob_shape)
    dist = self(from_numpy(observations[None] if single else observations, self.ob_mean.device))
    actions = to_numpy(dist.rsample() if dist.has_rsample else dist.sample())
    return actions[0] if single else actions
