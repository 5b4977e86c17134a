"""The training loop of behavioural cloning and DAgger."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from tqdm import tqdm

from cs285.agents.base_agent import BaseAgent
from cs285.config import Config
from cs285.data.checkpoint import Checkpoints
from cs285.data.trajectory import Trajectory
from cs285.errors import error_context
from cs285.infrastructure.evaluation import Evaluation
from cs285.infrastructure.inputs import RunInputs
from cs285.infrastructure.metrics import last_training_log, return_statistics
from cs285.infrastructure.seeding import Stream, episode_seeds
from cs285.infrastructure.utils import relabel_with_expert, sample_trajectories
from cs285.policies.base_policy import BasePolicy
from cs285.policies.frozen_copy import frozen_copy
from cs285.policies.saved_policy import save_parameters

N_COMPARED = 64  # number of observations on which a frozen copy must act like the policy


class RL_Trainer:  # noqa: N801 - the assignment's name
    """Collects data, trains the policy, evaluates it and logs, in each iteration."""

    def __init__(
        self, config: Config, inputs: RunInputs, agent: BaseAgent, evaluation: Evaluation, checkpoints: Checkpoints
    ) -> None:
        self.config, self.rollouts, self.agent, self.evaluation = config, inputs.rollouts, agent, evaluation
        self.initial_expertdata, self.expert_policy = inputs.initial_expertdata, inputs.expert_policy
        self.checkpoints, self.unsaved_paths = checkpoints, list[Trajectory]()
        self.first_itr = self.total_envsteps = 0
        self.start_time = time.monotonic()

    def run_training_loop(self, n_iter: int) -> None:
        """Run the iterations; the first one is behavioural cloning, and each later one is an iteration of DAgger."""
        with self.evaluation.finishing():
            for itr in range(self.first_itr, n_iter):
                with error_context(self.config.env_name, itr):
                    paths = self.collect_training_trajectories(itr)
                    if itr > 0:
                        paths = self.do_relabel_with_expert(paths)
                    self.agent.add_to_replay_buffer(paths)
                    training_logs = self.train_agent()
                    self.perform_logging(itr, paths, training_logs)

    def collect_training_trajectories(self, itr: int) -> Sequence[Trajectory]:
        """The expert's recorded episodes in iteration 0; new episodes of the policy in each later iteration."""
        if itr == 0:
            self.collection_policy = self.expert_policy
            return self.initial_expertdata
        policy = self.collection_policy = self.frozen_actor()
        seeds = episode_seeds(self.config.seed, Stream.TRAINING_ROLLOUTS, itr)
        paths, envsteps = sample_trajectories(self.rollouts, policy, self.config.batch_size, seeds, "collecting")
        self.total_envsteps += envsteps
        return paths

    def do_relabel_with_expert(self, paths: Sequence[Trajectory]) -> list[Trajectory]:
        """Copy trajectories with the actions that the expert chooses for their observations (DAgger)."""
        assert self.expert_policy is not None
        return relabel_with_expert(paths, self.expert_policy, self.rollouts.spec)

    def train_agent(self) -> dict[str, float]:
        """Take the iteration's gradient steps, each on a new batch; returns the scalars of the last step."""
        logs = []
        steps = range(self.config.num_agent_train_steps_per_iter)
        for _ in tqdm(steps, desc="training", unit="step", leave=False, disable=None):
            batch = self.agent.sample(self.config.train_batch_size)
            logs.append(self.agent.train(batch))
        return last_training_log(logs, self.agent.actor)

    def perform_logging(self, itr: int, paths: Sequence[Trajectory], training_logs: Mapping[str, float]) -> None:
        """Save the parameters with ``--save_params``, start the evaluation, and write a checkpoint if one is due."""
        scalars = {
            **return_statistics(paths, "Train"),
            "Train_EnvstepsSoFar": float(self.total_envsteps),
            "Train_ExpertLabelsSoFar": float(self.total_envsteps + sum(map(len, self.initial_expertdata))),
            "TimeSinceStart": time.monotonic() - self.start_time,
            **training_logs,
        }
        if self.config.save_params:
            save_parameters(self.agent.actor, self.evaluation.logger.run_dir / f"policy_itr_{itr}.pt")
        self.evaluation.start(itr, self.frozen_actor(), self.collection_policy, scalars)
        if self.config.do_dagger and self.agent.resumable and self.config.checkpoint_freq != -1:
            self.unsaved_paths += paths if itr > 0 else []  # a resumed run reads the expert's data from their file
            if itr in self.config.due(self.config.checkpoint_freq):
                self.checkpoints.save(itr, self.state_dict(), self.unsaved_paths)
                self.unsaved_paths = []

    def frozen_actor(self) -> BasePolicy:
        """A copy of the policy that further training does not change."""
        observations = self.initial_expertdata[0].observations
        return frozen_copy(self.agent.actor, observations[:: max(1, len(observations) // N_COMPARED)][:N_COMPARED])

    def state_dict(self) -> dict[str, Any]:
        """Everything that the rest of the run depends on, apart from the replay buffer's transitions."""
        return {
            "agent": self.agent.state_dict(),
            "evaluation": self.evaluation.state_dict(),
            "total_envsteps": self.total_envsteps,
            "seconds": time.monotonic() - self.start_time,
        }

    def resume(self, state: Mapping[str, Any]) -> None:
        """Continue after iteration ``state["itr"]`` with the values of `state_dict`; the caller restores the agent."""
        self.first_itr = state["itr"] + 1
        self.total_envsteps = state["total_envsteps"]
        self.start_time -= state["seconds"]
        self.evaluation.resume(state["evaluation"]["pending"], self.frozen_actor())
