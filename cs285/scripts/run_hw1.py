"""Train a policy on one task by behavioural cloning or, with --do_dagger, by DAgger."""

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))  # finds cs285 in a checkout that is not installed

from cs285.command_line import report, run
from cs285.envs.mujoco_py_backend import restart_in_mujoco_py_venv
from cs285.errors import ProcessFailed
from cs285.policies.make_policy import MakePolicy, make_mlp_policy
from cs285.scripts.settings import Settings, read_settings


def main(make_policy: MakePolicy = make_mlp_policy, expert: object | None = None) -> NoReturn:
    """Run the jobs of the command line and exit; a script of your own can pass its own policy or expert."""
    run(lambda: run_job(read_settings(), make_policy, expert))


def run_job(settings: Settings, make_policy: MakePolicy, expert: object | None) -> None:
    """Train once with each seed and exit. A run that fails is reported and sets the exit code; the others still run."""
    restart_in_mujoco_py_venv(settings.config.backend)
    from cs285.infrastructure.inputs import RunInputs
    from cs285.infrastructure.metrics import final_line

    configs, code = settings.configs(), 0
    with ExitStack() as at_end:
        inputs = None
        for config in configs:
            try:
                inputs = inputs or at_end.enter_context(RunInputs(config, expert))
                inputs.start_references()
                from cs285.infrastructure.bc_trainer import BC_Trainer  # torch is imported while workers run

                trainer = BC_Trainer(config, expert, make_policy, inputs)
                rows = trainer.run_training_loop()
                print(f"{trainer.run_dir}: {final_line(rows, config.evaluated)}", flush=True)
            except Exception as error:  # a user's own policy may raise any exception
                if len(configs) == 1 or inputs is None:  # without valid inputs, every seed would fail
                    raise
                code = code or report(error, f"seed {config.seed}: ")
                inputs = None if isinstance(error, ProcessFailed) else inputs
    sys.exit(code)


if __name__ == "__main__":
    main()
