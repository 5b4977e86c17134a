"""Write the student edition of the homework: the project without the answers, in a folder that runs on its own."""

from dataclasses import dataclass
from pathlib import Path

from _checkout import run
from tyro.conf import Positional

from cs285.errors import InvalidInput
from cs285.homework.blanks import BY_NAME
from cs285.homework.edition import write_edition


@dataclass(frozen=True)
class Settings:
    folder: Positional[Path]  # Folder to write, a new or an empty one
    blanks: str = ",".join(BY_NAME)  # Blanks to empty, with commas


def main(settings: Settings) -> None:
    names = settings.blanks.split(",")
    if not {*names} <= {*BY_NAME}:
        raise InvalidInput(f"--blanks is {settings.blanks!r}; allowed are {', '.join(BY_NAME)}, with commas")
    blanks = [BY_NAME[name] for name in names]
    count, points = write_edition(settings.folder, blanks), sum(blank.points for blank in blanks)
    print(f"{settings.folder}: {count} files, {len(blanks)} blanks, {points} points for code")


if __name__ == "__main__":
    run(main, Settings, __doc__)
