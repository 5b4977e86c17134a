"""The training loop of behavioural cloning and DAgger."""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image
from tqdm import tqdm

from cs285.agents.base_agent import BaseAgent
from cs285.config import Config
from cs285.data.checkpoint import Checkpoints, nonnegative
from cs285.data.trajectory import Trajectory
from cs285.errors import InvalidInput, error_context
from cs285.infrastructure.films import can_render
from cs285.infrastructure.finite import check_learning
from cs285.infrastructure.logger import Logger
from cs285.infrastructure.metrics import progress_line, return_statistics
from cs285.infrastructure.rollout_workers import Episodes, RolloutWorkers, reporting_dead_workers
from cs285.infrastructure.seeding import Stream, episode_seeds
from cs285.infrastructure.utils import relabel_with_expert
from cs285.policies.base_policy import BasePolicy

MAX_NVIDEO = 2


@dataclass(frozen=True)
class PendingRow:
    """What is to be logged of an iteration, once its films and its evaluation are done."""

    itr: int
    films: Mapping[str, Future[list[Image.Image]]]
    evaluation: Future[Episodes] | None
    scalars: Mapping[str, float]

    def done(self) -> bool:
        """Whether nothing has to be waited for."""
        return all(film.done() for film in self.films.values()) and (self.evaluation is None or self.evaluation.done())


class RL_Trainer:  # noqa: N801 - the assignment's name
    """Collects, trains, evaluates and logs, iteration by iteration.

    An iteration is evaluated and filmed beside those after it; what is logged, and in which
    order, does not depend on that.
    """

    def __init__(
        self,
        config: Config,
        rollouts: RolloutWorkers,
        agent: BaseAgent,
        logger: Logger,
        initial_expertdata: Sequence[Trajectory],
        expert_policy: BasePolicy | None,
        references: Callable[[], Mapping[str, float]],
    ) -> None:
        """Prepare a run.

        Args:
            config: the run's settings.
            rollouts: roll out policies in the run's environment.
            agent: learns.
            logger: writes into the run's folder.
            initial_expertdata: the expert's recorded episodes.
            expert_policy: relabels the policy's own rollouts; behavioural cloning can do without.
            references: waits for what the run is compared with, scalars that each row gets.
        """
        self.config, self.rollouts, self.agent, self.logger = config, rollouts, agent, logger
        self.initial_expertdata, self.expert_policy = initial_expertdata, expert_policy
        self.spec = rollouts.spec
        self.films_videos = config.video_log_freq != -1 and can_render(rollouts.check_rendering)
        self.first_itr = self.total_envsteps = 0
        self.start_time = time.monotonic()
        self.rows = logger.rows
        self._checkpoints = Checkpoints(logger.run_dir)
        self._unsaved: list[Trajectory] = []
        self._unfinished: deque[PendingRow] = deque()
        self._sampled_ahead: Callable[[], Episodes] | None = None
        self._references = references
        self.label = ""  # where several runs share a terminal, whose line it is

    def run_training_loop(self, n_iter: int) -> list[dict[str, float]]:
        """Run the whole job.

        Args:
            n_iter: iterations; the first learns from the expert's data (behavioural cloning),
                each later one adds rollouts of the policy.

        Returns:
            The scalars of each iteration that was evaluated.

        Raises:
            InvalidInput: when the loss stops being finite, or the expert's answers don't fit.
            WorkerDied: when a rollout worker was killed.
        """
        with self.finishing_logs():
            for itr in range(self.first_itr, n_iter):
                collect_policy = self.collect_policy(itr)
                paths = self.collect_training_trajectories(itr, collect_policy)
                self.agent.add_to_replay_buffer(paths)
                train_log = self.train_agent(itr)
                self.log_iteration(itr, collect_policy, paths, train_log)
                if itr + 1 < n_iter:  # while this iteration is still evaluated and saved
                    self._sampled_ahead = self.sample_ahead(itr + 1, self.agent.actor)
                self.save_checkpoint(itr, paths)
        return self.rows

    def collect_policy(self, itr: int) -> BasePolicy | None:
        """Whose rollouts iteration ``itr`` adds: first the expert's, which are recorded already, then our own."""
        return self.expert_policy if itr == 0 else self.agent.actor.frozen_copy()

    def collect_training_trajectories(self, itr: int, collect_policy: BasePolicy | None) -> Sequence[Trajectory]:
        """The data that iteration ``itr`` adds: the one place that knows BC from DAgger."""
        if itr == 0:
            return self.initial_expertdata
        assert collect_policy is not None
        assert self.expert_policy is not None
        sampled = self._sampled_ahead or self.sample_ahead(itr, collect_policy)
        self._sampled_ahead = None
        with error_context(self.config.env_name, itr):
            paths, envsteps = sampled()
            self.total_envsteps += envsteps
            return self.do_relabel_with_expert(self.expert_policy, paths)

    def sample_ahead(self, itr: int, policy: BasePolicy) -> Callable[[], Episodes]:
        """Begin the rollouts that iteration ``itr`` adds; returns what waits for them."""
        seeds = episode_seeds(self.config.seed, Stream.TRAINING_ROLLOUTS, itr)
        return self.rollouts.sample_ahead(policy, self.config.batch_size, seeds, "collecting")

    def do_relabel_with_expert(self, expert_policy: BasePolicy, paths: Sequence[Trajectory]) -> list[Trajectory]:
        """The same states, with the actions the expert would have taken in them."""
        return relabel_with_expert(paths, expert_policy, self.spec)

    def train_agent(self, itr: int) -> dict[str, float]:
        """Take the iteration's gradient steps.

        Returns:
            The scalars of the last step.

        Raises:
            InvalidInput: with iteration and step, when the loss became NaN or infinite.
        """
        logs = []
        steps = range(self.config.num_agent_train_steps_per_iter)
        for _ in tqdm(steps, desc="training", unit="step", leave=False, disable=None):
            logs.append(self.agent.train(self.agent.sample(self.config.train_batch_size)))
        losses = torch.stack([log["Training Loss"] for log in logs])
        check_learning(losses, self.agent.actor, itr, self.config)
        return {name: value.item() for name, value in logs[-1].items()}

    def log_iteration(
        self,
        itr: int,
        collect_policy: BasePolicy | None,
        paths: Sequence[Trajectory],
        training_logs: Mapping[str, float],
    ) -> None:
        """Begin to log what is due, scalars, videos and parameters; log what is done of the iterations before."""
        filmed = self.films_videos and self.is_due(self.config.video_log_freq, itr)
        evaluated = self.is_due(self.config.scalar_log_freq, itr)
        scalars = {
            **return_statistics(paths, "Train"),
            "Train_EnvstepsSoFar": float(self.total_envsteps),
            "TimeSinceStart": time.monotonic() - self.start_time,
            **training_logs,
        }
        with error_context(self.config.env_name, itr):
            films = self.start_films(itr, collect_policy) if filmed else {}
            evaluation = self.start_evaluation(itr) if evaluated else None
        self._unfinished.append(PendingRow(itr, films, evaluation, scalars))
        if self.config.save_params:
            self.agent.save(self.logger.run_dir / f"policy_itr_{itr}.pt")
        while self._unfinished and self._unfinished[0].done():
            self._finish_row(self._unfinished.popleft())

    def start_evaluation(self, itr: int) -> Future[Episodes]:
        """Begin to roll out the episodes that evaluate the policy after iteration ``itr``."""
        seeds = episode_seeds(self.config.seed, Stream.EVALUATION, itr)
        return self.rollouts.start_sampling(self.agent.actor, self.config.eval_batch_size, seeds)

    def start_films(self, itr: int, collect_policy: BasePolicy | None) -> dict[str, Future[list[Image.Image]]]:
        """Begin to film the first episodes of the iteration's training data and of its evaluation, once more."""
        films = {}
        for name, stream, policy in (
            ("train_rollouts", Stream.TRAINING_ROLLOUTS, collect_policy),
            ("eval_rollouts", Stream.EVALUATION, self.agent.actor),
        ):
            if policy is not None:  # behavioural cloning can do without the expert that recorded its data
                seeds = list(itertools.islice(episode_seeds(self.config.seed, stream, itr), MAX_NVIDEO))
                films[name] = self.rollouts.start_film(self.logger.video_path(name, itr), policy, seeds)
        return films

    def save_checkpoint(self, itr: int, paths: Sequence[Trajectory]) -> None:
        """Write what `resume` goes on from, when that is due; only this iteration's evaluation may be unfinished."""
        frequency = self.config.checkpoint_freq if self.config.do_dagger else -1
        if frequency != -1 and itr > 0:  # the expert's data are read from their file again
            self._unsaved += paths
        if not self.is_due(frequency, itr):
            return
        while self._unfinished and (len(self._unfinished) > 1 or self._unfinished[0].films):
            self._finish_row(self._unfinished.popleft())
        scalars = self._unfinished[0].scalars if self._unfinished and self._unfinished[0].evaluation else None
        state = {
            "total_envsteps": self.total_envsteps,
            "seconds": time.monotonic() - self.start_time,
            "unfinished": scalars,
            "log": self.logger.state_dict(),
            "agent": self.agent.state_dict(),
        }
        self._checkpoints.save(itr, state, self._unsaved)
        self._unsaved = []

    def resume(self, itr: int, state: dict[str, Any], checkpoints: Checkpoints) -> None:
        """Load the loop's state; the agent's is loaded already."""
        self.first_itr, self._checkpoints = itr + 1, checkpoints
        self.total_envsteps = nonnegative(state, "total_envsteps", int)
        self.start_time -= nonnegative(state, "seconds", float)
        if state["unfinished"] is not None:
            self._unfinished.append(PendingRow(itr, {}, self.start_evaluation(itr), state["unfinished"]))

    @contextmanager
    def finishing_logs(self) -> Iterator[None]:
        """Log the last iterations too, when the loop ends or its loss does."""
        try:
            yield
        except InvalidInput:
            self._finish_rows()
            raise
        if self.config.do_dagger and self._unfinished:  # matplotlib takes a moment, and the last evaluation still runs
            import cs285.infrastructure.learning_curve  # noqa: F401
        self._finish_rows()

    def _finish_rows(self) -> None:
        while self._unfinished:
            self._finish_row(self._unfinished.popleft())

    def _finish_row(self, row: PendingRow) -> None:
        """Wait for the films and the evaluation of an iteration, log them and print a line."""
        with reporting_dead_workers(), error_context(self.config.env_name, row.itr):
            for name, clip in row.films.items():
                self.logger.log_clip(name, clip.result(), row.itr)
            if row.evaluation is None:
                return
            trajectories, _ = row.evaluation.result()
        scalars = {**return_statistics(trajectories, "Eval"), **row.scalars, **self._references()}
        self.logger.log_scalars(scalars, row.itr)
        with tqdm.external_write_mode():
            print(f"{self.label}{progress_line(row.itr, scalars)}", flush=True)

    def is_due(self, frequency: int, itr: int) -> bool:
        """Whether something done every so many iterations is done now; -1 is never."""
        return frequency != -1 and (itr % frequency == 0 or itr == self.config.iterations - 1)
