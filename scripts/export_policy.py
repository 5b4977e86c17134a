"""Convert a policy of run_hw1.py to an expert file in the course's format, which train_expert.py can start from."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from _checkout import run
from tyro.conf import arg

from cs285.data.whole_files import check_new


@dataclass(frozen=True)
class Settings:
    policy: Annotated[Path, arg(aliases=["-p"])]  # Saved policy, policy_itr_<n>.pt in its run folder, or the folder
    output: Annotated[Path, arg(aliases=["-o"])]  # New file to write
    env_name: Annotated[str | None, arg(aliases=["-env"])] = None
    """Environment. None: as in the run. If the run used module:id, give it here, so that the module may be imported."""


def main(settings: Settings) -> None:
    check_new(settings.output)
    from cs285.policies.saved_policy import export_policy, load_policy

    export_policy(load_policy(settings.policy, env_name=settings.env_name), settings.output)
    print(settings.output)


if __name__ == "__main__":
    run(main, Settings, __doc__)
