# SPDX-License-Identifier: MIT
"""Module: attributes, names, sharing, modes, casts, copies and pickles."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

import rtch
from rtch import nn
from rtch.errors import ArgumentError, DTypeError
from rtch.random import Generator


class Block(nn.Module):
    """Two layers and a free parameter, set in an order of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.second = nn.Linear(3, 2, generator=Generator(2))
        self.scale = nn.Parameter([1.0, 2.0])
        self.first = nn.Linear(4, 3, generator=Generator(1))
        self.name = "block"

    def forward(self, x: rtch.Tensor) -> rtch.Tensor:
        return self.second(self.first(x)) * self.scale  # type: ignore[no-any-return]


def names(module: nn.Module) -> list[str]:
    return [name for name, _ in module.named_parameters()]


def test_parameters_and_modules_are_found() -> None:
    """Attributes that are parameters or modules are registered; the others are plain."""
    block = Block()
    assert ["scale", "second.weight", "second.bias", "first.weight", "first.bias"] == names(block)
    assert [block.second, block.first] == list(block.children())
    assert [("", block), ("second", block.second), ("first", block.first)] == list(block.named_modules())
    assert block.name == "block"
    assert all(isinstance(p, nn.Parameter) and p.requires_grad for p in block.parameters())


def test_setting_again_replaces() -> None:
    """A name holds one thing: parameter, module or plain value, whichever was set last."""
    block = Block()
    block.scale = nn.Parameter([3.0])
    assert [3.0] == block.scale.tolist()
    block.scale = nn.ReLU()  # type: ignore[assignment]
    assert "scale" not in names(block)
    assert isinstance(dict(block.named_modules())["scale"], nn.ReLU)
    block.scale = nn.Parameter([4.0])
    assert "scale" not in dict(block.named_modules())
    block.first = None  # type: ignore[assignment]
    assert block.first is None
    assert ["scale", "second.weight", "second.bias"] == names(block)
    block.name = nn.Parameter([5.0])  # type: ignore[assignment]
    assert "name" not in vars(block)
    assert "name" in names(block)


def test_a_parameter_is_not_replaced_by_a_value() -> None:
    """A tensor or number in a parameter's or module's place is refused: it would silently stop training."""
    block = Block()
    for value in (rtch.ones((2,)), 5, "x"):
        with pytest.raises(ArgumentError, match=r"Block\.scale: a Parameter or Module is needed"):
            block.scale = value  # type: ignore[assignment]
        with pytest.raises(ArgumentError, match=r"Block\.first: a Parameter or Module is needed"):
            block.first = value  # type: ignore[assignment]
    assert [1.0, 2.0] == block.scale.tolist()


def test_deleting() -> None:
    """`del` takes parameters, modules and plain attributes away; what is missing is an AttributeError."""
    block = Block()
    del block.scale, block.first, block.name
    assert ["second.weight", "second.bias"] == names(block)
    for name in ("scale", "first", "name", "never"):
        with pytest.raises(AttributeError, match=name):
            getattr(block, name)
        with pytest.raises(AttributeError):
            delattr(block, name)


def test_super_init_first() -> None:
    """A parameter before super().__init__() is an error that says what to do."""

    class Wrong(nn.Module):
        def __init__(self) -> None:
            self.weight = nn.Parameter([1.0])

    with pytest.raises(ArgumentError, match=r"Wrong: call super\(\).__init__\(\) before setting 'weight'"):
        Wrong()


def test_forward_must_be_defined() -> None:
    """A module without forward says so when called."""
    with pytest.raises(NotImplementedError, match="Module does not define forward"):
        nn.Module()(1)


def test_a_module_can_not_hold_itself() -> None:
    """A cycle of modules, direct or through another, is refused where it would be made."""
    outer, inner = nn.Sequential(nn.ReLU()), nn.Sequential(nn.ReLU())
    outer.inner = inner
    for target in (outer, inner):
        with pytest.raises(ArgumentError, match="can't hold itself"):
            target.again = outer
    assert 4 == len(list(outer.named_modules()))


def test_shared_things_count_once() -> None:
    """A shared parameter or module comes once, under its first name, and trains as one."""
    layer = nn.Linear(2, 2)
    model = nn.Sequential(layer, nn.ReLU(), layer)
    assert ["0.weight", "0.bias"] == names(model)
    assert ["", "0", "1"] == [name for name, _ in model.named_modules()]
    tied = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    tied[1].weight = tied[0].weight
    assert ["0.weight", "0.bias", "1.bias"] == names(tied)
    tied(rtch.ones((1, 2))).sum().backward()
    assert tied[0].weight.grad is tied[1].weight.grad is not None


def test_train_and_eval() -> None:
    """Both set the flag on the whole tree and give the module back."""
    block = Block()
    assert block.training
    assert block.eval() is block
    assert [False] * 3 == [module.training for _, module in block.named_modules()]
    assert block.train() is block
    assert [True] * 3 == [module.training for _, module in block.named_modules()]


def test_apply_in_order() -> None:
    """The function meets every module once, children in their order before their parent, as in PyTorch."""
    model = nn.Sequential(nn.Sequential(nn.ReLU(), nn.Tanh()), nn.Linear(1, 1), nn.MSELoss())
    seen: list[Any] = []
    assert model.apply(seen.append) is model
    assert [model[0][0], model[0][1], model[0], model[1], model[2], model] == seen  # type: ignore[index]
    torch = pytest.importorskip("torch")
    theirs: list[str] = []
    torch.nn.Sequential(
        torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Tanh()), torch.nn.Linear(1, 1), torch.nn.MSELoss()
    ).apply(lambda module: theirs.append(type(module).__name__))
    assert theirs == [type(module).__name__ for module in seen]


def test_zero_grad() -> None:
    """Gradients are dropped, frozen parameters are no obstacle."""
    block = Block()
    block.second.weight.requires_grad_(False)
    block(rtch.ones((1, 4))).sum().backward()
    assert block.scale.grad is not None
    assert block.second.weight.grad is None
    block.zero_grad()
    assert [None] * 5 == [p.grad for p in block.parameters()]


def test_to_casts_values_and_gradients() -> None:
    """`to` changes the dtype of parameters that stay the same objects, and of their gradients; training goes on."""
    block = Block()
    before = list(block.parameters())
    block(rtch.ones((1, 4))).sum().backward()
    gradient = block.scale.grad
    assert gradient is not None
    assert block.to("float64") is block
    assert all(a is b for a, b in zip(before, block.parameters(), strict=True))
    assert {rtch.float64} == {p.dtype for p in block.parameters()}
    assert block.scale.grad is not None
    assert gradient.tolist() == block.scale.grad.tolist()
    block(rtch.ones((1, 4), dtype="float64")).sum().backward()
    for p in block.parameters():
        assert p.grad is not None
        assert rtch.float64 is p.grad.dtype
    with pytest.raises(DTypeError, match="a floating dtype is needed; got int64"):
        block.to("int64")
    assert {rtch.float64} == {p.dtype for p in block.parameters()}


def test_repr() -> None:
    """The tree with sizes and numbers of parameters."""
    model = nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Sequential(nn.Tanh(), nn.Linear(2, 1, bias=False)))
    assert repr(model) == (
        "Sequential(  # 10 parameters\n"
        "  (0): Linear(in_features=3, out_features=2, bias=True, 8 parameters)\n"
        "  (1): ReLU()\n"
        "  (2): Sequential(  # 2 parameters\n"
        "    (0): Tanh()\n"
        "    (1): Linear(in_features=2, out_features=1, bias=False, 2 parameters)\n"
        "  )\n"
        ")"
    )
    assert repr(nn.MSELoss("sum")) == "MSELoss(reduction='sum')"


# Copies -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("copier", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["deepcopy", "pickle"])
def test_copies_are_equal_and_apart(copier: Any) -> None:
    """A copy has the same names, bits, modes and sharing, and is moved by nothing that happens to the original."""
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2), Block())
    model[1].weight = model[0].weight
    model[2].scale.requires_grad_(False)
    model.eval()
    model[0](rtch.ones((1, 2))).sum().backward()
    other = copier(model)
    assert names(model) == names(other)
    assert other[0].weight is other[1].weight
    assert not other[2].scale.requires_grad
    assert other[0].weight.requires_grad
    assert other[0].weight.is_leaf
    assert other[0].weight.grad is None
    assert not other.training
    assert type(other[0].weight) is nn.Parameter
    expected = {name: value.tobytes() for name, value in model.state_dict().items()}
    assert expected == {name: value.tobytes() for name, value in other.state_dict().items()}
    with rtch.no_grad():
        for p in model.parameters():
            p += 1.0
    assert expected == {name: value.tobytes() for name, value in other.state_dict().items()}


@pytest.mark.parametrize("requires_grad", [True, False])
def test_parameters_pickle_and_copy(requires_grad: bool) -> None:
    """A Parameter comes back as one, with its value, dtype and requires_grad; a strided one row-major."""
    p = nn.Parameter(rtch.asarray([[1.0, 2.0], [3.0, 4.0]], dtype="float64").T, requires_grad)
    for other in (copy.copy(p), copy.deepcopy(p), pickle.loads(pickle.dumps(p))):
        assert type(other) is nn.Parameter
        assert (requires_grad, rtch.float64) == (other.requires_grad, other.dtype)
        assert [[1.0, 3.0], [2.0, 4.0]] == other.tolist()
        with rtch.no_grad():
            other[0, 0] = 9.0
        assert [[1.0, 3.0], [2.0, 4.0]] == p.tolist()


def test_a_parameter_is_a_value() -> None:
    """A Parameter made from a tensor neither changes it nor is changed by it; its dtype must be floating."""
    data = rtch.asarray([1.0, 2.0])
    p = nn.Parameter(data)
    data[0] = 5.0
    assert [1.0, 2.0] == p.tolist()
    with rtch.no_grad():
        p[1] = 7.0
    assert [5.0, 2.0] == data.tolist()
    with pytest.raises(DTypeError):
        nn.Parameter([1, 2])
    assert not nn.Parameter([1, 2], requires_grad=False).requires_grad
