# fmt: off
#: Wrong answers to the blank update; tests/homework/answers.py explains the format of this file.
# base
def update(self, observations, actions):
    loss = self.compute_loss(observations, actions)
    self.optimizer.zero_grad()
    loss.backward()
    self.optimizer.step()
    if self.scheduler is not None:
        self.scheduler.step()
    return {"Training Loss": loss.detach()}
def compute_loss(self, observations, actions):
    if self.discrete:
        return functional.cross_entropy(self.outputs(observations), actions)
    if self.loss == "nll":
        return -self(observations).log_prob(actions).mean()
    return functional.mse_loss(self.outputs(observations), actions)
# sampled action: the loss on a sample
#~ mse_loss(self.outputs(observations ==> mse_loss(self(observations).sample(
# summed over rows and columns: reduction="sum"
#~ mse_loss(self.outputs(observations), actions ==> mse_loss(self.outputs(observations), actions, reduction="sum"
# summed over the rows of the batch: log-likelihoods added up
#~ .log_prob(actions).mean() ==> .log_prob(actions).sum()
# (N,) broadcast against (N, 1): a squeeze
#~ mse_loss(self.outputs(observations), actions) ==> mse_loss(self.outputs(observations).squeeze(), actions)
# not reduced: a loss for each row
#~ .log_prob(actions).mean() ==> .log_prob(actions)
# detached: get_action and requires_grad_, as a published solution has it
#- functional.mse_loss(self.outputs(observations), actions)
#+ functional.mse_loss(torch.from_numpy(self.get_action(observations.numpy())), actions).requires_grad_()
# type: a number
#~ mse_loss(self.outputs(observations), actions) ==> mse_loss(self.outputs(observations), actions).item()
# wrong sign: the log-likelihood descended
#~ -self(observations).log_prob ==> self(observations).log_prob
# softmax twice: cross entropy of probabilities
#~ cross_entropy(self.outputs(observations) ==> cross_entropy(self.outputs(observations).softmax(-1)
# raises RuntimeError: the squared error for choices too
#~ if self.discrete: ==> if False:
# mse in place of nll: --loss ignored
#~ if self.loss == "nll": ==> if False:
# nll in place of mse: the log-likelihood always
#~ if self.loss == "nll": ==> if True:
# absolute error: L1
#~ functional.mse_loss ==> functional.l1_loss
# standardised: the network called with raw observations
#~ functional.mse_loss(self.outputs ==> functional.mse_loss(self.mean_net
# zero_grad: forgotten
#~ self.optimizer.zero_grad() ==> pass
# step before backward
#~ loss.backward() ==> self.optimizer.step(); loss.backward(); return {"Training Loss": loss.detach()}
# zero_grad too late: between backward and step
#~ loss.backward() ==> loss.backward(); self.optimizer.zero_grad()
# no backward: forgotten
#~ loss.backward() ==> pass
# no step: forgotten
#~ self.optimizer.step() ==> pass
# optimiser anew: made in every step
#~ self.optimizer.step() ==> torch.optim.Adam(self.parameters(), lr=5e-3).step()
# optimiser: without logstd
def __init__(self, *args, learning_rate=5e-3, loss="mse", schedule_period=None, **kwargs):
    MLPPolicy.__init__(self, *args, **kwargs)
    self.loss, self.scheduler = loss, None
    self.optimizer = torch.optim.Adam(self.network.parameters(), learning_rate)
# several steps: on one batch
#~ self.optimizer.step() ==> self.optimizer.step(); self.optimizer.step()
# scheduler: forgotten
#~ self.scheduler.step() ==> pass
# raises AttributeError: a schedule taken for granted
#~ if self.scheduler is not None: ==> if True:
# type: nothing returned
#~ return {"Training Loss": loss.detach()} ==> pass
# Training Loss: another name
#~ {"Training Loss": loss.detach()} ==> {"loss": loss.item()}
# gradient: for the first row of the batch only
#~ loss.backward() ==> self.compute_loss(observations[:1], actions[:1]).backward()
# means squashed by tanh: in the loss only
#~ functional.mse_loss(self.outputs(observations), ==> functional.mse_loss(self.outputs(observations).tanh(),
# logits taken for logarithms of probabilities: nll_loss of logits
#~ functional.cross_entropy( ==> functional.nll_loss(
