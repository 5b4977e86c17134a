# fmt: off
# ok: a multivariate normal with scale_tril
#- distributions.Independent(distributions.Normal(outputs, self.logstd.exp(), validate_args=False), 1)
#+ distributions.MultivariateNormal(outputs, scale_tril=torch.diag(torch.exp(self.logstd)))
# ok: variances on the diagonal, and probabilities by softmax
#~ logits=outputs ==> probs=torch.softmax(outputs, dim=-1)
#- distributions.Independent(distributions.Normal(outputs, self.logstd.exp(), validate_args=False), 1)
#+ distributions.MultivariateNormal(outputs, torch.diag_embed((2 * self.logstd).exp().expand_as(outputs)))
# ok: the network called with standardised observations by hand
#- self.outputs(observations)
#+ self.network((observations.reshape(len(observations), -1) - self.ob_mean) / self.ob_std)
#~ logits=outputs ==> logits=outputs - outputs.logsumexp(dim=1, keepdim=True)
#~ self.logstd.exp() ==> torch.ones_like(outputs) * self.logstd.exp()
