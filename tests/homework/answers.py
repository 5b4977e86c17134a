"""Answers to the blanks, in the folders wrong_answers and right_answers; each blank has a file in both folders.

In a file of wrong_answers, ``# base`` begins a right answer, the base. Every other answer begins with a line
``# words | title``. The words are the part of the check's message that names the mistake or shortcoming, and the title
says how the answer makes this mistake. Instead of the words, ``ok`` means that the check must report nothing; the title
then says how the answer differs from the base. An answer is either complete or a list of edits of the base. An edit is
a line ``#~ old ==> new``, or a line ``#- old`` followed by lines ``#+ new``. Answers in right_answers edit the base of
the file in wrong_answers that has the same name; their words, with commas, are from successive shortcomings.
"""

import re
from pathlib import Path
from typing import NamedTuple


class Answer(NamedTuple):
    blank: str
    words: str  # part of the message that the check must report; "ok" if it must report nothing
    title: str
    source: str


def read_answers(folder: str) -> list[Answer]:
    return [answer for path in sorted(Path(__file__).with_name(folder).glob("*.py")) for answer in parse(path)]


def parse(path: Path) -> list[Answer]:
    wrong = path.parent.with_name("wrong_answers") / path.name
    base = wrong.read_text(encoding="utf-8").split("# base\n")[1].split("\n# ")[0]
    parts = re.split(r"^# (?!fmt|base)(.+)\n", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    answers = []
    for header, body in zip(parts[::2], parts[1::2], strict=True):
        words, _, title = header.partition(" | ")
        answers.append(Answer(path.stem, words, title, edited(base, body) if body.startswith(("#-", "#~")) else body))
    return answers


def edited(base: str, edits: str) -> str:
    edits = re.sub(r"^#~ (.+) ==> (.+)$", r"#- \1\n#+ \2", edits, flags=re.MULTILINE)
    for old, new in re.findall(r"^#- (.+)\n((?:^#\+ .+\n)+)", edits, flags=re.MULTILINE):
        assert old in base, old
        line = next(line for line in base.splitlines() if old in line)
        indent = line[: len(line) - len(line.lstrip())]
        base = base.replace(old, f"\n{indent}".join(line.removeprefix("#+ ") for line in new.splitlines()))
    return base
