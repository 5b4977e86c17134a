"""The settings of one run, validated; the command line and the notebook both build this."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args, get_type_hints

from cs285.command_line import check_at_least, check_at_most, option
from cs285.errors import InvalidInput

MAX_SIZE = 65_536
MAX_LAYERS = 100
MAX_BATCH = 1_000_000
MAX_WORKERS = 1_000
MAX_ITERATIONS = 1_000_000  # a list of them is made
MAX_EPISODES = 100_000


@dataclass(frozen=True)
class Config:
    """Settings of a BC or DAgger run. Flags carry the assignment's names and defaults.

    Raises:
        InvalidInput: for a value out of range, or for two that contradict each other.
    """

    expert_policy_file: Path | None = option(
        None, "-epf", help="expert policy (pickle); None: policies/experts/<env_name>.pkl"
    )
    expert_data: Path | None = option(
        None, "-ed", help="expert data (pickle); None: expert_data/expert_data_<env_name>.pkl"
    )
    env_name: str = option("Ant-v5", "-env", help="id of a registered Gymnasium environment")
    exp_name: str | None = option(
        None, "-exp", help="name of the experiment, part of the run folder's; None: bc or dagger"
    )
    backend: Literal["mujoco", "mujoco_py"] = option(
        "mujoco", help="what -v2 tasks run on: the official bindings, or the original (scripts/install_mujoco_py.sh)"
    )
    do_dagger: bool = option(False, help="relabel the policy's own rollouts with the expert (DAgger)")
    ep_len: int | None = option(None, help="steps after which an episode is cut; None: the environment's limit")
    loss: Literal["mse", "nll"] = option(
        "mse", help="for continuous actions: squared error of the mean action, or negative log-likelihood"
    )

    num_agent_train_steps_per_iter: int = option(1000, help="gradient steps in each iteration")
    n_iter: int | None = option(None, "-n", help="iterations; None: 10 with --do_dagger, else 1")
    batch_size: int = option(1000, help="environment steps collected in each DAgger iteration, at least")
    eval_batch_size: int = option(5000, help="environment steps of each evaluation, at least")
    train_batch_size: int = option(100, help="transitions in each gradient step")

    n_layers: int = option(2, help="hidden layers of the policy")
    size: int = option(64, help="width of each hidden layer")
    learning_rate: float = option(5e-3, "-lr", help="learning rate of Adam")

    learning_rate_schedule: Literal["cosine", "constant"] = option(
        "cosine", help="cosine: the learning rate falls towards 0 within each iteration; constant: it stays"
    )
    ob_normalization: Literal["expert_data", "none"] = option(
        "expert_data",
        help="the network reads observations standardised by mean and standard deviation of the expert's data, "
        "or as they are",
    )

    num_workers: int | None = option(
        None, help="processes that roll out; None: one for each usable core; 0: roll out in the main process"
    )
    video_log_freq: int = option(-1, help="log videos every so many iterations, first and last included; -1: never")
    scalar_log_freq: int = option(
        1,
        help="evaluate and log scalars every so many iterations, first and last included; "
        "-1: never, and there is no learning curve",
    )
    no_gpu: bool = option(False, "-ngpu", help="train on the CPU even where there is a GPU")
    which_gpu: int = option(0, help="index of the GPU to train on")
    max_replay_buffer_size: int = option(1_000_000, help="transitions kept; older ones make room for newer")
    checkpoint_freq: int = option(
        1, help="with --do_dagger, write what --resume goes on from every so many iterations; -1: never"
    )
    resume: Path | None = option(
        None, help="folder of a DAgger run that was stopped: go on with it, with the settings it has"
    )
    save_params: bool = option(False, help="write policy_itr_<n>.pt after each iteration")
    seed: int = option(1, help="the one seed that everything random comes from")
    seeds: tuple[int, ...] | None = option(
        None, help="several seeds, such as 0,1,2: one job that trains them together, with a run folder for each"
    )
    logdir: Path = option(Path("data"), help="folder that run folders are made in")

    def __post_init__(self) -> None:
        if not isinstance(self.env_name, str):
            raise InvalidInput(f"--env_name is {self.env_name!r}; it must be a text")
        check_at_least(
            1,
            self,
            *("ep_len", "num_agent_train_steps_per_iter", "n_iter", "batch_size", "eval_batch_size"),
            *("train_batch_size", "size", "max_replay_buffer_size"),
        )
        check_at_least(0, self, "n_layers", "which_gpu", "seed", "num_workers")
        if self.size > MAX_SIZE or self.n_layers > MAX_LAYERS:
            raise InvalidInput(
                f"--n_layers {self.n_layers} --size {self.size}: at most {MAX_LAYERS} layers of {MAX_SIZE} are allowed"
            )
        for name, most in (("train_batch_size", MAX_BATCH), ("num_workers", MAX_WORKERS), ("n_iter", MAX_ITERATIONS)):
            check_at_most(most, self, name)
        if not 0 < self.learning_rate < float("inf"):
            raise InvalidInput(f"--learning_rate is {self.learning_rate}; it must be positive and finite")
        for name in ("video_log_freq", "scalar_log_freq", "checkpoint_freq"):
            if (value := getattr(self, name)) != -1 and value < 1:
                raise InvalidInput(f"--{name} is {value}; it must be -1 (never) or at least 1")
        for name in ("backend", "loss", "learning_rate_schedule", "ob_normalization"):
            allowed = get_args(get_type_hints(Config)[name])
            if (value := getattr(self, name)) not in allowed:
                raise InvalidInput(f"--{name} is {value!r}; it must be {allowed[0]!r} or {allowed[1]!r}")
        if self.exp_name is not None and not re.fullmatch(r"[\w.+=,-]+", self.exp_name):
            raise InvalidInput(
                f"--exp_name is {self.exp_name!r}; it names a folder: letters, digits and . _ + = , - are allowed"
            )
        if self.seeds is not None and (not self.seeds or min(self.seeds) < 0 or len(set(self.seeds)) < len(self.seeds)):
            raise InvalidInput(f"--seeds are {self.seeds}; they must be different numbers from 0 up")
        if self.seeds is not None and self.resume is not None:
            raise InvalidInput("--resume goes on with one run; a job of several --seeds writes no checkpoints")
        if self.do_dagger and self.n_iter == 1:
            raise InvalidInput("--do_dagger with --n_iter 1 never asks the expert; give --n_iter 2 or more")
        if not self.do_dagger and self.n_iter not in (None, 1):
            raise InvalidInput(
                f"--n_iter is {self.n_iter}; behavioural cloning has one iteration, add --do_dagger for more"
            )

    @property
    def iterations(self) -> int:
        """Iterations of the loop, ``n_iter`` or its default."""
        if self.n_iter is not None:
            return self.n_iter
        return 10 if self.do_dagger else 1

    @property
    def run_name(self) -> str:
        """Prefix of the run folder: q1_ for the assignment's BC question, q2_ for DAgger."""
        task = self.env_name.replace("/", "-").replace(":", "-")  # Windows allows no colon
        return f"{'q2' if self.do_dagger else 'q1'}_{self.experiment}_{task}"

    @property
    def experiment(self) -> str:
        """Name of the experiment, ``exp_name`` or its default."""
        return self.exp_name or ("dagger" if self.do_dagger else "bc")
