"""The settings of an expert's training."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import arg

from cs285.command_line import check_at_least
from cs285.errors import InvalidInput


@dataclass(frozen=True)
class ExpertSettings:
    """Settings of a training. The defaults suit the MuJoCo tasks."""

    env_name: Annotated[str, arg(aliases=["-env"])] = "Ant-v5"  # Id of a registered Gymnasium environment
    algorithm: Literal["PPO", "SAC"] = "PPO"  # PPO (stable-baselines3) or, for continuous actions, SAC (sbx)
    total_steps: int = 2_000_000  # Environment steps to train for
    stop_after: int | None = None
    """End after so many steps, good as it is by then; the learning rate falls over --total_steps."""
    output: Annotated[Path | None, arg(aliases=["-o"])] = None
    """Expert to write, its card and curve beside it; None: policies/experts/<env_name>.pkl."""
    checkpoints: Path = Path("data/train_expert")  # Folder of the checkpoints that a stopped training resumes from
    seed: int = 1  # The one seed
    ob_dim: int | None = None  # Size of the observation layout to learn from; None: the environment's
    min_height: float | None = None
    """Training's episodes end, too, when the first observation, a walker's height, is below this."""
    max_height: float | None = None  # The same, when it is above this
    max_tilt: float | None = None
    """The same, when the first body of a MuJoCo task leans further than these degrees from upright."""
    n_layers: int = 2
    """Hidden layers of the policy and of the value functions; with --initial_expert of the latter alone."""
    size: int = 64  # Width of each of them
    n_envs: int = 16  # Environments stepped in turn
    batch_size: int = 64  # Transitions in each gradient step
    learning_rate: Annotated[float, arg(aliases=["-lr"])] = 3e-4  # Of Adam; it falls linearly to 0 over --total_steps
    gamma: float = 0.99  # Discount
    initial_expert: Path | None = None
    """PPO: go on from this expert's policy (a file in the course's format); None: from a random one."""
    policy_starts: int = 0  # PPO: steps before the policy learns, while its value function does (with --initial_expert)
    n_steps: int = 128  # PPO: steps of each environment between two updates
    n_epochs: int = 10  # PPO: passes over the data in each update
    initial_log_std: float = -1.0  # PPO: log standard deviation of the actions at the start
    gae_lambda: float = 0.95  # PPO: lambda of the advantage estimate
    clip_range: float = 0.2  # PPO: clip range
    target_kl: float | None = None  # PPO: an update ends early once it has changed the policy by so much; None: never
    vf_coef: float = 0.5  # PPO: weight of the value loss
    ent_coef: float = 0.0  # PPO: weight of the entropy bonus
    updates_per_step: float = 1.0  # SAC: gradient steps for each environment step
    policy_delay: int = 2  # SAC: gradient steps of the critics for each one of the policy
    learning_starts: int = 10_000  # SAC: random steps before the first gradient step
    buffer_size: int = 1_000_000  # SAC: transitions kept
    evaluations: int = 40  # Times that the policy is measured on the way; the best one is kept
    eval_episodes: int = 50  # Deterministic episodes that the card reports
    backend: Literal["mujoco", "mujoco_py"] = "mujoco"
    """What -v2 tasks run on: the official bindings, or the original (scripts/install_mujoco_py.sh)."""

    def __post_init__(self) -> None:
        check_at_least(1, self, "total_steps", "n_layers", "size", "n_envs", "n_steps", "n_epochs", "evaluations")
        check_at_least(1, self, "ob_dim", "stop_after", "policy_delay", "learning_starts", "buffer_size")
        check_at_least(2, self, "batch_size", "eval_episodes")
        check_at_least(0, self, "policy_starts")
        check_at_least(0, self, "seed", "gamma", "gae_lambda", "clip_range", "target_kl", "vf_coef", "ent_coef")
        check_at_least(-20, self, "initial_log_std")
        for name in ("min_height", "max_height"):
            if not math.isfinite(getattr(self, name) or 0):
                raise InvalidInput(f"--{name} is {getattr(self, name)}; it must be a finite number")
        if self.min_height is not None and self.max_height is not None and self.min_height >= self.max_height:
            raise InvalidInput(f"--min_height is {self.min_height}; it must be below --max_height, {self.max_height}")
        if self.initial_expert is not None and self.algorithm != "PPO":
            raise InvalidInput(f"--initial_expert is for PPO, not for {self.algorithm}")
        if self.policy_starts and self.initial_expert is None:
            raise InvalidInput(f"--policy_starts {self.policy_starts} is for a training with --initial_expert")
        if self.policy_starts >= self.total_steps:
            raise InvalidInput(
                f"--policy_starts is {self.policy_starts}; it must be below --total_steps, {self.total_steps}"
            )
        if self.max_tilt is not None and not 0 < self.max_tilt <= 180:
            raise InvalidInput(f"--max_tilt is {self.max_tilt}; it must be over 0 and at most 180 degrees")
        for name in ("gamma", "gae_lambda"):
            if getattr(self, name) > 1:
                raise InvalidInput(f"--{name} is {getattr(self, name)}; it must be at most 1")
        for name in ("learning_rate", "updates_per_step"):
            if not 0 < getattr(self, name) < float("inf"):
                raise InvalidInput(f"--{name} is {getattr(self, name)}; it must be positive and finite")

    @property
    def expert_file(self) -> Path:
        """Where the expert is written."""
        return self.output or Path("policies/experts") / f"{self.env_name}.pkl"

    @property
    def last_step(self) -> int:
        """The step after which training ends."""
        return min(self.total_steps, self.stop_after or self.total_steps)

    @property
    def checkpoint_dir(self) -> Path:
        """Where this training's checkpoints are."""
        return self.checkpoints / f"{self.env_name}_{self.seed}"

    @property
    def best_file(self) -> Path:
        """The best expert so far, while training goes on."""
        return self.checkpoint_dir / "best.pkl"

    def of_training(self) -> dict[str, Any]:
        """The settings that a resumed training must share; it may go on for longer."""
        beside_the_point = {"output", "checkpoints", "evaluations", "eval_episodes", "total_steps", "stop_after"}
        values = {name: str(value) if isinstance(value, Path) else value for name, value in asdict(self).items()}
        return {name: value for name, value in values.items() if name not in beside_the_point}
