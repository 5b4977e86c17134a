"""Registration of the course's -v2 tasks under their own ids, for the official MuJoCo bindings or for mujoco-py."""

from typing import Any, Literal, TypeAlias

import gymnasium as gym
from gymnasium.envs.registration import EnvSpec

from cs285.envs.mujoco_py_backend import import_mujoco_py
from cs285.errors import InvalidInput
from cs285.process import print_notice

Backend: TypeAlias = Literal["mujoco", "mujoco_py"]

V2_IDS = ("Ant-v2", "HalfCheetah-v2", "Hopper-v2", "Walker2d-v2", "Humanoid-v2")
# Ant observes contact forces, as in the course's data. The weight of their cost is 0, because in MuJoCo 2.0 and 2.1
# the forces, and so their cost, were 0.
ANT_OPTIONS: dict[str, Any] = {"use_contact_forces": True, "contact_cost_weight": 0.0}


def register_v2_task(env_name: str, backend: Backend) -> None:
    """Register ``env_name`` for the bindings ``backend`` if it is a -v2 task that the user has not registered.

    Raises InvalidInput if ``backend`` is "mujoco_py" and the task is no -v2 task, or mujoco-py can't be imported.
    """
    if backend == "mujoco_py" and env_name not in V2_IDS:
        raise InvalidInput(f"--backend mujoco_py runs {', '.join(V2_IDS)} and gym:<id>, not {env_name}")
    if env_name not in V2_IDS or not origin(gym.registry.get(env_name)).startswith(("gymnasium", "cs285.")):
        return
    task = env_name.removesuffix("-v2")
    options: dict[str, Any] = {}
    if backend == "mujoco_py":
        import_mujoco_py()  # before `gym.register` below, since gymnasium_robotics registers the same ids
        file = "half_cheetah" if task == "HalfCheetah" else task.lower()
        module = f"gymnasium_robotics.envs.mujoco.{file}_v2"
    else:
        print_notice(f"{env_name}: on today's MuJoCo, with the physics and rewards of mujoco-py (docs/v2.md)")
        module = "cs285.envs.mujoco_v2"
        options = ANT_OPTIONS if task == "Ant" else {}
    gym.registry.pop(env_name)  # Gymnasium's entry only raises an error
    gym.register(env_name, f"{module}:{task}Env", max_episode_steps=1000, kwargs=options)


def origin(registration: EnvSpec | None) -> str:
    """The module of the class or function that makes an environment; empty without a registration."""
    entry = registration.entry_point if registration else ""
    return entry if isinstance(entry, str) else getattr(entry, "__module__", "")
