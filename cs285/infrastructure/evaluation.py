"""Evaluation, videos and log rows of a run, in parallel with its training."""

import sys
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from itertools import islice
from typing import Any

from tqdm import tqdm

from cs285.config import Config
from cs285.data.trajectory import Trajectory
from cs285.errors import InvalidInput, WorkerDied, describe
from cs285.infrastructure.inputs import RunInputs
from cs285.infrastructure.logger import Logger
from cs285.infrastructure.metrics import normalized_score, progress_line, return_statistics
from cs285.infrastructure.seeding import Stream, episode_seeds
from cs285.policies.base_policy import BasePolicy

MAX_NVIDEO = 2  # episodes that a video shows


class Evaluation:
    """Evaluates and films the policy of each iteration, and logs the finished rows in the order of iterations."""

    def __init__(self, config: Config, inputs: RunInputs, logger: Logger) -> None:
        self.config, self.inputs, self.logger = config, inputs, logger
        name = "Initial_DataCollection_AverageReturn"
        initial = return_statistics(inputs.initial_expertdata, "Initial_DataCollection")
        self.constant_scalars = {name: initial[name]}
        self.films_videos = config.video_log_freq != -1 and inputs.rollouts.can_render()
        # Rows whose evaluation is running: iteration, scalars that do not come from the evaluation, and its episodes.
        self._pending: deque[tuple[int, Mapping[str, float], Future[list[Trajectory]]]] = deque()
        self._films: deque[tuple[str, Future[Any]]] = deque()  # videos that are being written, with their names

    def start(
        self, itr: int, policy: BasePolicy, collection_policy: BasePolicy | None, scalars: Mapping[str, float]
    ) -> None:
        """Start the evaluation and the videos that are due in an iteration, then log the rows that are finished.

        ``policy`` is a frozen copy of the trained policy. ``collection_policy`` collected the iteration's data; if it
        is None, there is no training video. ``scalars`` are the row's scalars that do not come from the evaluation.
        """
        if self.films_videos and itr in self.config.due(self.config.video_log_freq):
            for name, stream, filmed in (
                ("train_rollouts", Stream.TRAINING_ROLLOUTS, collection_policy),
                ("eval_rollouts", Stream.EVALUATION, policy),
            ):
                if filmed is not None:
                    seeds = list(islice(episode_seeds(self.config.seed, stream, itr), MAX_NVIDEO))
                    path = self.logger.run_dir / "videos" / f"{name}_itr_{itr}.mp4"
                    film = self.inputs.rollouts.start_film(path, filmed, seeds)
                    self._films.append((f"{name} of iteration {itr}", film))
        if itr in self.config.evaluated:
            self._evaluate(itr, policy, scalars)
        while self._pending and self._pending[0][2].done():
            self._log_first()
        while self._films and self._films[0][1].done():
            self._finish_film()

    def _evaluate(self, itr: int, policy: BasePolicy, scalars: Mapping[str, float]) -> None:
        env_name, steps = self.config.env_name, self.config.eval_batch_size
        seeds = episode_seeds(self.config.seed, Stream.EVALUATION, itr)
        self._pending.append((itr, scalars, self.inputs.start_evaluation(env_name, itr, policy, steps, seeds)))

    @contextmanager
    def finishing(self) -> Iterator[None]:
        """Context manager around the training loop.

        At its end, all rows are logged, and DAgger's learning curve is drawn. After InvalidInput, no curve is drawn.
        """
        try:
            yield
        except InvalidInput:
            self._finish(0)
            raise
        self._finish(0)
        self.logger.check_folder()
        if self.config.do_dagger and self.logger.rows:
            try:
                from cs285.infrastructure.learning_curve import draw_learning_curve  # importing matplotlib takes time

                draw_learning_curve(self.logger.run_dir, self.config.env_name, self.config.evaluated, self.logger.rows)
            except Exception as error:  # the run succeeds without a curve: all rows are logged
                print(f"no learning curve: {describe(error)}", file=sys.stderr, flush=True)

    def state_dict(self, itr: int) -> dict[str, Any]:
        """Finish the videos, log the pending rows except for that of iteration ``itr``, and return the state.

        ``pending`` has ``itr`` and ``scalars`` of the row that is not logged yet; None: all rows are logged. ``log`` is
        from `Logger.state_dict`.
        """
        self._finish(1 if itr in self.config.evaluated else 0)
        pending = [{"itr": itr, "scalars": dict(scalars)} for itr, scalars, _ in self._pending]
        return {"pending": pending[0] if pending else None, "log": self.logger.state_dict()}

    def resume(self, pending: Mapping[str, Any] | None, policy: BasePolicy) -> None:
        """Start the evaluation of the row ``pending`` of a `state_dict` again; None: all rows were logged."""
        if pending is not None:
            self._evaluate(pending["itr"], policy, pending["scalars"])

    def _finish(self, remaining: int) -> None:
        while len(self._pending) > remaining:
            self._log_first()
        while self._films:
            self._finish_film()

    def _log_first(self) -> None:
        itr, row, evaluation = self._pending.popleft()
        paths = evaluation.result()
        scalars = {**return_statistics(paths, "Eval"), **row, **self.constant_scalars}
        scalars |= self.inputs.reference_scalars()
        scalars |= normalized_score(scalars)
        self.logger.log_scalars(scalars, itr)
        with tqdm.external_write_mode():
            print(progress_line(itr, scalars, len(paths)), flush=True)

    def _finish_film(self) -> None:
        name, film = self._films.popleft()
        try:
            self.inputs.rollouts.wait(film)
        except (WorkerDied, NotImplementedError):  # a blank of the homework raises the second one
            raise
        except Exception as error:
            with tqdm.external_write_mode():
                print(f"no video {name}: {describe(error)}", file=sys.stderr, flush=True)
