# SPDX-License-Identifier: MIT
"""One body for all elementwise ops: values, dtypes and errors follow from the table's row."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rtch
from rtch.errors import BroadcastError, DTypeError
from rtch.ops.row import Kind, Op, Rule
from rtch.ops.table import OPS
from tensor_draws import CLASSES, DTYPES, assert_same, awkward, bits, dense, layout, pairs, values

ELEMENTWISE = [op for op in OPS if op.kind in (Kind.UNARY, Kind.BINARY, Kind.COMPARE)]
ORDER = ("bool", "int64", "float32", "float64")
SHAPE = (5, 7)
ids = {"ids": lambda value: value.name if isinstance(value, Op) else str(value)}


def taken(op: Op, dtype: str) -> str | None:
    """The dtype that an op computes in for inputs whose promoted dtype is this, by its rule; None where refused."""
    if op.rule is Rule.FLOAT:
        return dtype if dtype.startswith("float") else "float32"
    return None if op.rule is Rule.NUMERIC and dtype == "bool" else dtype


def reference(op: Op, arrays: list[np.ndarray]) -> np.ndarray:
    """What NumPy makes of the inputs once they have the dtype of the computation."""
    computed = taken(op, max((a.dtype.name for a in arrays), key=ORDER.index))
    with np.errstate(all="ignore"):
        out = np.asarray(op.reference()(*(np.asarray(a).astype(computed) for a in arrays)))
    return out if op.kind is Kind.COMPARE else out.astype(computed)


def check(op: Op, tensors: list[rtch.Tensor], arrays: list[np.ndarray]) -> None:
    """Exactly the reference's bits, but for tanh, where NumPy's last digits are its own, and the sign of relu's 0."""
    out, expected = getattr(rtch, op.name)(*tensors), reference(op, arrays)
    if op.name == "tanh":
        assert (expected.shape, expected.dtype.name) == (out.shape, out.dtype.name)
        with np.errstate(all="ignore"):
            np.testing.assert_array_max_ulp(out.numpy(), expected, maxulp=3)
    elif op.name == "relu":
        assert_same(expected + np.zeros((), expected.dtype), out)
    else:
        assert_same(expected, out)


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("dtype", ORDER)
@pytest.mark.parametrize("op", ELEMENTWISE, **ids)
def test_every_op_dtype_and_layout_class_equals_the_reference(op: Op, dtype: str, kind: str) -> None:
    """Also where the two operands differ in layout and dtype, and on NaN, infinities, zeros and subnormals."""
    if taken(op, dtype) is None:
        operands = [rtch.asarray(values(dtype, SHAPE, 0))] * len(op.inputs)
        with pytest.raises(DTypeError, match=rf"^{op.name}: .*; got {dtype}"):
            getattr(rtch, op.name)(*operands)
        return
    at = CLASSES.index(kind)
    for make in (values, awkward):
        for turn in (1, 4, 7) if len(op.inputs) > 1 else (1,):
            kinds = (kind, CLASSES[(at + turn) % len(CLASSES)])[: len(op.inputs)]
            if "empty" in kinds:  # what is empty broadcasts with one row only
                kinds = tuple("broadcast" if k not in ("empty", "scalar") else k for k in kinds)
            shape = (1, SHAPE[1]) if "empty" in kinds else SHAPE
            arrays = [make(dtype, dense(k, shape), 31 * at + i) for i, k in enumerate(kinds)]
            tensors = [layout(k, rtch.asarray(a), shape) for k, a in zip(kinds, arrays, strict=True)]
            check(op, tensors, [layout(k, a, shape) for k, a in zip(kinds, arrays, strict=True)])


@pytest.mark.parametrize("op", [op for op in ELEMENTWISE if len(op.inputs) == 2], **ids)
def test_two_dtypes_are_promoted(op: Op) -> None:
    """bool, int64, float32, float64: the later one of the two, then the op's rule."""
    for x in ORDER:
        for y in ORDER:
            arrays = [values(x, SHAPE, 1, 1, 4), values(y, SHAPE, 2, 1, 4)]
            if taken(op, max(x, y, key=ORDER.index)) is not None:
                check(op, [rtch.asarray(a) for a in arrays], arrays)


@given(st.data())
@settings(max_examples=150)
def test_any_views_that_broadcast(data: st.DataObject) -> None:
    """Random shapes, strides and dtypes of both operands."""
    t, a = data.draw(pairs())
    for op in ELEMENTWISE:
        if len(op.inputs) == 1 and taken(op, a.dtype.name):
            check(op, [t], [a])
    # A second operand that broadcasts with the first: some axes of size one, leading ones left out.
    ones = data.draw(st.lists(st.booleans(), min_size=a.ndim, max_size=a.ndim))
    shape = tuple(1 if one else n for one, n in zip(ones, a.shape, strict=True))[data.draw(st.integers(0, a.ndim)) :]
    b = awkward(data.draw(st.sampled_from(ORDER)), shape, 5)
    for op in ELEMENTWISE:
        if len(op.inputs) == 2 and taken(op, max(a.dtype.name, b.dtype.name, key=ORDER.index)):
            check(op, [t, rtch.asarray(b)], [a, b])
            check(op, [rtch.asarray(b), t], [b, a])


@pytest.mark.parametrize("op", ELEMENTWISE, **ids)
def test_long_runs_have_the_bits_of_short_ones(op: Op) -> None:
    """Vector body, tail, strided path and threads' cuts agree element by element."""
    dtype = "float32"
    arrays = [awkward(dtype, (70_001,), 3 + i) for i in range(len(op.inputs))]
    tensors = [rtch.asarray(a) for a in arrays]
    function = getattr(rtch, op.name)
    whole = bits(function(*tensors))
    gapped = [rtch.asarray(np.repeat(a, 2))[::2] for a in arrays]
    np.testing.assert_array_equal(whole, bits(function(*gapped)))
    for at in (0, 1, 4097, 69_990):
        np.testing.assert_array_equal(whole[at : at + 11], bits(function(*(t[at : at + 11] for t in tensors))))


def test_where_picks_by_condition_in_every_dtype_and_layout() -> None:
    """Three operands broadcast; the result has the promoted dtype."""
    for at, kind in enumerate(k for k in CLASSES if k != "empty"):
        c = values("bool", dense(kind, SHAPE), at)
        for x in ORDER:
            for y in ORDER:
                other = CLASSES[(at + 3) % 7]
                a, b = awkward(x, dense(other, SHAPE), 1), awkward(y, dense("padded", SHAPE), 2)
                got = rtch.where(
                    layout(kind, rtch.asarray(c), SHAPE),
                    layout(other, rtch.asarray(a), SHAPE),
                    layout("padded", rtch.asarray(b), SHAPE),
                )
                dtype = max(x, y, key=ORDER.index)
                expected = np.where(
                    layout(kind, c, SHAPE),
                    layout(other, a, SHAPE).astype(dtype),
                    layout("padded", b, SHAPE).astype(dtype),
                )
                assert_same(expected, got)


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
    x, y = rtch.zeros((2, 3)), rtch.zeros((2, 4))
    with pytest.raises(BroadcastError, match=rf"^{op.name}: .*; got float32\[2, 3\] and float32\[2, 4\]$") as caught:
        getattr(rtch, op.name)(x, y)
    assert (caught.value.op, caught.value.shapes) == (op.name, ((2, 3), (2, 4)))
    assert isinstance(caught.value, ValueError)


def test_every_dtype_is_covered() -> None:
    """The dtypes of these tests are the library's."""
    assert list(ORDER) == list(DTYPES) == [d.name for d in rtch.dtypes.ALL]
