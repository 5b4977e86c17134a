# fmt: off
#: Right answers to the blank update; tests/homework/answers.py explains the format of this file.
# ok | the losses are a mean of squares by hand and, for choices, the log-likelihood
#~ functional.cross_entropy(self.outputs(observations), actions ==> -self(observations).log_prob(actions).mean(
#~ functional.mse_loss(self.outputs(observations), actions ==> torch.mean((actions - self(observations).mean) ** 2
# ok | the squared error is nn.MSELoss, and the returned loss is a number
#~ functional.mse_loss( ==> nn.MSELoss()(
#~ loss.detach() ==> loss.item()
# ok | a loop over the rows computes the squared error
#- return functional.mse_loss(self.outputs(observations), actions)
#+ means = self.outputs(observations)
#+ return sum(((means[n] - actions[n]) ** 2).mean() for n in range(len(actions))) / len(actions)
# ok | the log-likelihood is computed by the Gaussian's formula
#- return -self(observations).log_prob(actions).mean()
#+ z = (actions - self.outputs(observations)) / self.logstd.exp()
#+ return (0.5 * z.square() + self.logstd + 0.5 * np.log(2 * np.pi)).sum(dim=1).mean()
# 2 times the usual mean | the squared error is summed over the numbers of an action
#~ functional.mse_loss(self.outputs(observations), actions ==> ((self.outputs(observations) - actions) ** 2).sum(dim=1).mean(
# keeps the graph | the loss is returned with its graph
#~ loss.detach() ==> loss
