"""A ReLU network with a Huber loss and weight decay. This file takes the flags of run_hw1.py."""

from torch import nn, optim
from torch.nn import functional

from cs285.infrastructure.pytorch_utils import build_mlp
from cs285.policies.MLP_policy import MLPPolicySL
from cs285.scripts.run_hw1 import main


class HuberPolicy(MLPPolicySL):
    def __init__(self, config, spec):
        super().__init__(spec.ac_dim, spec.ob_dim, config.n_layers, config.size)
        self.mean_net = build_mlp(spec.ob_dim, spec.ac_dim, config.n_layers, config.size, activation=nn.ReLU)
        self.optimizer = optim.AdamW(self.parameters(), config.learning_rate, weight_decay=1e-4)

    def compute_loss(self, observations, actions):
        return functional.huber_loss(self.outputs(observations), actions)


def make_policy(config, spec, paths):
    return HuberPolicy(config, spec)


if __name__ == "__main__":
    main(make_policy=make_policy)
