"""Build all parts of a run from its settings, and run it."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import asdict, replace
from typing import Any

from cs285.config import Config
from cs285.data.checkpoint import Checkpoints
from cs285.data.whole_files import reading
from cs285.errors import InvalidInput
from cs285.infrastructure.evaluation import Evaluation
from cs285.infrastructure.inputs import RunInputs
from cs285.infrastructure.logger import Logger, make_run_dir
from cs285.infrastructure.seeding import global_generator_states, set_global_generator_states
from cs285.policies.base_policy import as_actions
from cs285.policies.make_policy import MakePolicy, describe_policy, make_mlp_policy


class BC_Trainer(AbstractContextManager["BC_Trainer"]):  # noqa: N801 - the assignment's name
    """Connects environment, expert, agent, logger and training loop for one run.

    The rollout workers that a trainer started end with its loop or its context. ``inputs`` has the workers, the expert
    and the expert's episodes; ``agent`` has the policy. ``run_dir`` is None until the loop of a new run starts.
    """

    def __init__(
        self,
        config: Config,
        expert: object | None = None,
        make_policy: MakePolicy = make_mlp_policy,
        inputs: RunInputs | None = None,
    ) -> None:
        """Read everything that the run needs, and start its rollout workers.

        Args:
            config: the run's settings.
            expert: used instead of ``config.expert_policy_file``, for example a function of a batch of observations
                (N, *ob_shape); `as_policy` lists what is accepted.
            make_policy: builds the policy from the settings, the task's facts and the expert's episodes.
            inputs: rollout workers, expert and data that are shared with runs that differ only in their seed.
        """
        self.config, self.run_dir, self._has_run = config, config.resume, False
        if inputs is not None:
            same = replace(inputs.config, seed=config.seed, exp_name=config.exp_name) == config
            if not same or not (expert is None or expert is inputs.expert):
                raise InvalidInput("the inputs that were passed are of a run with another expert or other settings")
        with ExitStack() as on_failure:
            self.inputs = inputs or on_failure.enter_context(RunInputs(config, expert))
            self._prepare_agent(make_policy)
            self._owned = on_failure.pop_all()

    def run_training_loop(self) -> list[dict[str, float]]:
        """Run all iterations; returns the logged scalars, one dict for each evaluated iteration."""
        from cs285.infrastructure.rl_trainer import RL_Trainer

        if self._has_run:
            raise InvalidInput("a BC_Trainer runs once; make a new one for another run")
        self._has_run = True
        set_global_generator_states(self._generator_states)
        config, state = self.config, self.resumed_state
        self.run_dir = config.resume or make_run_dir(config.logdir, config.run_name)
        logged = state["evaluation"]["log"].values() if state else ()
        with self, closing(Logger(self.run_dir, dict(zip(config.evaluated, logged, strict=False)))) as logger:
            settings = asdict(replace(config, n_iter=config.iterations, resume=None))
            logger.log_config(settings, self.inputs.digests, self.policy_description)
            print(f"logging to {self.run_dir}", flush=True)
            if state and state["itr"] + 1 == config.iterations:
                print("no iteration is left to train; a larger --n_iter continues the run", flush=True)
            self.inputs.start_references()
            checkpoints = self.checkpoints or Checkpoints(self.run_dir)
            evaluation = Evaluation(config, self.inputs, logger)
            rl_trainer = RL_Trainer(config, self.inputs, self.agent, evaluation, checkpoints)
            if state:
                rl_trainer.resume(state)
            rl_trainer.run_training_loop(config.iterations)
            return logger.rows

    def _prepare_agent(self, make_policy: MakePolicy) -> None:
        from cs285.agents.make_agent import make_agent

        config, spec, expertdata = self.config, self.inputs.rollouts.spec, self.inputs.initial_expertdata
        self.resumed_state: dict[str, Any] = {}
        self.checkpoints = Checkpoints(config.resume) if config.resume else None
        if self.checkpoints is not None:
            itr, state, paths = self.checkpoints.load()
            self.checkpoints.check_same_run(config, self.inputs.digests)  # before a network of another size is built
            self.resumed_state = {**state, "itr": itr}
        self.agent = make_agent(config, spec, expertdata, make_policy)
        self.policy_description = describe_policy(make_policy, self.agent.actor)
        if self.checkpoints is not None:
            self.checkpoints.check_same_policy(self.policy_description)
            with reading(config.resume, "the state of this policy"):
                for path in paths:
                    as_actions(path.actions, spec, (len(path),))  # raises InvalidInput for actions that do not fit
                self.agent.add_to_replay_buffer([*expertdata, *paths])
                self.agent.load_state_dict(self.resumed_state["agent"])
        # Another trainer may change the states of the generators before this trainer runs.
        self._generator_states = global_generator_states()

    def __exit__(self, *error: Any) -> None:
        self._owned.__exit__(*error)  # has nothing to close if the caller made the inputs
