"""A short training run with the answers."""

from pathlib import Path
from tempfile import TemporaryDirectory

from cs285.config import Config
from cs285.infrastructure.bc_trainer import BC_Trainer

ENV_NAME, SHARE = "CartPole-v1", 0.3  # fraction of the recorded return to reach, as in the assignment


def try_learning() -> bool:
    """Train behavioural cloning for some seconds, print the return, and return whether it is high enough."""
    with TemporaryDirectory() as folder:
        config = Config(
            env_name=ENV_NAME, eval_batch_size=2000, num_agent_train_steps_per_iter=500, logdir=Path(folder)
        )
        row = BC_Trainer(config).run_training_loop()[-1]
    found, expert = row["Eval_AverageReturn"], row["Initial_DataCollection_AverageReturn"]
    learned = found >= SHARE * expert  # recorded: measuring the expert would use the answers
    verdict = "it learned" if learned else "it did not learn"
    print(f"{verdict}: return {found:.0f} on {ENV_NAME}, the recorded episodes' is {expert:.0f}")
    return learned
