"""Training on the GPU beside training on the CPU (--no_gpu), as a Markdown table: jobs, gradient steps, saved policies.

python benchmarks/gpu.py [SECONDS that each gradient step is timed [flags of run_hw1.py]]; without a GPU both columns
are the CPU's. Exit code 1 when a job fails, or training losses that should be alike differ by more than TOLERANCE.
"""

import csv
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from measure import ROOT, new_agent

EXAMPLES = ROOT / "docs" / "examples"
TOLERANCE = 2.0  # ratio; the rollouts, and so DAgger's data, depend on rounding
JOBS: dict[str, list[Any]] = {"BC": [], "DAgger": ["--do_dagger", "-n", 3], "resumed": ["--do_dagger", "-n", 2]}
IMAGES = {"env_name": "image_task:Chase-v0", "expert_data": EXAMPLES / "chase.pkl"}
LARGE = {"size": 512, "train_batch_size": 1024}
STEPS: dict[str, dict[str, Any]] = {"MLP 2x64, batch 100": {}, "MLP 2x512, batch 1024": LARGE, "ConvPolicy": IMAGES}


def script(name: str, *flags: object) -> str:
    """The output of one of the project's scripts."""
    command = [sys.executable, str(ROOT / "scripts" / name), *map(str, flags)]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def run_jobs(folder: Path, flags: list[str]) -> dict[str, float]:
    """Whole jobs: BC, DAgger, DAgger stopped after two iterations and resumed; and rollouts of the saved policy."""
    results = {}
    for name, arguments in JOBS.items():
        start = time.perf_counter()
        script("run_hw1.py", *arguments, "--save_params", "--logdir", folder / name, *flags)
        (run_dir,) = (folder / name).iterdir()
        if name == "resumed":
            script("run_hw1.py", "--resume", run_dir, "-n", 3)
        results[f"{name}, seconds"] = time.perf_counter() - start
        last = list(csv.DictReader((run_dir / "log.csv").open()))[-1]
        results |= {f"{name}, {scalar}": float(last[scalar]) for scalar in ("Training Loss", "Eval_AverageReturn")}
    output = script("eval_policy.py", "-p", run_dir / "policy_itr_2.pt", "-n", 5)
    return {**results, "eval_policy.py, return": float(output.split(": return ")[-1].split()[0])}


def gradient_step(device: Any, seconds: float, settings: dict[str, Any]) -> float:
    """Microseconds of one gradient step with its batch, as the training loop takes it."""
    import torch
    from image_policy import ConvPolicy

    conv = (lambda config, spec, paths: ConvPolicy(config, spec)) if settings is IMAGES else None
    with torch.device(device if conv else "cpu"):  # where the example's policy makes its tensors
        agent = new_agent(conv, no_gpu=device.type == "cpu", **settings)
        for duration in (seconds / 4, seconds):  # the first to warm up
            steps, start = 0, time.perf_counter()
            while time.perf_counter() - start < duration:
                agent.train(agent.sample(settings.get("train_batch_size", 100)))
                steps += 1
            _ = device.type == "cuda" and torch.cuda.synchronize()
    return (time.perf_counter() - start) / steps * 1e6


def main(seconds: float = 3.0, *flags: str) -> int:
    """Fill both columns and print the table; returns the exit code."""
    with tempfile.TemporaryDirectory() as name:
        columns = [run_jobs(Path(name) / "gpu", [*flags]), run_jobs(Path(name) / "cpu", ["--no_gpu", *flags])]
    sys.path.append(str(EXAMPLES))
    import torch

    has_gpu = torch.cuda.is_available()
    for column, device in zip(columns, ("cuda:0" if has_gpu else "cpu", "cpu"), strict=True):
        for title, settings in STEPS.items():
            column[f"gradient step, {title}, µs"] = gradient_step(torch.device(device), float(seconds), settings)
    print(f"| torch {torch.__version__} | {torch.cuda.get_device_name() if has_gpu else 'no GPU'} | --no_gpu |")
    print(
        "|---|--:|--:|",
        *(f"| {row} | {value:.5g} | {columns[1][row]:.5g} |" for row, value in columns[0].items()),
        sep="\n",
    )
    losses = [column[f"{job}, Training Loss"] for job in ("DAgger", "resumed") for column in columns]
    bc = [column["BC, Training Loss"] for column in columns]
    return int(any(max(alike) > TOLERANCE * min(alike) for alike in (losses, bc)))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
