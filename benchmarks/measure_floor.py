"""What the physics and the arithmetic alone take: nothing can be faster; `measure.py` calls these functions."""

from __future__ import annotations

import multiprocessing
from argparse import Namespace
from itertools import pairwise
from typing import Any

import mujoco
from sizes import BATCH_SIZE, GRADIENT_STEPS, ROLLOUT_STEPS, timed

from cs285.envs.make_env import make_env
from cs285.infrastructure.rollout_workers import usable_cores
from cs285.infrastructure.utils import sample_trajectory
from cs285.policies.loaded_gaussian_policy import load_expert

EPISODE = 1000


def physics(files: Namespace, steps: int = ROLLOUT_STEPS) -> dict[str, Any]:
    """``mj_step`` on one core, along the actions of an episode of the expert, over and over."""
    env, spec = make_env(files.env_name)
    expert = load_expert(files.expert_policy_file, files.env_name, spec)
    actions = sample_trajectory(env, spec, expert, seed=0).actions
    task = env.unwrapped
    model, data, frame_skip = task.model, task.data, task.frame_skip  # type: ignore[attr-defined]

    def simulate() -> None:
        for step in range(steps):
            if step % len(actions) == 0:
                env.reset(seed=0)
            data.ctrl[:] = actions[step % len(actions)]
            mujoco.mj_step(model, data, nstep=frame_skip)

    return timed(simulate)


def physics_on_all_cores(files: Namespace) -> dict[str, Any]:
    """The same steps in all, shared by as many processes as there are cores, at the same time."""
    cores = usable_cores()
    with multiprocessing.get_context("spawn").Pool(cores) as pool:
        pool.starmap(physics, [(files, EPISODE)] * cores, chunksize=1)  # all have started and read their files
        shares = pool.starmap(physics, [(files, ROLLOUT_STEPS // cores)] * cores, chunksize=1)
    return {
        "seconds": max(share["seconds"] for share in shares),
        "cpu_seconds": sum(share["cpu_seconds"] for share in shares),
    }


def arithmetic(files: Namespace) -> dict[str, Any]:
    """The matrix products of gradient steps, forwards and backwards, into memory that is there already."""
    import torch

    torch.set_num_threads(1)
    env, spec = make_env(files.env_name)
    env.close()
    sizes = [spec.ob_dim, 64, 64, spec.ac_dim]
    x = [torch.randn(BATCH_SIZE, n) for n in sizes]
    layers = [(torch.randn(a, b), torch.empty(a, b)) for a, b in pairwise(sizes)]
    deltas = [torch.randn(BATCH_SIZE, n) for n in sizes]
    transposed = [(inputs.T, weight.T) for inputs, (weight, _) in zip(x, layers, strict=False)]

    def step() -> None:
        for n, (weight, gradient) in enumerate(layers):
            torch.mm(x[n], weight, out=x[n + 1])
            torch.mm(transposed[n][0], deltas[n + 1], out=gradient)
            if n > 0:
                torch.mm(deltas[n + 1], transposed[n][1], out=deltas[n])

    return timed(lambda: [step() for _ in range(GRADIENT_STEPS)])
