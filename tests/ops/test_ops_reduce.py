# SPDX-License-Identifier: MIT
"""One body for all reductions against NumPy; the exact bits of sums are in tests/numerics."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rtch
from rtch.errors import ArgumentError, DimensionError, DTypeError
from rtch.ops.row import Kind, Op, Rule
from rtch.ops.table import OPS
from tensor_draws import CLASSES, DTYPES, assert_same, dense, layout, pairs, values

REDUCTIONS = [op for op in OPS if op.kind is Kind.REDUCE]
ids = {"ids": lambda value: value.name if isinstance(value, Op) else str(value)}


def result(op: Op, dtype: str) -> str | None:
    """The dtype of the result, or None where the op refuses the input's."""
    kind = np.dtype(dtype).kind
    if op.name == "count_nonzero":
        return "int64"
    if op.rule is Rule.LOGICAL:
        return "bool"
    if op.rule is Rule.SUM:
        return {"b": "int64", "i": "int64", "u": "uint64"}.get(kind, dtype)
    if op.rule is Rule.REAL:
        return dtype if kind in "iuf" else None
    if op.rule is Rule.REAL_FLOAT and kind == "c":
        return None
    return dtype if kind in "fc" else "float32"


def check(op: Op, t: rtch.Tensor, a: np.ndarray, axis: int | tuple[int, ...] | None, keepdims: bool) -> None:
    """Exactly where nothing is rounded; else within what any order of adding or multiplying gives."""
    out, dtype = getattr(rtch, op.name)(t, axis=axis, keepdims=keepdims), result(op, a.dtype.name)
    assert dtype is not None
    call = {"axis": axis, "keepdims": keepdims}
    with np.errstate(all="ignore"):
        if np.dtype(dtype).kind not in "fc" or op.name in ("max", "min"):
            computed = {"dtype": dtype} if op.rule is Rule.SUM else {}
            expected = np.asarray(op.reference()(a, **call, **computed)).astype(dtype)
            np.testing.assert_array_equal(out.numpy(), expected)
        else:
            wide = a.astype("complex128" if a.dtype.kind == "c" else "float64")
            expected = np.asarray(op.reference()(wide, **call))
            positive = getattr(np, op.name if op.name in ("sum", "mean", "prod") else "sum")(np.abs(wide), **call)
            size = positive if op.name in ("sum", "mean", "prod") else np.abs(expected)
            slack = 40 * max(1, a.size) ** 0.5 if op.name in ("prod", "var", "std") else 12
            if op.name in ("var", "std") and a.size:  # what the mean's rounding leaves of equal elements
                noise = 12 * np.finfo(dtype).eps * np.max(np.abs(wide))
                size = size + (noise if op.name == "std" else noise**2) / np.finfo(dtype).eps
            error = np.abs(out.numpy().astype(wide.dtype) - expected)
            fine = (error <= slack * np.finfo(dtype).eps * size + np.finfo(dtype).smallest_normal) | (error == 0)
            assert np.all(fine | ~np.isfinite(np.abs(expected)))
            np.testing.assert_array_equal(np.isnan(out.numpy()), np.isnan(expected))
    assert (expected.shape, dtype) == (out.shape, out.dtype.name)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("op", REDUCTIONS, **ids)
@pytest.mark.filterwarnings("ignore:Mean of empty slice", "ignore:Degrees of freedom")
def test_every_op_dtype_and_layout_class(op: Op, dtype: str) -> None:
    """Over every set of axes, with and without keepdims."""
    shape = (6, 9)
    for kind in CLASSES:
        if kind == "scalar":
            continue
        a = values(dtype, dense(kind, shape), 3)
        t, a = layout(kind, rtch.asarray(a), shape), layout(kind, a, shape)
        if result(op, dtype) is None:
            with pytest.raises(DTypeError, match=rf"^{op.name}: .*; got {dtype}"):
                getattr(rtch, op.name)(t)
            continue
        for axis in (None, 0, 1, -1, (0, 1), (1, 0), ()):
            for keepdims in (False, True):
                if op.name in ("max", "min") and kind == "empty" and axis not in (1, -1, ()):
                    with pytest.raises(ArgumentError, match=rf"^{op.name}: nothing to reduce; got shape \[0, 9\]$"):
                        getattr(rtch, op.name)(t, axis=axis)
                else:
                    check(op, t, a, axis, keepdims)


@given(pairs(extremes=False), st.data())
@settings(max_examples=80)
@pytest.mark.filterwarnings("ignore:Mean of empty slice", "ignore:Degrees of freedom")
def test_any_view_over_any_axes(pair: tuple[rtch.Tensor, np.ndarray], data: st.DataObject) -> None:
    """Random shapes, strides, dtypes and axes."""
    t, a = pair
    sets = [axes for n in range(a.ndim + 1) for axes in combinations(range(a.ndim), n)]
    axis = data.draw(st.sampled_from([None, *sets]))
    keepdims = data.draw(st.booleans())
    gone = [a.shape[d] for d in (range(a.ndim) if axis is None else axis)]
    for op in REDUCTIONS:
        if result(op, a.dtype.name) and not (op.name in ("max", "min") and 0 in gone):
            check(op, t, a, axis, keepdims)


@given(pairs(), st.data())
@settings(max_examples=100)
def test_positions_of_extremes(pair: tuple[rtch.Tensor, np.ndarray], data: st.DataObject) -> None:
    """The first of them; NaN is the extreme; along an axis, or in row-major order of all."""
    t, a = pair
    axis = data.draw(st.sampled_from([None, *range(-a.ndim, a.ndim)]))
    for name in ("argmax", "argmin"):
        function = getattr(rtch, name)
        if a.dtype.kind in "bc":
            with pytest.raises(DTypeError, match=rf"^{name}: "):
                function(t, axis=axis)
        elif (a.size if axis is None else a.shape[axis]) == 0:
            with pytest.raises(ArgumentError, match=rf"^{name}: nothing to reduce"):
                function(t, axis=axis)
        else:
            for keepdims in (False, True):
                expected = getattr(np, name)(a, axis=axis, keepdims=keepdims)
                assert_same(np.asarray(expected), function(t, axis=axis, keepdims=keepdims))


@given(pairs(extremes=False), st.data())
@settings(max_examples=100)
def test_running_sums_and_products(pair: tuple[rtch.Tensor, np.ndarray], data: st.DataObject) -> None:
    """A chain from left to right in the result's dtype, to the bit; with and without the initial value."""
    t, a = pair
    if a.ndim == 0:
        return
    axis = data.draw(st.integers(-a.ndim, a.ndim - 1))
    dtype = {"b": "int64", "i": "int64", "u": "uint64"}.get(a.dtype.kind, a.dtype.name)
    for name, start in (("cumulative_sum", 0), ("cumulative_prod", 1)):
        with np.errstate(all="ignore"):
            moved = np.moveaxis(a.astype(dtype), axis, 0)
            rows = [np.full(moved.shape[1:], start, dtype)]
            for row in moved:
                rows.append(row if len(rows) == 1 else (rows[-1] + row if start == 0 else rows[-1] * row))
        whole = np.moveaxis(np.stack(rows), 0, axis)
        expected = whole[tuple(slice(1, None) if d == axis % a.ndim else slice(None) for d in range(a.ndim))]
        function = getattr(rtch, name)
        if dtype.startswith("complex") and start == 1:  # NumPy may fuse
            np.testing.assert_allclose(function(t, axis=axis).numpy(), expected, rtol=1e-5)
            continue
        assert_same(expected, function(t, axis=axis))
        assert_same(whole, function(t, axis=axis, include_initial=True))


def test_axes_and_dtypes_of_running_sums() -> None:
    """The axis may be left out for one dimension alone; dtype= casts first."""
    x = rtch.asarray([[1, 2], [3, 4]])
    with pytest.raises(DimensionError, match=r"^cumulative_sum: axis is needed"):
        rtch.cumulative_sum(x)
    assert rtch.cumulative_sum(x[0]).tolist() == [1, 3]
    assert rtch.cumulative_sum(x, axis=0, dtype="float64").dtype is rtch.float64
    assert rtch.sum(x, dtype="uint8").dtype is rtch.uint8
    assert rtch.prod(rtch.asarray([100, 100], dtype="int8"), dtype="int8").item() == 16
    for correction in (0, 1, 0.5):
        a = values("float64", (5, 7), 1)
        np.testing.assert_allclose(
            rtch.var(rtch.asarray(a), axis=0, correction=correction).numpy(), np.var(a, axis=0, ddof=correction), 1e-14
        )


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
def test_variance_without_freedom(dtype: str) -> None:
    """NaN where the correction reaches the number of elements, also with a gradient; not just below."""
    x = rtch.asarray([[1, 2], [3, 3]], dtype=dtype)
    for function in (rtch.var, rtch.std):
        for correction in (2, 2.5, 100):
            assert np.isnan(function(x, axis=1, correction=correction).numpy()).all()
        assert np.isfinite(function(x, axis=1, correction=1.5).numpy()).all()
        assert np.isnan(function(x[:, :0], axis=1).numpy()).all()
        if dtype != "int64":
            leaf = rtch.asarray(x, copy=True).requires_grad_()
            function(leaf, correction=4).backward()
            assert leaf.grad is not None
            assert np.isnan(leaf.grad.numpy()).all()


@pytest.mark.parametrize("op", REDUCTIONS, **ids)
def test_function_and_method_agree_and_axes_are_checked(op: Op) -> None:
    """Any integer is an axis; what is out of range, doubled or no integer is a DimensionError."""
    x = rtch.asarray(values("float32", (3, 4), 1))
    function = getattr(rtch, op.name)
    assert_same(function(x, axis=1).numpy(), function(x, axis=np.int64(1)))
    if op.method:
        assert_same(getattr(x, op.name)(1).numpy(), function(x, axis=1))
        assert_same(getattr(x, op.name)(axis=(0,), keepdims=True).numpy(), function(x, axis=0, keepdims=True))
    for bad in (2, -3, (0, 0), (0, -2), 1.0, "a", [0]):
        with pytest.raises(DimensionError, match=rf"^{op.name}: ax"):
            getattr(rtch, op.name)(x, axis=bad)


def test_zero_dimensions() -> None:
    """A 0-d tensor reduces over no axes to itself, or to what one element gives."""
    x = rtch.asarray(-2.5, dtype="float64")
    one = {"any": True, "all": True, "count_nonzero": 1, "var": 0.0, "std": 0.0}
    for op in REDUCTIONS:
        for axis in (None, ()):
            assert getattr(rtch, op.name)(x, axis=axis).item() == one.get(op.name, -2.5)


def test_order_of_nan_and_zeros() -> None:
    """max and min give NaN if there is one; +0 is larger than -0, wherever they stand and however long the run."""
    for dtype in ("float32", "float64"):
        for n in (2, 3, 31, 33, 1025, 2100):
            for at in {0, 1, n // 2, n - 1}:
                x = np.full(n, -0.0, dtype)
                x[at] = 0.0
                assert_same(np.array(0.0, dtype), rtch.asarray(x).max())
                assert_same(np.array(-0.0, dtype), rtch.asarray(x).min())
                assert_same(np.array(0.0, dtype), rtch.asarray(-x).max())
                x[at] = np.nan
                assert_same(np.array(np.nan, dtype), rtch.asarray(x).max())
                assert_same(np.array(np.nan, dtype), rtch.asarray(x).min())
                wide = rtch.asarray(np.stack([x] * 40, axis=1))
                assert bool(np.isnan(wide.max(axis=0).numpy()).all())
    assert rtch.asarray([-float("inf"), -float("inf")]).max().item() == -float("inf")
    assert rtch.asarray([-(2**63)]).max().item() == -(2**63)
    assert rtch.asarray([2**63 - 1, 2**63 - 1]).min().item() == 2**63 - 1


def test_sum_of_integers_wraps_and_of_bools_counts() -> None:
    """int64 in two's complement; bool in int64."""
    assert rtch.asarray([2**63 - 1, 1]).sum().item() == -(2**63)
    assert rtch.ones(3000, dtype="bool").sum().item() == 3000
    assert np.isnan(rtch.zeros(0).mean().item())
    assert_same(np.float32(0.0), rtch.zeros(0).sum())
    assert_same(np.float32(-0.0), rtch.asarray([-0.0, -0.0]).sum())
