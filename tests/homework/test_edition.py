"""The student edition: only the bodies of blanks differ, no file contains an answer, and every blank is needed."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cs285.errors import InvalidInput
from cs285.homework import edition
from cs285.homework.blanks import BLANKS, BY_NAME
from cs285.homework.edition import edition_files, write_edition
from tests.conftest import ROOT
from tests.homework.solution import body_lines
from tests.scripts.conftest import Script, files_below

BODIES = [body for blank in BLANKS for body in blank.bodies]
LEFT_OUT = r"fast_update|textbook|tests/|\.git/|run_hw1\.ipynb|examples|\.pyc|autograder|grade\.py|edition\.py|staff"


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return edition_files()


def without_blanks(source: str, file: str) -> list[str]:
    parts = [body_lines(source, body.function) for body in BODIES if body.file == file]
    cut = {n for part in parts for n in range(part.start, part.stop)}
    return [line for n, line in enumerate(source.splitlines()) if n not in cut]


def test_only_the_bodies_of_blanks_differ(files: dict[str, bytes]) -> None:
    edited = {body.file for body in BODIES}
    assert len(edited) == 5
    for name, content in files.items():
        original = (ROOT / name).read_bytes() if name != "README.md" else content
        assert (content != original) == (name in edited), name
        if name in edited:
            assert without_blanks(content.decode(), name) == without_blanks(original.decode(), name)
    assert edition_files([]) == {**files, **{file: (ROOT / file).read_bytes() for file in edited}}


def test_a_blank_names_itself_and_has_its_hints(files: dict[str, bytes]) -> None:
    for blank in BLANKS:
        source = files[blank.file].decode()
        text = "\n".join(source.splitlines()[body_lines(source, blank.bodies[0].function)])
        assert all(f"# {hint}\n" in text for hint in blank.hints.strip().splitlines())
        assert re.fullmatch(rf'(\s*#.*\n)+\s*raise NotImplementedError\(\s*"{re.escape(blank.not_written)}"\s*\)', text)
        assert blank.name in blank.not_written
    for name, content in files.items():
        if name.endswith(".py"):
            compile(content, name, "exec")


def test_hints_name_existing_helpers(files: dict[str, bytes]) -> None:
    """The test fails if a helper that a hint names is renamed in the code."""
    names = [name for name in files if name.startswith("cs285/") and "homework" not in name]
    core = [(ROOT / name).read_text(encoding="utf-8") for name in names]
    code = re.sub(r" *#.*", "", "".join(core))
    for blank in BLANKS:
        for name in re.findall(r"\b[A-Za-z]\w*(?:\.\w+)*", blank.hints):
            if "_" in name or name.startswith("self."):
                assert re.search(rf"\b{name.rpartition('.')[2]}\b", code), (blank.name, name)


def test_nothing_answers_a_blank(files: dict[str, bytes]) -> None:
    """The edition has no characteristic line of an answer, and no file that computes a blank's result in another way.

    Lines with "if single else" are allowed, because other policies handle a single observation in the same way.
    """
    content = [content for name, content in files.items() if not name.endswith((".pkl", ".png", ".ipynb"))]
    text = re.sub(r"#.*", "", b"".join(content).decode())
    for body in BODIES:
        source = (ROOT / body.file).read_text(encoding="utf-8")
        for line in map(str.strip, source.splitlines()[body_lines(source, body.function)]):
            telling = len(line) > 30 and "the replay buffer is empty" not in line and "if single else" not in line
            assert not (telling and line in text), line
    for call in ("zero_grad()", "loss.backward()", "mse_loss(", "cross_entropy(", "distributions.Independent("):
        assert call not in text, call
    assert not [name for name in files if re.search(LEFT_OUT, name)]


def test_links_scripts_and_imports_are_valid(files: dict[str, bytes]) -> None:
    for name, content in files.items():
        source = content.decode() if name.endswith(".py") else ""
        for module in re.findall(r"(?m)^ *(?:from|import) (cs285[\w.]*)", source):
            path = module.replace(".", "/")
            assert {f"{path}.py", f"{path}/__init__.py"} & files.keys() or path.endswith("fast_update"), (name, module)
        if name.endswith((".md", ".ipynb")):
            for target in re.findall(r"\]\(([^)#:]+)[^):]*\)", content.decode()):
                path = (ROOT / name).parent.joinpath(target).resolve().relative_to(ROOT).as_posix()
                assert path in files, (name, target)
            for script in re.findall(r"python (scripts/\w+\.py)", content.decode()):
                assert script in files, (name, script)


def test_a_shorter_homework_is_written_completely_or_not_at_all(
    script: Script, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = script("make_homework", "short", "--blanks", "update,train_agent").succeeded().out
    assert re.fullmatch(r"short: \d+ files, 2 blanks, 6 points for code\n", out)
    for body in BODIES:
        source = (workplace / "short" / body.file).read_text(encoding="utf-8")
        empty = "NotImplementedError" in "".join(source.splitlines()[body_lines(source, body.function)])
        assert empty == (body in (*BY_NAME["update"].bodies, *BY_NAME["train_agent"].bodies))
    before = files_below(workplace)
    script("make_homework", "short").refused("can't write short: Directory not empty")
    script("make_homework", "short/README.md").refused("README.md: Not a directory")
    script("make_homework", "other", "--blanks", "updat").refused("'updat'", "update, sample_random_data")
    assert files_below(workplace) == before
    (workplace / "empty").mkdir()
    write_edition(workplace / "empty")
    assert not [path for path in (workplace / "empty").rglob("*") if path.is_symlink() or path.name == "__pycache__"]
    monkeypatch.setattr(edition, "README", "nowhere.md")
    with pytest.raises(InvalidInput, match="can't write"):
        write_edition(workplace / "failed")
    assert [path.name for path in sorted(workplace.iterdir())] == ["empty", "short"]


# One process imports the libraries. For each line of its input, a fork runs run_hw1.py with output to FOLDER/output<n>.
RUNS = """
import os, sys
import gymnasium, numpy, torch, tqdm, tyro
import tensorboardX, cloudpickle, imageio, matplotlib.pyplot
for n, line in enumerate(sys.stdin):
    folder, *flags = line.split()
    if os.fork() == 0:
        os.chdir(folder)
        with open(f"output{n}", "w") as output:
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
        sys.path.insert(0, folder)
        sys.argv = ["run_hw1.py", *flags]
        from cs285.scripts.run_hw1 import main
        main()
    os.wait()
"""
FLAGS = "--env_name CartPole-v1 --ep_len 20 --size 4 --num_agent_train_steps_per_iter 2 --batch_size 20"
FLAGS += " --eval_batch_size 20 --video_log_freq"
DAGGER = "--do_dagger --n_iter 2"
MORE = {"sample_n_trajectories": "1", "do_relabel_with_expert": f"-1 {DAGGER}", "": f"1 {DAGGER}"}


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the test forks")
def test_a_run_without_one_blank_fails_and_names_it(tmp_path: Path) -> None:
    """Run two editions with one blank each, and one without blanks.

    If CS285_STUDENT_PATH is set, run an edition for each of the blanks, with and without workers.
    """
    runs = [("update", 0), ("sample_trajectory", 2), ("", 2)]
    if "CS285_STUDENT_PATH" in os.environ:
        runs = [(name, workers) for name in (*BY_NAME, "") for workers in (0, 2)]
    lines = []
    for name, workers in runs:
        folder = tmp_path / f"edition_{name}"
        if not folder.exists():
            write_edition(folder, [BY_NAME[name]] if name else [])
        lines.append(f"{folder} {FLAGS} {MORE.get(name, '-1')} --num_workers {workers}\n")
    subprocess.run([sys.executable, "-c", RUNS], input="".join(lines), encoding="utf-8", check=True)
    for n, (name, _) in enumerate(runs):
        output = (tmp_path / f"edition_{name}/output{n}").read_text(encoding="utf-8")
        assert ("final return" in output) == (name == ""), (runs[n], output)
        assert not name or f"NotImplementedError: {BY_NAME[name].not_written}" in output, (runs[n], output)
