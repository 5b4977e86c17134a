"""Compare the project's BC with BC of the library `imitation` on the same data: returns, and seconds of training.

``bc_returns.py PYTHON`` prints a Markdown table. PYTHON is the interpreter of the environment with `imitation`.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from cs285.config import Config
from cs285.data.shipped import input_files
from cs285.envs.make_env import make_env
from cs285.infrastructure.bc_trainer import BC_Trainer
from cs285.infrastructure.seeding import Stream, episode_seeds
from cs285.infrastructure.utils import LocalRollouts, sample_n_trajectories
from cs285.policies.frozen_copy import frozen_copy


def measure(side: str, config: Config, python: str) -> tuple[float, float]:
    """Mean return over 20 episodes after 1000 gradient steps by ``side``, and the seconds that these steps take."""
    trainer = BC_Trainer(config)
    seconds, policy = trainer.run_training_loop()[-1]["TimeSinceStart"], trainer.agent.actor
    if side == "imitation":
        weights = config.logdir / "weights.npz"
        arguments = [input_files(config)["expert_data"].resolve(), weights, str(config.seed)]
        command = [python, Path(__file__).with_name("imitation_bc.py"), *arguments]
        environment = {"PYTHONPATH": str(Path(__file__).parents[1]), "OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE)
        seconds = float(done.stdout.split()[-1])  # the library's own log comes before the seconds
        for parameter, value in zip(policy.mean_net.parameters(), np.load(weights).values(), strict=True):
            parameter.data = torch.from_numpy(value)
    actor = frozen_copy(policy, trainer.inputs.initial_expertdata[0].observations[:64])
    seeds = episode_seeds(config.seed, Stream.EVALUATION, itr=0)
    paths = sample_n_trajectories(LocalRollouts(*make_env(config.env_name)), actor, 20, seeds)
    return float(np.mean([path.total_reward for path in paths])), seconds


if __name__ == "__main__":
    lines = ["| task | BC by | return, mean ± std over five seeds | seconds of training |", "|---|---|--:|--:|"]
    with tempfile.TemporaryDirectory() as folder:
        usual = {"eval_batch_size": 1, "num_workers": 0, "no_gpu": True, "logdir": Path(folder)}
        for task in ("Ant-v5", "Hopper-v5"):
            for side in ("project", "imitation"):
                configs = [Config(env_name=task, seed=seed, **usual) for seed in range(1, 6)]
                means, times = zip(*(measure(side, config, sys.argv[1]) for config in configs), strict=True)
                result = f"{np.mean(means):.0f} ± {np.std(means, ddof=1):.0f} | {np.median(times):.2f}"
                lines.append(f"| {task} | {side} | {result} |")
    print(*lines, sep="\n")
