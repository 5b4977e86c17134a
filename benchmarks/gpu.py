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

import torch
from measure import ROOT, make_mlp_policy, new_agent

TOLERANCE = 2.0  # ratio; the rollouts, and so DAgger's data, depend on rounding
JOBS: dict[str, list[Any]] = {"BC": [], "DAgger": ["--do_dagger", "-n", 3], "resumed": ["--do_dagger", "-n", 2]}
IMAGES = {"env_name": "image_task:Chase-v0", "expert_data": ROOT / "docs/examples/chase.pkl"}
LARGE = {"size": 512, "train_batch_size": 1024}
STEPS: dict[str, dict[str, Any]] = {"MLP 2x64, batch 100": {}, "MLP 2x512, batch 1024": LARGE, "ConvPolicy": IMAGES}


def script(name: str, *flags: object) -> str:
    """The output of one of the project's scripts."""
    command = [sys.executable, str(ROOT / "scripts" / name), *map(str, flags)]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def run_jobs(folder: Path, flags: list[str]) -> dict[str, float]:
    """Whole jobs: BC, DAgger, DAgger stopped after two iterations and resumed; and rollouts of the saved policy."""
    found = {}
    for name, arguments in JOBS.items():
        start = time.perf_counter()
        script("run_hw1.py", *arguments, "--save_params", "--logdir", folder / name, *flags)
        (run_dir,) = (folder / name).iterdir()
        if name == "resumed":
            script("run_hw1.py", "--resume", run_dir, "-n", 3)
        found[f"{name}, seconds"] = time.perf_counter() - start
        last = list(csv.DictReader((run_dir / "log.csv").open()))[-1]
        found |= {f"{name}, {scalar}": float(last[scalar]) for scalar in ("Training Loss", "Eval_AverageReturn")}
    output = script("eval_policy.py", "-p", run_dir / "policy_itr_2.pt", "-n", 5)
    return {**found, "eval_policy.py, return": float(output.split(": return ")[-1].split()[0])}


def gradient_step(device: str, seconds: float, settings: dict[str, Any]) -> float:
    """Microseconds of one gradient step with its batch, as the training loop takes it."""
    from image_policy import ConvPolicy

    conv, cpu = settings is IMAGES, device == "cpu"
    make_policy = (lambda config, spec, paths: ConvPolicy(config, spec)) if conv else make_mlp_policy
    with torch.device(device if conv else "cpu"):  # where the example's policy makes its tensors
        agent = new_agent(make_policy, no_gpu=cpu, **settings)
        for duration in (seconds / 4, seconds):  # the first to warm up
            steps, start = 0, time.perf_counter()
            while time.perf_counter() - start < duration:
                agent.train(agent.sample(settings.get("train_batch_size", 100)))
                steps += 1
            _ = cpu or torch.cuda.synchronize()
    assert str(agent.replay_buffer.device) == device
    return (time.perf_counter() - start) / steps * 1e6


if __name__ == "__main__":
    seconds, flags = float([*sys.argv[1:], 3][0]), sys.argv[2:]
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    sys.path.append(str(ROOT / "docs/examples"))
    with tempfile.TemporaryDirectory() as name:
        ours, theirs = run_jobs(Path(name, "gpu"), flags), run_jobs(Path(name, "cpu"), ["--no_gpu", *flags])
    for title, settings in STEPS.items():
        key, device = f"gradient step, {title}, µs", "cpu" if gpu == "no GPU" else "cuda:0"
        ours[key], theirs[key] = gradient_step(device, seconds, settings), gradient_step("cpu", seconds, settings)
    print(f"| torch {torch.__version__} | {gpu} | --no_gpu |\n|---|--:|--:|")
    print(*(f"| {row} | {value:.5g} | {theirs[row]:.5g} |" for row, value in ours.items()), sep="\n")
    losses = [[column[f"{job}, Training Loss"] for job in ("DAgger", "resumed")] for column in (ours, theirs)]
    losses += [[column["BC, Training Loss"] for column in (ours, theirs)], [*losses[0], *losses[1]]]
    sys.exit(any(max(alike) > TOLERANCE * min(alike) for alike in losses))
