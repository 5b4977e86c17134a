# fmt: off
# tensor: the network's outputs
def forward(self, observations):
    return self.outputs(observations)
# tensor: a sampled action
def forward(self, observations):
    if self.discrete:
        return distributions.Categorical(logits=self.outputs(observations)).sample()
    return distributions.Normal(self.outputs(observations), self.logstd.exp()).rsample()
# log_prob shape: the numbers of an action left apart
def forward(self, observations):
    outputs = self.outputs(observations)
    return distributions.Categorical(logits=outputs) if self.discrete else distributions.Normal(outputs, self.logstd.exp())
# exp missing: the logarithm taken for the deviation
def forward(self, observations):
    outputs = self.outputs(observations)
    if self.discrete:
        return distributions.Categorical(logits=outputs)
    return distributions.Independent(distributions.Normal(outputs, self.logstd, validate_args=False), 1)
# covariance: deviations on the diagonal of a covariance
def forward(self, observations):
    outputs = self.outputs(observations)
    if self.discrete:
        return distributions.Categorical(logits=outputs)
    return distributions.MultivariateNormal(outputs, torch.diag(self.logstd.exp()))
# standard deviation: always one
def forward(self, observations):
    outputs = self.outputs(observations)
    if self.discrete:
        return distributions.Categorical(logits=outputs)
    return distributions.Independent(distributions.Normal(outputs, torch.ones_like(outputs)), 1)
# squared: the exponential of twice the logarithm
def forward(self, observations):
    outputs = self.outputs(observations)
    if self.discrete:
        return distributions.Categorical(logits=outputs)
    return distributions.Independent(distributions.Normal(outputs, self.logstd.exp() ** 2), 1)
# raises ValueError: logits given as probabilities
def forward(self, observations):
    outputs = self.outputs(observations)
    if self.discrete:
        return distributions.Categorical(outputs)
    return distributions.Independent(distributions.Normal(outputs, self.logstd.exp()), 1)
# logits: probabilities given as logits
def forward(self, observations):
    outputs = self.outputs(observations)
    if self.discrete:
        return distributions.Categorical(logits=torch.softmax(outputs, dim=-1))
    return distributions.Independent(distributions.Normal(outputs, self.logstd.exp()), 1)
# standardised: the network called with raw observations
def forward(self, observations):
    if self.discrete:
        return distributions.Categorical(logits=self.logits_na(observations))
    return distributions.Independent(distributions.Normal(self.mean_net(observations), self.logstd.exp()), 1)
# mean: squashed by tanh
def forward(self, observations):
    outputs = self.outputs(observations)
    if self.discrete:
        return distributions.Categorical(logits=outputs)
    return distributions.Independent(distributions.Normal(torch.tanh(outputs), self.logstd.exp()), 1)
# detached: without gradients
@torch.no_grad()
def forward(self, observations):
    outputs = self.outputs(observations)
    if self.discrete:
        return distributions.Categorical(logits=outputs)
    return distributions.Independent(distributions.Normal(outputs, self.logstd.exp()), 1)
# detached: the deviation does not learn
def forward(self, observations):
    outputs = self.outputs(observations)
    if self.discrete:
        return distributions.Categorical(logits=outputs)
    return distributions.Independent(distributions.Normal(outputs, self.logstd.detach().exp()), 1)
# raises AttributeError: discrete actions forgotten
def forward(self, observations):
    return distributions.Independent(distributions.Normal(self.outputs(observations), self.logstd.exp()), 1)
# type: a pair of mean and deviation
def forward(self, observations):
    return self.outputs(observations), self.logstd.exp() if not self.discrete else None
# standardised: divided before the mean is subtracted
def forward(self, observations):
    outputs = self.network(observations.flatten(1) / self.ob_std - self.ob_mean)
    if self.discrete:
        return distributions.Categorical(logits=outputs)
    return distributions.Independent(distributions.Normal(outputs, self.logstd.exp()), 1)
# covariance: the parameter taken for the logarithm of a variance
def forward(self, observations):
    outputs = self.outputs(observations)
    if self.discrete:
        return distributions.Categorical(logits=outputs)
    return distributions.Independent(distributions.Normal(outputs, (self.logstd / 2).exp()), 1)
