"""Checks of `RL_Trainer`'s `collect_training_trajectories`, `train_agent` and `do_relabel_with_expert`."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from cs285.config import Config
from cs285.data.trajectory import Array, Trajectory
from cs285.homework.checks.mistake import Mistake, case, close, require, require_equal, require_type, show
from cs285.homework.checks.utils import SPEC
from cs285.infrastructure import rl_trainer, utils
from cs285.infrastructure.seeding import Stream, episode_seeds

core: Any = rl_trainer
SIZES = {"batch_size": 37, "eval_batch_size": 41, "train_batch_size": 11, "num_agent_train_steps_per_iter": 7}
CONFIG = Config(do_dagger=True, n_iter=3, seed=5, **SIZES)  # type: ignore[arg-type]


class _Agent:
    """An agent whose batches are numbered."""

    def __init__(self) -> None:
        self.actor, self.sizes, self.trained = SimpleNamespace(name="the policy that learns"), list[int](), list[Any]()

    def sample(self, batch_size: int) -> Any:
        self.sizes.append(batch_size)
        return SimpleNamespace(observations=len(self.sizes), actions=None)

    def train(self, batch: Any) -> dict[str, Any]:
        require(hasattr(batch, "observations"), "batch", f"agent.train gets a {type(batch).__name__}, not a batch")
        self.trained.append(batch.observations)
        require(len(self.trained) <= 100, "number of steps", "more than 100 gradient steps are taken, not 7")
        return {"Training Loss": torch.tensor(100.0 - len(self.trained))}

    def add_to_replay_buffer(self, paths: Any) -> None:
        raise Mistake(
            "added twice", "it adds to the replay buffer, as run_training_loop does: data would be in it twice"
        )


class _Expert:
    calls = 0

    def get_action(self, observations: Array) -> Array:
        self.calls += 1
        t = observations[..., 0].astype(np.float64)  # as experts from files answer
        return np.stack([50.0 + t, -t], axis=-1)


def _trainer() -> Any:
    trainer: Any = object.__new__(core.RL_Trainer)
    trainer.config, trainer.agent, trainer.rollouts = CONFIG, _Agent(), SimpleNamespace(spec=SPEC)
    trainer.expert_policy, trainer.initial_expertdata = _Expert(), [_episode(5), _episode(3)]
    trainer.unsaved_paths, trainer.first_itr, trainer.total_envsteps, trainer.start_time = [], 0, 0, 0.0
    trainer.frozen_actor = lambda: SimpleNamespace(name="the copy of the policy")
    return trainer


def _episode(steps: int) -> Trajectory:
    states = np.random.default_rng(steps).normal(size=(steps + 1, 3)).astype(np.float32)
    return Trajectory.from_states(states, states[1:, :2] + 9, states[1:, 0], True, False)


def collect_training_trajectories() -> Iterator[Mistake]:
    """Compare what an iteration adds, who acted, how many steps were wanted and counted, and the seeds."""
    trainer, calls, rolled_out = _trainer(), list[tuple[Any, ...]](), [_episode(20), _episode(25)]

    def sample_trajectories(rollouts: Any, policy: Any, min_timesteps: int, seeds: Any, description: Any = None) -> Any:
        calls.append((rollouts, policy, min_timesteps, list(itertools.islice(seeds, 3))))
        return list(rolled_out), 45

    core.sample_trajectories = utils.sample_trajectories = sample_trajectories
    with case("iteration 0"):
        paths = trainer.collect_training_trajectories(0)
        require(not calls, "rollouts in iteration 0", "a policy is rolled out, but this iteration has recorded data")
        _check_same(paths, trainer.initial_expertdata, "self.initial_expertdata")
        text = f"self.total_envsteps is {trainer.total_envsteps}: recorded data are no steps of the environment"
        require(trainer.total_envsteps == 0, "total_envsteps", text)
        acted = getattr(trainer, "collection_policy", None) is trainer.expert_policy
        require(acted, "collection_policy", "self.collection_policy is not the expert, who acted in the recorded data")
    for itr in (1, 2):
        with case(f"iteration {itr}"):
            calls.clear()
            paths = trainer.collect_training_trajectories(itr)
            again = not calls and paths and paths[0] in trainer.initial_expertdata
            require(not again, "expert data again", "it returns the expert's data, which iteration 0 has added already")
            require(len(calls) == 1, "rollouts", f"sample_trajectories is called {len(calls)} times, not once")
            rollouts, policy, least, seeds = calls[0]
            require(rollouts is trainer.rollouts, "rollouts", "sample_trajectories does not get self.rollouts")
            require(policy is not trainer.expert_policy, "policy", "the expert acts, not the policy that learns")
            require(least == 37, "batch_size", f"{least} steps are asked for; config.batch_size is 37")
            wanted = list(itertools.islice(episode_seeds(CONFIG.seed, Stream.TRAINING_ROLLOUTS, itr), 3))
            text = f"the seeds begin with {seeds}, not {wanted}: those of this iteration's TRAINING_ROLLOUTS"
            require(seeds == wanted, "seeds", text)
            _check_same(paths, rolled_out, "the episodes rolled out")
            steps = f"self.total_envsteps is {trainer.total_envsteps} after {itr} times 45 steps, not {45 * itr}"
            require(trainer.total_envsteps == 45 * itr, "total_envsteps", steps)
            acted = getattr(trainer.collection_policy, "name", "") == policy.name
            require(acted, "collection_policy", f"self.collection_policy is not {policy.name}, which acted")
    if policy is trainer.agent.actor:
        yield Mistake(
            "copy", "self.agent.actor itself acts, outside of the workers: self.frozen_actor() is a fast copy"
        )


def _check_same(paths: Any, wanted: list[Trajectory], name: str) -> None:
    require_type(paths, (list, tuple), "a list of trajectories")
    kinds = {type(path).__name__ for path in paths} - {"Trajectory"}
    require(not kinds, "type", f"it returns {kinds} among the trajectories: the list alone is wanted")
    found, right = ([id(path) for path in part] for part in (paths, wanted))
    text = f"it returns episodes of {[len(p) for p in paths]} steps, {name} have {[len(p) for p in wanted]}"
    require(found != right * 2, "twice", f"{text}: each of them twice")
    more = len(found) > len(right) and set(right) <= set(found)
    require(not more, "expert data again", f"{text}: earlier ones are in the replay buffer already")
    require(found == right, "other trajectories", text)


def train_agent() -> None:
    """Compare the number of steps, their batches and the returned log."""
    trainer = _trainer()
    log, agent = trainer.train_agent(), trainer.agent
    count = f"{len(agent.trained)} gradient steps are taken, num_agent_train_steps_per_iter is 7"
    require(len(agent.trained) == 7, "number of steps", count)
    sizes = f"batches of {sorted(set(agent.sizes))} transitions are drawn, train_batch_size is 11"
    require(set(agent.sizes) == {11}, "train_batch_size", sizes)
    one = f"the steps are on batches {agent.trained} of {len(agent.sizes)} drawn: each needs a batch of its own"
    require(agent.trained == list(range(1, 8)), "same batch", one)
    require_type(log, Mapping, "the last step's scalars by name")
    value = log.get("Training Loss")
    kind = f"'Training Loss' is a {type(value).__name__}, not a float: last_training_log makes floats"
    require(isinstance(value, float), "type", kind)
    require(value == 93, "last step", f"'Training Loss' is {value}; in the last step it was 93, in the first 99")


def do_relabel_with_expert() -> Iterator[Mistake]:
    """Compare relabelled episodes with the states visited and the expert's answers to them."""
    trainer, paths = _trainer(), [_episode(6), _episode(4), _episode(5)]
    given = [(path.actions.copy(), path.observations.copy()) for path in paths]
    relabeled = trainer.do_relabel_with_expert(paths)
    for path, (actions, observations) in zip(paths, given, strict=True):
        text = f"the given trajectory changes, its first action from {show(actions[0])} to {show(path.actions[0])}"
        same = np.array_equal(path.actions, actions) and np.array_equal(path.observations, observations)
        require(same, "in place", f"{text}: make new ones (dataclasses.replace)")
    require_type(relabeled, (list, tuple), "a list of trajectories")
    require(len(relabeled) == 3, "number of episodes", f"{len(relabeled)} trajectories are returned for 3")
    for n, (old, new) in enumerate(zip(paths, relabeled, strict=True)):
        with case(f"trajectory {n}"):
            require_type(new, Trajectory, "a Trajectory for each")
            _check_relabeled(old, new)
    if (calls := trainer.expert_policy.calls) > 3:
        yield Mistake("slow", f"the expert is asked {calls} times for 3 episodes: it answers a whole episode at once")


def _check_relabeled(old: Trajectory, new: Trajectory) -> None:
    require(len(new) == len(old), "length", f"{len(new)} steps are returned for {len(old)}")
    wanted, late = (_Expert().get_action(states) for states in (old.observations, old.next_observations))
    require(not close(new.actions, old.actions), "actions kept", "the actions are still the policy's own")
    first = f"all {len(new)} actions are {show(new.actions[0])}: each state needs the expert's answer to it"
    require(len(np.unique(new.actions, axis=0)) > 1, "one action", first)
    text = "the actions are the expert's for next_observations, one step too late"
    require(not close(new.actions, late), "next observations", text)
    row = int(np.argmax([not close(a, b) for a, b in zip(new.actions, wanted, strict=True)]))
    require_equal(new.actions[row], wanted[row], "actions", f"the action of row {row} is not the expert's:")
    for name in ("observations", "next_observations", "rewards", "terminated", "truncated"):
        same = np.array_equal(getattr(old, name), getattr(new, name))
        require(same, f"{name} changed", f"{name} is not that of the given trajectory")
