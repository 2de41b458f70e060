# SPDX-License-Identifier: MIT
"""Tensors beside Python and NumPy scalars, operators, and conversion to Python."""

from __future__ import annotations

import operator
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import rtch
from rtch.errors import ArgumentError, BroadcastError, DimensionError, DTypeError
from rtch.ops.row import Kind
from rtch.ops.table import OPS
from tensor_draws import DTYPES, INTEGERS, assert_same, awkward

ARITHMETIC = {"add": operator.add, "subtract": operator.sub, "multiply": operator.mul, "divide": operator.truediv}
COMPARE = {op.name: getattr(operator, op.operator) for op in OPS if op.kind is Kind.COMPARE and op.operator}
OPERATORS = {**ARITHMETIC, **COMPARE}


@pytest.mark.parametrize(
    ("dtype", "scalar", "result"),
    [
        ("float32", 2.5, "float32"),
        ("float32", 3, "float32"),
        ("float32", True, "float32"),
        ("float64", 2.5, "float64"),
        ("float64", 3, "float64"),
        ("int64", 3, "int64"),
        ("int64", True, "int64"),
        ("int64", 2.5, "float32"),
        ("bool", 3, "int64"),
        ("bool", 2.5, "float32"),
        ("uint8", 3, "uint8"),
        ("int16", True, "int16"),
        ("uint32", 2.5, "float32"),
        ("complex64", 2.5, "complex64"),
        ("complex128", 3, "complex128"),
        ("float64", 1 + 2j, "complex128"),
        ("float32", 1 + 2j, "complex64"),
        ("int8", 1 + 2j, "complex64"),
    ],
)
def test_a_python_scalar_never_widens_its_own_kind(dtype: str, scalar: Any, result: str) -> None:
    """On either side of an operator, as a NumPy scalar, and through the function."""
    x = rtch.asarray(np.array([1, 0, 1]).astype(dtype))
    numpy_scalars = [np.array(scalar)[()], np.array(scalar)]
    if isinstance(scalar, float):
        numpy_scalars += [np.float32(scalar), np.float16(scalar)]
    elif type(scalar) is int:
        numpy_scalars += [np.int8(scalar), np.uint64(scalar)]
    for value in (scalar, *numpy_scalars):
        for op in (operator.add, operator.sub, operator.mul):
            left, right = op(x, value), op(value, x)
            assert left.dtype.name == right.dtype.name == result
            assert_same(op(x.numpy().astype(result), np.array(scalar).astype(result)), left)
            assert_same(op(np.array(scalar).astype(result), x.numpy().astype(result)), right)
        assert (value == x).dtype is rtch.bool_
        assert rtch.multiply(value, x).dtype.name == result


def test_division_and_its_scalars() -> None:
    """Two integers give float32; a scalar takes the tensor's dtype."""
    i, f = rtch.asarray([1, 2]), rtch.asarray([1.0, 3.0], dtype="float64")
    assert_same(np.array([1, 2], "float32") / np.float32(3), i / 3)
    assert_same(np.array([1, 2], "float32") / np.float32(0.1), i / 0.1)
    assert_same(np.float64(3) / np.array([1.0, 3.0]), 3 / f)
    assert_same(np.array([2, 1], "float32"), 2 / i)


@pytest.mark.parametrize("name", OPERATORS)
def test_operators_are_the_functions(name: str) -> None:
    """Same bits for tensor and tensor, tensor and scalar, scalar and tensor."""
    op, function = OPERATORS[name], getattr(rtch, name)
    x, y = rtch.asarray(awkward("float32", (4, 5), 1)), rtch.asarray(awkward("float32", (5,), 2))
    for a, b in ((x, y), (y, x), (x, 2), (x, -1.5), (x, np.float32(0.1))):
        assert_same(function(a, b).numpy(), op(a, b))
    assert_same(function(2, x).numpy(), op(2, x))
    assert_same(function(rtch.asarray(2.0), x).numpy(), op(2, x))


def test_integers_beyond_64_bits() -> None:
    """Are refused, as values of tensors are."""
    x = rtch.asarray([1, 2])
    for value in (2**63, -(2**63) - 1, 2**200):
        for call in (lambda v: x + v, lambda v: v - x, lambda v: x == v, lambda v: rtch.multiply(v, x)):
            with pytest.raises(
                ArgumentError, match=r"an integer of 64 bits is needed|int64 holds -9223372036854775808"
            ):
                call(value)
    assert (x + (2**63 - 1)).tolist() == [-(2**63), -(2**63) + 1]


@pytest.mark.parametrize("dtype", INTEGERS)
def test_integers_beyond_the_dtype(dtype: str) -> None:
    """Are refused; the smallest and the largest are taken, on both sides."""
    x, low, high = rtch.asarray([1, 2], dtype=dtype), np.iinfo(dtype).min, np.iinfo(dtype).max
    for value in (low - 1, high + 1):
        for call in (lambda v: x + v, lambda v: v - x, lambda v: x == v):
            with pytest.raises(ArgumentError, match=r"an integer of 64 bits is needed|holds"):
                call(value)
    for value in (int(low), int(high)):
        assert_same(x.numpy() + np.array(value, dtype), x + value)
        assert_same(np.array(value, dtype) - x.numpy(), value - x)
        assert_same(x.numpy() > value, x > value)


@pytest.mark.parametrize("other", ["a", None, [1.0], (1.0,), {}, Decimal(1), Fraction(1, 3), object()])
def test_operands_that_are_not_ours(other: Any) -> None:
    """Operators leave them to Python: arithmetic is a TypeError, equality is identity. Functions raise a DTypeError."""
    x = rtch.ones(2)
    for op in (*ARITHMETIC.values(), operator.lt, operator.matmul):
        for a, b in ((x, other), (other, x)):
            with pytest.raises(TypeError):
                op(a, b)
    assert (x == other) is False
    assert (x != other) is True
    for name in ARITHMETIC:
        with pytest.raises(DTypeError, match=rf"^{name}: a Tensor or a scalar is needed; got "):
            getattr(rtch, name)(x, other)
    with pytest.raises((DTypeError, ArgumentError)):
        rtch.where(x > 0, other, x)


@pytest.mark.parametrize("other", [np.ones(2, "float32"), np.ones((1, 2)), np.array(["a"])])
def test_numpy_arrays_are_never_mixed_in_by_an_operator(other: Any) -> None:
    """Else NumPy would compute the result, or `==` answer False."""
    x = rtch.ones(2)
    for op in OPERATORS.values():
        for a, b in ((x, other), (other, x)):
            with pytest.raises(DTypeError, match=r"a Tensor or a scalar is needed; got .*rtch.asarray"):
                op(a, b)
    for a, b in ((x, other), (other, x)):
        with pytest.raises(TypeError):
            a @ b
    with pytest.raises(TypeError, match=r"ufunc"):
        np.sqrt(x)
    with pytest.raises(DTypeError):
        x += other


def test_in_place_keeps_shape_and_dtype() -> None:
    """What would change them is refused and leaves the tensor as it was."""
    x, i = rtch.ones((2, 3)), rtch.asarray([4, 2])
    x += 1
    x *= rtch.asarray([1.0, 2.0, 3.0])
    x -= rtch.asarray([[1], [2]])
    x /= 2
    assert x.tolist() == [[0.5, 1.5, 2.5], [0.0, 1.0, 2.0]]
    i -= True
    assert i.tolist() == [3, 1]
    for bad in (rtch.ones((4, 2, 3)), rtch.ones(2), rtch.ones((2, 1, 3))):
        with pytest.raises(BroadcastError, match=r"^add: an in-place result must keep shape and dtype"):
            x += bad
    with pytest.raises(DTypeError, match=r"^multiply: an in-place result must keep shape and dtype"):
        x *= rtch.ones(3, dtype="float64")
    for bad_scalar in (0.5, rtch.asarray(0.5)):
        with pytest.raises(DTypeError, match=r"^add: an in-place"):
            i += bad_scalar
    with pytest.raises(DTypeError, match=r"^divide: an in-place"):
        i /= 2
    b = rtch.asarray([True])
    with pytest.raises(DTypeError, match=r"^add: "):
        b += True
    with pytest.raises(DTypeError, match=r"^add: a Tensor or a scalar"):
        x += "a"
    assert x.tolist() == [[0.5, 1.5, 2.5], [0.0, 1.0, 2.0]]
    assert (i.tolist(), b.tolist()) == ([3, 1], [True])


@pytest.mark.parametrize("dtype", DTYPES)
def test_conversion_to_python(dtype: str) -> None:
    """item, bool, int, float, complex and index of one element, whatever its shape."""
    for shape in ((), (1,), (1, 1)):
        for value in (np.array(awkward(dtype, (40,), 3))).tolist():
            x = rtch.asarray(np.full(shape, value, dtype))
            assert type(x.item()) is type(value)
            assert x.item() == value or value != value
            assert bool(x) is bool(value)
            assert repr(complex(x)) == repr(
                complex(value, value) if value != value and dtype[0] == "f" else complex(value)
            )
            if isinstance(value, complex):
                for convert in (int, float):
                    with pytest.raises(DTypeError, match=rf"^{convert.__name__}: a real tensor is needed; got {dtype}"):
                        convert(x)
                continue
            assert repr(float(x)) == repr(float(value))
            if value - value == 0:
                assert int(x) == int(value)
            if dtype in INTEGERS:
                assert operator.index(x) == value
    if dtype not in INTEGERS:
        with pytest.raises(DTypeError, match=rf"^index: an integer tensor is needed; got {dtype}$"):
            operator.index(rtch.zeros((), dtype=dtype))


def test_conversion_of_several_elements_is_refused() -> None:
    """Also of none."""
    for x in (rtch.ones(2), rtch.ones((2, 2)), rtch.zeros(0)):
        for convert in (bool, int, float, rtch.Tensor.item):
            with pytest.raises(ArgumentError, match=r"^item: exactly one element is needed; got shape \["):
                convert(x)
    with pytest.raises(ArgumentError):
        operator.index(rtch.asarray([1, 2]))
    assert [10, 20, 30][rtch.asarray(1)] == 20


def test_len_and_iteration() -> None:
    """Along the first dimension; a 0-d tensor has neither."""
    x = rtch.asarray([[1, 2], [3, 4], [5, 6]])
    assert len(x) == 3
    assert [row.tolist() for row in x] == [[1, 2], [3, 4], [5, 6]]
    assert [v.item() for v in x[:, 0]] == [1, 3, 5]
    assert list(rtch.zeros((0, 3))) == []
    assert len(rtch.zeros((0, 3))) == 0
    for call in (len, iter):
        with pytest.raises(TypeError, match=r"^len: a 0-d tensor has no length$"):
            call(rtch.asarray(1))
    a, b = rtch.asarray([1, 2])
    assert (a.item(), b.item()) == (1, 2)
    assert 3 in x[1]
    assert 9 not in x[1]


def test_facts() -> None:
    """shape, ndim, size, strides in elements, contiguity, T and mT."""
    x = rtch.zeros((2, 3, 4), dtype="float64")
    assert (x.shape, x.ndim, x.size, x.strides, x.is_contiguous) == ((2, 3, 4), 3, 24, (12, 4, 1), True)
    y = x[::-1, :, ::2]
    assert (y.shape, y.strides, y.is_contiguous) == ((2, 3, 2), (-12, 4, 2), False)
    assert (x.mT.shape, x.mT.strides) == ((2, 4, 3), (12, 1, 4))
    assert rtch.broadcast_to(x[0, 0], (5, 4)).strides == (0, 1)
    assert (x[0].T.shape, rtch.asarray(1).shape, rtch.asarray(1).strides) == ((4, 3), (), ())
    with pytest.raises(DimensionError, match=r"^T: two dimensions are needed; got shape \[2, 3, 4\]$"):
        x.T  # noqa: B018
    with pytest.raises(DimensionError, match=r"^mT: two dimensions or more are needed; got float64\[4\]$"):
        x[0, 0].mT  # noqa: B018
    assert (repr(x.dtype), x.dtype.itemsize, x.dtype.is_floating) == ("rtch.float64", 8, True)


def test_hash_is_identity() -> None:
    """So that tensors are keys although `==` is elementwise."""
    x, y = rtch.ones(2), rtch.ones(2)
    assert {id(x): 1} == {id(k): v for k, v in {x: 1}.items()}
    assert len({x, y}) == 2
