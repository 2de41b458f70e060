# SPDX-License-Identifier: MIT
"""One body for all elementwise ops: values, dtypes and errors follow from the table's row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rtch
from rtch.errors import BroadcastError, DTypeError
from rtch.ops.row import Kind, Op, Rule
from rtch.ops.table import OPS
from tensor_draws import (
    CLASSES,
    DTYPES,
    assert_same,
    awkward,
    bits,
    dense,
    layout,
    pairs,
    promoted,
    promotes,
    values,
)

ONE = (Kind.UNARY, Kind.PREDICATE)
TWO = (Kind.BINARY, Kind.COMPARE)
ELEMENTWISE = [op for op in OPS if op.kind in (*ONE, *TWO)]
SHAPE = (5, 7)
UNSIGNED_ZERO = {"relu", "sign", "maximum", "minimum", "logaddexp"}  # NumPy's zeros have a sign of their own here
APPROXIMATE = {  # made of rounded steps: bounds in units of the last place of the result, and of the operands
    "gelu": (2, 1),
    "gelu_tanh": (2, 1),
    "silu": (2, 1),
    "gelu_grad": (2, 3),
    "gelu_tanh_grad": (2, 3),
    "silu_grad": (2, 3),
    "binary_cross_entropy": (4, 100),
}
ids = {"ids": lambda value: value.name if isinstance(value, Op) else str(value)}


def taken(op: Op, dtype: str) -> str | None:
    """The dtype that an op computes in for inputs whose promoted dtype is this, by its rule; None where refused."""
    kind = np.dtype(dtype).kind
    whole, real = kind in "iu", kind == "f"
    as_float = dtype if kind in "fc" else "float32"
    return {
        Rule.NUMERIC: dtype if kind != "b" else None,
        Rule.REAL: dtype if whole or real else None,
        Rule.FLOAT: as_float,
        Rule.REAL_FLOAT: as_float if kind != "c" else None,
        Rule.ROUNDING: dtype if whole or real else None,
        Rule.ROUND: dtype if kind != "b" else None,
        Rule.COMPLEX: dtype if kind != "b" else None,
        Rule.INTEGER: dtype if whole else None,
        Rule.BITWISE: dtype if whole or kind == "b" else None,
        Rule.LOGICAL: "bool",
        Rule.ANY: dtype,
    }[op.rule]


def reference(op: Op, arrays: list[np.ndarray]) -> np.ndarray:
    """What NumPy makes of the inputs in the dtype of the computation; of complex ones and of costly functions with more
    precision, then rounded."""
    computed = taken(op, promoted(*(a.dtype.name for a in arrays)))
    assert computed is not None
    wide = computed
    if (op.costly and op.rule is not Rule.REAL) or computed.startswith("complex"):
        more = {"float32": "float64", "float64": "longdouble", "complex64": "complex128", "complex128": "clongdouble"}
        wide = more.get(computed, computed)
    with np.errstate(all="ignore"):
        out = np.asarray(op.reference()(*(np.asarray(a).astype(computed).astype(wide) for a in arrays)))
        if out.dtype.kind == "b" or op.rule is Rule.LOGICAL:
            return out.astype(bool)
        return out.astype(np.empty(0, computed).real.dtype if op.to_real else computed)


def check(op: Op, tensors: list[rtch.Tensor], arrays: list[np.ndarray]) -> None:
    """Exactly the reference's bits, but for the sign of a 0 (UNSIGNED_ZERO), the last one of a
    float64 function, and complex results."""
    out, expected = getattr(rtch, op.name)(*tensors), reference(op, arrays)
    assert (expected.shape, expected.dtype.name) == (out.shape, out.dtype.name)
    computed = taken(op, promoted(*(a.dtype.name for a in arrays)))
    if np.dtype(computed).kind == "c" and expected.dtype.kind in "fc":
        bound: Any = 8
        if op.name == "pow":  # the logarithm's error times the exponent
            with np.errstate(all="ignore"):
                size = np.abs(arrays[1] * np.log(arrays[0].astype("complex128")))
                bound = 8 * (1 + np.where(np.isfinite(size), size, 0))
        close(expected, out.numpy(), bound)
    elif op.name in APPROXIMATE:
        near(expected, out.numpy(), arrays, *APPROXIMATE[op.name])
    elif op.costly and computed == "float64" and op.rule is not Rule.REAL:
        with np.errstate(all="ignore"):
            np.testing.assert_array_max_ulp(out.numpy(), expected, maxulp=1)
    elif op.name in UNSIGNED_ZERO and expected.dtype.kind == "f":
        assert_same(expected + np.zeros((), expected.dtype), out + 0)
    else:
        assert_same(expected, out)


def near(expected: np.ndarray, actual: np.ndarray, arrays: list[np.ndarray], own: float, operands: float) -> None:
    """Finite results of finite operands within bounds, in units of the last place; others equal."""
    with np.errstate(all="ignore"):
        inputs = [np.abs(a.astype(expected.dtype)) for a in arrays]
        size = sum(inputs)
        fine = np.isfinite(expected) & (size < np.finfo(expected.dtype).max / 1e4)
        allowed = np.spacing(np.abs(expected)) * own + operands * np.finfo(expected.dtype).eps * size
        assert np.all((np.abs(actual - expected) <= allowed) | ~fine)
        # A step may overflow that does not in the reference; infinity times what is nearly 0 may be NaN.
        alone = ~fine & ~np.isfinite(size) & (np.isfinite(inputs[0]) | (len(inputs) == 1))
    np.testing.assert_array_equal(np.broadcast_to(actual, alone.shape)[alone], expected[alone])


def close(expected: np.ndarray, actual: np.ndarray, bound: Any) -> None:
    """Complex results within `bound` ULP of their size, where the reference is finite and its formula did not overflow.

    Near the subnormals NumPy's own last digits are gone.
    """
    with np.errstate(all="ignore"):
        error, size = np.abs(actual - expected), np.abs(expected)
        fine = np.isfinite(size) & np.isfinite(np.abs(actual)) & (size < np.finfo(expected.dtype).max / 4)
        allowed = bound * np.finfo(expected.dtype).eps * size + 2 * np.finfo(expected.dtype).smallest_normal
    assert np.all((error <= allowed) | ~fine)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("op", ELEMENTWISE, **ids)
def test_every_op_dtype_and_layout_class_equals_the_reference(op: Op, dtype: str) -> None:
    """Also where the two operands differ in layout and dtype, and on NaN, infinities, zeros and subnormals."""
    if taken(op, dtype) is None:
        operands = [rtch.asarray(values(dtype, SHAPE, 0))] * len(op.inputs)
        with pytest.raises(DTypeError, match=rf"^{op.name}: .*; got {dtype}"):
            getattr(rtch, op.name)(*operands)
        return
    for at, kind in enumerate(CLASSES):
        for make in (values, awkward):
            for turn in (1, 4) if len(op.inputs) > 1 else (1,):
                kinds = (kind, CLASSES[(at + turn) % len(CLASSES)])[: len(op.inputs)]
                if "empty" in kinds:  # what is empty broadcasts with one row only
                    kinds = tuple("broadcast" if k not in ("empty", "scalar") else k for k in kinds)
                shape = (1, SHAPE[1]) if "empty" in kinds else SHAPE
                arrays = [make(dtype, dense(k, shape), 31 * at + i) for i, k in enumerate(kinds)]
                tensors = [layout(k, rtch.asarray(a), shape) for k, a in zip(kinds, arrays, strict=True)]
                check(op, tensors, [layout(k, a, shape) for k, a in zip(kinds, arrays, strict=True)])


@pytest.mark.parametrize("op", [op for op in ELEMENTWISE if len(op.inputs) == 2], **ids)
def test_two_dtypes_are_promoted(op: Op) -> None:
    """Every pair: the standard's tables, then the op's rule."""
    for x in DTYPES:
        for y in DTYPES:
            arrays = [values(x, SHAPE, 1, 1, 4), values(y, SHAPE, 2, 1, 4)]
            tensors = [rtch.asarray(a) for a in arrays]
            if promotes(x, y) and taken(op, promoted(x, y)) is not None:
                check(op, tensors, arrays)
            else:
                with pytest.raises(DTypeError, match=rf"^{op.name}: .*; got {x}\[5, 7\] and {y}\[5, 7\]$"):
                    getattr(rtch, op.name)(*tensors)


@given(st.data())
@settings(max_examples=60)
def test_any_views_that_broadcast(data: st.DataObject) -> None:
    """Random shapes, strides and dtypes of both operands."""
    t, a = data.draw(pairs())
    for op in ELEMENTWISE:
        if len(op.inputs) == 1 and taken(op, a.dtype.name):
            check(op, [t], [a])
    # A second operand that broadcasts with the first: some axes of size one, leading ones left out.
    ones = data.draw(st.lists(st.booleans(), min_size=a.ndim, max_size=a.ndim))
    shape = tuple(1 if one else n for one, n in zip(ones, a.shape, strict=True))[data.draw(st.integers(0, a.ndim)) :]
    b = awkward(data.draw(st.sampled_from(sorted(DTYPES))), shape, 5)
    for op in ELEMENTWISE:
        both = promotes(a.dtype.name, b.dtype.name)
        if len(op.inputs) == 2 and both and taken(op, promoted(a.dtype.name, b.dtype.name)):
            check(op, [t, rtch.asarray(b)], [a, b])
            check(op, [rtch.asarray(b), t], [b, a])


@pytest.mark.parametrize("dtype", ["float32", "uint8", "complex64"])
@pytest.mark.parametrize("op", ELEMENTWISE, **ids)
def test_long_runs_have_the_bits_of_short_ones(op: Op, dtype: str) -> None:
    """Vector body, tail, strided path and threads' cuts agree element by element."""
    if taken(op, dtype) is None:
        dtype = "int32"
    if taken(op, dtype) is None:
        dtype = "float32"
    arrays = [awkward(dtype, (70_001,), 3 + i) for i in range(len(op.inputs))]
    tensors = [rtch.asarray(a) for a in arrays]
    function = getattr(rtch, op.name)
    whole = bits(function(*tensors))
    width = len(whole) // 70_001
    gapped = [rtch.asarray(np.repeat(a, 2))[::2] for a in arrays]
    np.testing.assert_array_equal(whole, bits(function(*gapped)))
    for at in (0, 1, 4097, 69_990):
        part = whole[at * width : (at + 11) * width]
        np.testing.assert_array_equal(part, bits(function(*(t[at : at + 11] for t in tensors))))


def test_where_picks_by_condition_in_every_dtype_and_layout() -> None:
    """Three operands broadcast; the result has the promoted dtype."""
    for at, kind in enumerate(k for k in CLASSES if k != "empty"):
        c = values("bool", dense(kind, SHAPE), at)
        for x in DTYPES:
            for y in DTYPES:
                other = CLASSES[(at + 3) % 7]
                a, b = awkward(x, dense(other, SHAPE), 1), awkward(y, dense("padded", SHAPE), 2)
                operands = [
                    layout(kind, rtch.asarray(c), SHAPE),
                    layout(other, rtch.asarray(a), SHAPE),
                    layout("padded", rtch.asarray(b), SHAPE),
                ]
                if not promotes(x, y):
                    with pytest.raises(DTypeError, match=r"^where: "):
                        rtch.where(*operands)
                    continue
                made = [v.astype(promoted(x, y)) for v in (layout(other, a, SHAPE), layout("padded", b, SHAPE))]
                assert_same(np.where(layout(kind, c, SHAPE), *made), rtch.where(*operands))


def test_where_takes_scalars_of_their_own_kind_without_widening() -> None:
    """A float beside int64 gives float32; an int beside float64 stays float64."""
    c, f, i = rtch.asarray([True, False]), rtch.ones(2, dtype="float64"), rtch.asarray([5, 6])
    assert rtch.where(c, f, 2).dtype is rtch.float64
    assert rtch.where(c, 0.5, i).dtype is rtch.float32
    assert rtch.where(c, True, i).tolist() == [1, 6]
    assert rtch.where(c, 1, 2.5).tolist() == [1.0, 2.5]
    for bad in (i, f):
        with pytest.raises(DTypeError, match=r"^where: "):
            rtch.where(bad, f, f)
    with pytest.raises(BroadcastError, match=r"^where: shapes do not fit together; got bool\[2\] and float64\[2\] and"):
        rtch.where(c, f, rtch.zeros(3))


@pytest.mark.parametrize("op", [op for op in ELEMENTWISE if len(op.inputs) == 2], **ids)
def test_shapes_that_do_not_broadcast(op: Op) -> None:
    """A typed error that names the op and both shapes and carries them."""
    dtype = "float32" if taken(op, "float32") else "int16"
    x, y = rtch.zeros((2, 3), dtype=dtype), rtch.zeros((2, 4), dtype=dtype)
    with pytest.raises(BroadcastError, match=rf"^{op.name}: .*; got {dtype}\[2, 3\] and {dtype}\[2, 4\]$") as caught:
        getattr(rtch, op.name)(x, y)
    assert (caught.value.op, caught.value.shapes) == (op.name, ((2, 3), (2, 4)))
    assert isinstance(caught.value, ValueError)


def test_every_dtype_is_covered() -> None:
    """The dtypes of these tests are those that the library computes with."""
    assert set(DTYPES) == {d.name for d in rtch.dtypes.COMPUTED}


@pytest.mark.parametrize("op", ELEMENTWISE, **ids)
def test_halves_are_refused(op: Op) -> None:
    """float16 and bfloat16 are stored; an error says how to compute with them."""
    for dtype in ("float16", "bfloat16"):
        operands = [rtch.zeros((2, 3), dtype=dtype)] * len(op.inputs)
        with pytest.raises(DTypeError, match=rf"^{op.name}: .* are for storage; compute in astype"):
            getattr(rtch, op.name)(*operands)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_order_of_zeros_and_nan_in_maximum_and_minimum(dtype: str) -> None:
    """+0 is larger than -0, whichever comes first; NaN wins; relu and sign give +0."""
    zeros = np.array([0.0, -0.0, 0.0, -0.0] * 9, dtype)
    other = np.array([-0.0, 0.0, 0.0, -0.0] * 9, dtype)
    x, y = rtch.asarray(zeros), rtch.asarray(other)
    assert_same(np.array([0.0, 0.0, 0.0, -0.0] * 9, dtype), rtch.maximum(x, y))
    assert_same(np.array([-0.0, -0.0, 0.0, -0.0] * 9, dtype), rtch.minimum(x, y))
    assert_same(np.zeros(36, dtype), rtch.relu(x))
    assert_same(np.zeros(36, dtype), rtch.sign(x))
    nan = rtch.full(36, float("nan"), dtype=dtype)
    for function in (rtch.maximum, rtch.minimum):
        assert np.isnan(function(x, nan).numpy()).all()
        assert np.isnan(function(nan, x).numpy()).all()


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "uint8"])
def test_a_scalar_exponent_has_the_bits_of_a_tensor(dtype: str) -> None:
    """Squares and first powers take a shorter way."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 100, 1000).astype(dtype)
    if dtype.startswith("float"):
        x = rng.standard_normal(1000).astype(dtype) * np.array(10.0, dtype) ** rng.integers(-30, 30, 1000).astype(dtype)
        x = np.concatenate([x, np.array([0.0, -0.0, np.inf, -np.inf, np.nan], dtype)])
    t = rtch.asarray(x)
    for exponent in (1, 2):
        by_tensor = rtch.pow(t, rtch.full((x.size,), exponent, dtype=t.dtype))
        assert (t**exponent).tobytes() == by_tensor.tobytes()
        if dtype.startswith("float"):
            assert (t ** float(exponent)).tobytes() == by_tensor.tobytes()
