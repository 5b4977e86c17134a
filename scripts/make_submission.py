"""Write submit.zip as a course asks for it: event files of the runs, the code, and the commands of the runs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from _checkout import run
from tyro.conf import arg

from cs285.results.selection import RunSelection


@dataclass(frozen=True)
class Settings(RunSelection):
    edition: Literal["cs285", "rob831", "xcs224r"] = "cs285"
    """Course whose layout the zip has: Berkeley's CS285, CMU's 16-831 (RUN.md), or Stanford's XCS224R (data/)."""
    output: Annotated[Path, arg(aliases=["-o"])] = Path("submit.zip")  # File to write; it must not exist


def main(settings: Settings) -> None:
    from cs285.results.submission import write_submission

    runs, _ = settings.read()
    size = write_submission(runs, settings.output, settings.edition)
    print(f"{settings.output}: {len(runs)} runs, {size / 1e6:.2f} MB of the 15 MB that are allowed")


if __name__ == "__main__":
    run(main, Settings, __doc__)
