# fmt: off
# ok: a multivariate normal with scale_tril
def forward(self, observations):
    if self.discrete:
        return distributions.Categorical(logits=self.outputs(observations))
    return distributions.MultivariateNormal(self.outputs(observations), scale_tril=torch.diag(torch.exp(self.logstd)))
# ok: variances on the diagonal, and probabilities by softmax
def forward(self, observations):
    outputs = self.outputs(observations)
    if self.discrete:
        return distributions.Categorical(probs=torch.softmax(outputs, dim=-1))
    return distributions.MultivariateNormal(outputs, torch.diag_embed((2 * self.logstd).exp().expand_as(outputs)))
# ok: the network called with standardised observations by hand
def forward(self, observations):
    outputs = self.network((observations.reshape(len(observations), -1) - self.ob_mean) / self.ob_std)
    if self.discrete:
        return distributions.Categorical(logits=outputs - outputs.logsumexp(dim=1, keepdim=True))
    return distributions.Independent(distributions.Normal(outputs, torch.ones_like(outputs) * self.logstd.exp()), 1)
