# fmt: off
#: Wrong answers to the blank forward; tests/homework/answers.py explains the format of this file.
# base
def forward(self, observations):
    outputs = self.outputs(observations)
    if self.discrete:
        return distributions.Categorical(logits=outputs)
    return distributions.Independent(distributions.Normal(outputs, self.logstd.exp(), validate_args=False), 1)
# a Tensor, not a distribution | the network's outputs are returned
#~ outputs = self.outputs(observations) ==> return self.outputs(observations)
# each action has one log-probability | the log-probabilities of an action's numbers are not summed
#~ distributions.Independent( ==> distributions.Normal(outputs, self.logstd.exp()); distributions.Independent(
# is [1. , 0.5], not [0.368, 1.649]: it must be logstd.exp() | logstd is taken for the standard deviation
#~ self.logstd.exp() ==> self.logstd
# whose square is the variance | the covariance has standard deviations on its diagonal
#- distributions.Independent(distributions.Normal(outputs, self.logstd.exp(), validate_args=False), 1)
#+ distributions.MultivariateNormal(outputs, torch.diag(self.logstd.exp()))
# it must be logstd.exp() | the standard deviation is always one
#~ self.logstd.exp() ==> torch.ones_like(outputs)
# is [0.135, 2.718], not [0.368, 1.649] | the standard deviation is squared
#~ self.logstd.exp() ==> self.logstd.exp() ** 2
# raises ValueError | the logits are given as probabilities
#~ distributions.Categorical(logits=outputs) ==> distributions.Categorical(outputs)
# logits, not probabilities | probabilities are given as logits
#~ logits=outputs ==> logits=torch.softmax(outputs, dim=-1)
# not standardised | the network is called with raw observations
#~ outputs = self.outputs(observations) ==> outputs = self.network(observations)
# the distribution's mean is | the mean is squashed by tanh
#~ distributions.Normal(outputs, self ==> distributions.Normal(torch.tanh(outputs), self
# log_prob has no gradient | the outputs are detached from the graph
#~ outputs = self.outputs(observations) ==> outputs = self.outputs(observations).detach()
# raises AttributeError | discrete actions are forgotten
#~ if self.discrete: ==> if False:
