"""The fast gradient step gives the same parameters as torch; `fast_update` declines policies that it does not know."""

import copy
import functools
import inspect
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import Adam, AdamW
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from cs285.policies import fast_update as fast_update_module
from cs285.policies import frozen_copy as frozen_copy_module
from cs285.policies.fast_update import fast_update
from cs285.policies.frozen_copy import source_digest
from cs285.policies.MLP_policy import MLPPolicy, MLPPolicySL


def make_policy(cls: type[MLPPolicySL] = MLPPolicySL, **options: Any) -> MLPPolicySL:
    """A policy with observations (3,) and actions (2,), always with the same parameters and standardisation."""
    torch.manual_seed(0)
    policy = cls(2, 3, 2, 16, **{"schedule_period": 100, **options})
    policy.ob_mean += torch.tensor([1.0, -2.0, 0.5])
    policy.ob_std *= torch.tensor([0.5, 2.0, 1.0])
    return policy


def batches(count: int = 10, seed: int = 1) -> list[tuple[torch.Tensor, torch.Tensor]]:
    generator = torch.Generator().manual_seed(seed)
    observations = [torch.randn(32, 3, generator=generator) for _ in range(count)]
    return [(batch, torch.stack([batch[:, 0], batch[:, 1] * batch[:, 2]], dim=1)) for batch in observations]


def take_fast(policy: MLPPolicySL) -> Callable[..., dict[str, Any]]:
    """The fast step of a policy; the test fails if the policy is declined."""
    step = fast_update(policy)
    assert step is not None
    return step


def parameters(policy: nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in policy.parameters()])


def assert_close(policy: nn.Module, reference: nn.Module, tolerance: float) -> None:
    torch.testing.assert_close(parameters(policy), parameters(reference), rtol=0, atol=tolerance)


def test_scheduled_steps_end_at_torchs_parameters() -> None:
    policy, reference = make_policy(), make_policy()
    step = take_fast(policy)
    plain_steps: list[object] = []
    policy.optimizer.register_step_post_hook(lambda *step: plain_steps.append(step))
    for observations, actions in batches(300):
        log, expected = step(observations, actions), reference.update(observations, actions)
        assert log.keys() == expected.keys()
        assert log["Training Loss"].item() == pytest.approx(expected["Training Loss"].item(), rel=1e-3)
    assert not plain_steps
    assert_close(policy, reference, 1e-5)
    assert policy.optimizer.param_groups[0]["lr"] == reference.optimizer.param_groups[0]["lr"]


@pytest.mark.parametrize("options", [{"fused": True}, {"foreach": True}, {"foreach": False}, {}], ids=str)
def test_fast_and_plain_steps_alternate(options: dict[str, bool]) -> None:
    policy, reference = make_policy(), make_policy()
    for each in (policy, reference):
        if options:
            each.optimizer = Adam(each.parameters(), 5e-3, **options)
    for n, (observations, actions) in enumerate(batches(40)):
        step = take_fast(policy) if n % 3 else policy.update
        step(observations, actions)
        reference.update(observations, actions)
        if n == 2:
            assert_same_gradients_and_states(policy, reference)
    assert_close(policy, reference, 1e-6)
    for p, q in zip(policy.parameters(), reference.parameters(), strict=True):
        assert policy.optimizer.state[p].get("step") == reference.optimizer.state[q].get("step")


def test_a_wrong_gradient_leaves_the_step_to_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    compute = fast_update_module._FastUpdate._compute_gradients

    def wrong(self: Any, *arguments: Any) -> float:
        loss = compute(self, *arguments)
        self._gradients[2][0, 0] += 0.05
        return loss

    monkeypatch.setattr(fast_update_module._FastUpdate, "_compute_gradients", wrong)
    policy, reference = make_policy(), make_policy()
    step = take_fast(policy)
    for batch in batches():
        step(*batch)
        reference.update(*batch)
    assert_close(policy, reference, 1e-6)


def assert_same_gradients_and_states(policy: MLPPolicySL, reference: MLPPolicySL) -> None:
    for p, q in zip(policy.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(p.grad, q.grad, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(policy.state_dict(), reference.state_dict(), rtol=0, atol=1e-6)
    mine, theirs = policy.optimizer.state_dict(), reference.optimizer.state_dict()
    torch.testing.assert_close(mine["state"], theirs["state"], rtol=1e-4, atol=1e-6)
    assert mine["param_groups"] == theirs["param_groups"]
    assert policy.scheduler.state_dict() == reference.scheduler.state_dict()


def test_images_are_flattened_and_actions_that_torch_would_broadcast_are_left_to_torch() -> None:
    policy, reference = (make_policy(ob_shape=(1, 3)) for _ in range(2))
    images = torch.randint(0, 255, (32, 1, 3), dtype=torch.uint8)
    for update in (take_fast(policy), reference.update):
        for _ in range(5):
            update(images, torch.ones(32, 2))
        with pytest.warns(UserWarning, match="target size"):
            update(images, torch.ones(32, 1))
    assert_close(policy, reference, 1e-5)


def change_layer(layer: nn.Module) -> Callable[[MLPPolicySL], None]:
    def change(policy: MLPPolicySL) -> None:
        policy.mean_net[1] = layer
        policy.optimizer = Adam(policy.parameters())

    return change


def change_optimizer(optimizer: type[torch.optim.Optimizer] = Adam, **options: Any) -> Any:
    def change(policy: MLPPolicySL) -> None:
        policy.optimizer = optimizer(policy.parameters(), **{"lr": 5e-3, **options})  # type: ignore[call-arg]

    return change


def split_the_groups(policy: MLPPolicySL) -> None:
    policy.optimizer.add_param_group({"params": [policy.optimizer.param_groups[0]["params"].pop()]})


def add_a_parameter(policy: MLPPolicySL) -> None:
    policy.extra = nn.Parameter(torch.zeros(2))
    policy.optimizer = Adam(policy.parameters())


DECLINED: dict[str, Callable[[MLPPolicySL], Any]] = {
    "loss": lambda policy: setattr(policy, "loss", "nll"),
    "ReLU": change_layer(nn.ReLU()),
    "LayerNorm": change_layer(nn.LayerNorm(16)),
    "another module": lambda policy: setattr(policy, "mean_net", nn.Linear(3, 2)),
    "frozen parameter": lambda policy: policy.mean_net[0].weight.requires_grad_(False),
    "parameter outside the network": add_a_parameter,
    "parametrization": lambda policy: nn.utils.parametrizations.weight_norm(policy.mean_net[0]),
    "float64": lambda policy: policy.double(),
    "other device": lambda policy: policy.to("meta"),
    "SGD": change_optimizer(torch.optim.SGD),
    "AdamW": change_optimizer(AdamW),
    "Adamax": change_optimizer(torch.optim.Adamax),
    "weight decay": change_optimizer(weight_decay=1e-3),
    "amsgrad": change_optimizer(amsgrad=True),
    "maximize": change_optimizer(maximize=True),
    "capturable": change_optimizer(capturable=True),
    "differentiable": change_optimizer(differentiable=True),
    "learning rate in a tensor": change_optimizer(lr=torch.tensor(1e-3)),
    "parameter outside the groups": lambda policy: policy.optimizer.param_groups[0]["params"].pop(),
    "two groups": split_the_groups,
    "step replaced": lambda policy: setattr(policy.optimizer, "step", functools.partial(Adam.step, policy.optimizer)),
}


@pytest.mark.parametrize("change", DECLINED.values(), ids=DECLINED)
def test_another_network_or_optimizer_is_declined(change: Callable[[MLPPolicySL], Any]) -> None:
    policy = make_policy()
    change(policy)
    assert fast_update(policy) is None
    assert fast_update(make_policy(discrete=True)) is None


@pytest.mark.parametrize("name", [*fast_update_module.METHODS, "network"])
def test_methods_overridden_in_a_class_or_on_the_object_are_declined(name: str) -> None:
    def override(self: MLPPolicySL, *arguments: Any) -> Any:
        return getattr(MLPPolicySL, name)(self, *arguments)

    own = property(lambda self: self.mean_net) if name == "network" else override
    assert fast_update(make_policy(cls=type("Own", (MLPPolicySL,), {name: own}))) is None
    policy = make_policy(cls=type("Own", (MLPPolicySL,), {}))
    assert fast_update(policy) is not None
    if name != "network":  # `network` is a property, and a property can't be set on an object
        setattr(policy, name, functools.partial(override, policy))
        assert fast_update(policy) is None


def registrations(policy: MLPPolicySL) -> list[Callable[..., Any]]:
    """The functions of torch that register a hook; a gradient step would call each of these hooks."""
    kinds = ("forward", "forward_pre", "full_backward", "full_backward_pre")
    found = [getattr(policy.mean_net[2], f"register_{kind}_hook") for kind in kinds]
    found += [getattr(nn.modules.module, f"register_module_{kind}_hook") for kind in kinds]
    found += [policy.mean_net[0].weight.register_hook, policy.mean_net[0].bias.register_post_accumulate_grad_hook]
    found += [policy.optimizer.register_step_pre_hook, policy.optimizer.register_step_post_hook]
    return [*found, register_optimizer_step_pre_hook, register_optimizer_step_post_hook]


def test_hooks_are_declined_until_they_are_removed() -> None:
    policy = make_policy()
    for register in registrations(policy):
        handle = register(lambda *_: None)
        try:
            assert fast_update(policy) is None, register
        finally:
            handle.remove()
        assert fast_update(policy) is not None


def test_edited_methods_are_declined(monkeypatch: pytest.MonkeyPatch) -> None:
    def edit(old: str, new: str) -> None:
        monkeypatch.setattr(inspect, "getsource", lambda method: getsource(method).replace(old, new))

    getsource, policy = inspect.getsource, make_policy()
    edit("mse_loss", "l1_loss")
    assert fast_update(policy) is None
    edit("# type: ignore", "# a comment")
    assert fast_update(policy) is not None
    monkeypatch.setattr(inspect, "getsource", getsource)

    @functools.wraps(MLPPolicySL.compute_loss)  # inspect.getsource then returns the code of compute_loss
    def doubled(*arguments: Any) -> torch.Tensor:
        return 2 * doubled.__wrapped__(*arguments)  # type: ignore[attr-defined, no-any-return]

    monkeypatch.setattr(MLPPolicySL, "compute_loss", doubled)
    assert fast_update(policy) is None


@pytest.mark.parametrize(("module", "owner"), [(fast_update_module, MLPPolicySL), (frozen_copy_module, MLPPolicy)])
def test_the_known_source_is_the_present_one(module: Any, owner: type) -> None:
    digest = source_digest(owner, module.METHODS)
    todo = f"Check that {module.__name__} still computes the same as they do, then set its KNOWN_SOURCE to {digest!r}."
    assert digest == module.KNOWN_SOURCE, f"{owner.__name__}: {module.METHODS} were edited. {todo}"


def reverse_averages(policy: MLPPolicySL) -> None:
    content = copy.deepcopy(policy.optimizer.state_dict())
    for state in content["state"].values():
        state["exp_avg"] *= -1
    policy.optimizer.load_state_dict(content)


CHANGED: dict[str, Callable[[MLPPolicySL], Any]] = {
    "parameters loaded": lambda policy: policy.load_state_dict({k: 0.9 * v for k, v in policy.state_dict().items()}),
    "optimizer loaded": reverse_averages,
    "optimizer replaced": change_optimizer(lr=1e-2),
    "weight decay": change_optimizer(weight_decay=0.5),
    "learning rate": lambda policy: policy.optimizer.param_groups[0].update(lr=0.05),
    "parameters moved": lambda policy: policy.double().float(),
    "standardizer replaced": lambda policy: setattr(policy, "ob_mean", policy.ob_mean + 1),
    "loss": lambda policy: setattr(policy, "loss", "nll"),
    "data replaced": lambda policy: setattr(policy.mean_net[0].weight, "data", 0.5 * policy.mean_net[0].weight.data),
    "gradients cleared": lambda policy: policy.zero_grad(set_to_none=True),
}


@pytest.mark.parametrize("name", CHANGED)
def test_changes_between_two_steps_take_effect(name: str) -> None:
    policy, reference, unchanged = (make_policy() for _ in range(3))
    step = take_fast(policy)
    for seed in (1, 2):
        for batch in batches(seed=seed):
            for update in (step, reference.update, unchanged.update):
                update(*batch)
        if seed == 1:
            CHANGED[name](policy)
            CHANGED[name](reference)
    assert_close(policy, reference, 1e-5)
    if name not in ("parameters moved", "gradients cleared"):
        assert (parameters(policy) - parameters(unchanged)).abs().max() > 1e-3
