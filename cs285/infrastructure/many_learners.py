"""Several runs of the same shape as one job: their gradient steps are taken together.

Each run keeps its own seed, data, parameters, folder and logs, and ends as it would have
ended alone, up to the rounding of float32; only the arithmetic is shared, in batched matrix products.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import fields, replace

import torch
from tqdm import tqdm

from cs285.config import Config
from cs285.errors import InvalidInput
from cs285.infrastructure.bc_trainer import BC_Trainer, make_rollouts
from cs285.infrastructure.finite import check_learning
from cs285.infrastructure.rl_trainer import RL_Trainer
from cs285.policies.MLP_policy import join_learners

MAY_DIFFER = {"seed", "seeds", "learning_rate", "exp_name"}


def configs_of_seeds(config: Config) -> list[Config]:
    """One configuration for each of ``config.seeds``, its experiment named after it."""
    assert config.seeds is not None
    return [replace(config, seed=seed, seeds=None, exp_name=f"{config.experiment}_seed{seed}") for seed in config.seeds]


class ManyLearners:
    """Runs that differ in seed, learning rate or name only.

    Attributes:
        trainers: one for each run.
    """

    def __init__(self, configs: Sequence[Config], expert: object | None = None) -> None:
        """Read everything the runs need, then make their folders.

        Args:
            configs: of the runs.
            expert: as for `BC_Trainer`.

        Raises:
            InvalidInput: when the runs differ in more than they may, or one can't be made.
        """
        check_same_shape(configs)
        self.rollouts = make_rollouts(configs[0])
        self.trainers = [BC_Trainer(config, expert, self.rollouts) for config in configs]
        for trainer in self.trainers:
            trainer.rl_trainer.label = f"seed {trainer.config.seed}, "
        self._agents = [trainer.agent for trainer in self.trainers]
        self._learners = join_learners([agent.actor for agent in self._agents])

    def run_training_loop(self) -> list[list[dict[str, float]]]:
        """Run all of them.

        Returns:
            For each run, the scalars of each iteration that was evaluated.

        Raises:
            InvalidInput: when the loss of one stops being finite, or the expert's answers don't fit.
        """
        loops = [trainer.rl_trainer for trainer in self.trainers]
        try:
            with ExitStack() as stack:
                for loop in loops:
                    stack.enter_context(loop.finishing_logs())
                for itr in range(self.trainers[0].config.iterations):
                    self._run_iteration(itr, loops)
        finally:
            self.rollouts.close()
            for trainer in self.trainers:
                trainer.logger.close()
        for trainer in self.trainers:
            trainer.draw_learning_curve()
        return [loop.rows for loop in loops]

    def _run_iteration(self, itr: int, loops: Sequence[RL_Trainer]) -> None:
        policies = [loop.collect_policy(itr) for loop in loops]
        paths = [loop.collect_training_trajectories(itr, p) for loop, p in zip(loops, policies, strict=True)]
        for agent, new in zip(self._agents, paths, strict=True):
            agent.add_to_replay_buffer(new)
        losses = self.train_agents(itr)
        for loop, policy, new, loss in zip(loops, policies, paths, losses, strict=True):
            loop.log_iteration(itr, policy, new, {"Training Loss": loss})

    def train_agents(self, itr: int) -> list[float]:
        """Take the iteration's gradient steps with all of them.

        Returns:
            The loss of each at the last step.

        Raises:
            InvalidInput: with seed, iteration and step, when a loss became NaN or infinite.
        """
        config = self.trainers[0].config
        losses = []
        steps = range(config.num_agent_train_steps_per_iter)
        for _ in tqdm(steps, desc="training", unit="step", leave=False, disable=None):
            batches = [agent.sample(config.train_batch_size) for agent in self._agents]
            observations = torch.stack([batch.observations for batch in batches])
            losses.append(self._learners.step(observations, torch.stack([batch.actions for batch in batches])))
        of_each = torch.stack(losses, dim=1)
        for trainer, loss in zip(self.trainers, of_each, strict=True):
            check_learning(loss, trainer.agent.actor, itr, trainer.config)
        return [float(loss) for loss in of_each[:, -1]]


def check_same_shape(configs: Sequence[Config]) -> None:
    """Refuse runs that can't be trained together.

    Raises:
        InvalidInput: naming the setting and two of its values.
    """
    for field in fields(Config):
        values = {str(getattr(config, field.name)) for config in configs}
        if len(values) > 1 and field.name not in MAY_DIFFER:
            raise InvalidInput(f"runs that learn together can't differ in --{field.name}: {', '.join(sorted(values))}")
