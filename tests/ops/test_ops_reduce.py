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
from tensor_draws import CLASSES, assert_same, dense, layout, pairs, values

REDUCTIONS = [op for op in OPS if op.kind is Kind.REDUCE]
RESULT = {
    Rule.SUM: {"bool": "int64", "int64": "int64", "float32": "float32", "float64": "float64"},
    Rule.FLOAT: {"bool": "float32", "int64": "float32", "float32": "float32", "float64": "float64"},
    Rule.NUMERIC: {"bool": None, "int64": "int64", "float32": "float32", "float64": "float64"},
}
ids = {"ids": lambda value: value.name if isinstance(value, Op) else str(value)}


def check(op: Op, t: rtch.Tensor, a: np.ndarray, axis: int | tuple[int, ...] | None, keepdims: bool) -> None:
    """max, min and integer sums exactly; float sums within what any order of adding gives."""
    out = getattr(rtch, op.name)(t, axis=axis, keepdims=keepdims)
    dtype = RESULT[op.rule][a.dtype.name]
    with np.errstate(all="ignore"):
        if op.name in ("max", "min") or dtype == "int64":
            expected = np.asarray(op.reference()(a, axis=axis, keepdims=keepdims)).astype(dtype)
            np.testing.assert_array_equal(out.numpy(), expected)
        else:
            wide = a.astype("float64")
            expected = np.asarray(op.reference()(wide, axis=axis, keepdims=keepdims))
            size = np.asarray(op.reference()(np.abs(wide), axis=axis, keepdims=keepdims))
            error = np.abs(out.numpy().astype("float64") - expected)
            assert np.all((error <= 12 * np.finfo(dtype).eps * size) | (error == 0) | ~np.isfinite(expected))
            np.testing.assert_array_equal(np.isnan(out.numpy()), np.isnan(expected))
    assert (expected.shape, dtype) == (out.shape, out.dtype.name)


@pytest.mark.parametrize("kind", [k for k in CLASSES if k != "scalar"])
@pytest.mark.parametrize("dtype", ["bool", "int64", "float32", "float64"])
@pytest.mark.parametrize("op", REDUCTIONS, **ids)
@pytest.mark.filterwarnings("ignore:Mean of empty slice")
def test_every_op_dtype_and_layout_class(op: Op, dtype: str, kind: str) -> None:
    """Over every set of axes, with and without keepdims."""
    shape = (6, 9)
    a = values(dtype, dense(kind, shape), 3)
    t, a = layout(kind, rtch.asarray(a), shape), layout(kind, a, shape)
    if RESULT[op.rule][dtype] is None:
        with pytest.raises(DTypeError, match=rf"^{op.name}: .*; got {dtype}"):
            getattr(rtch, op.name)(t)
        return
    for axis in (None, 0, 1, -1, (0, 1), (1, 0), ()):
        for keepdims in (False, True):
            if op.name in ("max", "min") and kind == "empty" and axis not in (1, -1, ()):
                with pytest.raises(ArgumentError, match=rf"^{op.name}: nothing to reduce; got shape \[0, 9\]$"):
                    getattr(rtch, op.name)(t, axis=axis)
            else:
                check(op, t, a, axis, keepdims)


@given(pairs(extremes=False), st.data())
@settings(max_examples=80)
@pytest.mark.filterwarnings("ignore:Mean of empty slice")
def test_any_view_over_any_axes(pair: tuple[rtch.Tensor, np.ndarray], data: st.DataObject) -> None:
    """Random shapes, strides, dtypes and axes."""
    t, a = pair
    sets = [axes for n in range(a.ndim + 1) for axes in combinations(range(a.ndim), n)]
    axis = data.draw(st.sampled_from([None, *sets]))
    keepdims = data.draw(st.booleans())
    gone = [a.shape[d] for d in (range(a.ndim) if axis is None else axis)]
    for op in REDUCTIONS:
        if RESULT[op.rule][a.dtype.name] and not (op.name in ("max", "min") and 0 in gone):
            check(op, t, a, axis, keepdims)


@pytest.mark.parametrize("op", REDUCTIONS, **ids)
def test_function_and_method_agree_and_axes_are_checked(op: Op) -> None:
    """Any integer is an axis; what is out of range, doubled or no integer is a DimensionError."""
    x = rtch.asarray(values("float32", (3, 4), 1))
    assert_same(getattr(x, op.name)(1).numpy(), getattr(rtch, op.name)(x, axis=np.int64(1)))
    assert_same(getattr(x, op.name)(axis=(0,), keepdims=True).numpy(), getattr(rtch, op.name)(x, axis=0, keepdims=True))
    for bad in (2, -3, (0, 0), (0, -2), 1.0, "a", [0]):
        with pytest.raises(DimensionError, match=rf"^{op.name}: ax"):
            getattr(rtch, op.name)(x, axis=bad)


def test_zero_dimensions() -> None:
    """A 0-d tensor reduces over no axes to itself."""
    for op in REDUCTIONS:
        for axis in (None, ()):
            assert_same(np.float64(-2.5), getattr(rtch, op.name)(rtch.asarray(-2.5, dtype="float64"), axis=axis))


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
