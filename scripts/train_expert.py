"""Train an expert with PPO (stable-baselines3) and write it in the course's format."""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cs285.command_line import check_at_least, option, parse, run
from cs285.errors import InvalidInput
from cs285.infrastructure.mujoco_py_backend import hand_over

if TYPE_CHECKING:
    import gymnasium as gym
    from stable_baselines3 import PPO
    from stable_baselines3.common.base_class import BaseAlgorithm
    from stable_baselines3.common.vec_env import VecNormalize

CHECKPOINT_SECONDS = 120
CURVE_POINTS = 200
SELECTION_EPISODES = 40  # a policy that falls once in twenty times must not pass for the best
SELECTION_SEED = 1_000  # other episodes than those that the card reports


@dataclass(frozen=True)
class Settings:
    """Settings of a training. The defaults suit the MuJoCo tasks."""

    env_name: str = option("Hopper-v5", "-env", help="id of a registered Gymnasium environment")
    total_steps: int = option(2_000_000, help="environment steps to train for")
    output: Path | None = option(
        None, "-o", help="expert to write, its card and curve beside it; None: policies/experts/<env_name>.pkl"
    )
    checkpoints: Path = option(
        Path("data/train_expert"), help="folder of the checkpoints that a stopped training resumes from"
    )
    seed: int = option(1, help="the one seed")
    ob_dim: int | None = option(None, help="size of the observation layout to learn from; None: the environment's")
    n_layers: int = option(2, help="hidden layers of the policy and of the value function")
    size: int = option(64, help="width of each hidden layer")
    n_envs: int = option(16, help="environments stepped in turn")
    n_steps: int = option(128, help="steps of each environment between two updates")
    batch_size: int = option(64, help="transitions in each gradient step")
    n_epochs: int = option(10, help="passes over the data in each update")
    learning_rate: float = option(3e-4, "-lr", help="at the start; it falls linearly to 0")
    initial_log_std: float = option(-1.0, help="log standard deviation of the actions at the start")
    gamma: float = option(0.99, help="discount")
    gae_lambda: float = option(0.95, help="lambda of the advantage estimate")
    clip_range: float = option(0.2, help="PPO's clip range")
    target_kl: float | None = option(
        None, help="an update ends early once it has changed the policy by so much; None: never"
    )
    vf_coef: float = option(0.5, help="weight of the value loss")
    ent_coef: float = option(0.0, help="weight of the entropy bonus")
    evaluations: int = option(40, help="times that the policy is measured on the way; the best one is kept")
    eval_episodes: int = option(50, help="deterministic episodes that the card reports")
    backend: Literal["mujoco", "mujoco_py"] = option(
        "mujoco", help="what -v2 tasks run on: the official bindings, or the original (scripts/install_mujoco_py.sh)"
    )

    def __post_init__(self) -> None:
        check_at_least(1, self, "total_steps", "n_layers", "size", "n_envs", "n_steps", "n_epochs", "evaluations")
        check_at_least(1, self, "ob_dim")
        check_at_least(2, self, "batch_size", "eval_episodes")
        check_at_least(0, self, "seed", "gamma", "gae_lambda", "clip_range", "target_kl", "vf_coef", "ent_coef")
        check_at_least(-20, self, "initial_log_std")
        for name in ("gamma", "gae_lambda"):
            if getattr(self, name) > 1:
                raise InvalidInput(f"--{name} is {getattr(self, name)}; it must be at most 1")
        if not 0 < self.learning_rate < float("inf"):
            raise InvalidInput(f"--learning_rate is {self.learning_rate}; it must be positive and finite")

    @property
    def expert_file(self) -> Path:
        """Where the expert is written."""
        return self.output or Path("policies/experts") / f"{self.env_name}.pkl"

    @property
    def best_file(self) -> Path:
        """The best expert so far, while training goes on."""
        return self.checkpoint_dir / "best.pkl"

    @property
    def checkpoint_dir(self) -> Path:
        """Where this training's checkpoints are."""
        return self.checkpoints / f"{self.env_name}_{self.seed}"


@dataclass
class Record:
    """What happened so far in a training, over all the sessions it was resumed in.

    Attributes:
        exploring: environment steps, and mean return of the last 100 episodes with exploration.
        evaluations: environment steps, and mean and standard deviation of the return of the
            exported mean action.
        seconds: the time it took.
    """

    exploring: list[tuple[int, float]] = field(default_factory=list)
    evaluations: list[tuple[int, float, float]] = field(default_factory=list)
    seconds: float = 0.0

    def best(self) -> tuple[int, float, float]:
        """The evaluation with the highest mean less standard deviation: good, and reliably so."""
        return max(self.evaluations, key=lambda evaluation: evaluation[1] - evaluation[2])


def main() -> None:
    """Train, keep the best policy seen on the way, evaluate its file, and write its card."""
    settings = parse(Settings, __doc__ or "")
    hand_over(settings.backend)
    try:
        import stable_baselines3  # noqa: F401
    except ImportError as error:
        raise InvalidInput("training an expert needs stable-baselines3: pip install -e '.[experts]'") from error
    import torch

    torch.set_num_threads(1)
    find_checkpoint(settings)  # refuses another training's
    if settings.expert_file.exists():
        raise InvalidInput(f"--output: {settings.expert_file} exists; it is not overwritten")
    try:  # fail now rather than after hours
        settings.expert_file.parent.mkdir(parents=True, exist_ok=True)
        settings.checkpoint_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInput(f"can't make the folder {error.filename}: {error.strerror}") from error
    record = train(settings)
    shutil.copy(settings.best_file, settings.expert_file)
    write_card(settings, record)


def make_vec_env(settings: Settings) -> VecNormalize:
    """The environments, with observations and rewards normalised."""
    import numpy as np
    from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

    envs = DummyVecEnv([lambda: make_training_env(settings)] * settings.n_envs)
    return VecNormalize(envs, gamma=settings.gamma, clip_obs=np.inf)  # the course's format knows no clipping


def make_training_env(settings: Settings) -> gym.Env[Any, Any]:
    """One environment as PPO is to see it."""
    import gymnasium as gym
    import numpy as np
    from stable_baselines3.common.monitor import Monitor

    from cs285.infrastructure.envs import make_env
    from cs285.infrastructure.layouts import check_convertible, convert_observations

    env, spec = make_env(settings.env_name, backend=settings.backend)
    if settings.ob_dim is not None:
        ob_dim = settings.ob_dim
        check_convertible(settings.env_name, spec.ob_dim, ob_dim, what=f"--ob_dim {ob_dim}")
        env = gym.wrappers.TransformObservation(
            env,
            lambda ob: convert_observations(ob, settings.env_name, ob_dim),
            gym.spaces.Box(-np.inf, np.inf, (ob_dim,), np.float64),
        )
    if not spec.discrete:
        # PPO clips actions to the space's bounds, rollouts don't: let training see the cost of the raw action.
        bounds = gym.spaces.Box(-100.0, 100.0, env.action_space.shape, np.float32)
        env = gym.wrappers.TransformAction(env, lambda action: action, bounds)
    return Monitor(env)


def train(settings: Settings) -> Record:
    """Train from the last checkpoint, or from nothing; the best expert is then in ``best_file``."""
    from stable_baselines3.common.callbacks import BaseCallback

    model, record = load_or_make_model(settings)
    resumed = model.num_timesteps > 0
    start = time.monotonic() - record.seconds

    class Progress(BaseCallback):
        """Keeps the record; evaluates, prints a line and saves a checkpoint from time to time."""

        saved = time.monotonic()

        def _on_step(self) -> bool:
            return True

        def _on_rollout_end(self) -> None:
            record.seconds = time.monotonic() - start
            episodes: Any = self.model.ep_info_buffer or []
            if episodes and is_due(self.num_timesteps, record.exploring, settings.total_steps / CURVE_POINTS):
                mean = sum(episode["r"] for episode in episodes) / len(episodes)
                record.exploring.append((self.num_timesteps, mean))
            if is_due(self.num_timesteps, record.evaluations, settings.total_steps / settings.evaluations):
                evaluate(settings, self.model, record)
                print(progress_line(settings, self.num_timesteps, record), flush=True)
            if time.monotonic() - self.saved > CHECKPOINT_SECONDS:
                self.saved = time.monotonic()
                save_checkpoint(settings, self.model, record)

    if model.num_timesteps < settings.total_steps:
        remaining = settings.total_steps - model.num_timesteps
        model.learn(remaining, callback=Progress(), reset_num_timesteps=not resumed)
        record.seconds = time.monotonic() - start
        evaluate(settings, model, record)
        save_checkpoint(settings, model, record)
    return record


def is_due(steps: int, points: Sequence[tuple[Any, ...]], interval: float) -> bool:
    """Whether so many steps have passed since the last point."""
    return steps - (points[-1][0] if points else 0) >= interval


def load_or_make_model(settings: Settings) -> tuple[PPO, Record]:
    """The model and the record of the last checkpoint, or new ones."""
    import torch
    from stable_baselines3 import PPO
    from stable_baselines3.common.vec_env import VecNormalize

    envs = make_vec_env(settings)
    checkpoint = find_checkpoint(settings)
    if checkpoint is not None:
        state = json.loads((checkpoint / "state.json").read_text())
        envs = VecNormalize.load(str(checkpoint / "normalizer.pkl"), envs.venv)
        model = PPO.load(checkpoint / "model.zip", env=envs, device="cpu")
        model.set_random_seed(settings.seed + model.num_timesteps)
        print(f"resuming from {checkpoint}: {model.num_timesteps} of {settings.total_steps} steps", flush=True)
        return model, Record(**state["record"])
    policy_options: dict[str, Any] = {
        "net_arch": [settings.size] * settings.n_layers,
        "activation_fn": torch.nn.Tanh,
    }
    if not hasattr(envs.action_space, "n"):
        policy_options["log_std_init"] = settings.initial_log_std
    model = PPO(
        "MlpPolicy",
        envs,
        n_steps=settings.n_steps,
        batch_size=settings.batch_size,
        n_epochs=settings.n_epochs,
        learning_rate=LinearSchedule(settings.learning_rate),
        gamma=settings.gamma,
        gae_lambda=settings.gae_lambda,
        clip_range=settings.clip_range,
        target_kl=settings.target_kl,
        vf_coef=settings.vf_coef,
        ent_coef=settings.ent_coef,
        policy_kwargs=policy_options,
        seed=settings.seed,
        device="cpu",
    )
    return model, Record()


def evaluate(settings: Settings, model: BaseAlgorithm, record: Record) -> None:
    """Export the policy and measure it; it becomes ``best_file`` when it is the best so far."""
    from cs285.infrastructure.expert_card import evaluate_expert

    candidate = settings.checkpoint_dir / "candidate.pkl"
    export(model, candidate)
    result = evaluate_expert(
        candidate, settings.env_name, SELECTION_EPISODES, seed=SELECTION_SEED, num_workers=0, backend=settings.backend
    )
    record.evaluations.append((model.num_timesteps, result["mean"], result["std"]))
    if record.best() == record.evaluations[-1]:
        os.replace(candidate, settings.best_file)
    candidate.unlink(missing_ok=True)


@dataclass(frozen=True)
class LinearSchedule:
    """A value that falls linearly to 0 as the progress that remains falls from 1 to 0."""

    initial: float

    def __call__(self, progress_remaining: float) -> float:
        """The value now."""
        return self.initial * progress_remaining


def find_checkpoint(settings: Settings) -> Path | None:
    """The newest whole checkpoint of a training with the same settings.

    Raises:
        InvalidInput: when there is one of other settings; it is never overwritten.
    """
    found = sorted(settings.checkpoint_dir.glob("step_*[0-9]"))
    if not found:
        return None
    saved = asdict(Settings()) | json.loads((found[-1] / "state.json").read_text())["settings"]
    for name, value in training_settings(settings).items():
        if saved[name] != value:
            raise InvalidInput(
                f"{settings.checkpoint_dir} holds a training with --{name} {saved[name]}, not {value}; "
                "move it away, or choose another --checkpoints folder"
            )
    return found[-1]


def training_settings(settings: Settings) -> dict[str, Any]:
    """The settings that a resumed training must share; it may go on for longer."""
    beside_the_point = {"output", "checkpoints", "evaluations", "eval_episodes", "total_steps"}
    return {name: value for name, value in asdict(settings).items() if name not in beside_the_point}


def save_checkpoint(settings: Settings, model: BaseAlgorithm, record: Record) -> None:
    """Write a checkpoint beside the last one, then remove the last one: one of them is always whole."""
    checkpoint = settings.checkpoint_dir / f"step_{model.num_timesteps:010d}"
    if checkpoint.exists():
        return
    unfinished = checkpoint.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    model.save(unfinished / "model.zip")
    normalizer = model.get_vec_normalize_env()
    assert normalizer is not None
    normalizer.save(str(unfinished / "normalizer.pkl"))
    state = {"settings": training_settings(settings), "record": asdict(record)}
    (unfinished / "state.json").write_text(json.dumps(state))
    older = list(settings.checkpoint_dir.glob("step_*[0-9]"))
    os.replace(unfinished, checkpoint)
    for path in older:
        shutil.rmtree(path)


def progress_line(settings: Settings, steps: int, record: Record) -> str:
    """How far the training is, how well it does and how long it will take."""
    left = record.seconds / steps * max(0, settings.total_steps - steps)
    exploring = f"{record.exploring[-1][1]:.0f}" if record.exploring else "none yet"
    _, mean, std = record.evaluations[-1]
    return (
        f"{settings.env_name}: {steps:,} of {settings.total_steps:,} steps, {steps / record.seconds:.0f} a second, "
        f"{left / 60:.0f} minutes left; return {mean:.0f} ± {std:.0f}, while exploring {exploring}"
    )


def export(model: BaseAlgorithm, path: Path) -> None:
    """Write the policy, with the normalisation of its observations, in the course's format."""
    import numpy as np
    import torch

    from cs285.infrastructure.pytorch_utils import to_numpy
    from cs285.policies.loaded_gaussian_policy import write_gaussian_policy

    policy: Any = model.policy
    normalizer: Any = model.get_vec_normalize_env()
    affine = [layer for layer in policy.mlp_extractor.policy_net if isinstance(layer, torch.nn.Linear)]
    affine.append(policy.action_net)
    log_std = to_numpy(policy.log_std) if hasattr(policy, "log_std") else np.zeros(len(policy.action_net.bias))
    write_gaussian_policy(
        path,
        mean=normalizer.obs_rms.mean,
        variance=normalizer.obs_rms.var,
        weights=[to_numpy(layer.weight).T for layer in affine],
        biases=[to_numpy(layer.bias) for layer in affine],
        log_std=log_std,
        activation="tanh",
    )


def write_card(settings: Settings, record: Record) -> None:
    """Evaluate the exported file and write what it is and how it came about."""
    import gymnasium
    import mujoco
    import stable_baselines3
    import torch

    from cs285.infrastructure.expert_card import evaluate_expert, write_training_curve

    path = settings.expert_file
    results = evaluate_expert(path, settings.env_name, settings.eval_episodes, backend=settings.backend)
    card = {
        "task": settings.env_name,
        "algorithm": "PPO",
        "versions": {
            "python": platform.python_version(),
            **{m.__name__: m.__version__ for m in (stable_baselines3, torch, gymnasium, mujoco)},
        },
        "command": " ".join(["python", *sys.argv]),
        "seed": settings.seed,
        "steps": record.evaluations[-1][0],
        "kept_from_step": record.best()[0],
        "wall_time_minutes": round(record.seconds / 60, 1),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, one of them used",
        "evaluation": results,
    }
    path.with_suffix(".json").write_text(json.dumps(card, indent=2) + "\n")
    write_training_curve(
        path.with_suffix(".png"), settings.env_name, record.exploring, record.evaluations, results["mean"]
    )
    print(f"{path}: {results['mean']:.0f} ± {results['std']:.0f} over {settings.eval_episodes} episodes")


if __name__ == "__main__":
    run(main)
