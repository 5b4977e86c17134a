"""Check the blanks of the homework one by one, and print ok, not started, or what is wrong and where."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from _checkout import run

from cs285.config import Config
from cs285.errors import InvalidInput
from cs285.homework.blanks import BY_NAME


@dataclass(frozen=True)
class Settings:
    blank: str | None = None  # Name of a blank to check. None: check all blanks.
    json: Path | None = None  # File to write the verdicts to, for programs
    run: bool = False  # If all answers are right, train BC on CartPole and say whether the policy learned


def main(settings: Settings) -> None:
    names = [settings.blank] if settings.blank else list(BY_NAME)
    if not {*names} <= {*BY_NAME}:
        raise InvalidInput(f"--blank is {settings.blank}; the blanks are {', '.join(BY_NAME)}")
    from cs285.homework.checks.runner import check_all

    verdicts = []
    for verdict in check_all(names):
        print(verdict, flush=True)
        verdicts.append(verdict)
    if settings.json:
        settings.json.write_bytes(json.dumps([verdict.as_json() for verdict in verdicts], indent=1).encode())
    passed = sum(verdict.passed for verdict in verdicts)
    print(f"{passed} of {len(verdicts)} are right")
    sys.exit(passed < len(verdicts) or (settings.run and not try_learning()))


def try_learning() -> bool:
    """Train BC for some seconds; return whether the policy has at least 30 % of the recorded episodes' return."""
    from cs285.infrastructure.bc_trainer import BC_Trainer

    with TemporaryDirectory() as folder:
        config = Config(env_name="CartPole-v1", num_agent_train_steps_per_iter=500, logdir=Path(folder))
        row = BC_Trainer(config).run_training_loop()[-1]
    found, recorded = row["Eval_AverageReturn"], row["Initial_DataCollection_AverageReturn"]
    learned = found >= 0.3 * recorded  # a multiple of the recorded return, because no answer changes this return
    verdict = "the policy learned" if learned else "the policy did not learn"
    print(f"{verdict}: its return on CartPole-v1 is {found:.0f}, that of the recorded episodes is {recorded:.0f}")
    return learned


if __name__ == "__main__":
    run(main, Settings, __doc__)
