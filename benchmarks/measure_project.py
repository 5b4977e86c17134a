"""What the project takes for each thing; `measure.py` calls these functions."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
from sizes import BATCH_SIZE, GRADIENT_STEPS, LARGE_BATCHES, LARGE_BUFFER, LEARNERS, ROLLOUT_STEPS, timed

from cs285.config import Config


def config_of(files: Namespace) -> Config:
    """The default DAgger job."""
    return Config(
        env_name=files.env_name,
        expert_policy_file=files.expert_policy_file,
        expert_data=files.expert_data,
        do_dagger=True,
        logdir=Path("project_runs"),
    )


def make_agent(files: Namespace) -> Any:
    """An agent with the expert's data."""
    from cs285.envs.make_env import make_env
    from cs285.infrastructure.bc_trainer import load_initial_data, make_agent

    config = config_of(files)
    env, spec = make_env(config.env_name)
    env.close()
    initial_expertdata = load_initial_data(config, spec)
    agent = make_agent(config, spec, initial_expertdata)
    agent.add_to_replay_buffer(initial_expertdata)
    return agent


def rollouts(files: Namespace) -> dict[str, Any]:
    """Episodes of a policy, by the default number of workers."""
    from cs285.infrastructure.bc_trainer import make_rollouts

    policy = make_agent(files).actor
    with make_rollouts(config_of(files)) as workers:
        workers.sample_trajectories(policy, ROLLOUT_STEPS, iter(range(10**9)))  # all workers have started and are warm
        taken = timed(lambda: workers.sample_trajectories(policy, ROLLOUT_STEPS, iter(range(10**9))))
    return {"seconds": taken["seconds"]}  # the workers have used the CPU, this process has not


def gradient(files: Namespace) -> dict[str, Any]:
    """Gradient steps, their batches included."""
    agent = make_agent(files)
    return timed(lambda: [agent.train(agent.sample(BATCH_SIZE)) for _ in range(GRADIENT_STEPS)])


def many_gradient(files: Namespace) -> dict[str, Any]:
    """Gradient steps of ten learners together, their batches included."""
    import torch

    from cs285.policies.MLP_policy import join_learners

    agents = [make_agent(files) for _ in range(LEARNERS)]
    learners = join_learners([agent.actor for agent in agents])

    def step() -> None:
        batches = [agent.sample(BATCH_SIZE) for agent in agents]
        learners.step(torch.stack([b.observations for b in batches]), torch.stack([b.actions for b in batches]))

    return timed(lambda: [step() for _ in range(GRADIENT_STEPS)])


def batch(files: Namespace) -> dict[str, Any]:
    """Batches from a large buffer."""
    from cs285.data.trajectory import Trajectory
    from cs285.infrastructure.replay_buffer import ReplayBuffer

    observations = np.zeros((LARGE_BUFFER, 27), np.float32)
    actions, rewards = np.zeros((LARGE_BUFFER, 8), np.float32), np.zeros(LARGE_BUFFER, np.float32)
    buffer = ReplayBuffer(LARGE_BUFFER, np.random.default_rng(0))
    buffer.add_rollouts([Trajectory(observations, actions, rewards, observations, False, True)])
    return timed(lambda: [buffer.sample_random_data(BATCH_SIZE) for _ in range(LARGE_BATCHES)])
