"""Hostile environments of the scripts: variables of other programs, no Unicode, another package named cs285."""

import ast
from pathlib import Path

import pytest

from cs285.data.run_folders import read_runs
from tests.scripts.conftest import ROOT, SCRIPTS, finish, start

HOSTILE = {
    "PYTHONIOENCODING": "ascii",
    "MPLBACKEND": "module_of_a_kernel",
    "IMAGEIO_FFMPEG_EXE": "/nosuch/ffmpeg",
    "DISPLAY": ":99",
}
RUN = "-env CartPole-v1 --do_dagger -n 2 --num_agent_train_steps_per_iter 5 --batch_size 9 --eval_batch_size 9 --size 8"


@pytest.fixture
def homework_2(tmp_path: Path) -> dict[str, str]:
    """A PYTHONPATH whose folder has another package named cs285, as after `pip install -e` of another homework."""
    package = tmp_path / "hw2" / "cs285"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise ImportError('the other package')", encoding="utf-8")
    return {"PYTHONPATH": str(package.parent)}


@pytest.mark.slow
def test_a_run_finishes_in_a_hostile_environment(tmp_path: Path, homework_2: dict[str, str]) -> None:
    flags = (*RUN.split(), "--video_log_freq", 1, "--num_workers", 2)
    done = finish(start("run_hw1", *flags, cwd=tmp_path, environment={**HOSTILE, **homework_2}))
    assert (done.code, done.err) == (0, ""), done
    first, _, iteration, *_, last = done.out.splitlines()
    assert first.startswith("logging to ")
    assert "no videos: [Errno 2] No such file or directory: '/nosuch/ffmpeg'\n" in done.out
    assert " ? 0.0 (one episode; " in iteration
    assert "final return" in last
    (run,) = read_runs([tmp_path / "data"])
    assert run.iterations == (0, 1)
    assert (run.path / "learning_curve.png").exists()


@pytest.mark.parametrize(
    "script", [*(ROOT / "scripts" / f"{name}.py" for name in SCRIPTS), ROOT / "cs285/scripts/run_hw1.py"]
)
def test_each_script_imports_its_own_checkout(script: Path, homework_2: dict[str, str], tmp_path: Path) -> None:
    """Run the first lines of a script, until the import of a fake tyro ends the process."""
    fake = "import os, sys\nprint(sys.modules['cs285'].__file__, flush=True)\nos._exit(7)"
    (tmp_path / "hw2/tyro.py").write_text(fake, encoding="utf-8")
    done = finish(start(script, cwd=tmp_path, environment=homework_2))
    assert (done.code, done.out) == (7, f"{ROOT / 'cs285/__init__.py'}\n"), done


def test_text_files_are_opened_with_an_encoding() -> None:
    """On Windows and with LC_ALL=C, the default encoding is not UTF-8. Files opened in binary mode need no encoding."""
    found = []
    for path in [path for folder in ("cs285", "scripts", "tests") for path in (ROOT / folder).rglob("*.py")]:
        calls = [node for node in ast.walk(ast.parse(path.read_bytes())) if isinstance(node, ast.Call)]
        for call in () if "_answers" in str(path) else calls:
            owner, _, name = ast.unparse(call.func).rpartition(".")
            words = {keyword.arg for keyword in call.keywords} | {ast.unparse(word).strip("'") for word in call.args}
            binary = name == "open" and (owner in ("os", "archive", "Image") or words & {"rb", "wb", "xb", "rb+"})
            if name in ("open", "read_text", "write_text") and not binary and not words & {"encoding", "utf-8"}:
                found.append(f"{path}:{call.lineno}")
            if name in ("run", "Popen", "check_output") and words & {"text", "universal_newlines"}:
                found.append(f"{path}:{call.lineno}")
    assert found == []
