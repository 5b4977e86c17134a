"""Fine-tune imitators with PPO, compare them with PPO from random weights, and draw the learning curves.

The same command continues after a stop: finished imitators are kept, and each training resumes from its checkpoint.
"""

import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))  # finds the project if it is not installed

from cs285.command_line import run
from cs285.config import PRESETS, Config
from cs285.data.shipped import shipped_expert
from cs285.data.whole_files import check_new
from cs285.experts.rollouts import evaluate_expert, read_card
from cs285.experts.settings import ExpertSettings
from cs285.experts.training import train_expert
from cs285.infrastructure.bc_trainer import BC_Trainer
from cs285.infrastructure.learning_curve import BLUE, GREEN, ORANGE, add_title_and_legend, new_figure, save_figure
from cs285.policies.saved_policy import export_policy, load_policy
from cs285.process import usable_cores

IMITATORS = {
    "HalfCheetah-v5": Config(env_name="HalfCheetah-v5", expert_episodes=1, num_agent_train_steps_per_iter=500),
    "Walker2d-v5": Config(env_name="Walker2d-v5", do_dagger=True, **PRESETS["tuned"]),
}
# Settings of train_expert.py that differ from its defaults. The first dict of a task is for both trainings. The second
# dict is only for the training that starts from the imitator.
PPO = {
    "HalfCheetah-v5": ({"batch_size": 256}, {"policy_starts": 50_000, "initial_log_std": -1.5}),
    "Walker2d-v5": (
        {"n_steps": 512, "batch_size": 1024, "target_kl": 0.01},
        {"policy_starts": 131_072, "initial_log_std": -1.5},
    ),
}


@dataclass(frozen=True)
class Settings:
    env_name: str = "HalfCheetah-v5"  # HalfCheetah-v5 (from behavioural cloning) or Walker2d-v5 (from DAgger)
    seeds: int = 3  # Number of seeds
    total_steps: int = 1_000_000  # Environment steps of each PPO training
    evaluations: int = 10  # Evaluations in each training
    folder: Path = Path("data/fine_tuning")  # Folder of imitators, checkpoints and trained policies
    output: Path = Path("fine_tuning.png")  # The figure, a new file


def train(settings: Settings, seed: int, imitate: bool) -> list[tuple[int, float]]:
    """Train with PPO from an imitator or from random weights; return (steps, mean return) of each evaluation."""
    task, name = settings.env_name, "imitator" if imitate else "random"
    folder = settings.folder / f"{task}_{name}_{seed}"
    for_both, for_imitator = PPO[task]
    ppo = ExpertSettings(
        env_name=task,
        seed=seed,
        total_steps=settings.total_steps,
        evaluations=settings.evaluations,
        output=folder / "policy.pkl",
        checkpoints=folder,
        **for_both,
    )
    start = []
    if imitate:
        imitator = folder / "imitator.pkl"
        if not imitator.exists():
            config = replace(IMITATORS[task], seed=seed, save_params=True, logdir=folder, num_workers=0)
            with BC_Trainer(config) as trainer:
                trainer.run_training_loop()
                export_policy(load_policy(trainer.run_dir), imitator)
        ppo = replace(ppo, initial_expert=imitator, **for_imitator)
        start = [(0, evaluate_expert(imitator, task, episodes=20, num_workers=0)["mean"])]
    return start + [(evaluation["steps"], evaluation["mean"]) for evaluation in train_expert(ppo)]


def main(settings: Settings) -> None:
    check_new(settings.output)
    task, seeds = settings.env_name, range(1, settings.seeds + 1)
    with ProcessPoolExecutor(usable_cores()) as pool:
        jobs = {imitate: [pool.submit(train, settings, seed, imitate) for seed in seeds] for imitate in (True, False)}
        curves = {imitate: np.array([job.result() for job in group]) for imitate, group in jobs.items()}
    expert = read_card(shipped_expert(task) or Path())["evaluation"]["mean"]
    figure, axes = new_figure("environment steps of PPO")
    method = "DAgger" if IMITATORS[task].do_dagger else "behavioural cloning"
    for (imitate, values), color in zip(curves.items(), (BLUE, ORANGE), strict=True):
        name = f"PPO from {method}" if imitate else "PPO from random weights"
        steps, returns = values[0, :, 0], values[:, :, 1]
        axes.fill_between(steps, returns.min(0), returns.max(0), color=color, alpha=0.2)
        axes.plot(steps, returns.mean(0), color=color, marker="o", markersize=4, label=name)
        print(f"{name}: return {returns[:, 0].mean():.0f} at step {steps[0]:.0f}, ", end="")
        print(
            f"{returns[:, -1].mean():.0f} at the end (seeds: {', '.join(f'{value:.0f}' for value in returns[:, -1])})"
        )
    axes.axhline(expert, color=GREEN, linestyle="--", label=f"expert: {expert:.0f}")
    print(f"expert: {expert:.0f}")
    add_title_and_legend(figure, axes, task, f"mean of {settings.seeds} seeds; band from the lowest to the highest")
    save_figure(figure, settings.output)


if __name__ == "__main__":
    run(main, Settings, __doc__)
