# fmt: off
#: Wrong answers to the blank forward; tests/homework/answers.py explains the format of this file.
# base
def forward(self, observations):
    outputs = self.outputs(observations)
    if self.discrete:
        return distributions.Categorical(logits=outputs)
    return distributions.Independent(distributions.Normal(outputs, self.logstd.exp(), validate_args=False), 1)
# type: the network's outputs
#~ outputs = self.outputs(observations) ==> return self.outputs(observations)
# log_prob shape: the numbers of an action left apart
#~ distributions.Independent( ==> distributions.Normal(outputs, self.logstd.exp()); distributions.Independent(
# exp missing: the logarithm taken for the deviation
#~ self.logstd.exp() ==> self.logstd
# covariance: deviations on the diagonal of a covariance
#- distributions.Independent(distributions.Normal(outputs, self.logstd.exp(), validate_args=False), 1)
#+ distributions.MultivariateNormal(outputs, torch.diag(self.logstd.exp()))
# standard deviation: always one
#~ self.logstd.exp() ==> torch.ones_like(outputs)
# squared: the exponential of twice the logarithm
#~ self.logstd.exp() ==> self.logstd.exp() ** 2
# raises ValueError: logits given as probabilities
#~ distributions.Categorical(logits=outputs) ==> distributions.Categorical(outputs)
# logits: probabilities given as logits
#~ logits=outputs ==> logits=torch.softmax(outputs, dim=-1)
# standardised: the network called with raw observations
#~ outputs = self.outputs(observations) ==> outputs = self.network(observations)
# mean: squashed by tanh
#~ distributions.Normal(outputs, self ==> distributions.Normal(torch.tanh(outputs), self
# detached: the outputs off the graph
#~ outputs = self.outputs(observations) ==> outputs = self.outputs(observations).detach()
# raises AttributeError: discrete actions forgotten
#~ if self.discrete: ==> if False:
