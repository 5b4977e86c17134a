"""Settings of expert training."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import arg

from cs285.command_line import check_at_least
from cs285.errors import InvalidInput

PPO_LIBRARY = {"n_steps", "n_epochs", "gae_lambda", "clip_range", "target_kl", "vf_coef", "ent_coef"}
SAC_LIBRARY = {"policy_delay", "learning_starts", "buffer_size"}
OF_LIBRARY = {"PPO": PPO_LIBRARY, "SAC": SAC_LIBRARY}  # settings with the name that they have in the library
OF_ALGORITHM = {
    "PPO": PPO_LIBRARY | {"initial_expert", "policy_starts", "initial_log_std"},
    "SAC": SAC_LIBRARY | {"updates_per_step"},
}
FREE_ON_RESUME = {"output", "checkpoints", "evaluations", "eval_episodes", "total_steps", "stop_after"}


@dataclass(frozen=True)
class ExpertSettings:
    """Settings of one training; the defaults suit the MuJoCo tasks.

    Raises:
        InvalidInput: for a value out of range, a setting of the other algorithm, or contradicting settings.
    """

    env_name: Annotated[str, arg(aliases=["-env"])] = "Ant-v5"  # Id of a registered Gymnasium environment.
    algorithm: Literal["PPO", "SAC"] = "PPO"  # PPO of stable-baselines3, or SAC of sbx for continuous, bounded actions.
    total_steps: int = 2_000_000  # Environment steps; the learning rate falls linearly to 0 over them.
    stop_after: int | None = None  # Stop after this many of them; None: after all.
    output: Annotated[Path | None, arg(aliases=["-o"])] = None
    """Expert file to write, with its card and curve beside it; None: policies/experts/<env_name>.pkl."""
    checkpoints: Path = Path("data/train_expert")  # Folder of the checkpoints, from which a stopped training resumes.
    seed: int = 1  # Seed of the training.
    ob_dim: int | None = None  # Size of the known observation layout to learn from; None: the environment's.
    min_height: float | None = None
    """Terminate training episodes when the first observation, the height of a walker, falls below this."""
    max_height: float | None = None  # Terminate training episodes when the first observation rises above this.
    max_tilt: float | None = None
    """Terminate training episodes when the first body of a MuJoCo task tilts more than this, in degrees."""
    n_layers: int = 2  # Hidden layers of policy and value function; with --initial_expert, of the value function only.
    size: int = 64  # Width of each of these hidden layers.
    n_envs: int = 16  # Environments stepped in turn.
    batch_size: int = 64  # Transitions in each gradient step.
    learning_rate: Annotated[float, arg(aliases=["-lr"])] = 3e-4  # Learning rate of Adam at the start.
    gamma: float = 0.99  # Discount factor.
    initial_expert: Path | None = None  # PPO: expert file that initialises the policy; None: random weights.
    policy_starts: int = 0
    """PPO: steps that train only the value function, before the policy of --initial_expert is trained too."""
    n_steps: int = 128  # PPO: steps of each environment between updates.
    n_epochs: int = 10  # PPO: passes over the data in each update.
    initial_log_std: float = -1.0  # PPO: initial log standard deviation of continuous actions.
    gae_lambda: float = 0.95  # PPO: lambda of the generalised advantage estimate.
    clip_range: float = 0.2  # PPO: clip range of the probability ratio.
    target_kl: float | None = None  # PPO: KL divergence at which an update stops early; None: no early stop.
    vf_coef: float = 0.5  # PPO: weight of the value loss.
    ent_coef: float = 0.0  # PPO: weight of the entropy bonus.
    updates_per_step: float = 1.0  # SAC: gradient steps for each environment step.
    policy_delay: int = 2  # SAC: gradient steps of the critics for each one of the policy.
    learning_starts: int = 10_000  # SAC: random steps before the first gradient step.
    buffer_size: int = 1_000_000  # SAC: transitions in the replay buffer.
    evaluations: int = 40  # Evaluations on the way, each followed by a checkpoint; the best policy is kept.
    eval_episodes: int = 50  # Episodes of the evaluation in the card.
    backend: Literal["mujoco", "mujoco_py"] = "mujoco"
    """Bindings of the -v2 tasks: the official ones, or the original (scripts/install_mujoco_py.sh)."""

    def __post_init__(self) -> None:
        check_at_least(1, self, "total_steps", "n_layers", "size", "n_envs", "n_steps", "n_epochs", "evaluations")
        check_at_least(1, self, "ob_dim", "stop_after", "policy_delay", "learning_starts", "buffer_size")
        check_at_least(2, self, "batch_size", "eval_episodes")
        check_at_least(0, self, "seed", "policy_starts", "gamma", "gae_lambda", "clip_range", "target_kl")
        check_at_least(0, self, "vf_coef", "ent_coef")
        check_at_least(-20, self, "initial_log_std")
        for name in ("learning_rate", "updates_per_step", "max_tilt"):
            if (value := getattr(self, name)) is not None and not 0 < value < math.inf:
                raise InvalidInput(f"--{name} is {value}; it must be positive and finite")
        for name, most in (("gamma", 1), ("gae_lambda", 1), ("max_tilt", 180), ("policy_starts", self.total_steps - 1)):
            if (value := getattr(self, name)) is not None and value > most:
                raise InvalidInput(f"--{name} is {value}; it must be at most {most}")
        for name in ("min_height", "max_height"):
            if not math.isfinite(getattr(self, name) or 0):
                raise InvalidInput(f"--{name} is {getattr(self, name)}; it must be a finite number")
        if None not in (self.min_height, self.max_height) and self.min_height >= self.max_height:  # type: ignore[operator]
            raise InvalidInput(f"--min_height is {self.min_height}; it must be below --max_height, {self.max_height}")
        if self.policy_starts and self.initial_expert is None:
            raise InvalidInput(f"--policy_starts is {self.policy_starts}; it needs --initial_expert")
        unused = OF_ALGORITHM["SAC" if self.algorithm == "PPO" else "PPO"]
        for field in fields(self):
            if field.name in unused and getattr(self, field.name) != field.default:
                raise InvalidInput(f"--{field.name} has no effect with --algorithm {self.algorithm}")

    @property
    def expert_file(self) -> Path:
        """File of the finished expert."""
        return self.output or Path("policies/experts") / f"{self.env_name}.pkl"

    @property
    def last_step(self) -> int:
        """Environment step after which the training ends."""
        return min(self.total_steps, self.stop_after or self.total_steps)

    @property
    def checkpoint_dir(self) -> Path:
        """Folder of the checkpoints of this task and seed."""
        return self.checkpoints / f"{self.env_name}_{self.seed}"

    def fixed(self) -> dict[str, Any]:
        """Settings that a resumed training must share."""
        return {name: value for name, value in asdict(self).items() if name not in FREE_ON_RESUME}
