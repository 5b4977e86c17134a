"""Checks of `RL_Trainer`'s `collect_training_trajectories`, `train_agent` and `do_relabel_with_expert`."""

import itertools
from collections.abc import Iterator, Mapping
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from cs285.config import Config
from cs285.data.trajectory import Array, Batch, Trajectory
from cs285.errors import InvalidInput
from cs285.homework.checks.mistake import Mistake, case, require, require_equal, require_trajectories, require_type
from cs285.homework.checks.utils import SPEC
from cs285.infrastructure import rl_trainer, utils
from cs285.infrastructure.seeding import Stream, episode_seeds

core: Any = rl_trainer
CONFIG = Config(do_dagger=True, seed=5, batch_size=37, train_batch_size=11, num_agent_train_steps_per_iter=7)


class _Actor(torch.nn.Linear):
    name = "the policy that learns"

    def get_action(self, observations: Array) -> Array:
        return np.full((len(observations), 2), -7.0)

    def update(self, *_: Any, **__: Any) -> None:
        raise Mistake("update", "it calls self.agent.actor.update; call self.agent.train(batch) instead")


class _Agent:
    """An agent whose batches are numbered, and whose loss is NaN in step ``nan_step`` (0: in no step)."""

    def __init__(self, nan_step: int = 0) -> None:
        self.actor, self.nan_step, self.sizes, self.trained = _Actor(1, 1), nan_step, list[int](), list[Any]()

    def __getattr__(self, name: str) -> Any:
        raise Mistake("agent", f"not every agent has self.agent.{name}; all have sample(batch_size) and train(batch)")

    def sample(self, batch_size: int) -> Any:
        self.sizes.append(batch_size)
        return Batch(*[torch.tensor(len(self.sizes))] * 5)

    def train(self, *given: Any, **named: Any) -> dict[str, Any]:
        found = [type(value).__name__ for value in (*given, *named.values())]
        require(found == ["Batch"], "batch", f"self.agent.train gets {found}, not a Batch")
        self.trained.append([*given, *named.values()][0].observations)
        require(len(self.trained) <= 100, "number of steps", "it takes more than 100 gradient steps, not 7")
        loss = np.nan if len(self.trained) == self.nan_step else 100.0 - len(self.trained)
        return {"Training Loss": torch.tensor(loss)}

    def add_to_replay_buffer(self, paths: Any) -> None:
        raise Mistake("added twice", "it adds data to the replay buffer, and run_training_loop then adds them again")


class _Expert:
    calls = 0

    def get_action(self, observations: Array) -> Array:
        self.calls += 1
        t = observations[..., 0].astype(np.float64)  # float64 actions, which the student's code must convert
        return np.stack([50.0 + t, -t], axis=-1)


def _trainer() -> Any:
    trainer: Any = object.__new__(core.RL_Trainer)
    trainer.config, trainer.agent, trainer.rollouts = CONFIG, _Agent(), SimpleNamespace(spec=SPEC)
    trainer.expert_policy, trainer.initial_expertdata = _Expert(), [_episode(5), _episode(3)]
    trainer.total_envsteps = 0
    trainer.frozen_actor = lambda: SimpleNamespace(name="the copy of the policy")
    return trainer


def _episode(steps: int) -> Trajectory:
    states = np.random.default_rng(steps).normal(size=(steps + 1, 3)).astype(np.float32)
    return Trajectory.from_states(states, states[1:, :2] + 9, states[1:, 0], True, False)


def collect_training_trajectories() -> Iterator[Mistake]:
    """Check the episodes that an iteration adds, the policy that acts, the numbers of steps, and the seeds."""
    trainer, calls, rolled_out = _trainer(), list[tuple[Any, ...]](), [_episode(20), _episode(25)]

    def sample_trajectories(rollouts: Any, policy: Any, min_timesteps: int, seeds: Any, description: Any = None) -> Any:
        calls.append((rollouts, policy, min_timesteps, list(itertools.islice(seeds, 3))))
        return list(rolled_out), 45

    core.sample_trajectories = utils.sample_trajectories = sample_trajectories
    with case("iteration 0"):
        paths = trainer.collect_training_trajectories(0)
        require(not calls, "rollouts in iteration 0", "a policy is rolled out; this iteration uses the expert's data")
        _check_same(paths, trainer.initial_expertdata, "the episodes in self.initial_expertdata")
        _check_counted(trainer, 0, "the expert", trainer.expert_policy)
    policy: Any = None
    for itr in (1, 2):
        before = policy
        with case(f"iteration {itr}"):
            calls.clear()
            paths = trainer.collect_training_trajectories(itr)
            again = not calls and paths and paths[0] in trainer.initial_expertdata
            require(not again, "expert data again", "it returns the expert's data, which iteration 0 has added already")
            require(len(calls) == 1, "rollouts", f"sample_trajectories is called {len(calls)} times, not once")
            rollouts, policy, least, seeds = calls[0]
            require(rollouts is trainer.rollouts, "rollouts", "sample_trajectories does not get self.rollouts")
            require(policy is not trainer.expert_policy, "policy", "the expert is rolled out, not the learning policy")
            old = policy is before and policy is not trainer.agent.actor
            require(not old, "old copy", "it reuses the copy of iteration 1: call self.frozen_actor() each time")
            require(least == 37, "batch_size", f"it collects at least {least} steps, but self.config.batch_size is 37")
            wanted = list(itertools.islice(episode_seeds(CONFIG.seed, Stream.TRAINING_ROLLOUTS, itr), 3))
            require_equal(seeds, wanted, "seeds", "the seeds are", ": use Stream.TRAINING_ROLLOUTS and this iteration")
            _check_same(paths, rolled_out, "the episodes rolled out")
            _check_counted(trainer, 45 * itr, policy.name, policy)
    if policy is trainer.agent.actor:
        yield Mistake("copy", "it rolls out self.agent.actor itself; self.frozen_actor() gives a faster copy")


def _check_counted(trainer: Any, steps: int, name: str, policy: Any) -> None:
    hint = ": it counts the steps of rollouts only"
    require_equal(trainer.total_envsteps, steps, "total_envsteps", "self.total_envsteps is", hint)
    acted = getattr(trainer, "collection_policy", None)
    same = acted is policy or getattr(acted, "name", "") == name
    require(same, "collection_policy", f"self.collection_policy must be {name}, whose episodes are returned")


def _check_same(paths: Any, wanted: list[Trajectory], name: str) -> None:
    require_trajectories(paths)
    found, right = ([id(path) for path in part] for part in (paths, wanted))
    lengths, others = ([len(path) for path in part] for part in (paths, wanted))
    text = f"it returns episodes of {lengths} steps, but {name} have {others} steps"
    require(found != right * 2, "twice", f"{text}: each of them is returned twice")
    more = len(found) > len(right) and set(right) <= set(found)
    require(not more, "expert data again", f"{text}: earlier episodes are in the replay buffer already")
    text = f"it returns other trajectories than {name}; relabelling is the task of run_training_loop"
    require(found == right, "other trajectories", text)


def train_agent() -> Iterator[Mistake]:
    """Check the number of gradient steps, their batches and the returned log."""
    trainer = _trainer()
    log, agent = trainer.train_agent(), trainer.agent
    require(len(agent.trained) == 7, "number of steps", f"it takes {len(agent.trained)} gradient steps, not 7")
    sizes = sorted(set(agent.sizes))
    require(sizes == [11], "train_batch_size", f"it samples batches of {sizes} transitions, but train_batch_size is 11")
    hint = ": each step needs a new batch"
    require_equal(agent.trained, range(1, 8), "same batch", "the steps use the batches number", hint)
    require_type(log, Mapping, "the scalars of the last step by name")
    require_type(log.get("Training Loss"), float, "a float as 'Training Loss' (see last_training_log)")
    name, first = "'Training Loss' is", (99, ": return the loss of the last step, not of the first")
    require_equal(log["Training Loss"], 93, "last step", name, others={"last step": first})
    for what, nan_step, weight in (("a loss that is NaN in step 3", 3, 0.0), ("a parameter that is NaN", 0, np.nan)):
        trainer.agent = _Agent(nan_step)
        trainer.agent.actor.weight.data.fill_(weight)
        with suppress(InvalidInput):
            trainer.train_agent()
            yield Mistake("NaN", f"{what} raises no error: pass all logs and self.agent.actor to last_training_log")


def do_relabel_with_expert() -> Iterator[Mistake]:
    """Compare relabelled episodes with the given ones and with the expert's actions in the visited states."""
    trainer, paths = _trainer(), [_episode(6), _episode(4), _episode(5)]
    trainer.collection_policy, given = trainer.agent.actor, [path.actions.copy() for path in paths]
    relabeled = trainer.do_relabel_with_expert(paths)
    hint = ": make a new trajectory (see dataclasses.replace)"
    for path, actions in zip(paths, given, strict=True):
        require_equal(path.actions, actions, "in place", "a given trajectory was changed: its actions are", hint)
    require_trajectories(relabeled)
    require(len(relabeled) == 3, "number of episodes", f"it returns {len(relabeled)} trajectories, not 3")
    for n in range(3):
        with case(f"trajectory {n}"):
            _check_relabeled(paths[n], relabeled[n])
    if (calls := trainer.expert_policy.calls) > 3:
        yield Mistake("slow", f"it calls the expert {calls} times for 3 episodes; one call can take a whole episode")


def _check_relabeled(old: Trajectory, new: Trajectory) -> None:
    require(len(new) == len(old), "length", f"the new trajectory has {len(new)} steps, not {len(old)}")
    wanted, late = (_Expert().get_action(states) for states in (old.observations, old.next_observations))
    others = {
        "actions kept": (old.actions, ": they are still the actions of the policy"),
        "learner's actions": (_Actor(1, 1).get_action(wanted), ": they are actions of the policy that learns"),
        "next observations": (late, ": they are the expert's actions for next_observations, one step too late"),
        "one action": (new.actions[:1].repeat(len(new), axis=0), ": each state needs the expert's action for it"),
    }
    require_equal(new.actions, wanted, "actions", "the new actions are", ", the expert's actions", others)
    for name in ("observations", "next_observations", "rewards", "terminated", "truncated"):
        same = np.array_equal(getattr(old, name), getattr(new, name))
        require(same, f"{name} changed", f"the field {name} differs from that of the given trajectory")
