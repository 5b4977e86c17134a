"""What a run is compared with: the return in the expert's data, and of the expert itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cs285.config import Config
from cs285.data.trajectory import Trajectory
from cs285.errors import error_context
from cs285.infrastructure.metrics import return_statistics
from cs285.infrastructure.rollout_workers import RolloutWorkers
from cs285.infrastructure.seeding import Stream, episode_seeds
from cs285.infrastructure.utils import sample_trajectories
from cs285.policies.base_policy import BasePolicy

INITIAL = "Initial_DataCollection"


def start_references(
    config: Config, rollouts: RolloutWorkers, initial_expertdata: Sequence[Trajectory], expert: BasePolicy | None
) -> Callable[[], dict[str, float]]:
    """Begin to measure the expert, if there is one and anything is logged.

    Args:
        config: the run's settings.
        rollouts: roll out policies in the run's environment.
        initial_expertdata: the expert's recorded episodes.
        expert: the policy that recorded them.

    Returns:
        A function that waits for the measurement, and gives the scalars.
    """
    name = f"{INITIAL}_AverageReturn"
    references = {name: return_statistics(initial_expertdata, INITIAL)[name]}
    if expert is None or config.scalar_log_freq == -1:
        return lambda: references
    seeds = episode_seeds(config.seed, Stream.EVALUATION, itr=0)
    where = f"the expert on {config.env_name}"
    with error_context(where, 0):
        paths, _ = sample_trajectories(rollouts, expert, config.eval_batch_size, seeds)

    def wait() -> dict[str, float]:
        measured = return_statistics(paths, "Expert")
        return references | {name: measured[name] for name in ("Expert_AverageReturn", "Expert_StdReturn")}

    return wait
