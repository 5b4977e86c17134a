"""The order of the files: each imports only files of a lower rank (the README's reading order)."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

RANKS = {
    "process": -2,
    "start": -1,
    "errors": -2,
    "command_line": -1,
    "infrastructure.whole_files": -1,
    "infrastructure.figure_text": -1,
    "infrastructure.pickled_arrays": -1,
    "infrastructure.provenance": 0,
    "infrastructure.config": 0,
    "infrastructure.presets": 0,
    "infrastructure.trajectory": 0,
    "infrastructure.standardizer": 1,
    "infrastructure.seeding": 0,
    "infrastructure.plots": 0,
    "policies.supervised_step": 0,
    "infrastructure.rendering": 0,
    "infrastructure.restricted_pickle": 0,
    "infrastructure.v2_tasks": 0,
    "infrastructure.mujoco_v2": 0,
    "infrastructure.mujoco_py_backend": 0,
    "infrastructure.old_gym": 0,
    "infrastructure.intervals": 0,
    "infrastructure.packed_runs": 0,
    "infrastructure.ray_cluster": 0,
    "infrastructure.shipped": 1,
    "infrastructure.checkpoint": 1,
    "infrastructure.pytorch_utils": 1,
    "infrastructure.video": 1,
    "infrastructure.logger": 2,
    "infrastructure.layouts": 1,
    "infrastructure.envs": 1,
    "infrastructure.expert_data": 1,
    "infrastructure.run_folders": 1,
    "policies.base_policy": 2,
    "infrastructure.series": 2,
    "infrastructure.results_table": 2,
    "infrastructure.series_names": 3,
    "infrastructure.result_figures": 4,
    "infrastructure.submission": 3,
    "infrastructure.sweep_grid": 3,
    "policies.numpy_policy": 3,
    "infrastructure.report": 5,
    "policies.MLP_policy": 4,
    "policies.loaded_gaussian_policy": 4,
    "infrastructure.utils": 4,
    "infrastructure.metrics": 4,
    "infrastructure.replay_buffer": 4,
    "infrastructure.films": 5,
    "infrastructure.report_files": 6,
    "infrastructure.worker_tasks": 6,
    "infrastructure.rollout_workers": 7,
    "infrastructure.references": 8,
    "infrastructure.saved_policy": 5,
    "infrastructure.finite": 5,
    "infrastructure.resuming": 6,
    "agents.base_agent": 5,
    "infrastructure.expert_card": 8,
    "infrastructure.expert_settings": 1,
    "infrastructure.expert_algorithms": 5,
    "infrastructure.expert_state": 5,
    "infrastructure.expert_checkpoints": 6,
    "agents.bc_agent": 6,
    "infrastructure.rl_trainer": 8,
    "infrastructure.bc_trainer": 9,
    "infrastructure.many_learners": 10,
    "infrastructure.ray_sweep": 11,
    "scripts.run_hw1": 11,
}
MODULES = {f"cs285.{name}": rank for name, rank in RANKS.items()}
PACKAGES = ("cs285", "cs285.agents", "cs285.infrastructure", "cs285.policies")


def module_name(path: Path, root: Path) -> str:
    """``cs285.errors`` of cs285/errors.py, and the package's name of an __init__.py."""
    return ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")


def project_imports(source: str, module: str) -> Iterator[str]:
    """The project's modules that a file imports, wherever in the file and however it spells it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = module.split(".")[: -node.level] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            names = [f"{base}.{alias.name}" for alias in node.names]
            names = [name if name in MODULES or base in PACKAGES else base for name in names]
        else:
            continue
        yield from (name for name in names if name.partition(".")[0] in ("cs285", "scripts", "tests", "benchmarks"))


def wrong_imports(source: str, module: str) -> list[str]:
    """The imports of a file that its rank does not allow."""
    if module in PACKAGES:
        return list(project_imports(source, module))
    rank = MODULES[module]
    return [name for name in project_imports(source, module) if name not in MODULES or MODULES[name] >= rank]


def test_every_file_has_a_rank_and_every_rank_a_file() -> None:
    found = {module_name(path, ROOT) for path in (ROOT / "cs285").rglob("*.py")}
    assert found == {*MODULES, *PACKAGES}


def test_the_readme_s_reading_order_is_that_of_the_ranks() -> None:
    rank, told = None, {}
    table = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Reading order")[2].partition("\n## ")[0]
    for cell, path in re.findall(r"^\| (-?\d*) \| \[(\S+)\.py\]", table, re.MULTILINE):
        rank = int(cell) if cell else rank
        told[path.replace("/", ".")] = rank
    assert told == RANKS


@pytest.mark.parametrize("module", [*MODULES, *PACKAGES])
def test_a_file_imports_only_files_of_lower_rank(module: str) -> None:
    folder = ROOT / module.replace(".", "/")
    path = folder / "__init__.py" if module in PACKAGES else folder.with_suffix(".py")
    assert wrong_imports(path.read_text(encoding="utf-8"), module) == []


@pytest.mark.parametrize(
    "source",
    [
        "import cs285.infrastructure.utils",
        "from cs285.infrastructure.utils import sample_trajectory",
        "from cs285.infrastructure import utils",
        "from . import utils",
        "from .utils import sample_trajectory",
        "from ..policies.MLP_policy import MLPPolicy",
        "def f():\n    from cs285.agents.bc_agent import BCAgent",
        "if TYPE_CHECKING:\n    import cs285.infrastructure.replay_buffer as r",
        "from cs285.infrastructure import nosuch",
        "import scripts.run_hw1",
        "from cs285.infrastructure.metrics import *",
    ],
)
def test_the_check_sees_every_spelling(source: str) -> None:
    assert wrong_imports(source, "cs285.infrastructure.metrics")


def test_the_check_allows_lower_ranks() -> None:
    assert wrong_imports("from cs285.errors import InvalidInput\nimport numpy", "cs285.command_line") == []


@pytest.mark.parametrize(
    "module",
    ["infrastructure.utils", "policies.numpy_policy", "policies.loaded_gaussian_policy", "infrastructure.config"],
)
def test_rollouts_do_not_import_torch(module: str) -> None:
    """A process that only rolls out starts in under a second."""
    code = f"import sys\nimport cs285.{module}\nprint('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_the_library_leaves_its_users_process_alone() -> None:
    """Only the scripts take over Ctrl-C, SIGTERM and what is said of exceptions."""
    state = "(sys.excepthook, *map(signal.getsignal, (signal.SIGINT, signal.SIGTERM)))"
    code = f"import signal, sys\nbefore = {state}\nimport cs285.infrastructure.bc_trainer\nassert {state} == before"
    subprocess.run([sys.executable, "-c", code], check=True)
