# SPDX-License-Identifier: MIT
"""Products, parts and shapes: bits, views, and what is refused. test_indexing_torch.py compares them with PyTorch's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rtch
from rtch.errors import ArgumentError, BroadcastError, DimensionError, DTypeError, TorchError
from tensor_draws import FLOATS, INTEGERS, assert_same, awkward, pairs, values

X, V = rtch.ones((2, 3)), rtch.ones((3,))


def test_products_have_the_bits_of_matmul() -> None:
    """dot, inner, addmm and baddbmm are products and what is done to them."""
    x, y = rtch.asarray(values("float32", (4, 600), 1)), rtch.asarray(values("float32", (600, 5), 2))
    product = (x @ y).numpy()
    assert_same(product[1, 2], x[1].dot(y[:, 2]))
    assert_same(product, x.inner(y.T))
    b = rtch.asarray(values("float32", (5,), 3))
    assert_same(b.numpy() * np.float32(0.5) + product * np.float32(3), b.addmm(x, y, beta=0.5, alpha=3))
    wide = rtch.reshape(x, (2, 2, 600)), rtch.broadcast_to(y, (2, 600, 5))
    assert_same((wide[0] @ wide[1]).numpy() + b.numpy(), b.baddbmm(*wide))


def test_an_input_that_beta_leaves_out_may_hold_nan() -> None:
    """beta=0 is no product with it."""
    out = rtch.asarray([float("nan")] * 3).addmm(X @ X.T, X, beta=0)
    assert out.tolist() == [[6.0] * 3] * 2


@given(pairs((*FLOATS, "int32")), st.data())
@settings(max_examples=80)
def test_kron_and_outer_equal_numpy(drawn: Any, data: st.DataObject) -> None:
    """To the bit, of any number of dimensions."""
    t, a = drawn
    b = awkward(a.dtype.name, tuple(data.draw(st.lists(st.integers(0, 3), max_size=3))), 3)
    if a.ndim + b.ndim == 0:
        return
    with np.errstate(all="ignore"):
        assert_same(np.kron(a, b), t.kron(rtch.asarray(b)))
        if a.ndim == b.ndim == 1:
            assert_same(np.outer(a, b), t.outer(rtch.asarray(b)))


@given(pairs(tuple(FLOATS)), st.data())
@settings(max_examples=80)
def test_nan_to_num_equals_numpy(drawn: Any, data: st.DataObject) -> None:
    """Defaults and numbers; of any view."""
    t, a = drawn
    assert_same(np.nan_to_num(a), t.nan_to_num())
    assert_same(np.nan_to_num(a, nan=2, posinf=-1, neginf=0.1), t.nan_to_num(2, -1, 0.1))


def test_nan_to_num_of_other_dtypes() -> None:
    """Integers and bool are themselves; complex numbers part by part."""
    for dtype in ("int8", "bool"):
        a = values(dtype, (5,), 1)
        assert_same(a, rtch.asarray(a).nan_to_num())
    a = awkward("complex128", (40,), 3)
    expected, got = np.nan_to_num(a), rtch.asarray(a).nan_to_num().numpy()
    np.testing.assert_array_equal(got, expected)


@given(pairs(tuple(FLOATS)), st.data())
@settings(max_examples=80)
def test_lerp_is_the_written_formula(drawn: Any, data: st.DataObject) -> None:
    """One branch below 1/2 and one from there on, each operation rounded, of operands that broadcast."""
    t, a = drawn
    name = a.dtype.name
    shape = tuple(data.draw(st.sampled_from([n, 1])) for n in a.shape)
    end, w = awkward(name, shape, 1), data.draw(st.sampled_from([values(name, shape, 2, -1, 2), None]))
    number = data.draw(st.sampled_from([0.0, 0.25, -0.5, 0.5, 0.499, 1.0, 3.0]))
    weight = np.asarray(number, dtype=name) if w is None else w
    with np.errstate(all="ignore"):
        expected = np.where(abs(weight) < 0.5, a + (end - a) * weight, end - (end - a) * (1 - weight))
    assert_same(expected, t.lerp(rtch.asarray(end), number if w is None else rtch.asarray(w)))


@given(pairs((*FLOATS, *INTEGERS[:4], "bool")), st.data())
@settings(max_examples=100)
def test_isclose_equals_numpy(drawn: Any, data: st.DataObject) -> None:
    """In float64, where NumPy computes what we do; allclose is all of it."""
    t, a = drawn
    if a.dtype == "float32":
        t, a = t.astype("float64"), a.astype("float64")
    b = np.where(np.random.default_rng(1).random(a.shape) < 0.5, a, awkward(a.dtype.name, a.shape, 2))
    rtol, atol = data.draw(st.sampled_from([(1e-5, 1e-8), (0.0, 0.0), (0.5, 0.0), (0.0, 1.0)]))
    equal_nan = data.draw(st.booleans())
    wide = a.astype("float64") if a.dtype.kind in "ib" else a, b.astype("float64") if b.dtype.kind in "ib" else b
    with np.errstate(all="ignore"):
        expected = np.isclose(*wide, rtol, atol, equal_nan)
    assert_same(expected, t.isclose(rtch.asarray(b), rtol, atol, equal_nan))
    assert t.allclose(rtch.asarray(b), rtol, atol, equal_nan) is bool(expected.all())


def test_parts_and_shapes_are_views() -> None:
    """No element is copied."""
    x = rtch.asarray(np.arange(24.0).reshape(4, 6))
    parts = (*x.split(3), *x.chunk(3, 1), *x.split([1, 5], -1), x.flatten(), x.unflatten(1, (2, -1)), x.swapaxes(0, 1))
    assert all(rtch.shares_storage(x, part) for part in parts)
    assert [part.shape for part in x.split(3)] == [(3, 6), (1, 6)]
    assert [part.shape for part in x.chunk(4, 1)] == [(4, 2)] * 3
    assert [part.shape for part in x[:0].chunk(3)] == [(0, 6)] * 3
    assert [part.shape for part in x[:0].split(2)] == [(0, 6)]
    assert (rtch.asarray(1.0).flatten().shape, rtch.asarray(1.0).swapaxes(0, -1).shape) == ((1,), ())


def test_stacks() -> None:
    """Those of fewer dimensions count as rows; dtypes are promoted."""
    a, b = rtch.asarray([1, 2]), rtch.asarray([3.0])
    assert_same(np.array([1, 2, 3], "float32"), rtch.hstack([a, b]))
    assert_same(np.array([[1, 2], [1, 2]]), rtch.vstack((a, a)))
    assert rtch.hstack([rtch.ones((2, 1)), rtch.ones((2, 3))]).shape == (2, 4)
    assert rtch.vstack([V, X]).shape == (3, 3)
    assert rtch.hstack([rtch.asarray(1), rtch.asarray(2)]).tolist() == [1, 2]


REFUSED: list[tuple[str, type[TorchError], Callable[[], Any]]] = [
    ("dot", DimensionError, lambda: X.dot(V)),
    ("dot", BroadcastError, lambda: V.dot(V[:2])),
    ("inner", BroadcastError, lambda: X.inner(X.T)),
    ("outer", DimensionError, lambda: X.outer(V)),
    ("kron", DTypeError, lambda: X.kron([1])),  # type: ignore[arg-type]
    ("dot", DTypeError, lambda: (V > 0).dot(V > 0)),
    ("inner", DTypeError, lambda: (X > 0).inner(X > 0)),
    ("inner", DTypeError, lambda: rtch.asarray(True).inner(X > 0)),
    ("outer", DTypeError, lambda: (V > 0).outer(V > 0)),
    ("outer", DTypeError, lambda: V.astype("float16").outer(V.astype("float16"))),
    ("kron", DTypeError, lambda: (X > 0).kron(X > 0)),
    ("vecdot", DTypeError, lambda: rtch.vecdot(X > 0, X > 0)),
    ("vecdot", DTypeError, lambda: rtch.vecdot(X > 0, V > 0)),
    ("tensordot", DTypeError, lambda: rtch.tensordot(X > 0, X > 0, axes=0)),
    ("addmm", DTypeError, lambda: X[:, :2].addmm(X.astype("float16"), X.T.astype("float16"))),
    ("addmm", DTypeError, lambda: V[:2].addmm(X > 0, X.T > 0)),
    ("baddbmm", DTypeError, lambda: X[:, :2].baddbmm(X[None] > 0, X.T[None] > 0)),
    ("addmm", DimensionError, lambda: V.addmm(V, X)),
    ("addmm", BroadcastError, lambda: V.addmm(X, X)),
    ("addmm", BroadcastError, lambda: rtch.ones((2, 2, 2)).addmm(X, X.T)),
    ("addmm", BroadcastError, lambda: rtch.ones((3, 2)).addmm(X, X.T)),
    ("baddbmm", DimensionError, lambda: V.baddbmm(X, X.T)),
    ("baddbmm", BroadcastError, lambda: V.baddbmm(rtch.ones((2, 1, 3)), rtch.ones((1, 3, 3)))),
    ("flatten", DimensionError, lambda: X.flatten(2)),
    ("flatten", DimensionError, lambda: X.flatten(1, 0)),
    ("unflatten", ArgumentError, lambda: X.unflatten(1, (2, 2))),
    ("unflatten", ArgumentError, lambda: X.unflatten(1, (2, -1))),
    ("unflatten", ArgumentError, lambda: X.unflatten(1, (-1, -1))),
    ("unflatten", ArgumentError, lambda: X.unflatten(1, ())),
    ("unflatten", DimensionError, lambda: X.unflatten(2, (1,))),
    ("swapaxes", DimensionError, lambda: X.swapaxes(0, 2)),
    ("chunk", ArgumentError, lambda: X.chunk(0)),
    ("chunk", ArgumentError, lambda: X.chunk(True)),
    ("chunk", DimensionError, lambda: X.chunk(2, 2)),
    ("split", ArgumentError, lambda: X.split(0)),
    ("split", ArgumentError, lambda: X.split(-1)),
    ("split", ArgumentError, lambda: X.split(True)),
    ("split", ArgumentError, lambda: X.split([True, True])),
    ("split", ArgumentError, lambda: X.split([1, 2])),
    ("split", ArgumentError, lambda: X.split([3, -1])),
    ("split", ArgumentError, lambda: X.split(1.5)),  # type: ignore[arg-type]
    ("split", DimensionError, lambda: rtch.asarray(1.0).split(1)),
    ("hstack", ArgumentError, lambda: rtch.hstack([])),
    ("hstack", ArgumentError, lambda: rtch.hstack(3)),  # type: ignore[arg-type]
    ("vstack", ArgumentError, lambda: rtch.vstack(())),
    ("vstack", DTypeError, lambda: rtch.vstack([1.0])),  # type: ignore[list-item]
    ("lerp", DTypeError, lambda: (X > 0).lerp(X, 0.5)),
    ("lerp", BroadcastError, lambda: X.lerp(X.T, 0.5)),
    ("nan_to_num", DTypeError, lambda: X.astype("float16").nan_to_num()),
    ("isclose", ArgumentError, lambda: X.isclose(X, rtol=-1)),
    ("isclose", ArgumentError, lambda: X.allclose(X, atol=float("nan"))),
    ("isclose", DTypeError, lambda: X.astype("float16").isclose(X.astype("float16"))),
    ("isclose", DTypeError, lambda: rtch.isclose(X, 1.0)),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("name", "error", "call"), REFUSED)
def test_what_is_refused(name: str, error: type[TorchError], call: Callable[[], Any]) -> None:
    """One line that begins with the function's name."""
    with pytest.raises(error, match=rf"^{name}: .*[^\n]$"):
        call()
