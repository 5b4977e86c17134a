"""The fast gradient step computes what torch's does, and declines whenever it would not."""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from cs285.policies import fast_update as fast_update_module
from cs285.policies import frozen_copy as frozen_copy_module
from cs285.policies.fast_update import fast_update
from cs285.policies.known_source import source_digest
from cs285.policies.MLP_policy import MLPPolicy, MLPPolicySL

KINDS: dict[str, dict[str, Any]] = {"mse": {}, "nll": {"loss": "nll"}, "discrete": {"discrete": True}}
Batch = tuple[torch.Tensor, torch.Tensor]


def make_policy(kind: str = "mse", cls: type[MLPPolicySL] = MLPPolicySL, **options: Any) -> MLPPolicySL:
    """A policy of 3 observed numbers and 2 actions, always with the same parameters and standardiser."""
    torch.manual_seed(0)
    policy = cls(2, 3, 2, 16, **{"schedule_period": 100, **KINDS[kind], **options})
    policy.ob_mean += torch.tensor([1.0, -2.0, 0.5])
    policy.ob_std *= torch.tensor([0.5, 2.0, 1.0])
    return policy


def batches(kind: str = "mse", count: int = 10, seed: int = 1) -> list[Batch]:
    generator = torch.Generator().manual_seed(seed)
    observations = [torch.randn(32, 3, generator=generator) for _ in range(count)]
    if kind == "discrete":
        return [(batch, (batch.sum(dim=1) > 0).long()) for batch in observations]
    return [(batch, torch.stack([batch[:, 0], batch[:, 1] * batch[:, 2]], dim=1)) for batch in observations]


def take_fast(policy: MLPPolicySL) -> Callable[..., dict[str, Any]]:
    """The fast step of a policy, which must not be declined."""
    step = fast_update(policy)
    assert step is not None
    return step


def parameters(policy: nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in policy.parameters()])


def assert_close(policy: nn.Module, reference: nn.Module, tolerance: float) -> None:
    torch.testing.assert_close(parameters(policy), parameters(reference), rtol=0, atol=tolerance)


@pytest.fixture
def plain_steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """One entry for each torch optimiser step, by which a test sees whether torch or the fast step ran."""
    calls: list[str] = []
    step = torch.optim.Adam.step

    def counted(self: torch.optim.Adam, closure: Any = None) -> Any:
        calls.append("step")
        return step(self, closure)

    monkeypatch.setattr(torch.optim.Adam, "step", counted)
    return calls


@pytest.mark.parametrize(("kind", "tolerance"), [("mse", 1e-5), ("nll", 1e-4), ("discrete", 1e-4)])
def test_scheduled_steps_end_at_torchs_parameters(kind: str, tolerance: float, plain_steps: list[str]) -> None:
    policy, reference = make_policy(kind), make_policy(kind)
    step = take_fast(policy)
    for observations, actions in batches(kind, 300):
        log, expected = step(observations, actions), reference.update(observations, actions)
        assert log.keys() == expected.keys()
        torch.testing.assert_close(log["Training Loss"], expected["Training Loss"], rtol=1e-3, atol=1e-5)
    assert len(plain_steps) == 300  # those of the reference
    assert_close(policy, reference, tolerance)
    assert policy.optimizer.param_groups[0]["lr"] == reference.optimizer.param_groups[0]["lr"]


@pytest.mark.parametrize("options", [{"fused": True}, {"foreach": True}, {"foreach": False}, {}], ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_fast_and_plain_steps_alternate(kind: str, options: dict[str, bool]) -> None:
    policy, reference = make_policy(kind), make_policy(kind)
    for each in (policy, reference):
        each.optimizer = torch.optim.Adam(each.parameters(), 5e-3, **options)
    for n, (observations, actions) in enumerate(batches(kind, 40)):
        step = take_fast(policy) if n % 3 else policy.update
        step(observations, actions)
        reference.update(observations, actions)
    assert_close(policy, reference, 1e-6)
    for p, q in zip(policy.parameters(), reference.parameters(), strict=True):
        assert policy.optimizer.state[p].get("step") == reference.optimizer.state[q].get("step")


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_and_state_dicts_are_torchs(kind: str) -> None:
    policy, reference = make_policy(kind), make_policy(kind)
    step = take_fast(policy)
    for update, batch in zip((step, policy.update, step), batches(kind, 3), strict=True):
        update(*batch)
        reference.update(*batch)
    for p, q in zip(policy.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(p.grad, q.grad, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(policy.state_dict(), reference.state_dict(), rtol=0, atol=1e-6)
    mine, theirs = policy.optimizer.state_dict(), reference.optimizer.state_dict()
    torch.testing.assert_close(mine["state"], theirs["state"], rtol=1e-4, atol=1e-6)
    assert mine["state"][len(list(policy.parameters())) - 1]["step"] == 3
    assert mine["param_groups"] == theirs["param_groups"]
    assert policy.scheduler.state_dict() == reference.scheduler.state_dict()


def test_images_and_broadcasting_actions() -> None:
    """uint8 observations are flattened; actions that torch would broadcast are left to torch."""
    policy, reference = (make_policy(ob_shape=(1, 3)) for _ in range(2))
    images = torch.randint(0, 255, (32, 1, 3), dtype=torch.uint8)
    step = take_fast(policy)
    for _ in range(5):
        step(images, torch.ones(32, 2))
        reference.update(images, torch.ones(32, 2))
    for update in (step, reference.update):
        with pytest.warns(UserWarning, match="target size"):
            update(images, torch.ones(32, 1))
    assert_close(policy, reference, 1e-5)


def change_layer(position: int, layer: nn.Module) -> Callable[[MLPPolicySL], None]:
    def change(policy: MLPPolicySL) -> None:
        policy.mean_net[position] = layer
        policy.optimizer = torch.optim.Adam(policy.parameters())

    return change


def change_optimizer(optimizer: type[torch.optim.Optimizer] = torch.optim.Adam, **options: Any) -> Any:
    def change(policy: MLPPolicySL) -> None:
        policy.optimizer = optimizer(policy.parameters(), **{"lr": 5e-3, **options})  # type: ignore[call-arg]

    return change


def leave_out_a_parameter(policy: MLPPolicySL) -> None:
    policy.optimizer = torch.optim.Adam(list(policy.parameters())[1:])


def split_the_groups(policy: MLPPolicySL) -> None:
    first, *rest = policy.parameters()
    policy.optimizer = torch.optim.Adam([{"params": [first], "lr": 1e-4}, {"params": rest}])


def add_a_parameter(policy: MLPPolicySL) -> None:
    policy.extra = nn.Parameter(torch.zeros(2))
    policy.optimizer = torch.optim.Adam(policy.parameters())


def replace_on_the_object(name: str) -> Callable[[MLPPolicySL], None]:
    return lambda policy: setattr(policy, name, functools.partial(getattr(MLPPolicySL, name), policy))


def replace_step(policy: MLPPolicySL) -> None:
    policy.optimizer.step = functools.partial(torch.optim.Adam.step, policy.optimizer)  # type: ignore[method-assign]


DECLINED: dict[str, Callable[[MLPPolicySL], Any]] = {
    "ReLU": change_layer(1, nn.ReLU()),
    "LayerNorm": change_layer(1, nn.LayerNorm(16)),
    "Dropout at the end": change_layer(5, nn.Dropout(0.5)),
    "no bias": change_layer(2, nn.Linear(16, 16, bias=False)),
    "another module": lambda policy: setattr(policy, "mean_net", nn.Linear(3, 2)),
    "frozen parameter": lambda policy: policy.mean_net[0].weight.requires_grad_(False),
    "parameter outside the network": add_a_parameter,
    "parametrization": lambda policy: nn.utils.parametrizations.weight_norm(policy.mean_net[0]),
    "float64": lambda policy: policy.double(),
    "other device": lambda policy: policy.to("meta"),
    "AdamW": change_optimizer(torch.optim.AdamW),
    "SGD": change_optimizer(torch.optim.SGD),
    "weight decay": change_optimizer(weight_decay=1e-3),
    "amsgrad": change_optimizer(amsgrad=True),
    "maximize": change_optimizer(maximize=True),
    "capturable": change_optimizer(capturable=True),
    "differentiable": change_optimizer(differentiable=True),
    "learning rate in a tensor": change_optimizer(lr=torch.tensor(1e-3)),
    "parameter outside the groups": leave_out_a_parameter,
    "two groups": split_the_groups,
    "step replaced": replace_step,
    **{f"{name} replaced": replace_on_the_object(name) for name in fast_update_module.METHODS},
}


@pytest.mark.parametrize("change", DECLINED.values(), ids=DECLINED)
def test_another_network_or_optimizer_is_declined(change: Callable[[MLPPolicySL], Any]) -> None:
    policy = make_policy()
    take_fast(policy)
    change(policy)
    assert fast_update(policy) is None


@pytest.mark.parametrize("name", [*fast_update_module.METHODS, "network"])
def test_overridden_methods_are_declined(name: str) -> None:
    def override(self: MLPPolicySL, *arguments: Any) -> Any:
        return getattr(MLPPolicySL, name)(self, *arguments)

    own = property(lambda self: self.mean_net) if name == "network" else override
    assert fast_update(make_policy(cls=type("Own", (MLPPolicySL,), {name: own}))) is None
    assert fast_update(make_policy(cls=type("Own", (MLPPolicySL,), {}))) is not None


def nothing(*_: Any) -> None:
    """A hook."""


HOOKS: dict[str, Callable[[MLPPolicySL], Any]] = {
    "forward": lambda policy: policy.mean_net[1].register_forward_hook(nothing),
    "forward pre": lambda policy: policy.mean_net.register_forward_pre_hook(nothing),
    "backward": lambda policy: policy.mean_net[2].register_full_backward_hook(nothing),
    "backward pre": lambda policy: policy.register_full_backward_pre_hook(nothing),
    "gradient": lambda policy: policy.mean_net[0].weight.register_hook(nothing),
    "accumulated gradient": lambda policy: policy.mean_net[0].bias.register_post_accumulate_grad_hook(nothing),
    "optimizer pre": lambda policy: policy.optimizer.register_step_pre_hook(nothing),
    "optimizer post": lambda policy: policy.optimizer.register_step_post_hook(nothing),
    "global forward": lambda _: nn.modules.module.register_module_forward_hook(nothing),
    "global forward pre": lambda _: nn.modules.module.register_module_forward_pre_hook(nothing),
    "global backward": lambda _: nn.modules.module.register_module_full_backward_hook(nothing),
    "global backward pre": lambda _: nn.modules.module.register_module_full_backward_pre_hook(nothing),
    "global optimizer pre": lambda _: register_optimizer_step_pre_hook(nothing),
    "global optimizer post": lambda _: register_optimizer_step_post_hook(nothing),
}


@pytest.mark.parametrize("register", HOOKS.values(), ids=HOOKS)
def test_hooks_are_declined_until_they_are_removed(register: Callable[[MLPPolicySL], Any]) -> None:
    policy = make_policy()
    handle = register(policy)
    try:
        assert fast_update(policy) is None
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

    @functools.wraps(MLPPolicySL.compute_loss)  # inspect.getsource shows the wrapped function
    def doubled(*arguments: Any) -> torch.Tensor:
        return 2 * doubled.__wrapped__(*arguments)  # type: ignore[attr-defined, no-any-return]

    monkeypatch.setattr(MLPPolicySL, "compute_loss", doubled)
    assert fast_update(policy) is None


@pytest.mark.parametrize(("module", "owner"), [(fast_update_module, MLPPolicySL), (frozen_copy_module, MLPPolicy)])
def test_the_known_source_is_the_present_one(module: Any, owner: type) -> None:
    digest = source_digest(owner, module.METHODS)
    assert digest == module.KNOWN_SOURCE, (
        f"{owner.__name__}: {module.METHODS} were edited. Check that {module.__name__} still computes the same, then "
        f"set its KNOWN_SOURCE to {digest!r}."
    )


def restart_optimizer(policy: MLPPolicySL) -> None:
    policy.optimizer = torch.optim.Adam(policy.parameters(), 1e-2)
    policy.scheduler = torch.optim.lr_scheduler.ExponentialLR(policy.optimizer, 0.8)  # type: ignore[assignment]


def decay_weights(policy: MLPPolicySL) -> None:
    policy.optimizer, policy.scheduler = torch.optim.AdamW(policy.parameters(), 1e-2, weight_decay=0.5), None


def reverse_averages(policy: MLPPolicySL) -> None:
    content = copy.deepcopy(policy.optimizer.state_dict())
    for state in content["state"].values():
        state["exp_avg"] *= -1
    policy.optimizer.load_state_dict(content)


def replace_data(policy: MLPPolicySL) -> None:
    policy.mean_net[0].weight.data = 0.5 * policy.mean_net[0].weight.data


CHANGED: dict[str, Callable[[MLPPolicySL], Any]] = {
    "parameters loaded": lambda policy: policy.load_state_dict({k: 0.9 * v for k, v in policy.state_dict().items()}),
    "optimizer loaded": reverse_averages,
    "optimizer and schedule replaced": restart_optimizer,
    "weight decay": decay_weights,
    "learning rate": lambda policy: policy.optimizer.param_groups[0].update(lr=0.05),
    "parameters moved": lambda policy: policy.double().float(),
    "standardizer replaced": lambda policy: setattr(policy, "ob_mean", policy.ob_mean + 1),
    "loss": lambda policy: setattr(policy, "loss", "nll"),
    "data replaced": replace_data,
    "gradients cleared": lambda policy: policy.zero_grad(set_to_none=True),
}


@pytest.mark.parametrize("name", CHANGED)
def test_changes_between_two_steps_take_effect(name: str) -> None:
    policy, reference, unchanged = (make_policy() for _ in range(3))
    step = take_fast(policy)
    for batch in batches():
        for update in (step, reference.update, unchanged.update):
            update(*batch)
    for each in (policy, reference):
        CHANGED[name](each)
    for batch in batches(seed=2):
        for update in (step, reference.update, unchanged.update):
            update(*batch)
    assert_close(policy, reference, 1e-5)
    if name not in ("parameters moved", "gradients cleared"):
        assert (parameters(policy) - parameters(unchanged)).abs().max() > 1e-3


def test_a_deep_copy_learns_on_its_own() -> None:
    policy, reference = make_policy(), make_policy()
    step = take_fast(policy)
    for batch in batches():
        step(*batch)
        reference.update(*batch)
    twin = copy.deepcopy(policy)
    kept, twin_step = parameters(policy).clone(), take_fast(twin)
    for batch in batches(seed=2):
        twin_step(*batch)
        reference.update(*batch)
    assert torch.equal(parameters(policy), kept)
    assert_close(twin, reference, 1e-5)
    assert len(twin.optimizer.state) == 6


def test_a_wrong_gradient_leaves_the_step_to_torch(monkeypatch: pytest.MonkeyPatch, plain_steps: list[str]) -> None:
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
    assert len(plain_steps) == 20
    assert_close(policy, reference, 1e-6)
