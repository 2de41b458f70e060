# SPDX-License-Identifier: MIT
"""matmul, matrix_transpose, tensordot and vecdot. Small whole numbers, so that every order of additions is exact."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import rtch
from rtch.autograd import gradcheck
from rtch.errors import ArgumentError, BroadcastError, DimensionError, DTypeError
from tensor_draws import COMPLEX, FLOATS, INTEGERS, assert_same, promoted, promotes

NUMERIC = (*INTEGERS, *FLOATS, *COMPLEX)


def whole(dtype: str, shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Whole numbers of a dtype."""
    rng = np.random.default_rng(seed)
    low = 0 if np.dtype(dtype).kind == "u" else -3
    made = rng.integers(low, 4, shape)
    return (made + 1j * rng.integers(-3, 4, shape)).astype(dtype) if np.dtype(dtype).kind == "c" else made.astype(dtype)


def of_both(x1: np.ndarray, x2: np.ndarray) -> list[np.ndarray]:
    """Both in the dtype they have together."""
    dtype = promoted(x1.dtype.name, x2.dtype.name)
    return [x1.astype(dtype), x2.astype(dtype)]


@st.composite
def dtype_pairs(draw: Any) -> tuple[str, str]:
    """Numeric dtypes that promote."""
    return draw(st.tuples(st.sampled_from(NUMERIC), st.sampled_from(NUMERIC)).filter(lambda names: promotes(*names)))


@given(hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=2, max_side=3), st.data())
def test_matmul(shapes: Any, data: Any) -> None:
    """Matrices in stacks that broadcast, rows on the left, columns on the right; promoted dtype; the operators too."""
    m, k, n = (data.draw(st.integers(0, 4)) for _ in range(3))
    a, b = data.draw(dtype_pairs())
    left = data.draw(st.sampled_from([(*shapes.input_shapes[0], m, k), (k,)]))
    right = data.draw(st.sampled_from([(*shapes.input_shapes[1], k, n), (k,)]))
    x1, x2 = whole(a, left, 1), whole(b, right, 2)
    expected = np.matmul(*of_both(x1, x2))
    t1, t2 = rtch.asarray(x1), rtch.asarray(x2)
    for got in (rtch.matmul(t1, t2), t1 @ t2, t2.__rmatmul__(t1)):
        assert_same(expected + 0, got)


def test_matmul_in_place() -> None:
    """Keeps shape and dtype; other tensors don't see it; recorded."""
    x, y = rtch.asarray([[1.0, 2.0], [3.0, 4.0]]), rtch.asarray([[0.0, 1.0], [1.0, 0.0]])
    view = x.T
    x @= y
    assert x.tolist() == [[2.0, 1.0], [4.0, 3.0]]
    assert view.tolist() == [[1.0, 3.0], [2.0, 4.0]]
    for bad in (rtch.ones((2, 3)), rtch.ones(2)):
        with pytest.raises(BroadcastError, match=r"^matmul: an in-place result must keep shape and dtype"):
            x @= bad
    with pytest.raises(DTypeError, match=r"^matmul: an in-place result must keep shape and dtype"):
        x @= rtch.astype(y, rtch.float64)
    for bad_value in (2, [1.0], np.ones((2, 2)), None):
        with pytest.raises(TypeError):
            x @= bad_value
    assert x.tolist() == [[2.0, 1.0], [4.0, 3.0]]
    leaf = rtch.ones((2, 2)).requires_grad_()
    z = leaf * 1
    z @= y
    (z * rtch.asarray([[1.0, 2.0], [3.0, 4.0]])).sum().backward()
    assert leaf.grad is not None
    assert leaf.grad.tolist() == [[2.0, 1.0], [4.0, 3.0]]
    with pytest.raises(RuntimeError):
        leaf @= y


def test_matmul_refuses() -> None:
    """0-d operands, inner sizes that differ, bool, and what is no tensor."""
    x = rtch.ones((2, 3))
    for bad in (rtch.ones(()), rtch.ones((2, 3))):
        with pytest.raises((DimensionError, BroadcastError)):
            rtch.matmul(x, bad)
    with pytest.raises(DTypeError):
        rtch.matmul(rtch.ones((2, 2), dtype="bool"), rtch.ones((2, 2), dtype="bool"))
    with pytest.raises(DTypeError):
        rtch.matmul(x, 2)  # type: ignore[arg-type]


@given(hnp.array_shapes(min_dims=2, max_dims=4, min_side=0), st.sampled_from(NUMERIC))
def test_matrix_transpose(shape: tuple[int, ...], dtype: str) -> None:
    """A view of the last two axes swapped, as mT."""
    a = whole(dtype, shape, 1)
    t = rtch.asarray(a)
    for got in (rtch.matrix_transpose(t), t.mT):
        assert_same(np.swapaxes(a, -1, -2), got)
        assert rtch.shares_storage(got, t)
    with pytest.raises(DimensionError):
        rtch.matrix_transpose(rtch.ones(3))


@given(st.data())
def test_tensordot(data: Any) -> None:
    """By number of axes and by pairs of axes, negative ones too."""
    a, b = data.draw(dtype_pairs())
    shape1 = data.draw(hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3))
    n = data.draw(st.integers(0, len(shape1)))
    free = data.draw(hnp.array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=3))
    if data.draw(st.booleans()):
        axes: Any = n
        shape2 = (*shape1[len(shape1) - n :], *free)
    else:
        left = data.draw(st.permutations(range(len(shape1))))[:n]
        order = data.draw(st.permutations(range(n + len(free))))
        sizes = [*(shape1[d] for d in left), *free]
        shape2 = tuple(sizes[d] for d in order)
        right = [order.index(i) for i in range(n)]
        axes = (
            [d - len(shape1) if data.draw(st.booleans()) else d for d in left],
            [d - len(shape2) if data.draw(st.booleans()) else d for d in right],
        )
    x1, x2 = whole(a, shape1, 1), whole(b, shape2, 2)
    expected = np.tensordot(*of_both(x1, x2), axes=axes)
    assert_same(np.asarray(expected) + 0, rtch.tensordot(rtch.asarray(x1), rtch.asarray(x2), axes=axes))


def test_tensordot_refuses() -> None:
    """Axes that do not pair, that differ in size, that are out of range or named twice."""
    x, y = rtch.ones((2, 3)), rtch.ones((3, 2))
    assert rtch.tensordot(x, rtch.ones((2, 3))).item() == 6
    with pytest.raises(BroadcastError, match=r"^tensordot: paired axes must agree in size"):
        rtch.tensordot(x, y)
    for axes in (3, -1, ((2,), (0,)), ((0, 0), (0, 1))):
        with pytest.raises(DimensionError, match=r"^tensordot: "):
            rtch.tensordot(x, y, axes=axes)  # type: ignore[arg-type]
    for axes in (((0,), (0, 1)), 1.5, (0, 1), ((0,),), None):
        with pytest.raises(ArgumentError, match=r"^tensordot: "):
            rtch.tensordot(x, y, axes=axes)  # type: ignore[arg-type]


@given(hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, min_side=0, max_side=3), st.data())
def test_vecdot(shapes: Any, data: Any) -> None:
    """conj(x1) * x2 summed along an axis; the others broadcast."""
    a, b = data.draw(dtype_pairs())
    first, second = shapes.input_shapes
    at = data.draw(st.integers(-1 - min(len(first), len(second)), -1))
    k = data.draw(st.integers(0, 4))

    def with_axis(shape: tuple[int, ...]) -> tuple[int, ...]:
        position = len(shape) + at + 1
        return (*shape[:position], k, *shape[position:])

    x1, x2 = whole(a, with_axis(first), 1), whole(b, with_axis(second), 2)
    c1, c2 = of_both(x1, x2)
    expected = (np.conj(np.moveaxis(c1, at, -1)) * np.moveaxis(c2, at, -1)).sum(-1, dtype=c1.dtype)
    t1, t2 = rtch.asarray(x1), rtch.asarray(x2)
    assert_same(expected + 0, rtch.vecdot(t1, t2, axis=at))
    if len(first) == len(second):
        assert_same(expected + 0, rtch.vecdot(t1, t2, axis=at + len(first) + 1))


def test_vecdot_has_the_bits_of_matmul() -> None:
    """Whatever the operands' shapes."""
    a = np.random.default_rng(1).standard_normal((3, 1000)).astype("float32")
    t = rtch.asarray(a)
    expected = [(t[i] @ t[i]).item() for i in range(3)]
    assert rtch.vecdot(t, t).tolist() == rtch.vecdot(t.T, t.T, axis=0).tolist() == expected
    assert rtch.vecdot(t, t[0])[0].item() == rtch.vecdot(t[0], t)[0].item() == expected[0]


def test_vecdot_refuses() -> None:
    """Sizes of one beside others, axes that one operand lacks, 0-d operands."""
    x = rtch.ones((2, 3))
    with pytest.raises(BroadcastError, match=r"^vecdot: vectors of one size are needed"):
        rtch.vecdot(x, rtch.ones((2, 1)))
    with pytest.raises(BroadcastError, match=r"^vecdot: shapes do not fit together"):
        rtch.vecdot(x, rtch.ones((3, 3)))
    for y, axis in ((rtch.ones(3), -2), (rtch.ones(3), 0), (x, 2), (x, -3), (rtch.ones(()), -1)):
        with pytest.raises(DimensionError, match=r"^vecdot: axis must be in \["):
            rtch.vecdot(x, y, axis=axis)


def test_gradients() -> None:
    """To both operands."""
    rng = np.random.default_rng(3)
    x, y = (rtch.asarray(rng.standard_normal((2, 3, 4))).requires_grad_() for _ in range(2))
    assert gradcheck(lambda a, b: rtch.tensordot(a, b, axes=([0, 2], [0, 2])), (x, y))
    assert gradcheck(lambda a, b: rtch.vecdot(a, b[:1], axis=1), (x, y))
    assert gradcheck(lambda a, b: rtch.vecdot(a, b[0, 0]), (x, y))
