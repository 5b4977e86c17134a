# fmt: off
#: Right answers to the blank forward; tests/homework/answers.py explains the format of this file.
# ok | the distribution is a MultivariateNormal with scale_tril
#- distributions.Independent(distributions.Normal(outputs, self.logstd.exp(), validate_args=False), 1)
#+ distributions.MultivariateNormal(outputs, scale_tril=torch.diag(torch.exp(self.logstd)))
# ok | the covariance has variances on its diagonal, and softmax gives the probabilities
#~ logits=outputs ==> probs=torch.softmax(outputs, dim=-1)
#- distributions.Independent(distributions.Normal(outputs, self.logstd.exp(), validate_args=False), 1)
#+ distributions.MultivariateNormal(outputs, torch.diag_embed((2 * self.logstd).exp().expand_as(outputs)))
