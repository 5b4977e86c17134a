"""Train an expert with PPO (stable-baselines3), TRPO (sb3-contrib) or SAC (sbx) and write it in the course's format."""

from _checkout import run

from cs285.data.whole_files import check_new, check_writable
from cs285.errors import InvalidInput
from cs285.experts.settings import ExpertSettings


def main(settings: ExpertSettings) -> None:
    check_new(settings.expert_file)
    check_writable(settings.checkpoint_dir)
    try:
        from cs285.experts.training import train_expert

        train_expert(settings)
    except ImportError as error:
        raise InvalidInput(f"{settings.algorithm} needs {error.name}: pip install -e '.[experts]'") from error


if __name__ == "__main__":
    run(main, ExpertSettings, __doc__)
