"""Describe files of expert data and of the course's experts: layout, sizes, returns and the tasks that they fit."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from _checkout import run
from tyro.conf import Positional, arg

from cs285.config import Config
from cs285.errors import InvalidInput


@dataclass(frozen=True)
class Settings:
    files: Positional[tuple[Path, ...]]  # Expert data, or expert policies in the course's layout
    env_name: Annotated[str | None, arg(aliases=["-env"])] = None  # Task that must fit. None: print all that fit.


def main(settings: Settings) -> None:
    from cs285.data.expert_data import load_expert_data
    from cs285.data.formats import minari_name
    from cs285.data.restricted_pickle import load_pickle
    from cs285.data.shipped import shipped_tasks
    from cs285.data.whole_files import PICKLE, kind_of
    from cs285.envs.make_env import make_env
    from cs285.infrastructure.inputs import load_initial_data
    from cs285.infrastructure.metrics import return_statistics
    from cs285.policies.loaded_gaussian_policy import LoadedGaussianPolicy, load_expert

    if not settings.files:
        raise InvalidInput("name at least one file of expert data or of an expert policy")
    tasks = shipped_tasks() if settings.env_name is None else [settings.env_name]
    specs = {task: make_env(task)[1] for task in tasks}
    for path in settings.files:
        content = load_pickle(path) if minari_name(path) is None and kind_of(path) == PICKLE else None
        is_policy = isinstance(content, dict) and "GaussianPolicy" in content
        if is_policy:
            expert = LoadedGaussianPolicy(path)
            layers = " -> ".join(map(str, [expert.ob_dim, *(len(bias) for bias in expert.biases)]))
            print(f"{path}: expert policy\n  network {layers}, {expert.activation}")
        else:
            episodes = load_expert_data(path)
            first, lengths = episodes[0], [len(episode) for episode in episodes]
            actions = "discrete actions" if first.discrete else f"actions of {first.actions.shape[1]} numbers"
            keys = content[0].keys() if isinstance(content, list) and isinstance(content[0], dict) else {}
            edition = "fall 2020 and CMU" if "image_obs" in keys else "fall 2023"
            returns = "return {R_AverageReturn:.1f} ± {R_StdReturn:.1f}, from {R_MinReturn:.1f} to {R_MaxReturn:.1f}"
            layout = f", layout of {edition}" if "observation" in keys else ""
            print(f"{path}: expert data{layout}")
            print(f"  observations of {first.observations.dtype} {first.observations.shape[1:]}, {actions}")
            print(f"  {len(episodes)} episodes, {sum(lengths)} steps, lengths {min(lengths)} to {max(lengths)}")
            print(f"  {returns.format(**return_statistics(episodes, 'R'))}")
        fitting = []
        for task, spec in specs.items():
            try:
                if is_policy:
                    load_expert(path, task, spec)
                else:
                    load_initial_data(Config(expert_data=path, env_name=task), spec)
                fitting.append(task)
            except InvalidInput:
                if settings.env_name is not None:
                    raise
        print(f"  fits {', '.join(fitting) or 'none of ' + ', '.join(specs)}")


if __name__ == "__main__":
    run(main, Settings, __doc__)
