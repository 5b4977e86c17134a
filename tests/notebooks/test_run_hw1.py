"""The notebook: it runs, its outputs are stripped, and it imports where it could copy."""

from __future__ import annotations

import ast
from pathlib import Path

import nbformat
import numpy as np
import pytest
from IPython.core.inputtransformer2 import TransformerManager
from nbclient import NotebookClient
from nbformat import NotebookNode

from cs285.data.expert_data import write_expert_data
from cs285.envs.make_env import make_env
from cs285.infrastructure.utils import sample_n_trajectories
from cs285.policies.loaded_gaussian_policy import load_expert, write_gaussian_policy
from tests.conftest import ROOT

PATH = ROOT / "notebooks" / "run_hw1.ipynb"
TASK = "Walker2d-v5"
MAX_DEFINITION = 6  # lines
MAX_CELL = 25  # lines


@pytest.fixture
def notebook() -> NotebookNode:
    return nbformat.read(PATH, as_version=4)


def small_settings(runs: Path) -> dict[str, object]:
    """Settings that make the notebook small, with an expert that moves somehow; its files are made here."""
    folder = runs.parent
    env, spec = make_env(TASK, ep_len=40)
    rng = np.random.default_rng(0)
    write_gaussian_policy(
        folder / "expert.pkl",
        mean=np.zeros(spec.ob_dim),
        variance=np.ones(spec.ob_dim),
        weights=[rng.normal(size=(spec.ob_dim, 8)), rng.normal(size=(8, spec.ac_dim))],
        biases=[np.zeros(8), np.zeros(spec.ac_dim)],
        log_std=np.zeros(spec.ac_dim),
        activation="tanh",
    )
    expert = load_expert(folder / "expert.pkl", TASK, spec)
    write_expert_data(sample_n_trajectories(env, spec, expert, 2, iter((0, 1))), folder / "data.pkl")
    return {
        "env_name": TASK,
        "expert_policy_file": folder / "expert.pkl",
        "expert_data": folder / "data.pkl",
        "ep_len": 40,
        "gradient_steps": 20,
        "dagger_iterations": 2,
        "batch_size": 50,
        "eval_batch_size": 50,
        "episodes": 2,
        "logdir": runs,
        "show_tensorboard": False,
    }


def code_cells(notebook: NotebookNode) -> list[str]:
    """The code cells as plain Python, with IPython's own syntax translated."""
    translate = TransformerManager().transform_cell
    return [translate(cell.source) for cell in notebook.cells if cell.cell_type == "code"]


def parameters_index(notebook: NotebookNode) -> int:
    (index,) = (n for n, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", []))
    return index


def assigned_names(source: str) -> set[str]:
    names = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name))
    return {name.id for name in names if isinstance(name.ctx, ast.Store)}


def long_definitions(sources: list[str]) -> list[str]:
    """Functions of more than a few lines, and classes of any size: these belong in the library."""
    nodes = [node for source in sources for node in ast.walk(ast.parse(source))]
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    classes = [node.name for node in nodes if isinstance(node, ast.ClassDef)]
    return classes + [f.name for f in functions if (f.end_lineno or f.lineno) - f.lineno + 1 > MAX_DEFINITION]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the small notebook logs into."""
    return tmp_path_factory.mktemp("notebook") / "runs"


@pytest.fixture(scope="module")
def outputs(runs: Path) -> list[NotebookNode]:
    """What all cells of the small notebook give, in their order."""
    notebook = nbformat.read(PATH, as_version=4)
    settings = small_settings(runs)
    index = parameters_index(notebook)
    assert settings.keys() <= assigned_names(notebook.cells[index].source)
    lines = ["from pathlib import *", *(f"{name} = {value!r}" for name, value in settings.items())]
    notebook.cells.insert(index + 1, nbformat.v4.new_code_cell("\n".join(lines)))
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(runs.parent)}}).execute()
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


def test_the_whole_notebook_runs(outputs: list[NotebookNode], runs: Path) -> None:
    assert not [output for output in outputs if output.output_type == "error"]
    names = [run.name.partition("_Walker2d")[0] for run in sorted(runs.glob("q*"))]
    assert names == ["q1_bc", "q1_bc_more_data", "q2_dagger"]


def test_it_shows_its_pictures(outputs: list[NotebookNode]) -> None:
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 4


@pytest.mark.usefixtures("gl")
def test_it_shows_its_videos(outputs: list[NotebookNode]) -> None:
    assert sum("<video" in output.get("data", {}).get("text/html", "") for output in outputs) == 3


def test_outputs_are_stripped(notebook: NotebookNode) -> None:
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code)
    assert not any(set(cell.metadata) - {"tags"} for cell in notebook.cells)


def test_the_notebook_imports_and_never_copies(notebook: NotebookNode) -> None:
    assert long_definitions(code_cells(notebook)) == []


@pytest.mark.parametrize("source", ["class A: ...", "if x:\n    def f():\n" + "        x = 1\n" * MAX_DEFINITION])
def test_the_check_sees_definitions(source: str) -> None:
    assert long_definitions([source])


def test_cells_are_small(notebook: NotebookNode) -> None:
    assert max(cell.source.count("\n") + 1 for cell in notebook.cells) <= MAX_CELL


def test_what_the_default_task_needs_ships(notebook: NotebookNode) -> None:
    settings: dict[str, object] = {"PROJECT_ROOT": ROOT}
    exec(notebook.cells[parameters_index(notebook)].source, settings)
    assert (ROOT / "policies" / "experts" / f"{settings['env_name']}.pkl").exists()
    assert (ROOT / "expert_data" / f"expert_data_{settings['env_name']}.pkl").exists()
