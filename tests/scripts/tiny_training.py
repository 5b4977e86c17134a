"""Trainings of an expert that take a fraction of a second."""

from __future__ import annotations

from tests import fakes

TINY = (
    *("-env", fakes.POINT, "--total_steps", 8, "--n_envs", 2, "--n_steps", 4, "--batch_size", 4, "--n_epochs", 1),
    *("--eval_episodes", 2, "-o", "expert.pkl"),
)
SAC = ("--algorithm", "SAC")
FROZEN = ("--total_steps", 200, "--policy_starts", 100, "--stop_after", 8)  # the policy stays as it is
