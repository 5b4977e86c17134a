"""Time one thing once, in a process of its own: ``measure.py WHAT WHO [files]`` prints JSON."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import resource
import time
import warnings
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch

warnings.simplefilter("ignore")
GRADIENT_STEPS = 2000
ROLLOUT_STEPS = 8000
LARGE_BUFFER = 1_000_000
LEARNERS = 10


def seconds(action: Callable[[], Any]) -> float:
    """How long a call takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


class Project:
    """The project's own way of doing each thing."""

    def __init__(self, files: argparse.Namespace) -> None:
        """Hold what to run on."""
        from cs285.infrastructure.config import Config

        self.config = Config(
            env_name=files.env_name,
            expert_policy_file=files.expert_policy_file,
            expert_data=files.expert_data,
            do_dagger=True,
            logdir=Path("project_runs"),
        )

    def agent(self) -> Any:
        """An agent with the expert's data."""
        from cs285.infrastructure.bc_trainer import load_initial_data, make_agent
        from cs285.infrastructure.envs import make_env

        env, spec = make_env(self.config.env_name)
        env.close()
        agent = make_agent(self.config, spec)
        agent.add_to_replay_buffer(load_initial_data(self.config, spec))
        return agent

    def job(self) -> float:
        """The default DAgger job, imports and start-up included."""
        from cs285.infrastructure.bc_trainer import BC_Trainer

        return seconds(lambda: BC_Trainer(self.config).run_training_loop())

    def rollouts(self) -> float:
        """Episodes of a policy, by the default number of workers."""
        from cs285.infrastructure.bc_trainer import make_rollouts

        agent = self.agent()
        with make_rollouts(self.config) as rollouts:
            return seconds(lambda: rollouts.sample_trajectories(agent.actor, ROLLOUT_STEPS, iter(range(10**9))))

    def gradient(self) -> float:
        """Gradient steps, their batches included."""
        agent = self.agent()
        return seconds(lambda: [agent.train(agent.sample(100)) for _ in range(GRADIENT_STEPS)])

    def batch(self) -> float:
        """Batches from a large buffer."""
        from cs285.infrastructure.replay_buffer import ReplayBuffer
        from cs285.infrastructure.trajectory import Trajectory

        observations = np.zeros((LARGE_BUFFER, 27), np.float32)
        actions, rewards = np.zeros((LARGE_BUFFER, 8), np.float32), np.zeros(LARGE_BUFFER, np.float32)
        buffer = ReplayBuffer(LARGE_BUFFER, np.random.default_rng(0))
        buffer.add_rollouts([Trajectory(observations, actions, rewards, observations, False, True)])
        return seconds(lambda: [buffer.sample_random_data(100) for _ in range(200)])

    def many_gradient(self) -> float:
        """Gradient steps of ten learners together."""
        from cs285.policies.MLP_policy import join_learners

        agents = [self.agent() for _ in range(LEARNERS)]
        learners = join_learners([agent.actor for agent in agents])

        def step() -> None:
            batches = [agent.sample(100) for agent in agents]
            learners.step(torch.stack([b.observations for b in batches]), torch.stack([b.actions for b in batches]))

        return seconds(lambda: [step() for _ in range(GRADIENT_STEPS // 4)]) * 4

    def many_job(self) -> float:
        """The default job of ten seeds."""
        from dataclasses import replace

        from cs285.infrastructure.many_learners import ManyLearners, configs_of_seeds

        config = replace(self.config, seeds=tuple(range(LEARNERS)))
        return seconds(lambda: ManyLearners(configs_of_seeds(config)).run_training_loop())


class Textbook:
    """The textbook's way."""

    def __init__(self, files: argparse.Namespace) -> None:
        """Hold what to run on."""
        self.files = files

    def _policy_and_buffer(self) -> tuple[Any, Any]:
        import textbook

        from cs285.infrastructure.restricted_pickle import load_pickle

        buffer = textbook.ReplayBuffer()
        buffer.add_rollouts(load_pickle(self.files.expert_data))
        assert buffer.arrays is not None
        policy = textbook.Policy(buffer.arrays[0].shape[1], buffer.arrays[1].shape[1])
        return policy, buffer

    def job(self) -> float:
        """The default DAgger job."""
        import textbook

        files = self.files
        return seconds(lambda: textbook.run_job(files.env_name, files.expert_policy_file, files.expert_data))

    def rollouts(self) -> float:
        """Episodes of a policy, one step at a time."""
        import gymnasium as gym
        import textbook

        policy, _ = self._policy_and_buffer()
        env = gym.make(self.files.env_name)
        return seconds(lambda: textbook.sample_trajectories(env, policy, ROLLOUT_STEPS, 1000))

    def gradient(self) -> float:
        """Gradient steps, their batches included."""
        import textbook

        policy, buffer = self._policy_and_buffer()
        return seconds(lambda: textbook.train(policy, buffer, GRADIENT_STEPS))

    def batch(self) -> float:
        """Batches from a large buffer."""
        import textbook

        buffer = textbook.ReplayBuffer()
        widths = {"observation": 27, "action": 8, "reward": 0, "next_observation": 27, "terminal": 0}
        path = {key: np.zeros((LARGE_BUFFER, width)[: 2 if width else 1], np.float32) for key, width in widths.items()}
        buffer.add_rollouts([path])
        return seconds(lambda: [buffer.sample_random_data(100) for _ in range(50)]) * 4


class Floor:
    """What the physics and the arithmetic alone take."""

    def __init__(self, files: argparse.Namespace) -> None:
        """Hold what to run on."""
        self.files = files

    def rollouts(self) -> float:
        """The physics of as many steps, on one core: ``mj_step`` along random actions."""
        import mujoco

        from cs285.infrastructure.envs import make_env

        env, _ = make_env(self.files.env_name)
        env.reset(seed=0)
        core: Any = env.unwrapped
        controls = np.random.default_rng(0).uniform(-1, 1, (ROLLOUT_STEPS, core.model.nu))

        def simulate() -> None:
            for control in controls:
                core.data.ctrl[:] = control
                mujoco.mj_step(core.model, core.data, nstep=core.frame_skip)

        return seconds(simulate)

    def gradient(self) -> float:
        """The matrix products of as many gradient steps, forwards and backwards."""
        sizes = [27, 64, 64, 8]
        x = [torch.randn(100, n) for n in sizes]
        w = [torch.randn(a, b) for a, b in pairwise(sizes)]

        def step() -> None:
            for (inputs, outputs), weight in zip(pairwise(x), w, strict=True):
                torch.mm(inputs, weight)
                torch.mm(inputs.T, outputs)
                torch.mm(outputs, weight.T)

        return seconds(lambda: [step() for _ in range(GRADIENT_STEPS)])


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep what is measured from printing into the JSON."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield


def main() -> None:
    """Measure, and print seconds and peak memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what")
    parser.add_argument("who", choices=["project", "textbook", "floor"])
    parser.add_argument("--env_name", required=True)
    parser.add_argument("--expert_policy_file", type=Path, required=True)
    parser.add_argument("--expert_data", type=Path, required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    who = {"project": Project, "textbook": Textbook, "floor": Floor}[arguments.who](arguments)
    with quiet():
        taken = getattr(who, arguments.what)()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": taken, "peak_mb": peak}))


if __name__ == "__main__":
    main()
