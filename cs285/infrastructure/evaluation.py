"""Evaluation, videos and log rows of a run, beside its training."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from tqdm import tqdm

from cs285.config import Config
from cs285.data.trajectory import Trajectory
from cs285.errors import InvalidInput, error_context
from cs285.infrastructure.films import can_render
from cs285.infrastructure.logger import Logger
from cs285.infrastructure.metrics import progress_line, return_statistics
from cs285.infrastructure.rollout_workers import RolloutWorkers
from cs285.infrastructure.seeding import Stream, episode_seeds
from cs285.infrastructure.utils import sample_trajectories
from cs285.policies.base_policy import BasePolicy

MAX_NVIDEO = 2
EXPERT_SEED = 0  # the same episodes measure the expert in every run, whatever its seed

Result = TypeVar("Result")


def is_due(config: Config, frequency: int, itr: int) -> bool:
    """Whether something done every ``frequency`` iterations, and in the last one, is done now; -1: never."""
    return frequency != -1 and (itr % frequency == 0 or itr == config.iterations - 1)


class Background:
    """Evaluation rollouts in a thread beside training, where worker processes run the episodes."""

    def __init__(self, rollouts: RolloutWorkers) -> None:
        self.rollouts = rollouts
        self._thread = ThreadPoolExecutor(1)

    def start(self, policy: BasePolicy, min_timesteps: int, seeds: Iterator[int]) -> Future[list[Trajectory]]:
        """Begin `sample_trajectories`; without workers for the policy the future is finished when this returns."""
        if self.rollouts.in_workers(policy):
            return self._thread.submit(self._sample, policy, min_timesteps, seeds)
        finished: Future[list[Trajectory]] = Future()
        finished.set_result(self._sample(policy, min_timesteps, seeds))
        return finished

    def _sample(self, policy: BasePolicy, min_timesteps: int, seeds: Iterator[int]) -> list[Trajectory]:
        return sample_trajectories(self.rollouts, policy, min_timesteps, seeds)[0]

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(cancel_futures=True)


def start_expert_evaluation(config: Config, background: Background, expert: BasePolicy | None) -> Callable[[], Any]:
    """Begin to measure the expert's return, if there is an expert and anything is logged.

    Returns:
        A function that waits for the measurement and returns its scalars.
    """
    if expert is None or config.scalar_log_freq == -1:
        return dict
    with error_context(f"the expert on {config.env_name}", 0):
        seeds = episode_seeds(EXPERT_SEED, Stream.EXPERT, itr=0)
        evaluation = background.start(expert, config.eval_batch_size, seeds)

    def wait() -> dict[str, float]:
        with error_context(f"the expert on {config.env_name}", 0):
            measured = return_statistics(evaluation.result(), "Expert")
        return {name: measured[name] for name in ("Expert_AverageReturn", "Expert_StdReturn")}

    return wait


@dataclass(frozen=True)
class PendingRow:
    """A log row whose evaluation or videos are still running."""

    itr: int
    scalars: Mapping[str, float]
    evaluation: Future[list[Trajectory]] | None
    films: Mapping[str, Future[Any]]

    def done(self) -> bool:
        """Whether nothing has to be waited for."""
        return all(film.done() for film in self.films.values()) and (self.evaluation is None or self.evaluation.done())


class Evaluation:
    """Evaluates and films the policy of each iteration, and logs a row when both are done, in order."""

    def __init__(
        self,
        config: Config,
        background: Background,
        logger: Logger,
        initial_expertdata: Sequence[Trajectory],
        expert_scalars: Callable[[], Mapping[str, float]],
    ) -> None:
        """Prepare.

        Args:
            config: the run's settings.
            background: runs the evaluation's rollouts.
            logger: writes into the run's folder.
            initial_expertdata: the expert's episodes, whose mean return is part of every row.
            expert_scalars: waits for what `start_expert_evaluation` measures.
        """
        self.config, self.background, self.rollouts, self.logger = config, background, background.rollouts, logger
        self.expert_scalars = expert_scalars
        initial = return_statistics(initial_expertdata, "Initial_DataCollection")
        self.constant_scalars = {name: initial[name] for name in ("Initial_DataCollection_AverageReturn",)}
        self.films_videos = config.video_log_freq != -1 and can_render(self.rollouts.check_rendering)
        self._pending: deque[PendingRow] = deque()

    def start(
        self,
        itr: int,
        policy: BasePolicy,
        collection_policy: BasePolicy | None,
        scalars: Mapping[str, float],
    ) -> None:
        """Begin the evaluation and the videos that are due; log the earlier rows that are done.

        Args:
            itr: the iteration.
            policy: a frozen copy of the policy after training.
            collection_policy: made the iteration's training data, which is filmed; None: nobody can make it again.
            scalars: the rest of the iteration's row.
        """
        seed, films, evaluation = self.config.seed, {}, None
        if self.films_videos and is_due(self.config, self.config.video_log_freq, itr):
            for name, stream, filmed in (
                ("train_rollouts", Stream.TRAINING_ROLLOUTS, collection_policy),
                ("eval_rollouts", Stream.EVALUATION, policy),
            ):
                if filmed is not None:
                    seeds = list(islice(episode_seeds(seed, stream, itr), MAX_NVIDEO))
                    films[name] = self.rollouts.start_film(self.logger.video_path(name, itr), filmed, seeds)
        if is_due(self.config, self.config.scalar_log_freq, itr):
            seeds_of_evaluation = episode_seeds(seed, Stream.EVALUATION, itr)
            evaluation = self.background.start(policy, self.config.eval_batch_size, seeds_of_evaluation)
        self._pending.append(PendingRow(itr, scalars, evaluation, films))
        while self._pending and self._pending[0].done():
            self._log_first()

    @contextmanager
    def finishing(self) -> Iterator[None]:
        """Log all rows and draw the learning curve at the end of the loop; rows also when the loss diverged."""
        try:
            yield
        except InvalidInput:
            self._finish(0)
            raise
        self._finish(0)
        if self.config.do_dagger and self.logger.rows:
            from cs285.infrastructure.learning_curve import draw_learning_curve  # matplotlib takes a moment to import

            evaluated = [
                n for n in range(self.config.iterations) if is_due(self.config, self.config.scalar_log_freq, n)
            ]
            draw_learning_curve(self.logger.run_dir, self.config.env_name, evaluated, self.logger.rows)

    def state_dict(self) -> dict[str, Any]:
        """Where the log stands; at most the last iteration's evaluation is then still running."""
        self._finish(1)
        if self._pending and self._pending[0].films:
            self._finish(0)
        row = self._pending[0] if self._pending and self._pending[0].evaluation is not None else None
        pending = None if row is None else {"itr": row.itr, "scalars": dict(row.scalars)}
        return {"pending": pending, "log": self.logger.state_dict()}

    def resume(self, pending: Mapping[str, Any] | None, policy: BasePolicy) -> None:
        """Begin the evaluation again that was running when `state_dict` was called."""
        if pending is not None:
            seeds = episode_seeds(self.config.seed, Stream.EVALUATION, pending["itr"])
            evaluation = self.background.start(policy, self.config.eval_batch_size, seeds)
            self._pending.append(PendingRow(pending["itr"], pending["scalars"], evaluation, {}))

    def _finish(self, remaining: int) -> None:
        while len(self._pending) > remaining:
            self._log_first()

    def _log_first(self) -> None:
        """Wait for the oldest row's films and evaluation, log them and print a line."""
        row = self._pending.popleft()
        with error_context(self.config.env_name, row.itr):
            for name, film in row.films.items():
                self.logger.log_clip(name, self.rollouts.wait(film), row.itr)
            if row.evaluation is None:
                return
            evaluated = return_statistics(row.evaluation.result(), "Eval")
        scalars = {**evaluated, **row.scalars, **self.constant_scalars, **self.expert_scalars()}
        self.logger.log_scalars(scalars, row.itr)
        with tqdm.external_write_mode():
            print(progress_line(row.itr, scalars), flush=True)
