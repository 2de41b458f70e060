# SPDX-License-Identifier: MIT
"""Buffers and registration: names, state dictionaries, casts, copies; the look-ups by dotted name."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

import rtch
from rtch import nn
from rtch.errors import ArgumentError, CheckpointDTypeError, CheckpointError, CheckpointShapeError
from rtch.random import Generator


class Counter(nn.Module):
    """A parameter, a buffer of each kind, and a count of calls."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", rtch.zeros((2,)))
        self.weight = nn.Parameter(rtch.ones((2,)))
        self.register_buffer("count", rtch.asarray(0))
        self.register_buffer("scratch", rtch.ones((3,)), persistent=False)
        self.register_buffer("nothing", None)
        self.register_parameter("bias", None)

    def forward(self, x: rtch.Tensor) -> rtch.Tensor:
        self.mean = (self.mean + x.detach()) / 2.0
        self.count += 1
        return x * self.weight


def test_names_are_pytorchs() -> None:
    """State dictionaries, named_parameters and named_buffers list what PyTorch's module of the same making lists."""
    torch = pytest.importorskip("torch")

    class Theirs(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("mean", torch.zeros(2))
            self.weight = torch.nn.Parameter(torch.ones(2))
            self.register_buffer("count", torch.tensor(0))
            self.register_buffer("scratch", torch.ones(3), persistent=False)
            self.register_buffer("nothing", None)
            self.register_parameter("bias", None)

    for make in (
        lambda lib, own: own(),
        lambda lib, own: lib.Sequential(lib.Linear(2, 2), own(), lib.Sequential(own())),
    ):
        ours, theirs = make(nn, Counter), make(torch.nn, Theirs)
        assert list(theirs.state_dict()) == list(ours.state_dict())
        for what in ("named_parameters", "named_buffers"):
            for options in ({}, {"recurse": False}, {"prefix": "top"}, {"remove_duplicate": False}):
                expected = [name for name, _ in getattr(theirs, what)(**options)]
                assert expected == [name for name, _ in getattr(ours, what)(**options)], (what, options)


def test_a_shared_buffer_comes_once() -> None:
    """named_buffers counts a shared buffer under its first name, state_dict under each, as PyTorch's."""
    block = Counter()
    model = nn.Sequential(block, nn.ReLU(), block)
    assert ["0.mean", "0.count", "0.scratch"] == [name for name, _ in model.named_buffers()]
    assert ["0.mean", "0.count", "0.scratch", "2.mean", "2.count", "2.scratch"] == [
        name for name, _ in model.named_buffers(remove_duplicate=False)
    ]
    assert ["0.weight", "0.mean", "0.count", "2.weight", "2.mean", "2.count"] == list(model.state_dict())
    assert 3 == len(list(model.buffers()))


def test_a_buffer_moves_by_assignment_and_in_place() -> None:
    """Setting a buffer's attribute keeps it a buffer; writing to it changes it; a state_dict that was taken stays."""
    block = Counter()
    before = block.state_dict()
    block(rtch.asarray([2.0, 4.0]))
    block(rtch.asarray([2.0, 4.0]))
    assert ["mean", "count", "scratch"] == [name for name, _ in block.named_buffers()]
    assert ([1.5, 3.0], 2) == (block.mean.tolist(), block.count.item())
    assert ([0.0, 0.0], 0) == (before["mean"].tolist(), before["count"].item())
    assert "mean" not in vars(block)
    block.mean = None
    assert block.mean is None
    assert "mean" not in block.state_dict()
    block.nothing = rtch.ones((1,))
    assert "nothing" in block.state_dict()
    with pytest.raises(ArgumentError, match=r"Counter\.mean: a Tensor is needed here; got 5"):
        block.mean = 5


def test_loading_fills_buffers() -> None:
    """load_state_dict sets buffers, checked as parameters are; transient ones are neither missing nor expected."""
    block = Counter()
    state = {"mean": rtch.asarray([1.0, 2.0]), "weight": rtch.zeros((2,)), "count": rtch.asarray(7)}
    assert ([], []) == block.load_state_dict(state)
    assert ([1.0, 2.0], 7) == (block.mean.tolist(), block.count.item())
    state["mean"][0] = 9.0
    assert [1.0, 2.0] == block.mean.tolist()
    with pytest.raises(CheckpointError, match=r"missing count; unexpected scratch$"):
        block.load_state_dict({"mean": state["mean"], "weight": state["weight"], "scratch": rtch.ones((3,))})
    with pytest.raises(CheckpointDTypeError, match="count is int64; got float32"):
        block.load_state_dict({**state, "count": rtch.asarray(1.0)})
    with pytest.raises(CheckpointShapeError, match=r"mean has shape \[2\]; got \[3\]"):
        block.load_state_dict({**state, "mean": rtch.ones((3,))})
    assert ([1.0, 2.0], 7) == (block.mean.tolist(), block.count.item())
    assert (["weight", "mean"], []) == block.load_state_dict({"count": rtch.asarray(8)}, strict=False)
    assert 8 == block.count.item()


def test_casts_reach_floating_buffers_alone() -> None:
    """`to`, `double` and `float` cast floating buffers, which stay the same tensors, and leave integers."""
    block = Counter()
    mean = block.mean
    assert block.double() is block
    assert block.mean is mean
    assert (rtch.float64, rtch.int64, rtch.float64) == (mean.dtype, block.count.dtype, block.scratch.dtype)
    assert rtch.float64 is block.weight.dtype
    block.float()
    assert (rtch.float32, rtch.float32) == (mean.dtype, block.weight.dtype)


@pytest.mark.parametrize("copier", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["deepcopy", "pickle"])
def test_copies_have_buffers_of_their_own(copier: Any) -> None:
    """A copy has the buffers, persistent or not, and moves apart from the original."""
    block = Counter()
    block(rtch.ones((2,)))
    other = copier(block)
    other(rtch.ones((2,)))
    assert (1, 2) == (block.count.item(), other.count.item())
    assert list(block.state_dict()) == list(other.state_dict())
    assert [1.0] * 3 == other.scratch.tolist()


def test_registering_again() -> None:
    """A name holds one thing: a parameter takes a buffer's place and the other way round, persistent or not."""
    block = Counter()
    block.mean = nn.Parameter([1.0])
    assert ("mean" in dict(block.named_parameters()), "mean" in dict(block.named_buffers())) == (True, False)
    block.scratch = nn.ReLU()
    assert "scratch" in dict(block.named_children())
    del block.scratch
    block.register_buffer("scratch", rtch.ones((1,)))
    assert "scratch" in block.state_dict()
    block.register_buffer("scratch", rtch.ones((1,)), persistent=False)
    assert "scratch" not in block.state_dict()
    del block.scratch
    with pytest.raises(AttributeError, match="scratch"):
        _ = block.scratch
    block.bias = nn.Parameter([2.0])
    assert ["weight", "bias", "mean"] == [name for name, _ in block.named_parameters()]
    block.bias = None
    assert block.bias is None
    assert ["weight", "mean"] == [name for name, _ in block.named_parameters()]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m.register_buffer("a.b", rtch.ones(1)), r"register_buffer: a name without dots .* got 'a\.b'"),
        (lambda m: m.register_buffer("", rtch.ones(1)), r"register_buffer: a name .* got ''"),
        (lambda m: m.register_buffer("weight", rtch.ones(1)), r"register_buffer: .* not taken is needed; got 'weight'"),
        (lambda m: m.register_buffer("forward", rtch.ones(1)), r"register_buffer: .* got 'forward'"),
        (lambda m: m.register_buffer(3, rtch.ones(1)), r"register_buffer: .* got 3"),
        (lambda m: m.register_buffer("x", 3.0), r"register_buffer: a Tensor is needed; got 3\.0"),
        (lambda m: m.register_parameter("mean", None), r"register_parameter: .* got 'mean'"),
        (lambda m: m.register_parameter("x", rtch.ones(1)), r"register_parameter: a Parameter is needed"),
        (lambda m: m.add_module("mean", nn.ReLU()), r"add_module: .* got 'mean'"),
        (lambda m: m.add_module("x", None), r"add_module: a Module is needed; got None"),
    ],
)
def test_what_registering_refuses(call: Any, message: str) -> None:
    """Names that are no attribute's or are taken, and values of another kind, are typed errors; nothing changes."""
    block = Counter()
    before = list(block.state_dict())
    with pytest.raises(ArgumentError, match=message):
        call(block)
    assert before == list(block.state_dict())


def test_buffers_before_init() -> None:
    """A buffer before super().__init__() is an error that says what to do."""

    class Wrong(nn.Module):
        def __init__(self) -> None:
            self.register_buffer("x", rtch.ones(1))

    with pytest.raises(ArgumentError, match=r"Wrong: call super\(\).__init__\(\) before register_buffer"):
        Wrong()


def test_look_ups_by_name() -> None:
    """get_submodule, get_parameter and get_buffer follow dotted names; what is missing is an AttributeError."""
    model = nn.Sequential(nn.Linear(2, 2), nn.Sequential(Counter()))
    assert model.get_submodule("") is model
    assert model.get_submodule("1.0") is model[1][0]  # type: ignore[index]
    assert model.get_parameter("0.bias") is model[0].bias
    assert model.get_buffer("1.0.count") is model.get_submodule("1.0").count
    for call, name in (
        (model.get_submodule, "1.2"),
        (model.get_submodule, "0.weight"),
        (model.get_parameter, "1.0.mean"),
        (model.get_parameter, "1.0.bias"),
        (model.get_parameter, "2.weight"),
        (model.get_buffer, "1.0.nothing"),
        (model.get_buffer, "0.weight"),
    ):
        with pytest.raises(AttributeError, match=name.replace(".", r"\.")):
            call(name)
    assert ["0", "1"] == [name for name, _ in model.named_children()]
    assert 4 == len(list(model.modules()))


def test_requires_grad_of_a_whole_model() -> None:
    """requires_grad_ freezes every parameter, or lets each collect a gradient again."""
    model = nn.Sequential(nn.Linear(2, 2, generator=Generator(0)), Counter())
    assert model.requires_grad_(False) is model
    assert not any(p.requires_grad for p in model.parameters())
    assert not model(rtch.ones((1, 2))).requires_grad
    model.requires_grad_()
    assert all(p.requires_grad for p in model.parameters())
