# SPDX-License-Identifier: MIT
"""Containers and reshaping modules beside PyTorch's."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import pytest

import rtch
from rtch import nn
from rtch.errors import ArgumentError, DimensionError


def names(module: Any) -> list[str]:
    return [name for name, _ in module.named_parameters()]


def _lists(lib: Any, ones: Any) -> list[Any]:
    """What a sequence of changes does to each kind of container, as names and lengths."""
    told: list[Any] = []
    chain = lib.ModuleList([lib.Linear(2, 3), lib.ReLU()])
    chain.append(lib.Linear(3, 4)).extend([lib.Tanh(), lib.Linear(4, 5)])
    chain.insert(1, lib.Linear(1, 1))
    told.append((len(chain), names(chain), [type(m).__name__ for m in chain]))
    chain[0] = lib.Linear(7, 7, bias=False)
    del chain[2]
    told.append((names(chain), type(chain[-1]).__name__, len(chain[1:3]), names(chain[1:3])))
    chain += [lib.Identity()]
    told.append((type(chain.pop(0)).__name__, names(chain), len([*chain, lib.ReLU()])))

    steps = lib.Sequential(lib.Linear(2, 2), lib.ReLU())
    steps.append(lib.Linear(2, 1)).insert(0, lib.Identity())
    told.append((names(steps), names(steps[1:]), type(steps[1:]).__name__))
    named_steps = lib.Sequential(OrderedDict(a=lib.Linear(1, 1), b=lib.ReLU(), c=lib.Linear(1, 1)))
    told.append((names(named_steps), names(named_steps[1:])))

    by_name = lib.ModuleDict({"one": lib.Linear(1, 2), "two": lib.ReLU()})
    by_name["three"] = lib.Linear(2, 1)
    by_name.update({"one": lib.Linear(3, 3)})
    told.append((list(by_name), list(by_name.keys()), names(by_name), "two" in by_name, "four" in by_name))
    told.append((type(by_name.pop("two")).__name__, len(by_name), [name for name, _ in by_name.items()]))
    del by_name["one"]
    told.append((names(by_name), [type(m).__name__ for m in by_name.values()]))
    by_name.clear()
    told.append(len(by_name))

    free = lib.ParameterList([ones(2), lib.Parameter(ones(3), requires_grad=False)])
    free.append(ones(4)).extend([ones(5)])
    free[0] = lib.Parameter(ones(6))
    told.append((len(free), names(free), [len(p) for p in free], len(free[1:]), free[1].requires_grad))

    named = lib.ParameterDict({"a": ones(1)})
    named["b"] = lib.Parameter(ones(2))
    named.update({"c": ones(3)})
    told.append((names(named), list(named), len(named), "a" in named, [len(p) for p in named.values()]))
    told.append((len(named.pop("b")), list(named.keys()), [name for name, _ in named.items()]))
    return told


def test_containers_are_pytorchs() -> None:
    """The same changes give PyTorch's names, lengths and kinds."""
    torch = pytest.importorskip("torch")
    assert _lists(torch.nn, torch.ones) == _lists(nn, rtch.ones)


class Owner(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)])
        self.heads = nn.ModuleDict({"a": nn.Linear(2, 1)})
        self.free = nn.ParameterList([rtch.ones((2,))])
        self.named = nn.ParameterDict({"scale": rtch.ones((1,))})

    def forward(self, x: rtch.Tensor) -> rtch.Tensor:
        for layer in self.layers:
            x = layer(x)
        return self.heads["a"](x * self.free[0]) * self.named["scale"]  # type: ignore[no-any-return]


def test_owners_train_what_containers_hold() -> None:
    """Parameters in containers are their owner's: named, saved, loaded, and with gradients after backward."""
    model = Owner()
    assert [
        *["layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias"],
        *["heads.a.weight", "heads.a.bias", "free.0", "named.scale"],
    ] == names(model)
    model(rtch.ones((3, 2))).sum().backward()
    assert all(p.grad is not None for p in model.parameters())
    other = Owner()
    other.load_state_dict(model.state_dict())
    assert [p.tobytes() for p in model.parameters()] == [p.tobytes() for p in other.parameters()]


def test_appending_to_a_part_loses_nothing() -> None:
    """A slice keeps its names, so what is appended takes the next that is free."""
    part = nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 2), nn.Linear(2, 3))[1:]
    part.append(nn.Linear(3, 4))
    assert ["1.weight", "1.bias", "2.weight", "2.bias", "3.weight", "3.bias"] == names(part)


def test_containers_have_no_forward() -> None:
    """A list or dictionary of modules says so when it is called."""
    for module in (nn.ModuleList(), nn.ModuleDict(), nn.ParameterList(), nn.ParameterDict()):
        with pytest.raises(NotImplementedError, match=f"{type(module).__name__} does not define forward"):
            module(1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nn.ModuleList([nn.ReLU(), 3]), "ModuleList: item 1 must be a Module; got int"),
        (lambda: nn.ModuleList([nn.ReLU()]).insert(0, rtch.ones(1)), "ModuleList: item 0 must be a Module; got Tensor"),
        (lambda: nn.Sequential(nn.ReLU(), abs), "Sequential: item 1 must be a Module; got builtin"),
        (lambda: nn.ModuleDict({"a": 3}), r"ModuleDict\.add_module: a Module is needed; got 3"),
        (lambda: nn.ModuleDict({"a.b": nn.ReLU()}), r"add_module: a name without dots .* got 'a\.b'"),
        (lambda: nn.ParameterList([1.0]), "ParameterList: item 0 must be a Tensor; got float"),
        (lambda: nn.ParameterDict({"a": [1.0]}), "ParameterDict: a must be a Tensor; got list"),
    ],
)
def test_what_containers_refuse(call: Any, message: str) -> None:
    """What is no module or parameter is refused with its place."""
    with pytest.raises(ArgumentError, match=message):
        call()


# Shapes -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("axes", [(1, -1), (0, -1), (0, 1), (2, 2), (-2, -1), (0, 0)])
@pytest.mark.parametrize("shape", [(2, 3, 4), (2, 3, 4, 5), (2, 0, 3)])
def test_flatten_is_pytorchs(shape: tuple[int, ...], axes: tuple[int, int]) -> None:
    """Shapes and order of elements are PyTorch's, and gradients come back in the input's shape."""
    torch = pytest.importorskip("torch")
    x = rtch.arange(2 * 3 * 4 * 5, dtype="float32")[: _size(shape)].reshape(*shape).requires_grad_()
    out = nn.Flatten(*axes)(x)
    expected = torch.nn.Flatten(*axes)(torch.tensor(x.tolist()).reshape(shape))
    assert (tuple(expected.shape), expected.tolist()) == (out.shape, out.tolist())
    (out * 2.0).sum().backward()
    assert x.grad is not None
    assert shape == x.grad.shape


def _size(shape: tuple[int, ...]) -> int:
    n = 1
    for k in shape:
        n *= k
    return n


def test_flatten_of_a_number() -> None:
    """A 0-d tensor becomes one element, as PyTorch's flatten makes of it."""
    assert (1,) == nn.Flatten(0)(rtch.asarray(3.0)).shape
    assert (5,) == nn.Flatten(0)(rtch.ones((5,))).shape


@pytest.mark.parametrize(
    ("shape", "dim", "sizes", "expected"),
    [((2, 12), 1, (3, 4), (2, 3, 4)), ((12, 2), 0, (3, -1), (3, 4, 2)), ((2, 6), -1, (1, 6), (2, 1, 6))],
)
def test_unflatten(shape: Any, dim: int, sizes: Any, expected: Any) -> None:
    """One axis becomes several, elements in order; Flatten takes it back."""
    x = rtch.arange(_size(shape)).reshape(*shape)
    out = nn.Unflatten(dim, sizes)(x)
    assert expected == out.shape
    assert x.reshape(-1).tolist() == out.reshape(-1).tolist()
    torch = pytest.importorskip("torch")
    theirs = torch.nn.Unflatten(dim if dim >= 0 else dim + len(shape), sizes)(torch.arange(_size(shape)).reshape(shape))
    assert tuple(theirs.shape) == out.shape


def test_shapes_that_do_not_fit() -> None:
    """Sizes that do not make the axis, and axes that are not there, are typed errors."""
    for sizes in ((5,), (2, -1, -1), (5, -1), (-2, -3), (0, -1)):
        with pytest.raises(ArgumentError, match="Unflatten: sizes must make axis 1 of size 6"):
            nn.Unflatten(1, sizes)(rtch.ones((2, 6)))
    for wrong in ((), (1.5,), ("a",)):
        with pytest.raises(ArgumentError, match=r"Unflatten: (sizes are needed|a size must be an integer)"):
            nn.Unflatten(0, wrong)
    for module in (nn.Flatten(3), nn.Flatten(0, 5), nn.Unflatten(4, (1,))):
        with pytest.raises(DimensionError):
            module(rtch.ones((2, 6)))
    with pytest.raises(ArgumentError, match="Flatten: start_dim must not come after end_dim; got 2, 1"):
        nn.Flatten(2, 1)(rtch.ones((2, 2, 2)))


def test_identity() -> None:
    """Identity gives its input, the same object, and takes any arguments."""
    x = rtch.ones((2,))
    assert nn.Identity(3, out_features=5)(x) is x


def test_reprs() -> None:
    """Containers show what they hold, with the number of parameters."""
    assert repr(nn.Sequential(nn.Flatten(), nn.Unflatten(1, (2, 3)), nn.Identity())) == (
        "Sequential(  # 0 parameters\n"
        "  (0): Flatten(start_dim=1, end_dim=-1)\n"
        "  (1): Unflatten(dim=1, unflattened_size=(2, 3))\n"
        "  (2): Identity()\n"
        ")"
    )
    assert "ParameterList((0): float32[2], 2 parameters)" == repr(nn.ParameterList([rtch.ones((2,))]))
    assert "ParameterDict((a): float32[2, 3], 6 parameters)" == repr(nn.ParameterDict({"a": rtch.ones((2, 3))}))
