"""Validated settings of one run, for the command line and for Python."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, get_args, get_origin, get_type_hints

from tyro.conf import arg
from tyro.constructors import PrimitiveConstructorSpec

from cs285.command_line import check_at_least
from cs285.errors import InvalidInput

# The largest allowed values of settings.
MOST: Mapping[str, Any] = {"n_iter": 10**6, "n_layers": 1000, "size": 10**4, "learning_rate": 1e38}
Preset: TypeAlias = Literal["tuned", "humanoid"]
TUNED = {"ob_normalization": "expert_data", "learning_rate_schedule": "cosine"}
HUMANOID = {"env_name": "Humanoid-v5", "size": 128, "num_agent_train_steps_per_iter": 3000, "batch_size": 5000}
HUMANOID |= {"train_batch_size": 256, "learning_rate": 2e-3}  # more joints need a larger network and more data
PRESETS: Mapping[Preset, Mapping[str, Any]] = {"tuned": TUNED, "humanoid": {**TUNED, **HUMANOID}}
CONTROL = re.compile(r"[\0-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")  # characters that `is_plain` refuses
JSON_OBJECT = PrimitiveConstructorSpec(
    nargs=1,
    metavar="JSON",
    instance_from_str=lambda texts: json.loads(texts[0]),
    is_instance=lambda value: isinstance(value, dict | None),
    str_from_instance=lambda value: [json.dumps(value)],
)


@dataclass(frozen=True)
class Config:
    """Settings of a BC or DAgger run, with the assignment's names and defaults; wrong values raise InvalidInput."""

    expert_policy_file: Annotated[Path | None, arg(aliases=["-epf"])] = None
    """Expert policy: a file, a run folder or module:object (docs/data.md). None: policies/experts/<env_name>.pkl."""
    expert_data: Annotated[Path | None, arg(aliases=["-ed"])] = None
    """Expert data: a file (docs/data.md). None: expert_data/expert_data_<env_name>.pkl."""
    expert_episodes: int | None = None  # Train on the first N of the expert's episodes. None: all.
    env_name: Annotated[str, arg(aliases=["-env"])] = "Ant-v5"  # Id of a registered Gymnasium environment, or module:id
    env_kwargs: Annotated[dict[str, Any] | None, JSON_OBJECT] = None
    """Keyword arguments of the environment, such as '{"ctrl_cost_weight": 0.1}'; a dict in Python."""
    exp_name: Annotated[str | None, arg(aliases=["-exp"])] = None
    """Name of the experiment, part of the run folder's name. None: bc or dagger."""
    backend: Literal["mujoco", "mujoco_py"] = "mujoco"
    """MuJoCo bindings of -v2 tasks. mujoco: the official ones; mujoco_py: see scripts/install_mujoco_py.sh."""
    do_dagger: bool = False  # Run DAgger: label the policy's rollouts with the expert's actions
    ep_len: int | None = None  # Maximum steps of an episode. None: the environment's limit.
    loss: Literal["mse", "nll"] = "mse"
    """Loss for continuous actions. mse: squared error of the mean action; nll: negative log-likelihood."""

    num_agent_train_steps_per_iter: int = 1000  # Gradient steps in each iteration
    n_iter: Annotated[int | None, arg(aliases=["-n"])] = None  # Iterations. None: 10 with --do_dagger, else 1.
    batch_size: int = 1000  # Minimum environment steps collected in each DAgger iteration
    eval_batch_size: int = 5000  # Minimum environment steps of each evaluation
    expert_eval_episodes: int | None = None
    """Episodes of the expert's evaluation. None: episodes of at least eval_batch_size steps. 0: no evaluation."""
    train_batch_size: int = 100  # Transitions in each gradient step

    n_layers: int = 2  # Hidden layers of the policy
    size: int = 64  # Width of each hidden layer
    learning_rate: Annotated[float, arg(aliases=["-lr"])] = 5e-3  # Learning rate of Adam
    learning_rate_schedule: Literal["constant", "cosine"] = "constant"
    """Learning rate within each iteration. cosine: it falls towards 0 as half a cosine."""
    ob_normalization: Literal["none", "expert_data"] = "none"
    """Inputs of the policy. none: observations as they are; expert_data: standardised by the expert's data."""

    num_workers: int | None = None  # Rollout processes. None: one for each usable core; 0: roll out in the main process
    video_log_freq: int = -1  # Log videos every N iterations and in the last one. -1: never.
    scalar_log_freq: int = 1  # Evaluate and log scalars every N iterations and in the last one. -1: never
    no_gpu: Annotated[bool, arg(aliases=["-ngpu"])] = False  # Train on the CPU even if there is a GPU
    which_gpu: int | None = None  # Index of the GPU. None: GPU 0 if network and batch are large, else the CPU
    max_replay_buffer_size: int = 1_000_000  # Capacity of the replay buffer in transitions; the oldest are dropped
    checkpoint_freq: int = 1  # With --do_dagger, write a checkpoint for --resume every N iterations. -1: never.
    resume: Path | None = None  # Folder of an interrupted DAgger run to continue, with its settings
    save_params: bool = False  # Write policy_itr_<n>.pt after each iteration
    seed: int = 1  # Seed of every random number generator
    logdir: Path = Path("data")  # Parent of the run folders

    def __post_init__(self) -> None:
        for name, kinds in setting_types().items():
            if Path in kinds and isinstance(getattr(self, name), str):
                object.__setattr__(self, name, Path(getattr(self, name)))
            _check_type(name, getattr(self, name), kinds)
        check_at_least(1, self, "ep_len", "num_agent_train_steps_per_iter", "n_iter", "batch_size", "eval_batch_size")
        check_at_least(1, self, "train_batch_size", "size", "max_replay_buffer_size", "expert_episodes")
        check_at_least(0, self, "n_layers", "which_gpu", "seed", "num_workers", "expert_eval_episodes")
        check_at_least(1e-38, self, "learning_rate")
        for name, most in MOST.items():
            if (getattr(self, name) or 0) > most:
                raise InvalidInput(f"--{name} is {getattr(self, name)}; it must be at most {most}")
        for name in ("video_log_freq", "scalar_log_freq", "checkpoint_freq"):
            if (value := getattr(self, name)) != -1 and value < 1:
                raise InvalidInput(f"--{name} is {value}; it must be -1 (never) or at least 1")
        if not re.fullmatch(r"[\w.:/-]+", self.env_name):
            raise InvalidInput(f"--env_name is {self.env_name!r}; it may have letters, digits and _ . : / - only")
        if self.exp_name is not None and not re.fullmatch(r"[\w.+=,-]+", self.exp_name):
            raise InvalidInput(f"--exp_name is {self.exp_name!r}; it may have letters, digits and . _ + = , - only")
        if self.n_iter is not None and (self.n_iter > 1) != self.do_dagger:
            raise InvalidInput(f"--n_iter is {self.n_iter}; it must be at least 2 with --do_dagger, and 1 without")

    @property
    def iterations(self) -> int:
        """Iterations of the loop, ``n_iter`` or its default."""
        return self.n_iter or (10 if self.do_dagger else 1)

    @property
    def evaluated(self) -> tuple[int, ...]:
        """The iterations that are evaluated."""
        return self.due(self.scalar_log_freq)

    def due(self, frequency: int) -> tuple[int, ...]:
        """Iterations 0, ``frequency``, 2 ``frequency``, ... and the last one; none if ``frequency`` is -1."""
        last = self.iterations - 1
        return () if frequency == -1 else tuple(sorted({*range(0, last + 1, frequency), last}))

    @property
    def run_name(self) -> str:
        """Start of the run folder's name: q1 for the assignment's BC question or q2 for DAgger, experiment and task."""
        return f"{'q2' if self.do_dagger else 'q1'}_{self.experiment}_{file_name(self.env_name)}"

    @property
    def experiment(self) -> str:
        """Name of the experiment, ``exp_name`` or its default."""
        return self.exp_name or ("dagger" if self.do_dagger else "bc")


def config_from_settings(settings: Mapping[str, Any]) -> Config:
    """Build a `Config` from JSON values, such as the settings in config.json; unknown names are ignored."""
    return Config(**{name: settings[name] for name in settings.keys() & setting_types().keys()})


def file_name(env_name: str) -> str:
    """An environment's id as a part of file names, with ``-`` for ``/`` and for ``:``, which Windows does not allow."""
    return env_name.replace("/", "-").replace(":", "-")


@functools.cache
def setting_types() -> Mapping[str, tuple[Any, ...]]:
    """For each setting, the classes that its value may have; for an enumerated setting, the allowed values."""
    kinds = {name: get_args(hint) or (hint,) for name, hint in get_type_hints(Config).items()}
    return {name: tuple(get_origin(kind) or kind for kind in kinds[name]) for name in kinds}


def is_plain(text: str, allowed: str = "") -> bool:
    """Whether a text has no control characters, line breaks, direction marks or surrogates, but for ``allowed``."""
    return not set(CONTROL.findall(text)) - set(allowed)


def _check_type(name: str, value: object, kinds: tuple[Any, ...]) -> None:
    """Raise InvalidInput for a wrong type, a text that is not plain or an int above 63 bits; ints pass as floats."""
    if isinstance(value, str | Path) and not is_plain(str(value)):
        raise InvalidInput(f"--{name} is {str(value)!r}; it must not have control characters or lone surrogates")
    if isinstance(value, int) and abs(value) >= 2**63:
        raise InvalidInput(f"--{name} is an integer of {value.bit_length()} bits; it may have at most 63")
    classes = tuple(kind for kind in kinds if isinstance(kind, type))
    classes += (int,) if float in classes else ()
    if value in kinds or (isinstance(value, classes) and (bool in classes or not isinstance(value, bool))):
        return
    allowed = (kind.__name__ if isinstance(kind, type) else repr(kind) for kind in kinds)
    raise InvalidInput(f"--{name} is {value!r}; it must be {' or '.join(allowed)}".replace("NoneType", "None"))
