"""What is compared with what."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One line of the table: the project beside somebody else.

    Attributes:
        title: of the line.
        what: the project does; a function of ``measure_project.py``, or one of `jobs.JOBS`.
        who: is compared with it: ``textbook``, ``floor``, or a library.
        theirs: what they do; a function of ``measure_<who>.py``, none for a library.
        times: how often they would do it to do the same.
        wanted: the ratio that is to be reached: at least so many times as fast as the textbook, or at
            most so many times as slow as the floor; None: nothing is.
        once: whether one run has to do, since it takes minutes.
    """

    title: str
    what: str
    who: str
    theirs: str = ""
    times: float = 1
    wanted: float | None = None
    once: bool = False


def rows_of(job_steps: int, expert_steps: int, rollout_steps: int, learners: int) -> dict[str, Row]:
    """The rows by name; the arguments are those of `sizes`."""
    in_job, with_expert = job_steps / rollout_steps, (job_steps + expert_steps) / rollout_steps
    return {
        "job": Row("whole DAgger job", "job", "textbook", "job", wanted=2.6),
        "rollouts": Row("8000 steps of rollouts", "rollouts", "textbook", "rollouts", wanted=2.2),
        "gradient": Row("2000 gradient steps", "gradient", "textbook", "gradient", wanted=2.0),
        "batch": Row("200 batches from a million", "batch", "textbook", "batch", wanted=30),
        "many_gradient": Row(
            "2000 gradient steps of 10 learners", "many_gradient", "textbook", "gradient", learners, wanted=5
        ),
        "many_job": Row("whole job of 10 seeds", "many_job", "textbook", "job", learners, wanted=2.6, once=True),
        "imitation": Row("2000 gradient steps", "gradient", "imitation"),
        "d3rlpy": Row("2000 gradient steps", "gradient", "d3rlpy"),
        "job_floor": Row("whole DAgger job", "job", "floor", "physics_on_all_cores", in_job, wanted=1.9),
        "job_own_floor": Row(
            "whole DAgger job, all its steps", "job", "floor", "physics_on_all_cores", with_expert, wanted=1.9
        ),
        "rollouts_floor": Row("8000 steps of rollouts", "rollouts", "floor", "physics_on_all_cores"),
        "core_floor": Row("8000 steps of rollouts", "rollouts", "floor", "physics"),
        "gradient_floor": Row("2000 gradient steps", "gradient", "floor", "arithmetic"),
    }
