# SPDX-License-Identifier: MIT
"""Methods of Module and containers that PyTorch's scripts use, beside PyTorch's own."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rtch
from rtch import nn
from rtch.errors import ArgumentError, CheckpointDTypeError, CheckpointError, CheckpointShapeError, DTypeError


def pair() -> tuple[nn.Sequential, Any]:
    """The same small network twice."""
    torch = pytest.importorskip("torch")
    ours = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    theirs = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
    theirs.load_state_dict({name: torch.tensor(value.numpy()) for name, value in ours.state_dict().items()})
    return ours, theirs


# Gradients ------------------------------------------------------------------------------------------------------------


def as_numpy(grads: tuple[Any, ...]) -> list[Any]:
    return [None if g is None else g.numpy() for g in grads]


def same(ours: list[Any], theirs: list[Any]) -> None:
    """Names and gradients in the same order."""
    assert [name for name, *_ in theirs] == [name for name, *_ in ours]
    for (_, *mine), (_, *other) in zip(ours, theirs, strict=True):
        for a, b in zip(mine, other, strict=True):
            assert len(a) == len(b)
            for x, y in zip(a, b, strict=True):
                assert (x is None) == (y is None)
                if x is not None:
                    np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-6)


@pytest.mark.filterwarnings("ignore:Full backward hook is firing")
@pytest.mark.parametrize("leaf", [False, True])
def test_hooks_on_gradients_see_pytorchs(leaf: bool, torch: Any) -> None:
    """In its order; what they give takes the gradient's place; a removed one is not called."""
    x = np.arange(6, dtype="float32").reshape(2, 3) / 5
    ours, theirs = pair()
    seen: tuple[list[Any], list[Any]] = ([], [])
    for model, log in zip((ours, theirs), seen, strict=True):
        for name, module in model.named_modules():
            module.register_full_backward_hook(
                lambda m, gi, go, log=log, name=name: log.append((name, as_numpy(gi), as_numpy(go)))
            )
            module.register_full_backward_pre_hook(lambda m, go, log=log, name=name: log.append((name, as_numpy(go))))
        model[1].register_full_backward_hook(lambda m, gi, go: (gi[0] * 2,))
        model[2].register_full_backward_pre_hook(lambda m, go: (go[0] * 3,))
        model[0].register_full_backward_hook(lambda m, gi, go: 1 / 0).remove()
    a, b = rtch.asarray(x), torch.tensor(x)
    if leaf:
        a.requires_grad_()
        b.requires_grad_()
    (ours(a) ** 2).sum().backward()
    (theirs(b) ** 2).sum().backward()
    same(*seen)
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert mine.grad is not None
        np.testing.assert_allclose(mine.grad.numpy(), other.grad.numpy(), rtol=1e-5, atol=1e-6)
    if leaf:
        assert a.grad is not None
        np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-5, atol=1e-6)


def test_hooks_on_gradients_of_several_tensors(torch: Any) -> None:
    """All of the arguments and of the results at once, with None for what has no gradient."""

    class Both(nn.Module):
        def forward(self, x: Any, factor: float, y: Any) -> Any:
            return x * factor, x * y

    class Peer(torch.nn.Module):
        def forward(self, x: Any, factor: float, y: Any) -> Any:
            return x * factor, x * y

    logs = []
    for module, make in ((Both(), rtch.asarray), (Peer(), torch.tensor)):
        log: list[Any] = []
        module.register_full_backward_hook(lambda m, gi, go, log=log: log.append(("", as_numpy(gi), as_numpy(go))))
        x, y = make([[1.0, 2.0]]).requires_grad_(), make([[3.0], [4.0]]).requires_grad_()
        a, b = module(x, 5.0, y)
        (a.sum() * 2 + (b * b).sum()).backward()
        logs.append([*log, ("leaves", as_numpy((x.grad, y.grad)))])
    same(*logs)


def test_hooks_on_gradients_are_refused() -> None:
    """What can't be called, and results that hold no tensors that can be seen."""

    class Named(nn.Module):
        def forward(self, x: Any) -> Any:
            return {"x": x * 2}

    module = Named()
    with pytest.raises(ArgumentError, match=r"Named.register_full_backward_hook: a function is needed; got 3"):
        module.register_full_backward_hook(3)
    for register in (module.register_forward_hook, module.register_forward_pre_hook):
        with pytest.raises(ArgumentError, match=r"a function is needed; got 3"):
            register(3)
    module.register_full_backward_hook(lambda *_: None)
    with pytest.raises(ArgumentError, match="Named: hooks on gradients need a tensor, a tuple or a list from forward"):
        module(rtch.ones(2).requires_grad_())
    layer = nn.Linear(2, 2)
    layer.register_full_backward_hook(lambda m, gi, go: (gi[0], gi[0]))
    with pytest.raises(ArgumentError, match="Linear: a hook on gradients must give 1 of the shapes it was given"):
        layer(rtch.ones((1, 2)).requires_grad_()).sum().backward()


# State ----------------------------------------------------------------------------------------------------------------


class Counted(nn.Module):
    """A layer with state beside its tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 1)
        self.count = 0

    def get_extra_state(self) -> Any:
        return {"count": self.count}

    def set_extra_state(self, state: Any) -> None:
        self.count = state["count"]


def test_state_dict_takes_pytorchs_arguments() -> None:
    """A prefix, a dictionary to add to, and the tensors themselves."""
    model = nn.Sequential(nn.Linear(2, 1))
    into: dict[str, Any] = {"step": 3}
    assert model.state_dict(destination=into, prefix="net.") is into
    assert ["step", "net.0.weight", "net.0.bias"] == list(into)
    assert model.state_dict(keep_vars=True)["0.weight"] is model[0].weight


def test_extra_state_goes_with_the_dictionary() -> None:
    """Under PyTorch's name; missing and unexpected it counts like a tensor."""
    a, b = nn.Sequential(Counted()), nn.Sequential(Counted())
    a[0].count = 7
    state = a.state_dict()
    assert {"0._extra_state", "0.layer.weight", "0.layer.bias"} == set(state)
    b.load_state_dict(state)
    assert 7 == b[0].count
    del state["0._extra_state"]
    with pytest.raises(CheckpointError, match=r"missing 0\._extra_state"):
        b.load_state_dict(state)
    for call in (lambda: nn.Linear(1, 1).get_extra_state(), lambda: nn.Linear(1, 1).set_extra_state(1)):
        with pytest.raises(NotImplementedError):
            call()


def test_hooks_on_state_dictionaries_are_called_as_pytorchs(torch: Any) -> None:
    """In the same order with the same prefixes and names."""
    logs = []
    for model, linear in zip(pair(), (nn.Linear, torch.nn.Linear), strict=True):
        log: list[Any] = []
        for at in (0, 2):
            layer = model[at]
            assert isinstance(layer, linear)
            layer.register_state_dict_pre_hook(lambda m, prefix, keep, log=log: log.append(("save", prefix, keep)))
            layer.register_load_state_dict_pre_hook(
                lambda m, state, prefix, meta, strict, missing, unexpected, errors, log=log: log.append(
                    ("load", prefix, strict, sorted(name for name in state if name.startswith(prefix)))
                )
            )
        model.register_state_dict_post_hook(
            lambda m, state, prefix, meta, log=log: log.append(("saved", prefix, sorted(state)))
        )
        model.register_load_state_dict_post_hook(
            lambda m, keys, log=log: log.append(("loaded", list(keys.missing_keys), list(keys.unexpected_keys)))
        )
        model.load_state_dict(model.state_dict())
        logs.append(log)
    assert logs[1] == logs[0]


def test_hooks_rename_drop_and_refuse() -> None:
    """A copy of the dictionary is what they change; their errors and what they leave over are raised."""
    model = nn.Sequential(nn.Linear(2, 1))
    state = {f"old.{name}": value for name, value in model.state_dict().items()}
    given = dict(state)

    def rename(m: Any, d: dict[str, Any], *_: Any) -> None:
        for name in [name for name in d if name.startswith("old.")]:
            d[name[4:]] = d.pop(name)

    handle = model.register_load_state_dict_pre_hook(rename)
    model.load_state_dict(state)
    assert given == state
    handle.remove()
    with pytest.raises(CheckpointError, match="unexpected old"):
        model.load_state_dict(state)
    forgive = model.register_load_state_dict_post_hook(lambda m, keys: (keys[0].clear(), keys[1].clear()))
    assert ([], []) == model.load_state_dict(state)
    forgive.remove()
    model.register_load_state_dict_pre_hook(lambda *args: args[-1].append("no such layer"))
    with pytest.raises(CheckpointError, match="load_state_dict: no such layer"):
        model.load_state_dict(state)


def test_assigned_values_take_the_place_of_parameters() -> None:
    """With their own dtype; training goes on where it did. Shapes and kinds are checked still."""
    layer = nn.BatchNorm1d(2)
    layer.bias.requires_grad_(False)
    state = {
        name: value.astype("float64") if value.dtype.is_floating else value
        for name, value in layer.state_dict().items()
    }
    layer.load_state_dict(state, assign=True)
    assert (rtch.float64, True) == (layer.weight.dtype, layer.weight.requires_grad)
    assert (rtch.float64, False) == (layer.bias.dtype, layer.bias.requires_grad)
    assert layer.running_mean is state["running_mean"]
    with pytest.raises(CheckpointShapeError):
        layer.load_state_dict({"weight": rtch.ones(3)}, strict=False, assign=True)
    with pytest.raises(CheckpointDTypeError):
        layer.load_state_dict({"weight": rtch.ones(2, dtype="int64")}, strict=False, assign=True)
    with pytest.raises(CheckpointError, match="a mapping of names to tensors is needed; got NoneType"):
        layer.load_state_dict(None)


# The tree -------------------------------------------------------------------------------------------------------------


def test_submodules_are_replaced_by_name() -> None:
    """What is there, or, unless strict, what isn't yet."""
    model = nn.Sequential(nn.Sequential(nn.Linear(2, 2)))
    new = nn.Tanh()
    model.set_submodule("0.0", new)
    model.set_submodule("0.extra", new)
    assert (new, new) == (model[0][0], model.get_submodule("0.extra"))
    for error, call in (
        (AttributeError, lambda: model.set_submodule("0.none", new, strict=True)),
        (AttributeError, lambda: model.set_submodule("9.0", new)),
        (AttributeError, lambda: model.set_submodule("0.forward", new)),
        (ArgumentError, lambda: model.set_submodule("", new)),
        (ArgumentError, lambda: model.set_submodule("0", 3)),
    ):
        with pytest.raises(error):
            call()


def test_named_modules_takes_pytorchs_arguments() -> None:
    """A memo, a prefix, and shared modules at each of their places."""
    shared = nn.Tanh()
    model = nn.Sequential(shared, nn.Sequential(shared))
    assert ["", "0", "1"] == [name for name, _ in model.named_modules()]
    assert ["m", "m.0", "m.1", "m.1.0"] == [n for n, _ in model.named_modules(prefix="m", remove_duplicate=False)]
    memo: set[nn.Module] = {shared}
    assert ["", "1"] == [name for name, _ in model.named_modules(memo)]
    assert memo == {model, shared, model[1]}


def test_small_methods_take_pytorchs_arguments() -> None:
    """apply(fn=), zero_grad(set_to_none=), train, to and cpu."""
    model = nn.Sequential(nn.Linear(2, 1))
    names: list[str] = []
    assert model.apply(fn=lambda m: names.append(type(m).__name__)) is model
    assert ["Linear", "Sequential"] == names
    model(rtch.ones((1, 2))).sum().backward()
    model.zero_grad(set_to_none=False)
    assert [[0.0, 0.0]] == model[0].weight.grad.tolist()
    model.zero_grad()
    assert model[0].weight.grad is None
    assert model.to("cpu").to(device="cpu").to(rtch.ones(1).device).cpu() is model
    assert rtch.float64 == model.to("cpu", "float64")[0].weight.dtype
    assert rtch.float32 == model.to(dtype=rtch.float32)[0].weight.dtype
    assert rtch.float64 == model.to(rtch.ones(1, dtype="float64"))[0].weight.dtype
    for error, call in (
        (ArgumentError, lambda: model.to("cuda")),
        (ArgumentError, lambda: model.to(device="mps")),
        (DTypeError, lambda: model.to("int64")),
        (ArgumentError, lambda: model.train("yes")),
        (ArgumentError, lambda: model.apply(3)),
    ):
        with pytest.raises(error):
            call()


def test_a_module_that_was_not_begun_says_so() -> None:
    """Where super().__init__() was forgotten."""

    class Forgot(nn.Module):
        def __init__(self) -> None:
            self.width = 3

    module = Forgot()
    calls: list[Callable[[], Any]] = [
        lambda: module(1),
        lambda: repr(module),
        lambda: list(module.parameters()),
        lambda: module.state_dict(),
    ]
    for call in calls:
        with pytest.raises(ArgumentError, match=r"Forgot: call super\(\).__init__\(\) in __init__ first"):
            call()
    model = nn.Sequential(nn.Linear(2, 1))
    assert repr(model) == repr(copy.deepcopy(model)) == repr(pickle.loads(pickle.dumps(model)))


# Containers -----------------------------------------------------------------------------------------------------------


def kinds(model: Any) -> list[tuple[str, str]]:
    return [(name, type(module).__name__) for name, module in model.named_children()]


def test_sequentials_are_added_and_repeated_as_pytorchs(torch: Any) -> None:
    """New ones by + and *, the same one by += and *=."""
    for make in (
        lambda n: n.Sequential(n.Linear(2, 2), n.Tanh()) + n.Sequential(n.ReLU()),
        lambda n: n.Sequential(n.Tanh()).__iadd__(n.Sequential(n.ReLU())),
        lambda n: n.ModuleList([n.Tanh()]) + n.ModuleList([n.ReLU()]),
        lambda n: n.ModuleList(),
        lambda n: n.Sequential(n.Tanh(), n.ReLU()).append(n.Tanh()).insert(0, n.ReLU()),
    ):
        assert kinds(make(torch.nn)) == kinds(make(nn))
    one, two = nn.Tanh(), nn.ReLU()
    model = nn.Sequential(one, two)
    assert [one, two, one, two] == list(model * 2) == list(2 * model)
    kept = model
    kept *= 3
    assert kept is model
    assert [one, two] * 3 == list(model)
    for call in (lambda: model * 0, lambda: model * 1.5, lambda: model + 3, lambda: nn.ModuleList(3)):
        with pytest.raises(ArgumentError):
            call()
    with pytest.raises(ArgumentError, match="Sequential: an integer is needed"):
        model[0:1] = one


def test_a_slice_keeps_its_names_and_loses_nothing() -> None:
    """What is added gets the next free number: PyTorch's would take the place of a module of the slice."""
    layers = [nn.Tanh() for _ in range(4)]
    part = nn.Sequential(*layers)[2:]
    new = nn.ReLU()
    assert [("2", layers[2]), ("3", layers[3]), ("4", new)] == list(part.append(new).named_children())


def test_parameter_lists_and_dictionaries_do_what_lists_and_dictionaries_do() -> None:
    """pop, del, += ; get, setdefault, popitem, clear, copy, |= and reversed."""
    a, b, c = (nn.Parameter([float(i)]) for i in range(3))
    several = nn.ParameterList([a, b])
    several += [c]
    assert c is several.pop()
    del several[0]
    assert [("0", b)] == list(several.named_parameters())
    assert 0 == len(nn.ParameterList())
    held = nn.ParameterDict({"a": a})
    assert (a, None, 5) == (held.get("a"), held.get("x"), held.get("x", 5))
    assert b is held.setdefault("b", b) is held.setdefault("b", c)
    assert ["b", "a"] == list(reversed(held))
    other = held.copy()
    other |= {"c": c}
    assert ["a", "b", "c"] == list(other)
    assert ["a", "b"] == list(held) == list((held | {}).keys())
    assert ("c", c) == other.popitem()
    other.clear()
    assert 0 == len(other)
    assert ["x", "y"] == list(held.fromkeys(["x", "y"], a))
    with pytest.raises(KeyError):
        other.popitem()
    for call in (
        lambda: nn.ParameterDict(3),
        lambda: nn.ModuleDict([1]),
        lambda: nn.ParameterList(3),
        lambda: held.setdefault("z"),
    ):
        with pytest.raises(ArgumentError):
            call()
