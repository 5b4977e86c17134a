# fmt: off
# sampled action: the loss on a sample
def compute_loss(self, observations, actions):
    if self.discrete:
        return functional.cross_entropy(self.outputs(observations), actions)
    if self.loss == "nll":
        return -self(observations).log_prob(actions).mean()
    return functional.mse_loss(self(observations).sample(), actions)
# sampled action: the same with a gradient
def compute_loss(self, observations, actions):
    if self.discrete:
        return functional.cross_entropy(self.outputs(observations), actions)
    if self.loss == "nll":
        return -self(observations).log_prob(actions).mean()
    return functional.mse_loss(self(observations).rsample(), actions)
# summed: reduction="sum"
def compute_loss(self, observations, actions):
    if self.discrete:
        return functional.cross_entropy(self.outputs(observations), actions)
    if self.loss == "nll":
        return -self(observations).log_prob(actions).mean()
    return functional.mse_loss(self.outputs(observations), actions, reduction="sum")
# summed: log-likelihoods added up
def compute_loss(self, observations, actions):
    if self.discrete:
        return functional.cross_entropy(self.outputs(observations), actions)
    if self.loss == "nll":
        return -self(observations).log_prob(actions).sum()
    return functional.mse_loss(self.outputs(observations), actions)
# (N,) broadcast against (N, 1): (N,) against (N, 1)
def compute_loss(self, observations, actions):
    if self.discrete:
        return functional.cross_entropy(self.outputs(observations), actions)
    if self.loss == "nll":
        return -self(observations).log_prob(actions).mean()
    return ((self.outputs(observations).squeeze() - actions) ** 2).mean()
# not reduced: a loss for each row
def compute_loss(self, observations, actions):
    if self.discrete:
        return functional.cross_entropy(self.outputs(observations), actions)
    if self.loss == "nll":
        return -self(observations).log_prob(actions)
    return functional.mse_loss(self.outputs(observations), actions)
# detached: get_action and requires_grad_, as a published solution has it
def compute_loss(self, observations, actions):
    if self.discrete:
        return functional.cross_entropy(self.outputs(observations), actions)
    if self.loss == "nll":
        return -self(observations).log_prob(actions).mean()
    loss = functional.mse_loss(torch.from_numpy(self.get_action(observations.numpy())), actions)
    return loss.requires_grad_()
# type: a number
def compute_loss(self, observations, actions):
    return functional.mse_loss(self.outputs(observations), actions).item()
# sign: the log-likelihood descended
def compute_loss(self, observations, actions):
    if self.discrete:
        return functional.cross_entropy(self.outputs(observations), actions)
    if self.loss == "nll":
        return self(observations).log_prob(actions).mean()
    return functional.mse_loss(self.outputs(observations), actions)
# softmax twice: cross entropy of probabilities
def compute_loss(self, observations, actions):
    if self.discrete:
        return functional.cross_entropy(self.outputs(observations).softmax(-1), actions)
    if self.loss == "nll":
        return -self(observations).log_prob(actions).mean()
    return functional.mse_loss(self.outputs(observations), actions)
# raises RuntimeError: the squared error for choices too
def compute_loss(self, observations, actions):
    if self.loss == "nll":
        return -self(observations).log_prob(actions).mean()
    return functional.mse_loss(self.outputs(observations), actions)
# mse in place of nll: --loss ignored
def compute_loss(self, observations, actions):
    if self.discrete:
        return functional.cross_entropy(self.outputs(observations), actions)
    return functional.mse_loss(self.outputs(observations), actions)
# nll in place of mse: the log-likelihood always
def compute_loss(self, observations, actions):
    return -self(observations).log_prob(actions).mean()
# absolute error: L1
def compute_loss(self, observations, actions):
    if self.discrete:
        return functional.cross_entropy(self.outputs(observations), actions)
    if self.loss == "nll":
        return -self(observations).log_prob(actions).mean()
    return functional.l1_loss(self.outputs(observations), actions)
# standardised: the network called with raw observations
def compute_loss(self, observations, actions):
    if self.discrete:
        return functional.cross_entropy(self.logits_na(observations), actions)
    if self.loss == "nll":
        return -self(observations).log_prob(actions).mean()
    return functional.mse_loss(self.mean_net(observations), actions)
# zero_grad: forgotten
def update(self, observations, actions):
    loss = self.compute_loss(observations, actions)
    loss.backward()
    self.optimizer.step()
    if self.scheduler is not None:
        self.scheduler.step()
    return {"Training Loss": loss.detach()}
# step before backward
def update(self, observations, actions):
    loss = self.compute_loss(observations, actions)
    self.optimizer.zero_grad()
    self.optimizer.step()
    loss.backward()
    if self.scheduler is not None:
        self.scheduler.step()
    return {"Training Loss": loss.detach()}
# zero_grad too late: between backward and step
def update(self, observations, actions):
    loss = self.compute_loss(observations, actions)
    loss.backward()
    self.optimizer.zero_grad()
    self.optimizer.step()
    if self.scheduler is not None:
        self.scheduler.step()
    return {"Training Loss": loss.detach()}
# no backward
def update(self, observations, actions):
    loss = self.compute_loss(observations, actions)
    self.optimizer.zero_grad()
    self.optimizer.step()
    return {"Training Loss": loss.detach()}
# no step
def update(self, observations, actions):
    loss = self.compute_loss(observations, actions)
    self.optimizer.zero_grad()
    loss.backward()
    return {"Training Loss": loss.detach()}
# optimiser anew: made in every step
def update(self, observations, actions):
    optimizer = torch.optim.Adam(self.parameters(), lr=5e-3)
    loss = self.compute_loss(observations, actions)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if self.scheduler is not None:
        self.scheduler.step()
    return {"Training Loss": loss.detach()}
# optimiser: without logstd
def __init__(self, *args, learning_rate=5e-3, loss="mse", schedule_period=None, **kwargs):
    MLPPolicy.__init__(self, *args, **kwargs)
    self.loss, self.scheduler = loss, None
    self.optimizer = torch.optim.Adam(self.network.parameters(), learning_rate)
# several steps: an inner loop over the batch
def update(self, observations, actions):
    for _ in range(5):
        loss = self.compute_loss(observations, actions)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
    if self.scheduler is not None:
        self.scheduler.step()
    return {"Training Loss": loss.detach()}
# scheduler: forgotten
def update(self, observations, actions):
    loss = self.compute_loss(observations, actions)
    self.optimizer.zero_grad()
    loss.backward()
    self.optimizer.step()
    return {"Training Loss": loss.detach()}
# raises AttributeError: a schedule taken for granted
def update(self, observations, actions):
    loss = self.compute_loss(observations, actions)
    self.optimizer.zero_grad()
    loss.backward()
    self.optimizer.step()
    self.scheduler.step()
    return {"Training Loss": loss.detach()}
# type: nothing returned
def update(self, observations, actions):
    loss = self.compute_loss(observations, actions)
    self.optimizer.zero_grad()
    loss.backward()
    self.optimizer.step()
    if self.scheduler is not None:
        self.scheduler.step()
# Training Loss: another name
def update(self, observations, actions):
    loss = self.compute_loss(observations, actions)
    self.optimizer.zero_grad()
    loss.backward()
    self.optimizer.step()
    if self.scheduler is not None:
        self.scheduler.step()
    return {"loss": loss.item()}
# Training Loss: that after the step
def update(self, observations, actions):
    loss = self.compute_loss(observations, actions)
    self.optimizer.zero_grad()
    loss.backward()
    self.optimizer.step()
    if self.scheduler is not None:
        self.scheduler.step()
    return {"Training Loss": self.compute_loss(observations, actions).item()}
# gradient: for the first row of the batch only
def update(self, observations, actions):
    loss = self.compute_loss(observations, actions)
    self.optimizer.zero_grad()
    self.compute_loss(observations[:1], actions[:1]).backward()
    self.optimizer.step()
    if self.scheduler is not None:
        self.scheduler.step()
    return {"Training Loss": loss.detach()}
