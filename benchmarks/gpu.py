"""Compare training on the GPU and with --no_gpu in a Markdown table: whole jobs, gradient steps and a saved policy.

``gpu.py [flags of run_hw1.py]``; if there is no GPU, both columns are measured on the CPU.
"""

import csv
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.extend(str(Path(__file__).parents[1] / folder) for folder in ("", "docs/examples"))

import torch
from image_policy import ConvPolicy
from measure import make_mlp_policy, new_trainer, timed

ROOT = Path(__file__).parents[1]
JOBS: dict[str, list[Any]] = {"BC": [], "DAgger": ["--do_dagger", "-n", 3], "resumed": ["--do_dagger", "-n", 2]}
IMAGES = {"env_name": "image_task:Chase-v0", "expert_data": ROOT / "docs/examples/chase.pkl"}
STEPS: dict[str, dict[str, Any]] = {
    "gradient step, MLP 2x64, batch 100, µs": {},
    "gradient step, MLP 2x512, batch 1024, µs": {"size": 512, "train_batch_size": 1024},
    "gradient step, ConvPolicy, batch 100, µs": IMAGES,
}


def script(*command: object) -> str:
    """Run one of the project's scripts and return its output."""
    return subprocess.check_output([sys.executable, *map(str, command)], encoding="utf-8", cwd=ROOT / "scripts")


def run_jobs(folder: Path, flags: list[str]) -> dict[str, float]:
    """Run BC, DAgger, and DAgger resumed after two iterations; roll out its policy. Returns numbers by row name."""
    found = {}
    for name, arguments in JOBS.items():
        start = time.perf_counter()
        script("run_hw1.py", *arguments, "--save_params", "--logdir", folder / name, *flags)
        (run_dir,) = (folder / name).iterdir()
        if name == "resumed":
            script("run_hw1.py", "--resume", run_dir, "-n", 3)
        found[f"{name}, seconds"] = time.perf_counter() - start
        last = list(csv.DictReader((run_dir / "log.csv").open(encoding="utf-8")))[-1]
        found |= {f"{name}, {scalar}": float(last[scalar]) for scalar in ("Training Loss", "Eval_AverageReturn")}
    output = script("eval_policy.py", "-p", run_dir / "policy_itr_2.pt", "-n", 5)
    return {**found, "eval_policy.py, return": float(output.splitlines()[-1].split()[1])}


def gradient_step(device: str, settings: dict[str, Any]) -> float:
    """Microseconds that one gradient step takes, including the sampling of its batch."""
    images = "env_name" in settings
    make_policy = (lambda config, spec, paths: ConvPolicy(config, spec)) if images else make_mlp_policy
    with torch.device(device if images else "cpu"):  # ConvPolicy makes its tensors on this device
        agent = new_trainer(make_policy, no_gpu=device == "cpu", num_workers=0, **settings).agent

        def steps() -> None:
            for _ in range(100):
                agent.train(agent.sample(settings.get("train_batch_size", 100)))
            if device != "cpu":
                torch.cuda.synchronize()

        return timed(steps, 3) / 300 * 1e6


if __name__ == "__main__":
    flags, gpu = sys.argv[1:], torch.cuda.get_device_name() if torch.cuda.is_available() else ""
    with tempfile.TemporaryDirectory() as name:
        ours, theirs = run_jobs(Path(name, "gpu"), flags), run_jobs(Path(name, "cpu"), ["--no_gpu", *flags])
    ours |= {title: gradient_step("cuda:0" if gpu else "cpu", settings) for title, settings in STEPS.items()}
    theirs |= {title: gradient_step("cpu", settings) for title, settings in STEPS.items()}
    print(f"| torch {torch.__version__} | {gpu or 'no GPU'} | --no_gpu |\n|---|--:|--:|")
    print(*(f"| {row} | {value:.5g} | {theirs[row]:.5g} |" for row, value in ours.items()), sep="\n")
