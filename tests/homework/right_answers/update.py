# fmt: off
# base
def update(self, observations, actions):
    self.optimizer.zero_grad()
    loss = self.compute_loss(observations, actions)
    loss.backward()
    self.optimizer.step()
    if self.scheduler is not None:
        self.scheduler.step()
    return {"Training Loss": loss.item()}
def compute_loss(self, observations, actions):
    if self.discrete:
        return nn.CrossEntropyLoss()(self.outputs(observations), actions)
    if self.loss == "nll":
        return -self(observations).log_prob(actions).mean()
    return nn.MSELoss()(self.outputs(observations), actions)
# ok: the mean's squares by hand, the log-likelihood of choices
#- return nn.CrossEntropyLoss()(self.outputs(observations), actions)
#+ return -self(observations).log_prob(actions).mean()
#- return nn.MSELoss()(self.outputs(observations), actions)
#+ return torch.mean((actions - self(observations).mean) ** 2)
# ok: a loop over the rows
#- return nn.MSELoss()(self.outputs(observations), actions)
#+ means = self.outputs(observations)
#+ return sum(((means[n] - actions[n]) ** 2).mean() for n in range(len(actions))) / len(actions)
# ok: the Gaussian's formula
#- return -self(observations).log_prob(actions).mean()
#+ z = (actions - self.outputs(observations)) / self.logstd.exp()
#+ return (0.5 * z.square() + self.logstd + 0.5 * np.log(2 * np.pi)).sum(dim=1).mean()
# ok: gradients cleared at the end, by hand
#~ self.optimizer.zero_grad() ==> self.train()
#- self.optimizer.step()
#+ self.optimizer.step()
#+ for parameter in self.parameters():
#+     parameter.grad = None
# factor: summed over the numbers of an action
#- return nn.MSELoss()(self.outputs(observations), actions)
#+ return ((self.outputs(observations) - actions) ** 2).sum(dim=1).mean()
# graph: the loss returned with its graph
#~ return {"Training Loss": loss.item()} ==> return {"Training Loss": loss}
