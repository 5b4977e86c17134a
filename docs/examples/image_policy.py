"""A convolutional policy on a task with image observations.

Run this file in a folder that also has image_task.py. This file takes the flags of run_hw1.py:
python image_policy.py --env_name image_task:Chase-v0 --expert_data chase.pkl --do_dagger
"""

from pathlib import Path

import torch
from image_task import expert
from torch import nn
from torch.nn import functional

from cs285.data.expert_data import write_expert_data
from cs285.envs.make_env import make_env
from cs285.infrastructure.pytorch_utils import build_mlp
from cs285.infrastructure.seeding import Stream, episode_seeds
from cs285.infrastructure.utils import LocalRollouts, sample_n_trajectories
from cs285.policies.external_policy import as_policy
from cs285.scripts.run_hw1 import main


class ConvPolicy(nn.Module):
    """A convolution, a spatial softmax that gives the position of each feature in the image, and a perceptron."""

    def __init__(self, config, spec):
        super().__init__()
        self.convolution = nn.Conv2d(spec.ob_shape[2], 8, kernel_size=3, padding=1)
        self.head = build_mlp(16, spec.ac_dim, config.n_layers, config.size)
        self.optimizer = torch.optim.Adam(self.parameters(), config.learning_rate)

    def forward(self, images):
        """Actions (N, ac_dim) for (N, height, width, channels) uint8 images."""
        features = 10 * self.convolution(images.permute(0, 3, 1, 2) / 255)
        weights = features.flatten(start_dim=2).softmax(dim=2).view_as(features)
        rows, columns = (torch.linspace(-1, 1, size, device=images.device) for size in features.shape[2:])
        positions = [(weights.sum(dim=3) * rows).sum(dim=2), (weights.sum(dim=2) * columns).sum(dim=2)]
        return self.head(torch.cat(positions, dim=1))

    def get_action(self, observations):
        images = torch.from_numpy(observations.reshape(-1, *observations.shape[-3:])).to(self.convolution.weight.device)
        with torch.no_grad():
            actions = self(images).cpu().numpy()
        return actions if observations.ndim == 4 else actions[0]

    def update(self, observations, actions):
        loss = functional.mse_loss(self(observations), actions)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return {"Training Loss": loss.item()}


def record(path, episodes):
    """Roll out the expert of image_task.py and write its episodes to a file."""
    rollouts = LocalRollouts(*make_env("image_task:Chase-v0"))
    seeds = episode_seeds(0, Stream.TRAINING_ROLLOUTS, itr=0)
    write_expert_data(sample_n_trajectories(rollouts, as_policy(expert, ob_ndim=3), episodes, seeds), path)


if __name__ == "__main__":
    if not Path("chase.pkl").exists():
        record(Path("chase.pkl"), episodes=25)
    main(make_policy=lambda config, spec, paths: ConvPolicy(config, spec), expert=expert)
