"""Write autograder.zip, with which Gradescope grades the blanks and the runs of a submission."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from _checkout import run
from tyro.conf import arg

from cs285.homework.edition import write_autograder


@dataclass(frozen=True)
class Settings:
    output: Annotated[Path, arg(aliases=["-o"])] = Path("autograder.zip")  # File to write; it must not exist


def main(settings: Settings) -> None:
    print(f"{settings.output}: {write_autograder(settings.output) / 1e6:.2f} MB")


if __name__ == "__main__":
    run(main, Settings, __doc__)
