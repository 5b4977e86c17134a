"""Behavioural cloning with a recurrent policy, a GRU that is trained on sequences.

This file takes the flags of run_hw1.py:
python recurrent_policy.py --env_name Hopper-v5
"""

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from cs285.policies.make_policy import standardizer
from cs285.scripts.run_hw1 import main

LENGTH = 50  # steps of a training sequence


class RecurrentPolicy(nn.Module):
    def __init__(self, config, spec, paths):
        super().__init__()
        self.register_buffer("mean", torch.zeros(spec.ob_dim))
        self.register_buffer("std", torch.ones(spec.ob_dim))
        if paths:  # when a saved policy is loaded, there are no paths, and its state_dict has mean and std
            self.mean, self.std = map(torch.from_numpy, standardizer(paths))
        self.gru = nn.GRU(spec.ob_dim, config.size, batch_first=True)
        self.head = nn.Linear(config.size, spec.ac_dim)
        self.optimizer = torch.optim.Adam(self.parameters(), config.learning_rate)
        self.paths, self.state = paths, None

    def forward(self, observations, state=None):
        """Actions (N, T, ac_dim) for observations (N, T, ob_dim), and the hidden state after the last step."""
        features, state = self.gru((observations - self.mean) / self.std, state)
        return self.head(features), state

    def reset(self, seed):
        self.state = None

    def get_action(self, observations):
        """The action for the next observation (ob_dim,) of the episode."""
        with torch.no_grad():
            actions, self.state = self(torch.from_numpy(observations)[None, None], self.state)
        return actions[0, 0].numpy()

    def update(self, observations, actions):
        """Take a gradient step on eight sequences of the expert's episodes; the two arguments are ignored."""
        observations, actions = zip(*(self.sequence() for _ in range(8)), strict=True)
        predicted, _ = self(torch.from_numpy(np.stack(observations)))
        loss = functional.mse_loss(predicted, torch.from_numpy(np.stack(actions)))
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return {"Training Loss": loss.item()}

    def sequence(self):
        """Observations and actions of `LENGTH` successive steps, at a random place in a random episode.

        Torch's global generator draws the place, because checkpoints save the state of this generator.
        """
        path = self.paths[int(torch.randint(len(self.paths), ()))]
        start = int(torch.randint(len(path) - LENGTH + 1, ()))
        return path.observations[start : start + LENGTH], path.actions[start : start + LENGTH]


if __name__ == "__main__":
    main(make_policy=RecurrentPolicy)
