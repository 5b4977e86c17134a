"""Checks of `RL_Trainer`'s `collect_training_trajectories`, `train_agent` and `do_relabel_with_expert`."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import numpy as np
import torch

from cs285.agents.base_agent import BaseAgent
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
    def get_action(self, observations: Array) -> Array:
        return np.full((len(observations), 2), -7.0)


def _expert_actions(observations: Array) -> Array:
    t = observations[..., 0].astype(np.float64)  # float64 actions, which the student's code must convert
    return np.stack([50.0 + t, -t], axis=-1)


def _trainer(losses: Sequence[float] = range(99, 0, -1)) -> Any:
    """A trainer whose agent draws numbered batches and has these losses in its gradient steps."""
    trainer: Any = object.__new__(core.RL_Trainer)
    trainer.config, trainer.rollouts, trainer.total_envsteps = CONFIG, SimpleNamespace(spec=SPEC), 0
    trainer.initial_expertdata = [_episode(5), _episode(3)]
    trainer.expert_policy = Mock(get_action=Mock(side_effect=_expert_actions))
    trainer.agent = Mock(spec=BaseAgent, actor=_Actor(1, 1))
    trainer.agent.sample.side_effect = [Batch(*[torch.tensor(n)] * 5) for n in range(1, 100)]
    trainer.agent.train.side_effect = [{"Training Loss": torch.tensor(float(loss))} for loss in losses]
    return trainer


def _episode(steps: int) -> Trajectory:
    states = np.random.default_rng(steps).normal(size=(steps + 1, 3)).astype(np.float32)
    return Trajectory.from_states(states, states[1:, :2] + 9, states[1:, 0], True, False)


def collect_training_trajectories() -> Iterator[Mistake]:
    """Check the episodes that an iteration adds, the policy that acts, the numbers of steps, and the seeds."""
    trainer, calls, rolled_out = _trainer(), list[tuple[Any, ...]](), [_episode(20), _episode(25)]

    def sample_trajectories(rollouts: Any, policy: Any, min_timesteps: int, seeds: Any, description: Any = None) -> Any:
        calls.append((rollouts, policy, min_timesteps, [*islice(seeds, 3)]))
        return list(rolled_out), 45

    core.sample_trajectories = utils.sample_trajectories = sample_trajectories
    with case("iteration 0"):
        paths = trainer.collect_training_trajectories(0)
        require(not calls, "a policy is rolled out; this iteration uses the expert's data")
        _check_collected(trainer, paths, trainer.initial_expertdata, trainer.expert_policy, 0)
    for itr in (1, 2):
        with case(f"iteration {itr}"):
            copy = object()
            trainer.frozen_actor = Mock(return_value=copy)
            paths = trainer.collect_training_trajectories(itr)
            count = len(calls) - itr + 1
            require(count == 1, f"sample_trajectories, which rolls out a policy, is called {count} times, not once")
            rollouts, policy, least, seeds = calls[-1]
            require(rollouts is trainer.rollouts, "sample_trajectories does not get self.rollouts")
            text = "the policy that acts must come from a call of self.frozen_actor() in this iteration"
            require(policy in (copy, trainer.agent.actor), text)
            require(least == 37, f"it collects at least {least} steps, but self.config.batch_size is 37")
            wanted = [*islice(episode_seeds(CONFIG.seed, Stream.TRAINING_ROLLOUTS, itr), 3)]
            require_equal(seeds, wanted, "the seeds are", ": use Stream.TRAINING_ROLLOUTS and this iteration")
            _check_collected(trainer, paths, rolled_out, policy, 45 * itr)
    if policy is trainer.agent.actor:
        yield Mistake("it rolls out self.agent.actor itself, although self.frozen_actor() gives a faster copy")


def _check_collected(trainer: Any, paths: Any, wanted: list[Trajectory], policy: Any, steps: int) -> None:
    require_trajectories(paths)
    lengths, right = ([len(path) for path in part] for part in (paths, wanted))
    source = "rolled out" if steps else "in self.initial_expertdata"
    text = f"it returns episodes of {lengths} steps; it must return those {source}, of {right} steps, unchanged"
    require([*map(id, paths)] == [*map(id, wanted)], text)
    require_equal(trainer.total_envsteps, steps, "self.total_envsteps is", ": it counts the steps of rollouts only")
    require(trainer.collection_policy is policy, "self.collection_policy must be the policy that acted")
    added = trainer.agent.add_to_replay_buffer.called
    require(not added, "it adds data to the replay buffer, and run_training_loop then adds them again")


def _first_arguments(mock: Mock) -> list[Any]:
    return [[*call.args, *call.kwargs.values()][0] for call in mock.call_args_list]


def train_agent() -> Iterator[Mistake]:
    """Check the number of gradient steps, their batches and the returned log."""
    trainer = _trainer()
    log = trainer.train_agent()
    sizes, batches = _first_arguments(trainer.agent.sample), _first_arguments(trainer.agent.train)
    kinds = {type(batch).__name__ for batch in batches} - {"Batch"}
    require(not kinds, f"self.agent.train gets {kinds}, not a Batch")
    require(len(batches) == 7, f"it takes {len(batches)} gradient steps with self.agent.train, not 7")
    wrong = {*sizes} - {11}
    require(not wrong, f"it samples batches of {wrong} transitions, but train_batch_size is 11")
    numbers = [batch.observations for batch in batches]
    require_equal(numbers, range(1, 8), "the steps use the batches number", ": each step needs a new batch")
    require_type(log, Mapping, "the scalars of the last step by name")
    require_type(log.get("Training Loss"), float, "a float as 'Training Loss' (see last_training_log)")
    require_equal(log["Training Loss"], 93, "'Training Loss' is", ", the loss of the last step")
    for losses, weight in (([1, 1, np.nan, 1, 1, 1, 1], 0.0), ([1] * 7, np.nan)):
        trainer = _trainer(losses)
        trainer.agent.actor.weight.data.fill_(weight)
        with suppress(InvalidInput):
            trainer.train_agent()
            yield Mistake("NaN raises no error: pass all logs and self.agent.actor to last_training_log")


def do_relabel_with_expert() -> Iterator[Mistake]:
    """Compare relabelled episodes with the given ones and with the expert's actions in the visited states."""
    trainer, paths = _trainer(), [_episode(6), _episode(4), _episode(5)]
    trainer.collection_policy, given = trainer.agent.actor, [path.actions.copy() for path in paths]
    relabeled = trainer.do_relabel_with_expert(paths)
    hint = ": make a new trajectory (see dataclasses.replace)"
    for path, actions in zip(paths, given, strict=True):
        require_equal(path.actions, actions, "a given trajectory was changed: its actions are", hint)
    require_trajectories(relabeled)
    require(len(relabeled) == 3, f"it returns {len(relabeled)} trajectories, not 3")
    for n, (old, new) in enumerate(zip(paths, relabeled, strict=True)):
        with case(f"trajectory {n}"):
            for name in ("observations", "next_observations", "rewards", "terminated", "truncated"):
                require(np.array_equal(getattr(old, name), getattr(new, name)), f"the field {name} has changed")
            wanted, late = _expert_actions(old.observations), _expert_actions(old.next_observations)
            known = {
                "the actions of the given trajectory are kept": old.actions,
                "the learning policy chooses the actions": _Actor(1, 1).get_action(wanted),
                "the expert gets next_observations, one step too late": late,
                "all actions are the expert's action for the first state": new.actions[:1].repeat(len(new), axis=0),
            }
            require_equal(new.actions, wanted, "the new actions are", ", the expert's actions", known)
    if (calls := trainer.expert_policy.get_action.call_count) > 3:
        yield Mistake(f"it calls the expert {calls} times for 3 episodes, although one call can take a whole episode")
