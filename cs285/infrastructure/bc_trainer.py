"""From the settings of a run to the parts it is made of."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cs285.config import Config
from cs285.data.checkpoint import load_checkpoint
from cs285.data.expert_data import load_expert_data
from cs285.data.provenance import digest
from cs285.data.resuming import check_same_run
from cs285.data.shipped import input_files, shipped_data, shipped_expert
from cs285.data.trajectory import Trajectory
from cs285.envs.layouts import check_convertible, conversion_notice, convert_observations
from cs285.envs.make_env import TaskSpec
from cs285.errors import InvalidInput
from cs285.infrastructure.references import start_references
from cs285.infrastructure.rollout_workers import RolloutWorkers, usable_cores
from cs285.infrastructure.seeding import Stream, generator, integer_seed
from cs285.infrastructure.utils import expert_actions
from cs285.policies.base_policy import BasePolicy, as_policy
from cs285.policies.loaded_gaussian_policy import load_expert
from cs285.policies.standardizer import standardizer

if TYPE_CHECKING:
    from cs285.agents.bc_agent import BCAgent


class BC_Trainer:  # noqa: N801 - the assignment's name
    """Wires environment, expert, agent, logger and loop for one run.

    Attributes:
        run_dir: the folder the run writes into.
        agent: what learns.
        rl_trainer: the loop.
    """

    def __init__(self, config: Config, expert: object | None = None, rollouts: RolloutWorkers | None = None) -> None:
        """Read everything the run needs, then make its folder.

        Args:
            config: the run's settings.
            expert: used in place of ``config.expert_policy_file``: a policy, any object with
                ``get_action``, or a function of a batch of observations (N, ob_dim).
            rollouts: workers of several runs in the same environment; None: the run has its own.

        Raises:
            InvalidInput: when a file can't be read, sizes don't fit, the environment can't be
                made, the run folder can't be written, or the run to resume is another.
        """
        self.config = config
        inputs = {name: digest(path) for name, path in input_files(config, expert).items()}
        checkpoint, added = (None, []) if config.resume is None else load_checkpoint(config.resume)
        if checkpoint is not None:
            check_same_run(config, checkpoint, inputs)
        rollouts = rollouts or make_rollouts(config)  # while there is one thread, and the workers can be forked
        with ExitStack() as on_failure:
            on_failure.callback(rollouts.close)
            spec = rollouts.spec
            self.expert_policy = find_expert(config, spec) if expert is None else as_policy(expert)
            self.initial_expertdata = load_initial_data(config, spec)
            if self.expert_policy is not None:  # fail now rather than after the first iteration
                expert_actions(self.expert_policy, self.initial_expertdata[0].observations[:2], spec)
            for paths in added:
                check_sizes(config, spec, paths)
            # The workers measure the expert while torch is imported, which takes seconds.
            references = start_references(config, rollouts, self.initial_expertdata, self.expert_policy)
            from cs285.infrastructure.logger import Logger, make_run_dir
            from cs285.infrastructure.rl_trainer import RL_Trainer

            self.agent = make_agent(config, spec, self.initial_expertdata)
            if checkpoint is not None:  # before anything of the run is written anew
                for paths in (self.initial_expertdata, *added):
                    self.agent.add_to_replay_buffer(paths)
                self.agent.restore(checkpoint.agent)
            self.run_dir = config.resume or make_run_dir(config.logdir, config.run_name)
            self.logger = Logger(self.run_dir, None if checkpoint is None else checkpoint.log)
            self.logger.log_config(asdict(replace(config, n_iter=config.iterations, resume=None)), inputs)
            self.rl_trainer = RL_Trainer(
                config, rollouts, self.agent, self.logger, self.initial_expertdata, self.expert_policy, references
            )
            if checkpoint is not None:
                self.rl_trainer.resume(checkpoint)
            on_failure.pop_all()

    def run_training_loop(self) -> list[dict[str, float]]:
        """Run the job and leave its learning curve.

        Returns:
            The scalars of each iteration that was evaluated.

        Raises:
            InvalidInput: when the loss stops being finite, or the expert's answers don't fit.
        """
        try:
            rows = self.rl_trainer.run_training_loop(self.config.iterations)
        finally:
            self.rl_trainer.rollouts.close()
            self.logger.close()
        self.draw_learning_curve()
        return rows

    def draw_learning_curve(self) -> None:
        """Leave learning_curve.png in the folder of a DAgger run."""
        config, rows = self.config, self.rl_trainer.rows
        if not config.do_dagger or not rows:
            return
        from cs285.infrastructure.learning_curve import draw_learning_curve

        iterations = [itr for itr in range(config.iterations) if self.rl_trainer.is_due(config.scalar_log_freq, itr)]
        draw_learning_curve(self.run_dir, config.env_name, iterations, rows)


def make_rollouts(config: Config) -> RolloutWorkers:
    """Workers for the run's environment; by default one for each usable core.

    Raises:
        InvalidInput: when the environment can't be made.
    """
    num_workers = usable_cores() if config.num_workers is None else config.num_workers
    films = config.video_log_freq != -1
    return RolloutWorkers(config.env_name, config.ep_len, num_workers, backend=config.backend, films=films)


def make_agent(config: Config, spec: TaskSpec, initial_expertdata: Sequence[Trajectory]) -> BCAgent:
    """A new agent for the environment, its network initialised from the run's seed.

    Args:
        config: the run's settings.
        spec: facts of its environment.
        initial_expertdata: what observations are standardised by, if they are.
    """
    import torch

    from cs285.agents.bc_agent import BCAgent
    from cs285.infrastructure.pytorch_utils import choose_device, use_threads
    from cs285.infrastructure.replay_buffer import ReplayBuffer
    from cs285.policies.MLP_policy import MLPPolicySL
    from cs285.policies.supervised_step import CosineSchedule, constant_schedule

    use_threads(threads_wanted())
    device = choose_device(config.no_gpu, config.which_gpu)
    cosine = config.learning_rate_schedule == "cosine"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(integer_seed(config.seed, Stream.NETWORK))
        actor = MLPPolicySL(
            spec.ac_dim,
            spec.ob_dim,
            config.n_layers,
            config.size,
            discrete=spec.discrete,
            learning_rate=config.learning_rate,
            loss=config.loss,
            device=device,
            standardizer=standardizer(initial_expertdata) if config.ob_normalization == "expert_data" else None,
            schedule=CosineSchedule(config.num_agent_train_steps_per_iter) if cosine else constant_schedule,
        )
    rng = generator(config.seed, Stream.REPLAY_BUFFER)
    return BCAgent(actor, ReplayBuffer(config.max_replay_buffer_size, rng, device))


def threads_wanted() -> int:
    """One, unless OMP_NUM_THREADS asks for more: they spin against one another on these small networks."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, int(asked)) if asked.isdecimal() else 1


def check_sizes(config: Config, spec: TaskSpec, paths: Sequence[Trajectory]) -> None:
    """Refuse a checkpoint's episodes that are of another task.

    Raises:
        InvalidInput: naming both sizes.
    """
    assert config.resume is not None
    for path in paths:
        check_actions(config.resume, config.env_name, spec, [path])
        if path.observations.shape[1] != spec.ob_dim:
            sizes = f"{path.observations.shape[1]} numbers, but those of {config.env_name} have {spec.ob_dim}"
            raise InvalidInput(f"{config.resume}: its checkpoint's observations have {sizes}")


def find_expert(config: Config, spec: TaskSpec) -> BasePolicy | None:
    """The expert of the run: the file that was named, or the one that ships for the task.

    Returns:
        None when there is none and behavioural cloning can do without.

    Raises:
        InvalidInput: when DAgger has no expert, or the file can't be used.
    """
    path = config.expert_policy_file or shipped_expert(config.env_name)
    if path is not None:
        return load_expert(path, config.env_name, spec)
    if config.do_dagger:
        raise InvalidInput(f"no expert ships for {config.env_name}; name one with --expert_policy_file")
    return None


def load_initial_data(config: Config, spec: TaskSpec) -> list[Trajectory]:
    """The expert's recorded episodes, in the environment's observation layout.

    Raises:
        InvalidInput: when the file can't be used, or its sizes don't fit the environment.
    """
    path = config.expert_data or shipped_data(config.env_name)
    if path is None:
        raise InvalidInput(f"no expert data ships for {config.env_name}; name a file with --expert_data")
    trajectories = load_expert_data(path, spec.time_limit)
    check_actions(path, config.env_name, spec, trajectories)
    ob_dim = trajectories[0].observations.shape[1]
    if ob_dim == spec.ob_dim:
        return trajectories
    check_convertible(config.env_name, ob_dim, spec.ob_dim, what=str(path))
    print(conversion_notice(str(path), config.env_name, ob_dim, spec.ob_dim), file=sys.stderr)
    return [convert_trajectory(trajectory, config.env_name, spec.ob_dim) for trajectory in trajectories]


def check_actions(path: Path, env_name: str, spec: TaskSpec, trajectories: Sequence[Trajectory]) -> None:
    """Refuse recorded actions of another kind or size than the environment's.

    Raises:
        InvalidInput: naming both.
    """
    first = trajectories[0]
    if first.discrete != spec.discrete:
        kinds = ("discrete", "continuous") if first.discrete else ("continuous", "discrete")
        raise InvalidInput(f"{path}: its actions are {kinds[0]}, but those of {env_name} are {kinds[1]}")
    if not spec.discrete and first.actions.shape[1] != spec.ac_dim:
        raise InvalidInput(f"{path}: actions of {first.actions.shape[1]} numbers, but {env_name} has {spec.ac_dim}")
    if spec.discrete:
        choices = np.concatenate([trajectory.actions for trajectory in trajectories])
        low, high = choices.min(), choices.max()
        if low < 0 or high >= spec.ac_dim:
            raise InvalidInput(
                f"{path}: actions from {low} to {high}, but {env_name} has choices 0 to {spec.ac_dim - 1}"
            )


def convert_trajectory(trajectory: Trajectory, env_name: str, ob_dim: int) -> Trajectory:
    """The same trajectory with its observations in another known layout of the task."""
    return replace(
        trajectory,
        observations=convert_observations(trajectory.observations, env_name, ob_dim),
        next_observations=convert_observations(trajectory.next_observations, env_name, ob_dim),
    )
