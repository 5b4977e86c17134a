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
# not a sample | the loss compares a sampled action, not the mean
#~ mse_loss(self.outputs(observations ==> mse_loss(self(observations).sample(
# summed over rows and columns | the squared error is summed with reduction="sum"
#~ mse_loss(self.outputs(observations), actions ==> mse_loss(self.outputs(observations), actions, reduction="sum"
# summed over the rows of the batch | the log-likelihoods of the rows are added up
#~ .log_prob(actions).mean() ==> .log_prob(actions).sum()
# (N,) broadcast against (N, 1) | the outputs are squeezed
#~ mse_loss(self.outputs(observations), actions) ==> mse_loss(self.outputs(observations).squeeze(), actions)
# the mean over the batch | the loss is an array with a number for each row
#~ .log_prob(actions).mean() ==> .log_prob(actions)
# no gradient of the loss | the loss is that of get_action, with requires_grad_, as in a published solution
#- functional.mse_loss(self.outputs(observations), actions)
#+ functional.mse_loss(torch.from_numpy(self.get_action(observations.numpy())), actions).requires_grad_()
# a float, not a tensor | the loss is a Python number
#~ mse_loss(self.outputs(observations), actions) ==> mse_loss(self.outputs(observations), actions).item()
# wrong sign | the log-likelihood is minimised
#~ -self(observations).log_prob ==> self(observations).log_prob
# softmax twice | the cross entropy is that of probabilities, not of logits
#~ cross_entropy(self.outputs(observations) ==> cross_entropy(self.outputs(observations).softmax(-1)
# raises RuntimeError | the squared error is used for discrete actions, too
#~ if self.discrete: ==> if False:
# mse in place of nll | the setting --loss is ignored
#~ if self.loss == "nll": ==> if False:
# nll in place of mse | the loss is always the negative log-likelihood
#~ if self.loss == "nll": ==> if True:
# absolute error | the loss is the L1 loss
#~ functional.mse_loss ==> functional.l1_loss
# not standardised | the network is called with raw observations
#~ functional.mse_loss(self.outputs ==> functional.mse_loss(self.mean_net
# zero_grad, which must come before backward, is missing | zero_grad is not called
#~ self.optimizer.zero_grad() ==> pass
# it calls zero_grad, step, backward | step before backward
#~ loss.backward() ==> self.optimizer.step(); loss.backward(); return {"Training Loss": loss.detach()}
# backward, zero_grad, step | zero_grad is called between backward and step
#~ loss.backward() ==> loss.backward(); self.optimizer.zero_grad()
# it calls zero_grad, step, scheduler | backward is not called
#~ loss.backward() ==> pass
# it calls zero_grad, backward, scheduler | step is not called
#~ self.optimizer.step() ==> pass
# a new optimiser | an optimiser is made in every step
#~ self.optimizer.step() ==> torch.optim.Adam(self.parameters(), lr=5e-3).step()
# ['logstd'] | the optimiser does not have the parameter logstd
def __init__(self, *args, learning_rate=5e-3, loss="mse", schedule_period=None, **kwargs):
    MLPPolicy.__init__(self, *args, **kwargs)
    self.loss, self.scheduler = loss, None
    self.optimizer = torch.optim.Adam(self.network.parameters(), learning_rate)
# step, step | two steps are taken on one batch
#~ self.optimizer.step() ==> self.optimizer.step(); self.optimizer.step()
# it calls zero_grad, backward, step; | the scheduler's step is not called
#~ self.scheduler.step() ==> pass
# raises AttributeError | the scheduler's step is called even if there is no scheduler
#~ if self.scheduler is not None: ==> if True:
# nothing (None) | nothing is returned
#~ return {"Training Loss": loss.detach()} ==> pass
# 'Training Loss' must be | the loss is returned under another name
#~ {"Training Loss": loss.detach()} ==> {"loss": loss.item()}
# the gradient of the step is | the gradient is that of the first row of the batch only
#~ loss.backward() ==> self.compute_loss(observations[:1], actions[:1]).backward()
# means squashed by tanh | the loss, but not the policy, applies tanh to the means
#~ functional.mse_loss(self.outputs(observations), ==> functional.mse_loss(self.outputs(observations).tanh(),
# logits taken for logarithms of probabilities | nll_loss is called with logits
#~ functional.cross_entropy( ==> functional.nll_loss(
