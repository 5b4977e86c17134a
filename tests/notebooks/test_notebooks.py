"""The notebooks run, and their files have no outputs.

The loop that run_hw1.ipynb writes out gives the same returns as `BC_Trainer`. homework.ipynb checks every blank.
"""

import sys
from pathlib import Path
from types import ModuleType
from unittest.mock import MagicMock

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager
from nbclient import NotebookClient
from nbformat import NotebookNode

from cs285.homework.blanks import BLANKS
from tests.conftest import ROOT

PATH, HOMEWORK = ROOT / "notebooks" / "run_hw1.ipynb", ROOT / "notebooks" / "homework.ipynb"
SMALL = {"ep_len": 20, "gradient_steps": 20, "dagger_iterations": 2, "batch_size": 50, "eval_batch_size": 50}
SMALL["num_workers"] = 0
COMPARE = "print('largest difference', max(abs(a - b['Eval_AverageReturn']) for a, b in zip(returns, rows)))"


@pytest.fixture
def notebook() -> NotebookNode:
    return nbformat.read(PATH, as_version=4)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("notebook") / "runs"


@pytest.fixture(scope="module")
def outputs(runs: Path) -> list[NotebookNode]:
    """Outputs of all cells with small settings, and of an added cell that compares the returns with `BC_Trainer`'s."""
    notebook = nbformat.read(PATH, as_version=4)
    (index,) = (n for n, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", []))
    for name in (*SMALL, "logdir"):
        assert f"\n{name} = " in notebook.cells[index].source
    small = [*(f"{name} = {value!r}" for name, value in SMALL.items()), f"logdir = Path({str(runs)!r})"]
    notebook.cells.insert(index + 1, nbformat.v4.new_code_cell("\n".join(small)))
    notebook.cells.append(nbformat.v4.new_code_cell(COMPARE))
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(PATH.parent)}}).execute()
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


@pytest.mark.slow
def test_every_cell_runs_in_a_checkout(outputs: list[NotebookNode], runs: Path) -> None:
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 4
    names = [run.name.partition("_Hopper")[0] for run in runs.glob("q*")]
    expected = ["q1_bc_20_steps", "q1_bc_5_steps", "q1_bc_80_steps", "q1_bc_more_data", "q2_dagger"]
    assert sorted(names) == expected


@pytest.mark.slow
def test_the_loop_by_hand_equals_the_trainer(outputs: list[NotebookNode]) -> None:
    assert outputs[-1].text == "largest difference 0.0\n"


@pytest.mark.slow
@pytest.mark.rendering
@pytest.mark.usefixtures("gl")
def test_the_notebook_shows_its_videos(outputs: list[NotebookNode]) -> None:
    assert sum("<video" in output.get("data", {}).get("text/html", "") for output in outputs) == 2


def test_outputs_are_stripped(notebook: NotebookNode) -> None:
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code)
    assert not any(set(cell.metadata) - {"tags"} for cell in notebook.cells)


def test_on_colab_it_asks_for_the_repository(notebook: NotebookNode, monkeypatch: pytest.MonkeyPatch) -> None:
    setup = next(cell.source for cell in notebook.cells if cell.cell_type == "code")
    monkeypatch.setitem(sys.modules, "google.colab", ModuleType("google.colab"))
    monkeypatch.setattr(sys, "path", list(sys.path))
    shell, variables = MagicMock(), {"input": lambda prompt: " https://example.org/mine.git\n"}
    exec(TransformerManager().transform_cell(setup), {"get_ipython": lambda: shell, **variables}, variables)
    clone = next(call.args[0] for call in shell.system.call_args_list if "git clone" in call.args[0])
    assert clone.format(**variables).endswith('"https://example.org/mine.git" "/content/imitation"')


def test_every_blank_of_the_homework_is_shown_and_then_checked() -> None:
    code = [cell for cell in nbformat.read(HOMEWORK, as_version=4).cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code)
    checks = {cell.source: n for n, cell in enumerate(code) if cell.source.startswith("check(")}
    assert set(checks) == {f'check("{blank.name}")' for blank in BLANKS}
    for n in checks.values():
        assert code[n - 1].metadata.tags == ["raises-exception"]  # "Run all" continues after an empty blank


@pytest.mark.slow
def test_the_homeworks_cells_run_on_the_answers() -> None:
    notebook = nbformat.read(HOMEWORK, as_version=4)
    for cell in notebook.cells:
        if cell.source.startswith("check(") and "sample_n" not in cell.source:
            cell.source = ""
        cell.source = cell.source.replace('root / "data" / "notebook"', 'Path(__import__("tempfile").mkdtemp())')
        cell.metadata = {}  # without the tags, an error ends the run
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(HOMEWORK.parent)}}).execute()
    text = "".join(out.get("text", "") for cell in notebook.cells for out in cell.get("outputs", []))
    for shown in (
        *("four inputs give (4, 2)", "log_prob (4,)", "ndarray [", "is the next observation of step t: True"),
        *("same states: True", "sample_n_trajectories: ok"),
        "iteration 0: lengths of the episodes [500, 500]; steps of the policy so far: 0",
    ):
        assert shown in text, shown
