# SPDX-License-Identifier: MIT
"""Optimisers step by step against PyTorch and by hand, and what a step does to memory."""

from __future__ import annotations

from typing import Any

import pytest

import rtch
from rtch import optim
from rtch.errors import OptimizerError
from rtch.random import Generator
from rtch.tensor import Tensor

SHAPES = [(3, 4), (5,), (), (0,), (2, 1, 3)]
STEPS = 25
OPTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "sgd": ("SGD", {"lr": 0.1}),
    "sgd default lr": ("SGD", {}),
    "sgd decay": ("SGD", {"lr": 0.1, "weight_decay": 0.05}),
    "sgd momentum": ("SGD", {"lr": 0.1, "momentum": 0.9}),
    "sgd dampening": ("SGD", {"lr": 0.1, "momentum": 0.8, "dampening": 0.3}),
    "sgd nesterov": ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    "sgd all": ("SGD", {"lr": 0.03, "momentum": 0.9, "nesterov": True, "weight_decay": 0.02}),
    "sgd dampening decay": ("SGD", {"lr": 0.03, "momentum": 0.9, "dampening": -0.5, "weight_decay": 0.02}),
    "adam": ("Adam", {}),
    "adam lr": ("Adam", {"lr": 0.1}),
    "adam betas": ("Adam", {"lr": 0.05, "betas": (0.5, 0.6)}),
    "adam small betas": ("Adam", {"lr": 0.05, "betas": (0.2, 0.0)}),
    "adam zero beta": ("Adam", {"lr": 0.05, "betas": (0.0, 0.9)}),
    "adam decay eps": ("Adam", {"lr": 0.05, "eps": 1e-2, "weight_decay": 0.1}),
    "adam lr 0": ("Adam", {"lr": 0.0}),
    "adam amsgrad": ("Adam", {"lr": 0.05, "amsgrad": True, "weight_decay": 0.01}),
    "adam maximize": ("Adam", {"lr": 0.05, "maximize": True, "weight_decay": 0.01}),
    "adam decoupled": ("Adam", {"lr": 0.05, "weight_decay": 0.3, "decoupled_weight_decay": True}),
    "adamw": ("AdamW", {}),
    "adamw decay": ("AdamW", {"lr": 0.05, "weight_decay": 0.3}),
    "adamw all": ("AdamW", {"lr": 0.05, "weight_decay": 0.3, "amsgrad": True, "maximize": True, "eps": 1e-3}),
    "sgd maximize": ("SGD", {"lr": 0.1, "momentum": 0.9, "maximize": True, "weight_decay": 0.05}),
    "rmsprop": ("RMSprop", {}),
    "rmsprop alpha": ("RMSprop", {"lr": 0.05, "alpha": 0.5, "eps": 1e-3, "weight_decay": 0.1}),
    "rmsprop centered": ("RMSprop", {"centered": True, "alpha": 0.9, "eps": 1e-2}),
    "rmsprop momentum": ("RMSprop", {"momentum": 0.8}),
    "rmsprop all": (
        "RMSprop",
        {"centered": True, "momentum": 0.8, "maximize": True, "weight_decay": 0.1, "eps": 1e-2, "alpha": 0.9},
    ),
    "adagrad": ("Adagrad", {}),
    "adagrad decay": ("Adagrad", {"lr": 0.3, "lr_decay": 0.1, "weight_decay": 0.05}),
    "adagrad start": ("Adagrad", {"initial_accumulator_value": 0.5, "eps": 1e-2, "maximize": True}),
}


def leaves(dtype: str, seed: int = 0) -> list[Tensor]:
    draw = Generator(seed)
    return [draw.normal(shape, dtype=dtype).requires_grad_() for shape in SHAPES]


def gradients(dtype: str, step: int) -> list[Tensor]:
    draw = Generator(1000 + step)
    return [draw.normal(shape, std=0.5, dtype=dtype) for shape in SHAPES]


def walk(optimizer: Any, params: list[Tensor], first: int, last: int) -> None:
    """Steps first to last with fixed gradients."""
    for step in range(first, last):
        for p, g in zip(params, gradients(params[0].dtype.name, step), strict=True):
            p.grad = g
        optimizer.step()


@pytest.mark.parametrize(("dtype", "rel"), [("float64", 1e-12), ("float32", 5e-6)])
@pytest.mark.parametrize("name", OPTIONS)
def test_every_step_is_pytorchs(name: str, dtype: str, rel: float) -> None:
    """After each of 25 steps parameters and buffers equal PyTorch's; in float64 within 1e-12 relative."""
    torch = pytest.importorskip("torch")
    kind, options = OPTIONS[name]
    params = leaves(dtype)
    theirs = [torch.tensor(p.tolist(), dtype=getattr(torch, dtype)).reshape(p.shape).requires_grad_() for p in params]
    optimizer, reference = getattr(optim, kind)(params, **options), getattr(torch.optim, kind)(theirs, **options)
    for step in range(STEPS):
        walk(optimizer, params, step, step + 1)
        for p, g in zip(theirs, gradients(dtype, step), strict=True):
            p.grad = torch.tensor(g.tolist(), dtype=p.dtype).reshape(p.shape)
        reference.step()
        for p, t in zip(params, theirs, strict=True):
            assert t.detach().flatten().tolist() == pytest.approx(
                p.detach().reshape(-1).tolist(), rel=rel, abs=rel * 0.1
            ), step
    buffers, expected = optimizer.state_dict()["state"], reference.state_dict()["state"]
    assert list(expected) == list(buffers)
    for index, entry in expected.items():
        assert sorted(entry) == sorted(buffers[index])
        for key, value in entry.items():
            if key == "step":
                assert (int(value), int) == (buffers[index][key], type(buffers[index][key]))
            else:
                assert value.flatten().tolist() == pytest.approx(
                    buffers[index][key].reshape(-1).tolist(), rel=rel, abs=rel * 0.1
                )


def test_groups_are_pytorchs() -> None:
    """Groups with options of their own, one a single tensor, step as PyTorch's groups do."""
    torch = pytest.importorskip("torch")
    params = leaves("float64")
    theirs = [torch.tensor(p.tolist(), dtype=torch.float64).reshape(p.shape).requires_grad_() for p in params]

    def groups(ps: list[Any]) -> list[dict[str, Any]]:
        return [
            {"params": ps[0], "lr": 0.5},
            {"params": ps[1:3], "momentum": 0.5, "nesterov": True},
            {"params": iter(ps[3:]), "weight_decay": 0.1, "lr": 0.01},
        ]

    optimizer, reference = optim.SGD(groups(params), lr=0.1), torch.optim.SGD(groups(theirs), lr=0.1)
    for step in range(5):
        walk(optimizer, params, step, step + 1)
        for p, g in zip(theirs, gradients("float64", step), strict=True):
            p.grad = torch.tensor(g.tolist(), dtype=p.dtype).reshape(p.shape)
        reference.step()
        optimizer.param_groups[2]["lr"] *= 0.5
        reference.param_groups[2]["lr"] *= 0.5
    for p, t in zip(params, theirs, strict=True):
        assert t.detach().flatten().tolist() == pytest.approx(p.detach().reshape(-1).tolist(), rel=1e-12)
    keys = ("lr", "momentum", "dampening", "weight_decay", "nesterov", "maximize", "params")
    for ours, other in zip(optimizer.state_dict()["param_groups"], reference.state_dict()["param_groups"], strict=True):
        assert {key: other[key] for key in keys} == ours


def test_momentum_by_hand() -> None:
    """Three steps with numbers that are exact in binary."""
    p = rtch.asarray([1.0]).requires_grad_()
    optimizer = optim.SGD([p], lr=0.5, momentum=0.5)
    for gradient, expected in ((1.0, 0.5), (1.0, -0.25), (-2.0, 0.375)):  # velocity 1, 1.5, -1.25
        p.grad = rtch.asarray([gradient])
        optimizer.step()
        assert [expected] == p.tolist()


def test_first_adam_step_by_hand() -> None:
    """The first step is lr g / (|g| + eps), whatever the betas."""
    p = rtch.asarray([1.0, 1.0], dtype="float64").requires_grad_()
    optimizer = optim.Adam([p], lr=0.25, eps=0.5)
    p.grad = rtch.asarray([0.5, -1.5], dtype="float64")
    optimizer.step()
    assert [1 - 0.25 * 0.5, 1 + 0.25 * 0.75] == pytest.approx(p.tolist(), rel=1e-15)


def test_bias_correction_is_a_running_product() -> None:
    """Powers of the betas are products from left to right, also after a jump to a later step, and of two streams."""
    adam = optim.Adam([rtch.ones(1).requires_grad_()])
    power1 = power2 = 1.0
    for step in range(1, 1000):
        power1, power2 = power1 * 0.9, power2 * 0.999
        assert (power1, power2) == adam._powers(0.9, 0.999, step)
        adam._powers(0.5, 0.25, step)
    fresh = optim.Adam([rtch.ones(1).requires_grad_()])
    assert (power1, power2) == fresh._powers(0.9, 0.999, 999)
    assert fresh._powers(0.9, 0.999, 10**15) == fresh._powers(0.9, 0.999, 10**15 + 1)


# Which parameters move ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["SGD", "Adam"])
def test_parameters_without_gradient_are_skipped(kind: str) -> None:
    """No gradient, no step and no state, whether the gradient never came, was dropped, or the parameter is frozen."""
    params = leaves("float32")
    before = [p.tobytes() for p in params]
    optimizer = getattr(optim, kind)(params, lr=0.1, **({"momentum": 0.9} if kind == "SGD" else {}))
    optimizer.step()
    assert {} == optimizer.state_dict()["state"]
    params[1].grad = rtch.ones(params[1].shape)
    params[4].grad = rtch.ones(params[4].shape)
    params[4].requires_grad_(False)
    optimizer.step()
    assert [False, True, False, False, False] == [b != p.tobytes() for b, p in zip(before, params, strict=True)]
    assert [1] == list(optimizer.state_dict()["state"])
    optimizer.zero_grad()
    assert [None] * 5 == [p.grad for p in params]
    after = params[1].tobytes()
    optimizer.step()
    assert after == params[1].tobytes()


def test_a_late_parameter_has_its_own_count() -> None:
    """Adam corrects each parameter's bias by its own number of steps."""
    params = leaves("float64")
    optimizer = optim.Adam(params, lr=0.1)
    params[0].grad = gradients("float64", 0)[0]
    optimizer.step()
    walk(optimizer, params, 1, 2)
    state = optimizer.state_dict()["state"]
    assert [2, 1, 1, 1, 1] == [state[i]["step"] for i in range(5)]
    alone = leaves("float64")
    other = optim.Adam(alone[1:], lr=0.1)
    for p, g in zip(alone[1:], gradients("float64", 1)[1:], strict=True):
        p.grad = g
    other.step()
    assert [p.tobytes() for p in alone[1:]] == [p.tobytes() for p in params[1:]]


# Memory -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["SGD", "Adam"])
def test_gradients_of_any_layout(kind: str) -> None:
    """Transposed, reversed and broadcast gradients step to the same bits as row-major ones, and stay as they are."""
    wide = Generator(3).normal((4, 3))
    row = Generator(4).normal((4,))
    for g in (wide.T, Generator(5).normal((6, 8))[::-2, ::2], rtch.broadcast_to(row, (3, 4))):
        before = g.tobytes()
        moved = []
        for gradient in (g, rtch.asarray(g.tolist())):
            p = Generator(6).normal((3, 4)).requires_grad_()
            optimizer = getattr(optim, kind)([p], lr=0.1)
            p.grad = gradient
            optimizer.step()
            optimizer.step()
            moved.append(p.tobytes())
        assert moved[0] == moved[1]
        assert before == g.tobytes()


@pytest.mark.parametrize("kind", ["SGD", "Adam"])
def test_parameters_of_any_layout(kind: str) -> None:
    """A parameter that is a view, even one that overlaps itself, steps as its row-major copy does."""
    for value in (
        Generator(1).normal((4, 3)).T,
        Generator(1).normal((6, 8))[::-2, ::2],
        rtch.broadcast_to(Generator(1).normal((4,)), (3, 4)),
    ):
        moved = []
        for start in (value, rtch.asarray(value.tolist())):
            p = start.detach().requires_grad_()
            optimizer = getattr(optim, kind)([p], lr=0.1)
            p.grad = Generator(6).normal((3, 4))
            optimizer.step()
            optimizer.step()
            moved.append(p.tolist())
        assert moved[0] == moved[1]
    p = rtch.asarray(Generator(1).normal((4, 3)).tolist()).T.detach().requires_grad_()  # nobody shares its memory
    p.grad = rtch.ones((3, 4))
    getattr(optim, kind)([p], lr=0.1).step()


@pytest.mark.parametrize("kind", ["SGD", "Adam"])
def test_a_step_changes_the_parameter_alone(kind: str) -> None:
    """Aliases of a parameter's memory, of its gradient and of the state keep their values through a step."""
    source = Generator(1).normal((3, 4))
    p = source.detach().requires_grad_()
    view, copied, exported = p.detach()[1], p.detach(), p.detach().numpy()
    g = Generator(2).normal((3, 4))
    p.grad = g
    optimizer = getattr(optim, kind)([p], lr=0.1, **({"momentum": 0.9} if kind == "SGD" else {}))
    optimizer.step()
    state = optimizer.state_dict()
    held = [source, view, copied, g, *(v for v in state["state"][0].values() if isinstance(v, Tensor))]
    before = [t.tobytes() for t in held]
    array = exported.copy()
    for _ in range(3):
        optimizer.step()
    assert before == [t.tobytes() for t in held]
    assert (array == exported).all()
    assert p.tobytes() != source.tobytes()


def test_a_parameter_that_is_its_own_gradient() -> None:
    """A gradient that shares the parameter's memory is read before the write."""
    p = rtch.asarray([1.0, 2.0]).requires_grad_()
    p.grad = p.detach()
    optim.SGD([p], lr=0.5).step()
    assert [0.5, 1.0] == p.tolist()
    assert p.grad is not None
    assert [1.0, 2.0] == p.grad.tolist()


def test_a_graph_recorded_before_a_step_keeps_its_values() -> None:
    """A step between forward and backward does not reach what the graph saved."""
    p = rtch.asarray([3.0]).requires_grad_()
    loss = (p * p).sum()
    p.grad = rtch.asarray([1.0])
    optim.SGD([p], lr=1.0).step()
    assert [2.0] == p.tolist()
    p.grad = None
    loss.backward()
    assert p.grad is not None
    assert [6.0] == p.grad.tolist()


@pytest.mark.parametrize("kind", ["SGD", "Adam"])
def test_a_refused_step_changes_nothing(kind: str) -> None:
    """A parameter cast behind the optimiser's back no longer fits its state: an error, and all is as it was."""
    layer = rtch.nn.Linear(2, 1)
    optimizer = getattr(optim, kind)(layer.parameters(), lr=0.1, **({"momentum": 0.9} if kind == "SGD" else {}))
    layer(rtch.ones((1, 2))).sum().backward()
    optimizer.step()
    layer.to("float64")
    before = [p.tobytes() for p in layer.parameters()]
    state = optimizer.state_dict()["state"][0]
    with pytest.raises(OptimizerError, match=f"{kind}: parameter, gradient and state must match; got float64"):
        optimizer.step()
    assert before == [p.tobytes() for p in layer.parameters()]
    after = optimizer.state_dict()["state"][0]
    assert {k: v.tobytes() if isinstance(v, Tensor) else v for k, v in state.items()} == {
        k: v.tobytes() if isinstance(v, Tensor) else v for k, v in after.items()
    }


@pytest.mark.parametrize("name", OPTIONS)
def test_threads_and_company_do_not_change_a_step(name: str) -> None:
    """A parameter steps to the same bits with one thread and four, among others and alone."""
    kind, options = OPTIONS[name]
    sizes = [(30_001,), (3, 5), (0,), (123_457,), ()]
    before = rtch.get_num_threads()
    found = set()
    try:
        for n, alone in ((1, False), (4, False), (4, True)):
            rtch.set_num_threads(n)
            params = [Generator(i).normal(size).requires_grad_() for i, size in enumerate(sizes)]
            optimizers = [getattr(optim, kind)([p], **options) for p in params]
            if not alone:
                optimizers = [getattr(optim, kind)(params, **options)]
            for step in range(3):
                for i, p in enumerate(params):
                    p.grad = Generator(10 * step + i + 100).normal(p.shape)
                for optimizer in optimizers:
                    optimizer.step()
            found.add(b"".join(p.tobytes() for p in params))
    finally:
        rtch.set_num_threads(before)
    assert 1 == len(found)


def test_dtypes_in_one_group() -> None:
    """Parameters of both dtypes in one group step as they do alone."""
    moved = []
    for together in (True, False):
        params = leaves("float32")[:2] + leaves("float64", 1)[:2]
        groups = [params] if together else [[p] for p in params]
        optimizers = [optim.AdamW(group, lr=0.1) for group in groups]
        for step in range(3):
            for i, p in enumerate(params):
                p.grad = Generator(10 * step + i).normal(p.shape, dtype=p.dtype)
            for optimizer in optimizers:
                optimizer.step()
        moved.append([p.tobytes() for p in params])
    assert moved[0] == moved[1]


def test_special_values_pass_as_pytorchs() -> None:
    """NaN and infinite gradients and parameters give what PyTorch gives, in every optimiser."""
    torch = pytest.importorskip("torch")
    inf, nan = float("inf"), float("nan")
    starts = [1.0, inf, -inf, nan, 0.0, 1.0, 1.0, 1.0, -0.0]
    slopes = [nan, 1.0, 1.0, 1.0, 0.0, inf, -inf, 1e150, -0.0]
    for name, (kind, options) in OPTIONS.items():
        p = rtch.asarray(starts, dtype="float64").requires_grad_()
        t = torch.tensor(starts, dtype=torch.float64, requires_grad=True)
        ours, theirs = getattr(optim, kind)([p], **options), getattr(torch.optim, kind)([t], **options)
        for _ in range(2):
            p.grad, t.grad = rtch.asarray(slopes, dtype="float64"), torch.tensor(slopes, dtype=torch.float64)
            ours.step()
            theirs.step()
        assert t.tolist() == pytest.approx(p.tolist(), rel=1e-12, nan_ok=True), name
