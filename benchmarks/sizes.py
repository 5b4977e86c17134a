"""How much of each thing is measured, the same for all sides."""

import time
from collections.abc import Callable
from typing import Any

GRADIENT_STEPS = 2000
BATCH_SIZE = 100
ROLLOUT_STEPS = 8000
LARGE_BUFFER = 1_000_000
LARGE_BATCHES = 200
LEARNERS = 10
# The default job: 10 evaluations of 5000 steps, and 9 collections of 1000. The project measures the expert too.
JOB_STEPS = 59_000
EXPERT_STEPS = 5000


def timed(action: Callable[[], Any], times: float = 1) -> dict[str, Any]:
    """How long a call takes, by the clock and in CPU time of this process; both ``times`` as long."""
    start, cpu_start = time.perf_counter(), time.process_time()
    action()
    taken, cpu = time.perf_counter() - start, time.process_time() - cpu_start
    return {"seconds": times * taken, "cpu_seconds": times * cpu}
