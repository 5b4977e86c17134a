"""Settings of expert training."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import arg

from cs285.command_line import check_at_least
from cs285.config import file_name
from cs285.errors import InvalidInput

WITHOUT_EFFECT = {  # settings that the algorithm does not use
    "PPO": ("updates_per_step",),
    "TRPO": ("updates_per_step", "policy_starts"),
    "SAC": ("initial_expert", "policy_starts", "n_steps", "n_epochs", "initial_log_std", "target_kl"),
}
LIBRARIES = {"PPO": "stable_baselines3", "TRPO": "sb3_contrib", "SAC": "sbx"}
# Settings that may change when a training resumes.
MAY_VARY = {"output", "checkpoints", "evaluations", "eval_episodes", "total_steps", "stop_after", "keep_step", "noise"}


@dataclass(frozen=True)
class ExpertSettings:
    """Settings of one training; values out of range and settings that contradict each other raise InvalidInput."""

    env_name: Annotated[str, arg(aliases=["-env"])] = "Ant-v5"  # Id of a registered Gymnasium environment.
    algorithm: Literal["PPO", "TRPO", "SAC"] = "PPO"
    """PPO of stable-baselines3, TRPO of sb3-contrib, or SAC of sbx for continuous, bounded actions."""
    total_steps: int = 2_000_000  # Environment steps; the learning rate of PPO and SAC falls linearly to 0 over them.
    stop_after: int | None = None  # Stop after this many environment steps; None: after --total_steps.
    keep_step: int | None = None  # Step of the evaluated policy to keep; None: the best.
    output: Annotated[Path | None, arg(aliases=["-o"])] = None  # New file; None: policies/experts/<env_name>.pkl.
    checkpoints: Path = Path("data/train_expert")  # Folder of the checkpoints, from which a stopped training resumes.
    seed: int = 1  # Seed of the training.
    ob_dim: int | None = None  # Size of the known observation layout to learn from; None: the environment's.
    n_layers: int = 2  # Hidden layers of policy and value function; with --initial_expert, of the value function only.
    size: int = 64  # Width of each hidden layer.
    n_envs: int = 16  # Number of training environments, which take steps in turn.
    batch_size: int = 64  # Transitions in each gradient step.
    learning_rate: Annotated[float, arg(aliases=["-lr"])] = 3e-4  # Learning rate of Adam at the start.
    gamma: float = 0.99  # Discount factor.
    initial_expert: Path | None = None  # PPO, TRPO: file that initialises the policy; None: random weights.
    policy_starts: int = 0  # PPO: number of first steps that train the value function only.
    n_steps: int = 128  # PPO, TRPO: steps of each environment between updates.
    n_epochs: int = 10  # PPO, TRPO (for its value function): passes over the data in each update.
    initial_log_std: float = -1.0  # PPO, TRPO: initial log standard deviation of continuous actions.
    target_kl: float | None = None  # KL divergence that stops an update of PPO, or limits one of TRPO.
    updates_per_step: float = 1.0  # SAC: gradient steps for each environment step.
    evaluations: int = 40  # Number of evaluations, each followed by a checkpoint; the best policy is kept.
    eval_episodes: int = 50  # Episodes of the evaluation in the card.
    noise: float = 0.0  # Noise, as in collect_expert_data.py, in the episodes for the card's clone.

    def __post_init__(self) -> None:
        check_at_least(1, self, "total_steps", "n_layers", "size", "n_envs", "n_steps", "n_epochs", "evaluations")
        check_at_least(1, self, "ob_dim", "stop_after", "keep_step")
        check_at_least(2, self, "batch_size", "eval_episodes")
        check_at_least(0, self, "seed", "policy_starts", "learning_rate", "gamma", "target_kl", "noise")
        for name in WITHOUT_EFFECT[self.algorithm]:
            if getattr(self, name) != getattr(ExpertSettings, name):
                raise InvalidInput(f"--{name} has no effect with --algorithm {self.algorithm}")

    @property
    def expert_file(self) -> Path:
        """File of the finished expert."""
        return self.output or Path("policies/experts") / f"{file_name(self.env_name)}.pkl"

    @property
    def last_step(self) -> int:
        """Environment step after which the training ends."""
        return min(self.total_steps, self.stop_after or self.total_steps)

    @property
    def checkpoint_dir(self) -> Path:
        """Folder of the checkpoints; its name has a digest of the settings that are not in `MAY_VARY`."""
        fixed = {name: value for name, value in asdict(self).items() if name not in MAY_VARY}
        digest = hashlib.sha256(repr(fixed).encode()).hexdigest()
        return self.checkpoints / f"{self.env_name}_{self.algorithm}_{self.seed}_{digest[:8]}"
