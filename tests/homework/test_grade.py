"""The autograder on right, empty, broken and hostile submissions, in a folder with Gradescope's layout."""

import json
import os
import pickle
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from tensorboardX import SummaryWriter

from cs285.data.run_folders import read_runs
from cs285.homework.blanks import BLANKS
from cs285.homework.edition import edition_files, write_autograder
from cs285.homework.grade import _returns, _uses, main
from cs285.results.submission import write_submission
from tests.conftest import ROOT
from tests.fake_runs import write_run
from tests.scripts.conftest import Script

FILES = sorted({body.file for blank in BLANKS for body in blank.bodies})
EVASIONS = """
import os
from torch import os as anything
from cs285.infrastructure.rollout_workers import sys
import cs285.homework.checks.mistake
from cs285.homework import checks
from . import utils
import numpy.ctypeslib
open("/tmp/x", "w")
eval("1")
x = np.os
x = (lambda: 0).__globals__
x = torch.nn.__builtins__
np.allclose = print
np.testing.assert_equal = print
Trajectory.from_states = print
type(x).y = 1
del np.allclose
x = torch.load("a")
x = typing.get_type_hints(x)
match x:
    case object(__class__=y): pass
"""


@pytest.fixture
def box(tmp_path: Path) -> Path:
    """A folder with Gradescope's layout, with the unzipped autograder and the results of an earlier submission."""
    write_autograder(tmp_path / "autograder.zip")
    with zipfile.ZipFile(tmp_path / "autograder.zip") as archive:
        assert archive.testzip() is None
        assert {info.external_attr >> 16 for info in archive.infolist() if "/" not in info.filename} == {0o755}
        archive.extractall(tmp_path / "box/source")
    (tmp_path / "box/submission").mkdir()
    (tmp_path / "box/results").mkdir()
    (tmp_path / "box/results/results.json").write_text('{"score": 100}', encoding="utf-8")
    return tmp_path / "box"


def graded(box: Path) -> dict[str, dict[str, Any]]:
    """Run ``run_autograder``, and return the tests in results.json by name."""
    environment = {**os.environ, "PYTHON": sys.executable}
    subprocess.run(["bash", box / "source/run_autograder", box], env=environment, check=True, capture_output=True)
    return read_tests(box)


def read_tests(box: Path) -> dict[str, dict[str, Any]]:
    content = json.loads((box / "results/results.json").read_text(encoding="utf-8"))
    assert content.keys() == {"tests"}
    for test in content["tests"]:
        assert test.keys() == {"name", "score", "max_score", "output"}
        assert 0 <= test["score"] <= test["max_score"]
        assert test["output"]
    assert sum(test["max_score"] for test in content["tests"]) == 40
    return {test["name"]: test for test in content["tests"]}


def log(folder: Path, *returns: float) -> None:
    with SummaryWriter(str(folder)) as writer:
        for itr, value in enumerate(returns):
            writer.add_scalar("Eval_AverageReturn", value, itr)


@pytest.mark.slow
def test_a_right_submission_has_full_points(box: Path, tmp_path: Path) -> None:
    """The submission has CMU's layout and package name, and a run whose best iteration is in the middle."""
    for returns, settings in (
        ([1600.0], {"env_name": "Ant-v5"}),
        ([10.0, 5000.0, 20.0], {"env_name": "Ant-v5"}),
        ([10.0, 3200.0], {"env_name": "Hopper-v2"}),
    ):
        log(write_run(tmp_path / "runs", returns, **settings), *returns)
    write_submission(read_runs([tmp_path / "runs"]), tmp_path / "submit.zip", "rob831")
    with zipfile.ZipFile(tmp_path / "submit.zip") as archive:
        archive.extractall(box / "submission")
    found = graded(box)
    assert [test for test in found.values() if test["score"] < test["max_score"]] == []
    assert list(found)[:11] == [blank.name for blank in BLANKS]
    assert found["update"]["output"] == "update: ok"


def test_empty_and_broken_submissions_have_none(box: Path) -> None:
    main(box, box / "source/edition")
    assert {test["score"] for test in read_tests(box).values()} == {0}
    for file, content in zip(FILES, (b"\xff\xfe", b"def f(:", b"(" * 10_000, b"\0", b"import os"), strict=True):
        (box / "submission" / file).parent.mkdir(parents=True, exist_ok=True)
        (box / "submission" / file).write_bytes(content)
    main(box, box / "source/edition")
    assert {test["score"] for test in read_tests(box).values()} == {0}
    outputs = " ".join(test["output"] for test in read_tests(box).values())
    for file in FILES:
        assert f"{file}: " in outputs
    (box / "submission" / FILES[0]).unlink()
    (box / "submission" / FILES[0]).symlink_to(ROOT / FILES[0])
    main(box, box / "source/edition")
    assert {test["score"] for test in read_tests(box).values()} == {0}


@pytest.mark.slow
def test_a_hostile_submission_gains_nothing(box: Path) -> None:
    shutil.copytree(ROOT / "cs285", box / "submission/cs285", ignore=shutil.ignore_patterns("__pycache__"))
    forged = '{"blank": "forward", "points": 2, "line": "forward: ok"}'
    for file, old, new in (
        ("infrastructure/pytorch_utils.py", "    layers: list[nn.Module] = []", "    while True:\n        pass"),
        ("policies/MLP_policy.py", "observations = np.asarray(observations)\n", "raise SystemExit(0)\n"),
        ("policies/MLP_policy.py", "outputs = self.outputs(observations)\n", f"return print({forged!r})\n"),
        ("infrastructure/replay_buffer.py", "import numpy as np", "import os\nos._exit(0)\nimport numpy as np"),
        ("infrastructure/utils.py", "\n\ndef sample_trajectory(", "\nnp.allclose = print\n\ndef sample_trajectory("),
        ("infrastructure/rl_trainer.py", "import time\n", "import time\nfrom cs285.homework import checks\n"),
        ("homework/blanks.py", '"1.1", 4', '"1.1", 400'),
    ):
        path = box / "submission/cs285" / file
        assert path.read_text(encoding="utf-8").count(old) >= 1
        path.write_text(path.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    (box / "submission/results.json").write_text('{"score": 40}', encoding="utf-8")
    (run_dir := box / "submission/run_logs/q1_bc_Ant-v5").mkdir(parents=True)
    (run_dir / "events.out.tfevents.1").write_bytes(pickle.dumps(Touch(box / "touched")))
    log(box / "submission/run_logs/q2_dagger_Hopper-v5", float("nan"), float("inf"), -5.0)
    found = graded(box)
    assert {name: test["score"] for name, test in found.items() if test["score"]} == {"update": 4}
    assert not (box / "touched").exists()
    for name, why in (("build_mlp", "3 s"), ("get_action", "SystemExit|sys.exit|ends"), ("forward", "None"), *REFUSED):
        assert re.search(why, found[name]["output"]), found[name]


REFUSED = (("sample_random_data", "uses os"), ("train_agent", "homework"), ("sample_trajectory", "np.allclose"))


class Touch:
    """An object that makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_only_code_that_answers_do_not_need_is_refused() -> None:
    empty = edition_files()
    for file in FILES:
        assert {*_uses((ROOT / file).read_text(encoding="utf-8"))} <= {*_uses(empty[file].decode())}
    imports = "import numpy as np, torch, typing\nfrom cs285.data.trajectory import Trajectory\n"
    for evasion in re.findall(r"(?m)^(?! ).*(?:\n .*)*", EVASIONS.strip()):
        assert {*_uses(imports + evasion)} - {"__future__"}, evasion
    answer = "def f(self):\n    self.optimizer.x = 1\n    y = [0]\n    y[0] = np.ones(3)\n    self.network.eval()\n"
    assert not {*_uses(imports + answer)}


def test_the_best_evaluation_counts_as_a_part_of_the_experts_return(tmp_path: Path) -> None:
    log(tmp_path / "a/q1_bc_Ant-v4_x", 1.0, 4751.0, 2.0)
    log(tmp_path / "q1_bc_Ant-v5_x", 500.0)
    walker = json.loads((ROOT / "policies/experts/Walker2d-v5.json").read_text(encoding="utf-8"))["evaluation"]["mean"]
    log(tmp_path / "q2_dagger_Walker2d-v5_x", 0.5 * walker)
    log(tmp_path / "q2_dagger_Pendulum_x", 100.0)
    log(tmp_path / "run", 5000.0)
    path = next((tmp_path / "q2_dagger_Walker2d-v5_x").glob("events*"))
    path.write_bytes(path.read_bytes() + b"\x05" + b"\0" * 11 + b"what ever")
    assert _returns(tmp_path, ROOT) == pytest.approx({("q1_", "Ant"): 1.0, ("q2_", "Walker2d"): 0.5})


def test_the_zip_is_complete_and_not_overwritten(script: Script, workplace: Path) -> None:
    script("make_autograder").succeeded()
    script("make_autograder").refused("autograder.zip exists")
    with zipfile.ZipFile("autograder.zip") as archive:
        names = {name.removeprefix("edition/") for name in archive.namelist()}
        setup = archive.read("setup.sh").decode()
    assert {"setup.sh", "run_autograder", "requirements.txt", "cs285/homework/grade.py", *FILES} <= names
    assert not [name for name in names if "fast_update" in name or name.endswith(".pkl")]
    subprocess.run(["bash", "-n", "/dev/stdin"], input=setup, encoding="utf-8", check=True)
