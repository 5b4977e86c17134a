"""Settings of a run to the parts that it consists of."""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import asdict, replace
from pathlib import Path
from types import TracebackType
from typing import Any

from cs285.config import Config
from cs285.data.checkpoint import Checkpoints
from cs285.data.provenance import digest
from cs285.data.shipped import input_files
from cs285.infrastructure.evaluation import Background, Evaluation, start_expert_evaluation
from cs285.infrastructure.inputs import check_sizes, find_expert, load_initial_data
from cs285.infrastructure.logger import Logger, make_run_dir
from cs285.infrastructure.rollout_workers import RolloutWorkers
from cs285.policies.make_policy import MakePolicy, describe_policy, make_mlp_policy

SHARED = ("rollouts", "background", "initial_expertdata", "expert_policy", "expert_scalars")


class BC_Trainer:  # noqa: N801 - the assignment's name
    """Wires environment, expert, agent, logger and loop for one run.

    A context manager. The rollout workers end with it, or with the training loop where it is used without ``with``.
    The run's folder is made when the training loop starts.

    Attributes:
        agent: what learns.
        run_dir: the folder that the run writes into; None before the training loop.
    """

    def __init__(
        self,
        config: Config,
        expert: object | None = None,
        make_policy: MakePolicy = make_mlp_policy,
        share_with: BC_Trainer | None = None,
    ) -> None:
        """Read everything that the run needs, and start its rollout workers.

        Args:
            config: the run's settings.
            expert: used in place of ``config.expert_policy_file``: a policy, any object with ``get_action``, or a
                function of a batch of observations (N, *ob_shape).
            make_policy: makes the policy that learns from the settings, the task's facts and the expert's episodes.
            share_with: a trainer that differs in its seed only; its workers, expert and data serve this one too.

        Raises:
            InvalidInput: when a file can't be read, sizes don't fit, the environment can't be made, or the run
                to resume is another.
        """
        self.config, self.run_dir = config, config.resume
        self.checkpoints: Checkpoints | None = None
        self.inputs = {name: digest(path) for name, path in input_files(config, expert).items()}
        self._owned, self._in_context = ExitStack(), False
        with ExitStack() as on_failure:
            on_failure.callback(self.close)
            if share_with is None:
                self._start_rollouts(expert)
            else:
                vars(self).update({name: vars(share_with)[name] for name in SHARED})
            self._prepare_agent(make_policy)
            on_failure.pop_all()

    def run_training_loop(self) -> list[dict[str, float]]:
        """Run the job.

        Returns:
            The scalars of each iteration that was evaluated.

        Raises:
            InvalidInput: when the loss stops being finite, or the expert's answers don't fit.
        """
        import torch

        from cs285.infrastructure.rl_trainer import RL_Trainer

        torch.set_rng_state(self._torch_state)
        config, rest = self.config, self.resumed_state
        self.run_dir = config.resume or make_run_dir(config.logdir, config.run_name)
        with ExitStack() as at_end:
            if not self._in_context:
                at_end.callback(self.close)
            logger = at_end.enter_context(closing(Logger(self.run_dir, rest["evaluation"]["log"] if rest else None)))
            settings = asdict(replace(config, n_iter=config.iterations, resume=None))
            logger.log_config(settings, self.inputs, self.policy_description)
            print(f"logging to {self.run_dir}", flush=True)
            evaluation = Evaluation(config, self.background, logger, self.initial_expertdata, self.expert_scalars)
            rl_trainer = RL_Trainer(
                config,
                self.rollouts,
                self.agent,
                self.initial_expertdata,
                self.expert_policy,
                evaluation,
                self._make_checkpoints(self.run_dir),
            )
            if rest:
                rl_trainer.resume(rest)
            rl_trainer.run_training_loop(config.iterations)
            return logger.rows

    def _start_rollouts(self, expert: object | None) -> None:
        """Start the workers, read the inputs, and begin to measure the expert."""
        config = self.config
        films = config.video_log_freq != -1
        # No thread has started yet, so that the workers can be forked.
        self.rollouts = RolloutWorkers(config.env_name, config.ep_len, config.num_workers, config.backend, films)
        self._owned.callback(self.rollouts.close)
        self.initial_expertdata = load_initial_data(config, self.rollouts.spec)
        self.expert_policy = find_expert(config, self.rollouts.spec, expert, self.initial_expertdata)
        self.background = Background(self.rollouts)
        self._owned.callback(self.background.close)
        self.expert_scalars = start_expert_evaluation(config, self.background, self.expert_policy)

    def _prepare_agent(self, make_policy: MakePolicy) -> None:
        """Make the agent, and restore it from the checkpoint of a run that is resumed."""
        import torch  # takes two seconds, in which the workers already run

        from cs285.agents.make_agent import make_agent, restore_agent

        config, spec = self.config, self.rollouts.spec
        self.agent = make_agent(config, spec, self.initial_expertdata, make_policy)
        self.policy_description = describe_policy(make_policy, self.agent.actor)
        self.resumed_state: dict[str, Any] = {}
        if config.resume is not None:
            self.checkpoints = Checkpoints(config.resume)
            itr, state, paths = self.checkpoints.load()
            self.checkpoints.check_same_run(config, self.inputs)
            self.checkpoints.check_same_policy(self.policy_description)
            check_sizes(config.resume, config.env_name, spec, paths)
            restore_agent(self.agent, state["agent"], [*self.initial_expertdata, *paths])
            self.resumed_state = {**state, "itr": itr}
        self._torch_state = torch.get_rng_state()  # other trainers may be made before this one runs

    def _make_checkpoints(self, run_dir: Path) -> Checkpoints | None:
        """Where the run saves its checkpoints; None, with the reason, for a policy that can't be restored."""
        if not self.config.do_dagger or self.config.checkpoint_freq == -1:
            return None
        if not all(hasattr(self.agent.actor, method) for method in ("state_dict", "load_state_dict")):
            kind = type(self.agent.actor).__name__
            print(f"the run can't be resumed: {kind} has no state_dict and load_state_dict", flush=True)
            return None
        return self.checkpoints or Checkpoints(run_dir)

    def close(self) -> None:
        """End the rollout workers, unless they are another trainer's."""
        self._owned.close()

    def __enter__(self) -> BC_Trainer:
        self._in_context = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
