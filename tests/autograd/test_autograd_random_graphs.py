# SPDX-License-Identifier: MIT
"""Gradients of drawn shapes and drawn graphs against PyTorch, in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rtch
from rtch import autograd
from rtch.ops.row import Kind, Op
from rtch.ops.table import BY_NAME, OPS
from rtch.random import Generator

torch = pytest.importorskip("torch")


def pair(seed: int, shape: tuple[int, ...], low: float = -2.0, high: float = 2.0) -> tuple[Any, Any]:
    """The same drawn leaf for both libraries."""
    x = Generator(seed).uniform(shape, low, high, dtype="float64").requires_grad_()
    flat = x.detach().reshape(-1).tolist()
    return x, torch.tensor(flat, dtype=torch.float64).reshape(shape).requires_grad_()


def close(ours: Any, theirs: Any, rel: float = 1e-12) -> None:
    """Every element within rel of itself, of the largest one, or of 1: what goes into a sum is of that size."""
    a, b = ours.detach().reshape(-1).tolist(), theirs.detach().flatten().tolist()
    assert tuple(theirs.shape) == ours.shape
    scale = max((abs(v) for v in b), default=0.0)
    assert b == pytest.approx(a, rel=rel, abs=rel * (1 + scale))


# Broadcasting -------------------------------------------------------------------------------------------------------


@st.composite
def broadcastable(draw: st.DrawFn, n: int) -> list[tuple[int, ...]]:
    """n shapes of up to four axes, sizes 0 to 4, that broadcast together."""
    full = draw(st.lists(st.integers(0, 4) | st.integers(1, 4), min_size=0, max_size=4))
    shapes = []
    for _ in range(n):
        kept = draw(st.integers(0, len(full)))
        tail = full[len(full) - kept :]
        shapes.append(tuple(1 if draw(st.booleans()) else size for size in tail))
    return shapes


BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda x, y: x + y,
    "subtract": lambda x, y: x - y,
    "multiply": lambda x, y: x * y,
    "divide": lambda x, y: x / y,
}


@pytest.mark.parametrize("name", BINARY)
@given(shapes=broadcastable(2), seed=st.integers(0, 2**32))
@settings(max_examples=100)
def test_broadcast_gradients(name: str, shapes: list[tuple[int, ...]], seed: int) -> None:
    """Both operands get the gradient summed to their own shape, whatever was broadcast, sizes 0 included."""
    (x, tx), (y, ty) = pair(seed, shapes[0]), pair(seed + 1, shapes[1], 0.5, 2.0)
    out, tout = BINARY[name](x, y), BINARY[name](tx, ty)
    w, tw = pair(seed + 2, out.shape)
    (out * w.detach()).sum().backward()
    (tout * tw.detach()).sum().backward()
    close(x.grad, tx.grad)
    close(y.grad, ty.grad)


@given(shapes=broadcastable(3), seed=st.integers(0, 2**32))
@settings(max_examples=100)
def test_where_broadcast_gradients(shapes: list[tuple[int, ...]], seed: int) -> None:
    """`where` with three shapes that broadcast."""
    (c, tc), (x, tx), (y, ty) = (pair(seed + i, shape) for i, shape in enumerate(shapes))
    out = rtch.where(c.detach() > 0, x, y)
    (out * out).sum().backward()
    tout = torch.where(tc.detach() > 0, tx, ty)
    (tout * tout).sum().backward()
    close(x.grad, tx.grad)
    close(y.grad, ty.grad)


@given(
    batch=broadcastable(2),
    sizes=st.tuples(*[st.integers(0, 5)] * 3),
    vectors=st.tuples(st.booleans(), st.booleans()),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=120)
def test_matmul_broadcast_gradients(
    batch: list[tuple[int, ...]], sizes: tuple[int, int, int], vectors: tuple[bool, bool], seed: int
) -> None:
    """matmul with leading axes that broadcast, 1-d operands and empty sizes."""
    m, k, n = sizes
    x, tx = pair(seed, (k,) if vectors[0] else (*batch[0], m, k))
    y, ty = pair(seed + 1, (k,) if vectors[1] else (*batch[1], k, n))
    out, tout = x @ y, tx @ ty
    out.square().sum().backward()
    tout.square().sum().backward()
    close(out, tout)
    close(x.grad, tx.grad)
    close(y.grad, ty.grad)


@given(shape=st.lists(st.integers(1, 4), max_size=4).map(tuple), seed=st.integers(0, 2**32), data=st.data())
@settings(max_examples=150)
def test_reduction_gradients(shape: tuple[int, ...], seed: int, data: st.DataObject) -> None:
    """sum, mean, max and min over drawn axes, ties included, with and without keepdims."""
    axes = tuple(sorted(data.draw(st.sets(st.integers(0, len(shape) - 1)) if shape else st.just(set()))))
    axes = axes or tuple(range(len(shape)))
    keepdims = data.draw(st.booleans())
    x, tx = pair(seed, shape)
    if data.draw(st.booleans()):  # ties
        x = (x.detach() * 1.5).astype("int64").astype("float64").requires_grad_()
        tx = (tx.detach() * 1.5).trunc().requires_grad_()
    name = data.draw(st.sampled_from(["sum", "mean", "max", "min"]))
    theirs = {"sum": torch.sum, "mean": torch.mean, "max": torch.amax, "min": torch.amin}[name]
    out = getattr(rtch, name)(x, axis=axes, keepdims=keepdims)
    tout = theirs(tx, dim=axes, keepdim=keepdims) if shape else tx * 1
    (out.square() + out).sum().backward()
    (tout.square() + tout).sum().backward()
    close(out, tout)
    close(x.grad, tx.grad)


# Drawn graphs -------------------------------------------------------------------------------------------------------


def squashed(x: Any, tanh: Callable[[Any], Any], domain: tuple[float, float]) -> Any:
    """x moved into the domain of an op."""
    low, high = domain
    return (tanh(x) * 0.999 + 1) * ((high - low) / 2) + low


def elementwise(op: Op) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """An op of the table on its domain, by both libraries."""
    ours, theirs = getattr(rtch, op.name), getattr(torch, op.name)
    return (
        lambda *xs: ours(*[squashed(x, rtch.tanh, op.domain) for x in xs]),
        lambda *xs: theirs(*[squashed(x, torch.tanh, op.domain) for x in xs]),
    )


# What PyTorch takes a number for, not a tensor.
NUMBERS = ("hardshrink",)


def of_kind(kind: Kind) -> dict[str, tuple[Callable[..., Any], Callable[..., Any]]]:
    """The differentiable ops of a kind that PyTorch has under the same name."""
    rows = [
        op for op in OPS if op.kind is kind and op.differentiable and hasattr(torch, op.name) and op.name not in NUMBERS
    ]
    return {op.name: elementwise(op) for op in rows}


R, C = 3, 4  # every value is (R, C); every op takes some of those and gives one

UNARY: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    **of_kind(Kind.UNARY),
    "scalar": (lambda x: 1 - x * 0.5 + 2 / (3 + x * x), lambda x: 1 - x * 0.5 + 2 / (3 + x * x)),
    "sum": (lambda x: x * 0.5 + rtch.sum(x, axis=0) * 0.1, lambda x: x * 0.5 + x.sum(0) * 0.1),
    "mean": (lambda x: x - rtch.mean(x, axis=1, keepdims=True), lambda x: x - x.mean(1, keepdim=True)),
    "max": (lambda x: x - rtch.max(x, axis=(0, 1)), lambda x: x - torch.amax(x, (0, 1))),
    "min": (lambda x: x * 0.5 + rtch.min(x, axis=-1, keepdims=True), lambda x: x * 0.5 + torch.amin(x, -1, True)),
    "astype": (lambda x: x.astype("float64"), lambda x: x.to(torch.float64)),
    "reshape": (lambda x: x.reshape(C, R).reshape(R, C) * 1, lambda x: x.reshape(C, R).reshape(R, C) * 1),
    "permute": (
        lambda x: rtch.permute_dims(x, (1, 0)).reshape(R, C),
        lambda x: x.permute(1, 0).reshape(R, C),
    ),
    "broadcast": (
        lambda x: rtch.broadcast_to(x[:1], (R, C)) * x,
        lambda x: x[:1].expand(R, C) * x,
    ),
    "getitem": (
        lambda x: x[::-1] + x[:, ::-1] * 0.5 + x[0, None],
        lambda x: x.flip(0) + x.flip(1) * 0.5 + x[0, None],
    ),
    "from_strides": (
        lambda x: rtch.from_strides(x * 1, (R, C), (2, 1), 1),
        lambda x: (x * 1).as_strided((R, C), (2, 1), 1),
    ),
    "sliding_window_view": (
        lambda x: x * 0.5 + rtch.sum(rtch.sliding_window_view(x, 2, axis=1), axis=-1)[:, 1:2] * 0.1,
        lambda x: x * 0.5 + x.unfold(1, 2, 1).sum(-1)[:, 1:2] * 0.1,
    ),
    "diagonal": (
        lambda x: x * 0.5 + rtch.diagonal(x, 1).reshape(R, 1),
        lambda x: x * 0.5 + x.diagonal(1).reshape(R, 1),
    ),
    "take": (
        lambda x: rtch.take(x, [2, 0, 2], axis=0),
        lambda x: x.index_select(0, torch.tensor([2, 0, 2])),
    ),
    "concat": (
        lambda x: rtch.concat([x[1:], x[:1]]) * rtch.stack([x[:, 0], x[:, 1], x[:, 2], x[:, 3]], axis=1),
        lambda x: torch.cat([x[1:], x[:1]]) * torch.stack([x[:, 0], x[:, 1], x[:, 2], x[:, 3]], dim=1),
    ),
}


def _setitem(module: Any) -> Callable[[Any, Any], Any]:
    def call(x: Any, y: Any) -> Any:
        h = x * 1
        h[1] = y[0]
        h[:, 1:3] = y[:, :1]
        return h

    return call


def _index_add(x: Any, y: Any) -> Any:
    return rtch.index_add(x, 0, [0, 0, 2], y)


def _torch_index_add(x: Any, y: Any) -> Any:
    return x.index_add(0, torch.tensor([0, 0, 2]), y)


def _inplace(x: Any, y: Any) -> Any:
    h = x * 0.5
    h += y
    h *= 0.5
    h -= y * 0.25
    return h


TWO: dict[str, tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]] = {
    **of_kind(Kind.BINARY),
    "where": (lambda x, y: rtch.where(x > y, x, y * 2), lambda x, y: torch.where(x > y, x, y * 2)),
    "matmul": (lambda x, y: x @ y.mT @ x * 0.1, lambda x, y: x @ y.mT @ x * 0.1),
    "setitem": (_setitem(rtch), _setitem(torch)),
    "index_add": (_index_add, _torch_index_add),
    "inplace": (_inplace, _inplace),
}

STEP = st.tuples(st.sampled_from([*UNARY, *TWO, *TWO]), st.integers(0, 99), st.integers(0, 99))


def build(steps: list[tuple[str, int, int]], leaves: list[Any], which: int) -> Any:
    """Run drawn steps; each takes earlier values. tanh keeps values bounded, so that no sign hangs on rounding."""
    values = list(leaves)
    tanh = (rtch.tanh, torch.tanh)[which]
    for name, i, j in steps:
        x, y = values[i % len(values)], values[j % len(values)]
        values.append(tanh(UNARY[name][which](x) if name in UNARY else TWO[name][which](x, y)))
    total = values[0].sum() * 0
    for k, value in enumerate(values[len(leaves) :]):
        total = total + value.sum() * (0.5 + k % 3)
    return total


def test_the_table_is_drawn_from() -> None:
    """Elementwise ops come from the table; reductions and moves are written out above, and none is left out.

    sum_to is what the gradient of broadcasting runs. Those that tests/ops holds to second order alone are named here;
    rows of layers, indexing, linalg and fft are tested beside their functions.
    """
    drawn = {{"permute": "permute_dims", "broadcast": "broadcast_to"}.get(name, name) for name in (*UNARY, *TWO)}
    assert {"negative", "relu", "square", "sqrt", "tanh", "add", "subtract", "multiply", "divide"} <= drawn
    kinds = (Kind.TERNARY, Kind.REDUCE, Kind.STRUCTURE)
    elsewhere = {"clip", "prod", "var", "std", "gather_nd", "scatter_nd", "scatter_nd_add", "imag", "real"}
    elsewhere |= {"linear", "setitem_add"}
    elsewhere |= {name for name in BY_NAME if name in ("from_strides", "diagonal", "sliding_window_view")}
    families = {f"rtch.ops.{family}" for family in ("elementwise", "reductions", "structure")}
    rows = {
        op.name
        for op in OPS
        if op.kind in kinds and families.intersection(f.__module__ for f in op.grads if f is not None)
    }
    assert rows - {"sum_to"} - elsewhere <= drawn


@given(steps=st.lists(STEP, min_size=1, max_size=14), seed=st.integers(0, 2**32))
@settings(max_examples=150)
def test_random_graphs(steps: list[tuple[str, int, int]], seed: int) -> None:
    """A drawn graph over three leaves has PyTorch's value and gradients within 1e-12."""
    pairs = [pair(seed + i, (R, C)) for i in range(3)]
    ours, theirs = (build(steps, [p[which] for p in pairs], which) for which in (0, 1))
    ours.backward()
    theirs.backward()
    close(ours, theirs)
    for x, tx in pairs:
        if x.grad is not None or tx.grad is not None:  # neither, where no step drew the leaf
            close(x.grad, tx.grad)


@given(steps=st.lists(STEP, min_size=1, max_size=6), seed=st.integers(0, 2**32))
@settings(max_examples=80)
def test_random_graphs_to_second_order(steps: list[tuple[str, int, int]], seed: int) -> None:
    """The gradient of the squared norm of a drawn graph's gradient equals PyTorch's."""
    pairs = [pair(seed + i, (R, C)) for i in range(2)]
    ours, theirs = (build(steps, [p[which] for p in pairs], which) for which in (0, 1))
    leaves, tleaves = [x for x, _ in pairs], [tx for _, tx in pairs]
    first = autograd.grad(ours, leaves, create_graph=True, allow_unused=True)
    tfirst = torch.autograd.grad(theirs, tleaves, create_graph=True, allow_unused=True)
    norm = sum((g.square().sum() for g in first if g is not None), leaves[0].sum() * 0)
    tnorm = sum((g.square().sum() for g in tfirst if g is not None), tleaves[0].sum() * 0)
    second = autograd.grad(norm, leaves, allow_unused=True)
    tsecond = torch.autograd.grad(tnorm, tleaves, allow_unused=True)
    for g, tg in zip(second, tsecond, strict=True):
        if g is not None and tg is not None:
            close(g, tg, rel=1e-11)
        else:
            assert all(v == 0 for t in (g, tg) if t is not None for v in t.reshape(-1).tolist())
