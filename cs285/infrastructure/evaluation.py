"""Evaluation, videos and log rows of a run, in parallel with its training."""

import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from itertools import islice
from typing import Any

from tqdm import tqdm

from cs285.config import Config
from cs285.data.trajectory import Trajectory
from cs285.errors import InvalidInput, ProcessFailed, describe
from cs285.infrastructure.inputs import RunInputs
from cs285.infrastructure.logger import Logger
from cs285.infrastructure.metrics import normalized_score, progress_line, return_statistics
from cs285.infrastructure.seeding import Stream, episode_seeds
from cs285.policies.base_policy import BasePolicy

MAX_NVIDEO = 2  # episodes that a video shows


class Evaluation:
    """Evaluates and films the policy of each iteration in parallel with the next iteration, and logs the results."""

    def __init__(self, config: Config, inputs: RunInputs, logger: Logger) -> None:
        self.config, self.inputs, self.logger = config, inputs, logger
        name = "Initial_DataCollection_AverageReturn"
        self.constant_scalars = {name: return_statistics(inputs.initial_expertdata, "Initial_DataCollection")[name]}
        self.films_videos = config.video_log_freq != -1 and inputs.rollouts.can_render()
        # The row whose evaluation is running: iteration, scalars from elsewhere, and the evaluation's episodes.
        self._pending: tuple[int, Mapping[str, float], Future[list[Trajectory]]] | None = None
        self._films: list[tuple[str, Future[Any]]] = []  # videos that are being written, with their names

    def start(
        self, itr: int, policy: BasePolicy, collection_policy: BasePolicy | None, scalars: Mapping[str, float]
    ) -> None:
        """Log the previous iteration's row, then start the evaluation and the videos that are due in this iteration.

        ``policy`` is a frozen copy of the trained policy. ``collection_policy`` collected the iteration's data; if it
        is None, there is no training video. ``scalars`` are the row's scalars that do not come from the evaluation.
        """
        self._log_pending()
        self._finish_films()
        if self.films_videos and itr in self.config.due(self.config.video_log_freq):
            acting = {"train_rollouts": (collection_policy, Stream.TRAINING_ROLLOUTS)}
            acting["eval_rollouts"] = (policy, Stream.EVALUATION)
            for name, (filmed, stream) in acting.items():
                if filmed is not None:
                    seeds = list(islice(episode_seeds(self.config.seed, stream, itr), MAX_NVIDEO))
                    path = self.logger.run_dir / "videos" / f"{name}_itr_{itr}.mp4"
                    film = self.inputs.rollouts.start_film(path, filmed, seeds)
                    self._films.append((f"{name} of iteration {itr}", film))
        if itr in self.config.evaluated:
            self._evaluate(itr, policy, scalars)

    def _evaluate(self, itr: int, policy: BasePolicy, scalars: Mapping[str, float]) -> None:
        env_name, steps = self.config.env_name, self.config.eval_batch_size
        seeds = episode_seeds(self.config.seed, Stream.EVALUATION, itr)
        self._pending = itr, scalars, self.inputs.start_evaluation(env_name, itr, policy, steps, seeds)

    @contextmanager
    def finishing(self) -> Iterator[None]:
        """Context manager around the training loop; at its end the last row is logged, and DAgger's curve is drawn."""
        try:
            yield
        except InvalidInput:
            self._log_pending()
            raise
        self._log_pending()
        self._finish_films()
        self.logger.check_folder()
        if self.config.do_dagger and self.logger.rows:
            try:
                from cs285.infrastructure.learning_curve import draw_learning_curve  # importing matplotlib takes time

                draw_learning_curve(self.logger.run_dir, self.config.env_name, self.config.evaluated, self.logger.rows)
            except Exception as error:  # the run succeeds without a curve: all rows are logged
                print(f"no learning curve: {describe(error)}", file=sys.stderr, flush=True)

    def state_dict(self) -> dict[str, Any]:
        """Finish the videos, and return the logged rows by iteration (``log``) and the row that is not yet logged."""
        self._finish_films()
        self.logger.check_folder()
        pending = {"itr": self._pending[0], "scalars": dict(self._pending[1])} if self._pending else None
        return {"pending": pending, "log": dict(zip(map(str, self.config.evaluated), self.logger.rows, strict=False))}

    def resume(self, pending: Mapping[str, Any] | None, policy: BasePolicy) -> None:
        """Start the evaluation of the row ``pending`` of a `state_dict` again; None: all rows were logged."""
        if pending is not None:
            self._evaluate(pending["itr"], policy, pending["scalars"])

    def _log_pending(self) -> None:
        if self._pending is None:
            return
        (itr, row, evaluation), self._pending = self._pending, None
        paths = evaluation.result()
        scalars = {**return_statistics(paths, "Eval"), **row, **self.constant_scalars}
        scalars |= self.inputs.reference_scalars()
        scalars |= normalized_score(scalars)
        self.logger.log_scalars(scalars, itr)
        with tqdm.external_write_mode():
            print(progress_line(itr, scalars, len(paths)), flush=True)

    def _finish_films(self) -> None:
        films, self._films = self._films, []
        for name, film in films:
            try:
                self.inputs.rollouts.wait(film)
            except (ProcessFailed, NotImplementedError):  # a blank of the homework raises the second one
                raise
            except Exception as error:
                with tqdm.external_write_mode():
                    print(f"no video {name}: {describe(error)}", file=sys.stderr, flush=True)
