"""Training on the GPU beside training on the CPU (--no_gpu): job time, gradient steps, checkpoints and saved policies.

python benchmarks/gpu.py [--steps N] [flags of run_hw1.py for the jobs]. Prints a Markdown table; exit code 1 when a
job fails or the two devices' losses differ by more than TOLERANCE. Without a GPU both columns are the CPU's.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path += [str(ROOT), str(ROOT / "docs" / "examples")]
CHASE = ROOT / "docs" / "examples" / "chase.pkl"
GRADIENT_STEPS = {  # row of the table: task, flags that differ from the defaults
    "MLP 2x64, batch 100": {},
    "MLP 2x512, batch 1024": {"size": 512, "train_batch_size": 1024},
    "ConvPolicy, batch 100": {"env_name": "image_task:Chase-v0", "expert_data": CHASE},
}
TOLERANCE = 2.0  # ratio of training losses: rollouts, and so DAgger's data, depend on rounding


def script(name: str, *flags: object) -> tuple[str, float]:
    """Run a script of the project; returns its output and the seconds from start to end."""
    start = time.perf_counter()
    command = [sys.executable, str(ROOT / "scripts" / name), *map(str, flags)]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout, time.perf_counter() - start


def jobs(folder: Path, flags: list[str]) -> dict[str, float]:
    """Behavioural cloning, DAgger, the same DAgger run interrupted and resumed, and rollouts of its saved policy."""
    results = {}
    for name, arguments in {"BC": [], "DAgger": ["--do_dagger", "-n", 3], "resumed": ["--do_dagger", "-n", 2]}.items():
        _, seconds = script("run_hw1.py", *arguments, "--save_params", "--logdir", folder / name, *flags)
        (run_dir,) = (folder / name).iterdir()
        if name == "resumed":
            _, seconds = script("run_hw1.py", "--resume", run_dir, "-n", 3)
        last = list(csv.DictReader((run_dir / "log.csv").open()))[-1]
        results[f"{name}, whole job (s)"] = seconds
        results[f"{name}, final training loss"] = float(last["Training Loss"])
        results[f"{name}, final return"] = float(last["Eval_AverageReturn"])
    output, _ = script("eval_policy.py", "-p", run_dir / "policy_itr_2.pt", "-n", 5)
    return {**results, "eval_policy.py on policy_itr_2.pt, return": float(output.split(": return ")[-1].split()[0])}


def gradient_step(no_gpu: bool, steps: int, settings: dict[str, object]) -> float:
    """Microseconds of one gradient step, with its batch, as the training loop takes it."""
    import torch
    from image_policy import ConvPolicy

    from cs285.agents.make_agent import make_agent
    from cs285.config import Config
    from cs285.envs.make_env import make_env
    from cs285.infrastructure.inputs import load_initial_data
    from cs285.infrastructure.pytorch_utils import choose_device
    from cs285.policies.make_policy import make_mlp_policy

    config = Config(no_gpu=no_gpu, **settings)
    device, (env, spec) = choose_device(no_gpu, config.which_gpu), make_env(config.env_name)
    paths = load_initial_data(config, spec)
    image = len(spec.ob_shape) == 3
    with torch.device(device if image else "cpu"):  # where the example's policy makes its tensors
        agent = make_agent(config, spec, paths, (lambda c, s, p: ConvPolicy(c, s)) if image else make_mlp_policy)
        agent.add_to_replay_buffer(paths)
        for count in (max(1, steps // 10), steps):  # the first to warm up
            start = time.perf_counter()
            for _ in range(count):
                agent.train(agent.sample(config.train_batch_size))
            torch.cuda.synchronize() if device.type == "cuda" else None
    env.close()
    return (time.perf_counter() - start) / steps * 1e6


def main() -> int:
    """Measure both columns and print them; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=1000, help="gradient steps to time")
    arguments, flags = parser.parse_known_args()
    columns: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        for name, device_flags in {"gpu": [], "cpu": ["--no_gpu"]}.items():
            columns.append(jobs(Path(folder) / name, [*device_flags, *flags]))
    for column, no_gpu in zip(columns, (False, True), strict=True):
        for name, settings in GRADIENT_STEPS.items():
            column[f"gradient step, {name} (µs)"] = gradient_step(no_gpu, arguments.steps, settings)
    import torch

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU, no GPU found"
    print(f"| torch {torch.__version__} | {gpu} | CPU (--no_gpu), one thread |\n|---|--:|--:|")
    for name in columns[0]:
        print(f"| {name} | {columns[0][name]:.5g} | {columns[1][name]:.5g} |")
    losses = [tuple(column[name] for column in columns) for name in columns[0] if name.endswith("loss")]
    losses += [(column["DAgger, final training loss"], column["resumed, final training loss"]) for column in columns]
    return int(any(max(pair) > TOLERANCE * min(pair) for pair in losses))


if __name__ == "__main__":
    sys.exit(main())
