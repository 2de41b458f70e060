# SPDX-License-Identifier: MIT
"""Gradients to second order for every row that has one, through every kind of layout and broadcasting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rtch
from rtch import rowwise
from rtch._c.objects import node_object
from rtch.autograd import gradcheck, gradgradcheck
from rtch.convolutions import Axes
from rtch.manipulation import affine
from rtch.nn.functional import hardtanh, threshold
from rtch.ops.row import F, Kind, Op
from rtch.ops.table import BY_NAME, OPS
from rtch.pooling import Windows
from rtch.tensor import add_at, basic_spec
from tensor_draws import assert_same, dense, layout

DIFFERENTIABLE = [op for op in OPS if op.differentiable]
ELEMENTWISE = [op for op in DIFFERENTIABLE if op.kind in (Kind.UNARY, Kind.BINARY)]
LAYOUTS = ("contiguous", "transposed", "reversed", "stepped", "padded", "broadcast", "repeated", "empty", "scalar")
ids = {"ids": lambda value: value.name if isinstance(value, Op) else str(value)}


def leaf(op: Op, kind: str, shape: tuple[int, ...], seed: int) -> rtch.Tensor:
    """A float64 leaf of a layout class with values from the op's domain, no two alike, none near 0."""
    size = int(np.prod(dense(kind, shape)))
    low, high = op.domain
    grid = np.linspace(low, high, 2 * size + 2)[1:-1:2] + (0.013 + 0.007 * seed) * (high - low) / (size + 1)
    a = np.random.default_rng(seed).permutation(grid[:size]).reshape(dense(kind, shape))
    return layout(kind, rtch.asarray(a), shape).requires_grad_()


def both(f: Callable[..., Any], *inputs: rtch.Tensor) -> None:
    """First and second order."""
    assert gradcheck(f, inputs)
    assert gradgradcheck(f, inputs, rtol=2e-3, atol=1e-4)


@pytest.mark.parametrize("kind", LAYOUTS)
@pytest.mark.parametrize("op", ELEMENTWISE, **ids)
def test_elementwise(op: Op, kind: str) -> None:
    """Each layout class on the left, another one on the right; the leaf itself is strided."""
    x = leaf(op, kind, (2, 3), 1)
    if op.kind is Kind.UNARY:
        both(getattr(rtch, op.name), x)
        return
    for other in ("stepped", "broadcast", "repeated", "scalar"):
        if kind != "empty" or other in ("broadcast", "scalar"):
            shape = (1, 3) if kind == "empty" else (2, 3)
            both(getattr(rtch, op.name), x, leaf(op, other, shape, 2))


@pytest.mark.parametrize("op", [op for op in ELEMENTWISE if op.kind is Kind.BINARY], **ids)
def test_operands_broadcast_against_each_other(op: Op) -> None:
    """Gradients are summed over the axes that broadcasting added; one tensor on both sides, scalars on either."""
    function = getattr(rtch, op.name)
    both(function, leaf(op, "contiguous", (3, 1), 1), leaf(op, "contiguous", (1, 2), 2))
    both(lambda x, y: function(x, y[0]), leaf(op, "contiguous", (3, 2), 1), leaf(op, "contiguous", (1, 2), 2))
    both(lambda x, y: function(y[:, 0], x), leaf(op, "contiguous", (1, 2), 1), leaf(op, "contiguous", (2, 1), 2))
    x = leaf(op, "contiguous", (2, 3), 3)
    both(lambda x: function(x, x), x)
    inside = op.domain[1] * 0.625
    both(lambda x: function(x, inside) + function(inside, x), x)


@pytest.mark.parametrize("op", [op for op in DIFFERENTIABLE if op.kind is Kind.REDUCE], **ids)
def test_reductions(op: Op) -> None:
    """Over each axis, several, all and none, with and without keepdims."""
    function = getattr(rtch, op.name)
    for kind in ("contiguous", "transposed", "stepped"):
        for axis in (None, 0, -1, (0, 1), ()):
            x = leaf(op, kind, (2, 3), 1)
            both(lambda x, axis=axis: function(x, axis=axis) * function(x, axis=axis, keepdims=True), x)


def test_ties_share_the_gradient_of_max_and_min() -> None:
    """Equally, as in PyTorch."""
    for name in ("max", "min"):
        x = rtch.asarray([[1.0, 1.0, 1.0, 1.0], [2.0, 2.0, 3.0, 3.0]]).requires_grad_()
        getattr(x, name)(axis=1).sum().backward()
        second = [0.0, 0.0, 0.5, 0.5] if name == "max" else [0.5, 0.5, 0.0, 0.0]
        assert x.grad is not None
        assert x.grad.tolist() == [[0.25] * 4, second]


@pytest.mark.parametrize("zeros", [[], [1], [0, 4], [0, 1, 2, 3, 4]])
def test_products_with_zeros_have_their_gradients(zeros: list[int]) -> None:
    """No division by an element: to second order with none, one, several and nothing but zeros."""
    a = np.array([[1.5, -0.7, 2.1, 0.4, -1.2], [0.3, 1.1, -2.2, 0.9, 1.7]])
    a[0, zeros] = 0
    for f in (
        lambda x: rtch.prod(x, axis=1),
        lambda x: rtch.prod(x, axis=(0, 1), keepdims=True),
        lambda x: rtch.cumulative_prod(x, axis=1),
        lambda x: rtch.cumulative_prod(x, axis=0, include_initial=True),
        lambda x: rtch.cumulative_prod(x[0], dtype="float64"),
    ):
        both(f, rtch.asarray(a).requires_grad_())


def test_std_of_equal_elements_has_no_gradient() -> None:
    """0, as in PyTorch, where the square root has none; and the correction enters var and std."""
    x = rtch.asarray([[2.0, 2.0, 2.0], [1.0, 2.0, 4.0]], dtype="float64").requires_grad_()
    x.std(axis=1, correction=1).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist()[0] == [0.0, 0.0, 0.0]
    x = leaf(BY_NAME["std"], "stepped", (2, 3), 1)
    both(lambda x: rtch.std(x, axis=1, correction=1) * rtch.var(x, correction=0.5), x)


def test_relu_has_no_gradient_at_zero() -> None:
    """As in PyTorch, at either zero."""
    x = rtch.asarray([-1.0, -0.0, 0.0, 2.0]).requires_grad_()
    x.relu().sum().backward()
    assert x.grad is not None
    assert_same(np.array([0, 0, 0, 1], "float32"), x.grad)


INDEX = [2, 0, 2, -1]
LANES = rtch.asarray([[1, 0, 1, -1], [0, 1, 0, 0]])
PLACES = rtch.asarray([[[4, 0], [4, 5]]])
ROWS = rtch.asarray([[2, 0, 2, 1]])
WINDOWS = Windows.make([[(0, 2, 2), (1, 4, 3)], [(0, 2, 2), (1, 3, 3)]])
CONDITION = rtch.asarray([[True, False, True], [False, False, True]])
STRUCTURE: dict[str, list[tuple[Callable[..., Any], tuple[tuple[int, int], ...]]]] = {
    "where": [
        (lambda x, y: rtch.where(CONDITION, x, y), ((2, 3), (2, 3))),
        (lambda x, y: rtch.where(CONDITION, x[:1], y[:, :1]) * x, ((2, 3), (2, 3))),
        (lambda x: rtch.where(CONDITION[0], x, 1.0) + rtch.where(CONDITION, 2, x), ((2, 3),)),
    ],
    "hardtanh": [(lambda x: F.hardtanh_grad(x * x, x, 1.1, 3.3) + hardtanh(x * x, -1.0, 2.0) * x, ((2, 3),))],
    "hardtanh_grad": [(lambda x, y: F.hardtanh_grad(x * x, y, 1.1, 3.3) * y, ((2, 3), (2, 3)))],
    "threshold": [(lambda x: threshold(x * x, 2.0, 9.0) * x, ((2, 3),))],
    "dropout": [(lambda x: F.dropout_at(x, 0.3, 1 / 0.7, 5, 7) * x, ((2, 3),))],
    "linear": [
        (lambda x, y: affine(x, y, None), ((2, 3), (4, 3))),
        (lambda x, y, z: affine(x[None] * x, y, z[0]) * 2, ((2, 3), (4, 3), (1, 4))),
        (lambda x, y: affine(x[0], y, y[:, 0]), ((2, 3), (4, 3))),
        (lambda x: affine(x, x, x[:, 1]), ((3, 3),)),
    ],
    "matmul": [
        (rtch.matmul, ((2, 3), (3, 4))),
        (lambda x, y: x.T @ y, ((3, 2), (3, 4))),
        (lambda x, y: x[0] @ y, ((2, 3), (3, 4))),
        (lambda x, y: x @ y[:, 0], ((2, 3), (3, 4))),
        (lambda x, y: x[0] @ y[:, 0], ((2, 3), (3, 4))),
        (lambda x, y: rtch.reshape(x, (2, 1, 2, 3)) @ y, ((4, 3), (3, 4))),
        (lambda x, y: x[0] @ rtch.reshape(y, (2, 3, 2)), ((2, 3), (3, 4))),
        (lambda x, y: rtch.reshape(x, (2, 1, 2, 3)) @ rtch.reshape(y, (1, 2, 3, 2)), ((4, 3), (3, 4))),
        (lambda x: x @ x, ((3, 3),)),
    ],
    "astype": [(lambda x: rtch.astype(rtch.astype(x, "float64") * x, rtch.float64), ((2, 3),))],
    "reshape": [(lambda x: rtch.reshape(x, (3, -1)) * rtch.reshape(x.T, (3, 2)), ((2, 3),))],
    "broadcast_to": [(lambda x: rtch.broadcast_to(x[:, None], (2, 2, 2, 3)) * x, ((2, 3),))],
    "sum_to": [(lambda x: rtch.sum_to(x * x, (2, 1)) * rtch.sum_to(x, (3,)) * rtch.sum_to(x, ()), ((2, 3),))],
    "permute_dims": [(lambda x: rtch.permute_dims(x[None] * x[:, None], (2, 0, 1)) * x.T[:, None], ((2, 3),))],
    "getitem": [
        (lambda x: x[1] * x[::-1, 1:][:, None, ::2] * x[..., -1:] * x[0, 2], ((2, 3),)),
        (lambda x: x[:, 3:] * 2 + x[5:, :0], ((1, 3),)),
    ],
    "setitem": [
        (lambda x, y: written(x * 1, (slice(None), slice(None, None, -2)), y), ((2, 3), (2, 2))),
        (lambda x, y: written(x * 1, 0, y[0, 0]) * x, ((2, 3), (2, 2))),
        (lambda x: written(x * 1, slice(None, None, -1), x) * x, ((2, 3),)),
    ],
    "setitem_add": [
        (lambda x, y: added(x * x, (slice(None), slice(None, None, -2)), y * y) * x, ((2, 3), (2, 2))),
        (lambda x, y: added(x * 1, 1, y[0]) * y[0, 0], ((2, 3), (1, 3))),
    ],
    "gather_nd": [(lambda x: x[[1, 0, 1]] * x[0] * x[[1, 1], [0, 2]][0], ((2, 3),))],
    "scatter_nd": [(lambda x, y: written(x * 1, [1], y) * x, ((2, 3), (1, 3)))],
    "scatter_nd_add": [
        (lambda x, y: F.scatter_nd_add(x * x, [0], [rtch.asarray([1, 1])], y * y) * x, ((2, 3), (2, 3))),
        (lambda x: x[[1, 0, 1]] * x[[1, 1], [0, 2]][0], ((2, 3),)),
    ],
    "gather": [
        (lambda x: x.gather(1, LANES) * x[:, :1], ((2, 3),)),
        (lambda x: (x * x).gather(0, LANES[:1, :2]), ((2, 3),)),
    ],
    "scatter": [
        (lambda x, y: x.scatter(1, LANES, y * y) * x, ((2, 3), (2, 5))),
        (lambda x: (x * x).scatter(0, LANES[:, :2], 7.0), ((2, 3),)),
    ],
    "scatter_add": [
        (lambda x, y: x.scatter_add(1, LANES, y * y) * x, ((2, 3), (2, 5))),
        (lambda x: (x * x).scatter_add(0, LANES[:, :2], x), ((2, 3),)),
    ],
    "lerp": [
        (lambda x, y, w: x.lerp(y, w / 4) * x, ((2, 3), (2, 3), (2, 3))),
        (lambda x, y: (x * x).lerp(y, 0.2) + y.lerp(x * x, 0.9), ((2, 3), (1, 3))),
        (lambda x, w: x.lerp(x * x, w[0, 0]), ((2, 3), (1, 1))),
    ],
    "nan_to_num": [(lambda x: rtch.where(CONDITION, x, rtch.nan).nan_to_num(2.0) * x, ((2, 3),))],
    "diagonal": [(lambda x: rtch.diagonal(x, offset=1) * x[0, 0], ((3, 3),))],
    "sliding_window_view": [(lambda x: rtch.sliding_window_view(x, 2, axis=1) * 2 * x[0, 0], ((2, 3),))],
    "from_strides": [(lambda x: rtch.from_strides(x * x, (2, 2), (1, 1)) * 3, ((2, 3),))],
    "cumulative_sum": [
        (lambda x: rtch.cumulative_sum(x, axis=1) * x, ((2, 3),)),
        (lambda x: rtch.cumulative_sum(x * x, axis=0, include_initial=True), ((2, 3),)),
    ],
    "cumulative_prod": [
        (lambda x: rtch.cumulative_prod(x, axis=1) * x, ((2, 3),)),
        (lambda x: rtch.cumulative_prod(x - x[:, :1], axis=1, include_initial=True), ((2, 3),)),
    ],
    "take": [(lambda x: rtch.take(x, INDEX, axis=1) * rtch.take(x, [1], axis=0)[:, :1], ((2, 3),))],
    "index_add": [
        (lambda x, y: rtch.index_add(x, 1, INDEX, y, alpha=2) * x, ((2, 3), (2, 4))),
        (lambda x: rtch.index_add(x * x, 0, [0, 0], x), ((2, 3),)),
    ],
    "clip": [
        (lambda x: rtch.clip(x, 1.1, 3.3) * 2, ((2, 3),)),
        (lambda x, y: rtch.clip(x, y, None) * x, ((2, 3), (2, 1))),
        (lambda x, y: rtch.clip(x * x, max=y), ((2, 1), (2, 3))),
        (lambda x, y, z: rtch.clip(x, y - 1, z * z), ((2, 3), (2, 3), (1, 3))),
    ],
    "real": [(lambda x: rtch.real(x * (2 + 1j)) * rtch.real(x), ((2, 3),))],
    "imag": [(lambda x: rtch.imag(x * (2 + 1j)) * x, ((2, 3),))],
    "softmax": [
        (lambda x: rtch.softmax(x, 1) * x, ((2, 3),)),
        (lambda x: rtch.softmax(x * x, 0), ((2, 3),)),
        (lambda x: rtch.softmax(x[0, 0], -1) + x, ((2, 3),)),
    ],
    "log_softmax": [
        (lambda x: rtch.log_softmax(x * x, 1) * x, ((2, 3),)),
        (lambda x: rtch.log_softmax(x, 0), ((2, 3),)),
    ],
    "logsumexp": [
        (lambda x: rtch.logsumexp(x, axis=1) * rtch.logsumexp(x * x, axis=(0, 1)), ((2, 3),)),
        (lambda x: rtch.logsumexp(x, axis=0, keepdims=True) * x, ((2, 3),)),
    ],
    "softmax_grad": [(lambda g, y: F.softmax_grad("softmax_grad", g, y * y, 2) * y, ((2, 3), (2, 3)))],
    "log_softmax_grad": [(lambda g, y: F.softmax_grad("log_softmax_grad", g * g, -y, 1) * y, ((2, 3), (2, 3)))],
    "softmax_cross_entropy": [
        (lambda x: cross_entropy(x * x, 1), ((2, 3),)),
        (lambda x: cross_entropy(x, 0), ((3, 2),)),
    ],
    "softmax_cross_entropy_grad": [
        (lambda g, x: F.softmax_cross_entropy_grad(g[0] * g[0], x, target(x, 1)) * x, ((1, 2), (2, 3))),
    ],
    "standardize": [
        (lambda x, w, b: standardize(x, w, b, 2, True)[0] * x, ((2, 3), (1, 3), (1, 3))),
        (lambda x, w, b: standardize(x * x, w, b, 1, True)[0], ((3, 2), (1, 2), (1, 2))),
        (lambda x, w, b: standardize(x, w * w, b, 3, True)[0], ((2, 3), (2, 1), (1, 1))),
        (lambda x, w: standardize(x, w, None, 2, False)[0] * x, ((2, 3), (1, 3))),
        (lambda x: standardize(x, None, None, 1, True)[0] * x, ((3, 2),)),
    ],
    "standardize_grad": [
        (
            lambda g, x, w: F.standardize_grad(g * g, x, w, standardize(x, w, None, 2, True)[1]),
            ((2, 3), (2, 3), (1, 3)),
        ),
        (
            lambda g, x, w: F.standardize_grad(g, x, w * w, standardize(x, w, None, 1, True)[1]),
            ((3, 2), (3, 2), (1, 2)),
        ),
        (
            lambda g, x: F.standardize_grad(g, x * x, None, standardize(x * x, None, None, 2, False)[1]),
            ((2, 3), (2, 3)),
        ),
    ],
    "standardize_grad_weight": [
        (lambda g, x: weight_gradient(g * g, x, 2, (3,)), ((2, 3), (2, 3))),
        (lambda g, x: weight_gradient(g, x, 1, (2,)), ((3, 2), (3, 2))),
        (lambda g, x: weight_gradient(g, x, 2, (2, 1)), ((2, 3), (2, 3))),
        (lambda g, x: weight_gradient(g, x, 3, (1, 3)) * x, ((2, 3), (2, 3))),
    ],
    # Of (1, C) images and (O, C) weights of width as given; groups of channels.
    "convolution": [
        (lambda x, w: F.convolution(x[None], w[:, None], None, 1, Axes((2, 3, 1, 0))) * w[0, 0], ((1, 6), (2, 3))),
        (lambda x, w, b: F.convolution(x[None], w[:, None], b[0], 2, Axes((3, 2, 2, 2))), ((2, 6), (4, 3), (1, 4))),
    ],
    "convolution_transpose": [
        (
            lambda x, w: F.convolution_transpose(x[None], w[:, None], None, 1, Axes((6, 3, 1, 0))) * x[0, 0],
            ((2, 2), (2, 3)),
        ),
        (
            lambda x, w, b: F.convolution_transpose(x[None], w[:, None], b[0], 2, Axes((6, 2, 2, 2))),
            ((4, 3), (4, 3), (1, 2)),
        ),
    ],
    "convolution_weight": [
        (lambda x, y: F.convolution_weight(x[None], y[None], 1, Axes((3, 3, 1, 0))) * y[0, 0], ((1, 6), (2, 2))),
        (lambda x, y: F.convolution_weight(x[None] * x[None], y[None], 2, Axes((3, 2, 2, 2))), ((2, 6), (4, 3))),
    ],
    "pool_gather": [(lambda x: F.pool_gather(x[None], PLACES, 2) * x[0, 0], ((2, 3),))],
    "pool_scatter": [(lambda x: F.pool_scatter(x[None] * x[None], PLACES, 2, (1, 3, 2)) * x[0, 0], ((2, 2),))],
    "average_pool": [(lambda x: F.average_pool(x[None], WINDOWS) * x[0, 0], ((4, 3),))],
    "average_pool_grad": [(lambda g: F.average_pool_grad(g[None] * g[None], WINDOWS, (1, 4, 3)) * g[0, 0], ((2, 2),))],
    "embedding": [
        (lambda x: F.embedding(x, ROWS, -1, False) * x[0, 0], ((3, 2),)),
        (lambda x: F.embedding(x * x, ROWS[0], -1, False), ((3, 2),)),
    ],
    "embedding_grad": [
        (lambda g: F.embedding_grad(g[None] * g[None], ROWS, 4, -1, False) * g[0, 0], ((4, 2),)),
        (lambda g: F.embedding_grad(g[None], ROWS, 3, 1, True) * g[0, 0], ((4, 2),)),
    ],
    "concat": [
        (lambda x, y: rtch.concat([x, y, x], axis=1) * 2, ((2, 3), (2, 1))),
        (lambda x, y: rtch.concat([x * x, y], axis=None), ((2, 3), (2, 1))),
        (lambda x, y: rtch.stack([x, y * x], axis=-1), ((2, 3), (2, 3))),
    ],
}


def target(x: rtch.Tensor, axis: int) -> rowwise.Target:
    """What cross entropy keeps, for two rows of three classes."""
    out = rowwise.softmax_cross_entropy("test", x.detach().requires_grad_(), rtch.asarray([2, 0]), axis, -1)
    return node_object(out._h.node, False)["at"]


def cross_entropy(x: rtch.Tensor, axis: int) -> rtch.Tensor:
    """Of two rows of three classes, the second of which is ignored."""
    first = rowwise.softmax_cross_entropy("test", x, rtch.asarray([2, 0]), axis, -1)
    return first * first + rowwise.softmax_cross_entropy("test", x, rtch.asarray([1, -1]), axis, -1)


def standardize(
    x: rtch.Tensor, weight: rtch.Tensor | None, bias: rtch.Tensor | None, axes: int, centered: bool
) -> tuple[rtch.Tensor, rowwise.Standardized]:
    """With a large eps, and what its gradient is called with."""
    return rowwise.standardize("test", x, weight, bias, axes, 0.1, centered)


def weight_gradient(g: rtch.Tensor, x: rtch.Tensor, axes: int, shape: tuple[int, ...]) -> rtch.Tensor:
    """The gradient towards a weight of the shape."""
    by = standardize(x, None, None, axes, True)[1]
    return F.standardize_grad_weight(g, x, by, shape)


def written(x: rtch.Tensor, key: Any, value: Any) -> rtch.Tensor:
    """x after a recorded write."""
    x[key] = value
    return x


def added(x: rtch.Tensor, key: Any, value: rtch.Tensor) -> rtch.Tensor:
    """x after a recorded addition to a slice."""
    add_at(x, basic_spec(x, key), value)
    return x


@pytest.mark.parametrize("name", STRUCTURE)
def test_structure(name: str) -> None:
    """On leaves that are dense, transposed and stepped."""
    for f, shapes in STRUCTURE[name]:
        for kind in ("contiguous", "transposed", "stepped"):
            both(f, *(leaf(BY_NAME["square"], kind, shape, i) for i, shape in enumerate(shapes)))


def test_no_differentiable_row_is_left_out() -> None:
    """Elementwise ops and reductions are drawn from the table; the others are listed here, all of them, save the
    families of fft and linalg, whose own lists are complete.
    """
    others = {op.name for op in DIFFERENTIABLE if op.kind not in (Kind.UNARY, Kind.BINARY, Kind.REDUCE)}
    assert set(STRUCTURE) == {name for name in others if not name.startswith(("fft_", "linalg_"))}


def test_helpers_of_gradients_undo_each_other() -> None:
    """sum_to is the adjoint of broadcast_to: <broadcast(x), y> = <x, sum_to(y)>."""
    for shape, wide in (
        ((), (2, 3)),
        ((3,), (2, 3)),
        ((2, 1), (4, 2, 3)),
        ((1, 1), (5, 2)),
        ((0,), (2, 0)),
        ((1,), (0,)),
    ):
        x = rtch.asarray(np.arange(1, np.prod(shape) + 1).reshape(shape))
        y = rtch.asarray(np.arange(np.prod(wide)).reshape(wide))
        left = (rtch.broadcast_to(x, wide) * y).sum().item()
        assert left == (x * rtch.sum_to(y, shape)).sum().item()
        assert_same(
            x.numpy() * (np.prod(wide) // max(np.prod(shape), 1)), rtch.sum_to(rtch.broadcast_to(x, wide), shape)
        )
    assert F.inverse_permutation((2, 0, 1)) == (1, 2, 0)


def test_max_of_nan_has_a_gradient_of_nan():
    """Where the largest element is NaN no element equals it: all get NaN, as in PyTorch; other rows are untouched."""
    x = rtch.asarray([[1.0, float("nan"), 3.0], [2.0, 2.0, 1.0]]).requires_grad_()
    rtch.max(x, axis=1).sum().backward()
    first, second = x.grad.tolist()
    assert all(value != value for value in first)
    assert [0.5, 0.5, 0.0] == second
