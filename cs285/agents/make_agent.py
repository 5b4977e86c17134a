"""Build the agent of a run from its settings."""

import os
from collections.abc import Sequence

import torch
from threadpoolctl import threadpool_limits
from torch import nn

from cs285.agents.bc_agent import BCAgent
from cs285.config import Config
from cs285.data.trajectory import Trajectory
from cs285.envs.make_env import TaskSpec
from cs285.errors import InvalidInput
from cs285.infrastructure.replay_buffer import ReplayBuffer
from cs285.infrastructure.seeding import Stream, generator, integer_seed, seed_global_generators
from cs285.policies.make_policy import MakePolicy
from cs285.policies.MLP_policy import MLPPolicySL

try:
    from cs285.policies.fast_update import fast_update, skip_dynamo_import
except ModuleNotFoundError:  # the project works without fast_update.py, only slower
    fast_update = None  # type: ignore[assignment]


def make_agent(config: Config, spec: TaskSpec, paths: Sequence[Trajectory], make_policy: MakePolicy) -> BCAgent:
    """Build an agent with a new policy, initialised from the run's seed, and an empty replay buffer.

    ``paths``, the expert's episodes, are passed to ``make_policy``. Raises InvalidInput when the policy lacks a
    required method or has the wrong kind of actions, or when its optimiser lacks a trainable parameter.
    """
    # With small networks, several threads would only wait for each other.
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(1)
    threadpool_limits(torch.get_num_threads(), user_api="blas")
    if fast_update is not None:
        skip_dynamo_import()
    seed = integer_seed(config.seed, Stream.NETWORK)
    seed_global_generators(seed)
    torch.manual_seed(seed)  # this seeds the GPUs' generators, too
    actor = make_policy(config, spec, paths)
    for method in ("get_action", "update", *(["state_dict"] if config.save_params else [])):
        if not callable(getattr(actor, method, None)):
            raise InvalidInput(f"make_policy returned a {type(actor).__name__}; a policy needs a method {method}")
    if getattr(actor, "discrete", spec.discrete) != spec.discrete:
        made = f"make_policy returned a policy with discrete={actor.discrete}"
        raise InvalidInput(f"{made}; for the actions of {config.env_name} it must be {spec.discrete}")
    if isinstance(actor, MLPPolicySL):
        optimized = {id(p) for group in actor.optimizer.param_groups for p in group["params"]}
        missing = [name for name, p in actor.named_parameters() if p.requires_grad and id(p) not in optimized]
        if missing:  # for example, of a layer that was added after the optimiser was built
            advice = "build it after the network, or freeze the parameter with requires_grad_(False)"
            raise InvalidInput(f"the optimiser of {type(actor).__name__} has no parameter {missing[0]}; {advice}")
    seed_global_generators(integer_seed(config.seed, Stream.GLOBAL))  # for random numbers in the policy's updates
    rng = generator(config.seed, Stream.REPLAY_BUFFER)
    tensors = actor.parameters() if isinstance(actor, nn.Module) else iter(())
    device = next(tensors, torch.empty(0)).device
    agent = BCAgent(actor, ReplayBuffer(config.max_replay_buffer_size, rng, device), fast_update)
    if config.do_dagger and not agent.resumable:
        print(f"the run can't be resumed: {type(actor).__name__} has no state_dict and load_state_dict", flush=True)
    return agent
