# SPDX-License-Identifier: MIT
"""Creation functions."""

from __future__ import annotations

import array
import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import standard
from hypothesis import assume, example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import rtch
from rtch.errors import ArgumentError, DimensionError, DTypeError
from tensor_draws import DTYPES, assert_same, awkward, pairs

SHAPES = hnp.array_shapes(min_dims=0, min_side=0, max_side=4)
ALL = {name: getattr(rtch, name) for name in standard.DTYPES}
FLOATING = ["float32", "float64", "complex64", "complex128"]
FINITE = st.floats(-1e6, 1e6, width=32)


@given(SHAPES, st.sampled_from(["zeros", "ones", "empty"]), st.sampled_from([None, *ALL]))
def test_filled(shape: tuple[int, ...], name: str, dtype: str | None) -> None:
    """Shape and dtype as asked for, float32 by default; ones of a complex dtype are 1 + 0j; empty holds zeros."""
    made = getattr(rtch, name)(shape, dtype=dtype)
    assert_same(getattr(np, "zeros" if name == "empty" else name)(shape, dtype or "float32"), made)
    if shape:
        assert getattr(rtch, name)(shape[0]).shape == shape[:1]


@given(pairs(), st.sampled_from(["zeros", "ones", "empty"]), st.sampled_from([None, *ALL]))
def test_filled_like(pair: Any, name: str, dtype: str | None) -> None:
    """Shape, and unless given dtype, of another tensor."""
    t, a = pair
    made = getattr(rtch, f"{name}_like")(t, dtype=dtype)
    assert_same(getattr(np, "zeros" if name == "empty" else name)(a.shape, dtype or a.dtype), made)
    assert not rtch.shares_storage(made, t) or t.size == 0


@pytest.mark.parametrize(
    ("value", "dtype"), [(True, "bool"), (-3, "int64"), (2.5, "float32"), (1 - 2j, "complex64"), (2**62, "int64")]
)
def test_full(value: Any, dtype: str) -> None:
    """The dtype follows from the value; an explicit one is kept, and refused where it can't hold the value."""
    assert_same(np.full((2, 3), value, dtype), rtch.full((2, 3), value))
    assert_same(np.full((2, 3), value, dtype), rtch.full_like(rtch.zeros((2, 3)), value, dtype=dtype))
    assert rtch.full((2,), 1, dtype=dtype).dtype is ALL[dtype]
    assert rtch.full_like(rtch.zeros((2,), dtype=dtype), 1).dtype is ALL[dtype]
    for bad, to in ((2.5, "int64"), (1j, "float32"), (math.nan, "int8")):
        with pytest.raises(DTypeError, match=r"^full: "):
            rtch.full(2, bad, dtype=to)
        with pytest.raises(DTypeError, match=r"^full_like: "):
            rtch.full_like(rtch.zeros(2, dtype=to), bad)
    for bad, to in ((300, "uint8"), (-1, "uint64"), (2**63, "int64")):
        with pytest.raises(ArgumentError, match=rf"^full: {to} holds "):
            rtch.full(2, bad, dtype=to)


def test_full_of_the_extremes() -> None:
    """Of every integer dtype; integers are rounded once on their way to a float."""
    for name in standard.DTYPES[1:9]:
        for value in (np.iinfo(name).min, np.iinfo(name).max):
            assert rtch.full((), value, dtype=name).item() == int(value)
    assert rtch.full((), 2**53 + 2**29 + 1, dtype="float32").item() == float(np.float32(2**53 + 2**30))


@given(st.recursive(st.sampled_from([True, False]), lambda e: st.lists(e, max_size=0)), st.data())
def test_asarray_of_nested_sequences(seed: Any, data: Any) -> None:
    """Of one kind or a mix: bool, int, float or complex decide the dtype in that order."""
    shape = data.draw(hnp.array_shapes(max_dims=3, max_side=3))
    scalars = [st.booleans(), st.integers(-100, 100), FINITE, st.builds(complex, FINITE, FINITE)]
    kinds = data.draw(st.lists(st.sampled_from(range(4)), min_size=1, max_size=2))
    values = [data.draw(scalars[data.draw(st.sampled_from(kinds))]) for _ in range(math.prod(shape))]
    rank = max([bool, int, float, complex].index(type(v)) for v in values)
    dtype = ["bool", "int64", "float32", "complex64"][rank]
    flat: Any = values
    for size in reversed(shape[1:]):
        flat = [tuple(flat[i : i + size]) for i in range(0, len(flat), size)]
    assert_same(np.array(values, dtype).reshape(shape), rtch.asarray(flat))
    assert_same(np.array(values, "complex128").reshape(shape), rtch.asarray(flat, dtype=rtch.complex128))


@pytest.mark.parametrize("name", DTYPES)
def test_asarray_of_arrays(name: str) -> None:
    """NumPy arrays and scalars, buffers and tensors keep their dtype; copy decides about memory."""
    a = awkward(name, (3, 4), 5)
    assert_same(a, rtch.asarray(a))
    assert_same(a[0, 0], rtch.asarray(a[0, 0]))
    assert_same(a, rtch.asarray(memoryview(a)))
    t = rtch.asarray(a)
    assert rtch.asarray(t) is rtch.asarray(t, copy=False) is rtch.asarray(t, dtype=name, copy=False) is t
    copied = rtch.asarray(t, copy=True)
    assert copied is not t
    copied[...] = 0
    assert_same(a, t)
    other = "complex128" if name != "complex128" else "complex64"
    assert rtch.asarray(t, dtype=other).dtype is ALL[other]
    with pytest.raises(ValueError, match=r"^asarray: a copy is needed to get "):
        rtch.asarray(t, dtype=other, copy=False)


def test_asarray_without_a_copy() -> None:
    """Is an error for values and buffers, which are always copied; NumPy memory is looked at."""
    for obj in (1, 2.5, [1, 2], ((1.0,),), bytearray(b"ab"), memoryview(b"ab")):
        with pytest.raises(ValueError, match=r"^asarray: .* must be copied"):
            rtch.asarray(obj, copy=False)
    a = np.arange(3.0)
    t = rtch.asarray(a, copy=False)
    assert np.shares_memory(a, t.numpy())
    with pytest.raises(ValueError, match=r"^asarray: a copy is needed to change the dtype"):
        rtch.asarray(a, dtype="float32", copy=False)


def test_asarray_of_buffers() -> None:
    """Whatever has the buffer protocol, with its item type; bytes are uint8."""
    for code, dtype in (
        ("b", "int8"),
        ("H", "uint16"),
        ("i", "int32"),
        ("q", "int64"),
        ("f", "float32"),
        ("d", "float64"),
    ):
        assert_same(np.array([1, 2, 100], dtype), rtch.asarray(array.array(code, [1, 2, 100])))
    for data in (b"ab", bytearray(b"ab"), memoryview(b"ab")):
        assert_same(np.array([97, 98], "uint8"), rtch.asarray(data))
    assert_same(np.array([[1, 2], [3, 4]], "int8"), rtch.asarray(memoryview(bytes([1, 2, 3, 4])).cast("b", (2, 2))))
    assert rtch.asarray(b"").shape == (0,)
    source = bytearray(b"ab")
    made = rtch.asarray(source)
    source[0] = 0
    assert made.tolist() == [97, 98]
    for obj in (None, "ab", object(), {1}):
        with pytest.raises(ArgumentError, match=r"^asarray: numbers, lists or an array are needed; got "):
            rtch.asarray(obj)


def test_asarray_of_ranges() -> None:
    """A range counts as a list, inside lists too."""
    assert_same(np.arange(3), rtch.asarray(range(3)))
    assert_same(np.array([[4, 2], [0, 1]], "uint8"), rtch.asarray([range(4, 0, -2), range(2)], dtype="uint8"))
    assert rtch.asarray(range(0)).shape == (0,)
    with pytest.raises(ArgumentError, match=r"^asarray: nested lists must be rectangular"):
        rtch.asarray([range(2), range(3)])


def test_asarray_keeps_the_graph() -> None:
    """A copy or a cast of a tensor passes gradients on."""
    x = rtch.asarray([1.0, 2.0]).requires_grad_()
    (rtch.asarray(x, copy=True) * 2 + rtch.asarray(x, dtype="float64")).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [3.0, 3.0]


def length(start: Any, stop: Any, step: Any) -> int:
    """What the standard says: ceil((stop - start) / step), or 0."""
    return max(0, math.ceil(Fraction(stop - start) / Fraction(step)))


@given(st.data(), st.sampled_from(standard.DTYPES[1:9]))
def test_arange_of_integers(data: Any, name: str) -> None:
    """Exact over the dtype's whole range."""
    info = np.iinfo(name)
    low, high = int(info.min), int(info.max)
    start = data.draw(st.integers(low, high))
    stop = min(max(start + data.draw(st.integers(-60, 60)), low), high)
    step = data.draw(st.integers(-7, 7).filter(bool))
    expected = list(range(start, stop, step))
    got = rtch.arange(start, stop, step, dtype=name)
    assert (got.tolist(), got.dtype, got.shape) == (expected, ALL[name], (len(expected),))
    if name == "int64":
        assert rtch.arange(start, stop, step).tolist() == expected


@given(FINITE, FINITE, st.floats(0.0625, 64, width=32), st.booleans(), st.sampled_from([None, "float32", "float64"]))
@example(0.0, 1.0, 0.1, False, None)
def test_arange_of_floats(start: float, stop: float, step: float, down: bool, dtype: str | None) -> None:
    """Element i is start + i * step in float64; no element for a step away from stop."""
    assume(abs(stop - start) / step < 1000)
    step = -step if down else step
    got = rtch.arange(start, stop, step, dtype=dtype)
    n = max(0, math.ceil((stop - start) / step))
    assert_same(np.array([start + i * step for i in range(n)], "float64").astype(dtype or "float32"), got)


def test_arange_of_one_argument() -> None:
    """Is the end; a mix of integers and floats is floating; a dtype that can't hold the values is an error."""
    assert_same(np.arange(4), rtch.arange(4))
    assert_same(np.arange(3.5).astype("float32"), rtch.arange(3.5))
    assert_same(np.arange(1, 3, 0.5).astype("float32"), rtch.arange(1, 3, 0.5))
    assert rtch.arange(-1).shape == rtch.arange(0).shape == rtch.arange(3, 3).shape == (0,)
    assert rtch.arange(1, 3, 1.0).dtype is rtch.float32
    assert rtch.arange(3, dtype=rtch.float64).dtype is rtch.float64
    assert rtch.arange(2**64 - 3, 2**64 - 1, dtype=rtch.uint64).tolist() == [2**64 - 3, 2**64 - 2]
    for arguments, dtype in (
        ((300,), "uint8"),
        ((-1, 3), "uint64"),
        ((126, 130), "int8"),
        ((2**63, 2**63 + 2), "int64"),
    ):
        with pytest.raises(ArgumentError, match=rf"^arange: {dtype} holds "):
            rtch.arange(*arguments, dtype=dtype)
    with pytest.raises(ArgumentError, match=r"a step other than 0"):
        rtch.arange(0, 3, 0)
    with pytest.raises(DTypeError, match=r"^arange: start and step must be whole"):
        rtch.arange(0, 3, 0.5, dtype="int64")


@given(
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(0, 20),
    st.booleans(),
    st.sampled_from([None, "float32", "float64"]),
)
@example(-1.7e308, 1.7e308, 5, True, "float64")
@example(-1.7976931348623157e308, 1.7976931348623157e308, 7, False, "float64")
@example(0.0, 5e-324, 3, True, "float64")
def test_linspace(start: float, stop: float, num: int, endpoint: bool, dtype: str | None) -> None:
    """By the formula of its docstring; exact ends; near the exact value; the last of one more is left out."""
    got = rtch.linspace(start, stop, num, endpoint=endpoint, dtype=dtype)
    assert (got.shape, got.dtype.name) == ((num,), dtype or "float32")
    gaps = num - 1 if endpoint else num
    step = (stop - start) / gaps if gaps > 0 else 0.0
    if math.isinf(step):
        half = (stop / 2 - start / 2) / gaps
        expected = [2 * (start / 2 + i * half) for i in range(num)]
    else:
        expected = [start + i * step for i in range(num)]
    if num:
        expected[0] = start
    if endpoint and num > 1:
        expected[-1] = stop
    with np.errstate(all="ignore"):
        assert_same(np.array(expected, "float64").astype(dtype or "float32"), got)
    for i, value in enumerate(expected):
        exact = Fraction(start) + Fraction(i) * (Fraction(stop) - Fraction(start)) / max(gaps, 1)
        assert abs(Fraction(value) - exact) <= Fraction(max(abs(start), abs(stop))) / 2**51 + Fraction(20, 2**1074)
    if not endpoint:
        assert_same(rtch.linspace(start, stop, num + 1, dtype=dtype).numpy()[:-1], got)


@given(st.complex_numbers(max_magnitude=1e6), st.complex_numbers(max_magnitude=1e6), st.integers(0, 9), st.booleans())
def test_linspace_of_complex_numbers(start: complex, stop: complex, num: int, endpoint: bool) -> None:
    """Real and imaginary parts apart."""
    got = rtch.linspace(start, stop, num, endpoint=endpoint, dtype=rtch.complex128)
    parts = [
        rtch.linspace(a, b, num, endpoint=endpoint, dtype=rtch.float64)
        for a, b in ((start.real, stop.real), (start.imag, stop.imag))
    ]
    assert_same(np.stack([p.numpy() for p in parts], -1).reshape(-1).view("complex128"), got)
    assert rtch.linspace(start, 1.0, num, endpoint=endpoint).dtype is rtch.complex64
    assert rtch.linspace(0, 1, num, dtype=rtch.complex64).dtype is rtch.complex64


def test_linspace_of_integers_and_what_is_refused() -> None:
    """The ends are rounded once; no integer dtype, no complex number in a real one, nothing infinite."""
    big = 2**53 + 2**29 + 1
    assert rtch.linspace(big, big, 3, dtype="float32")[0].item() == rtch.asarray(big, dtype="float32").item()
    assert rtch.linspace(0, big, 3, dtype="float32")[-1].item() == rtch.asarray(big, dtype="float32").item()
    assert rtch.linspace(5, 9, 1).tolist() == [5.0]
    assert rtch.linspace(5, 9, 1, endpoint=False).tolist() == [5.0]
    for dtype, stop in (("int64", 1), ("bool", 1), ("float32", 1j)):
        with pytest.raises(DTypeError, match=r"^linspace: a floating dtype that holds the values"):
            rtch.linspace(0, stop, 3, dtype=dtype)
    for arguments in ((0, 1, -1), (0, 1, 2.0), (math.inf, 1, 3), (0, math.nan, 3), (0, 10**400, 2)):
        with pytest.raises(ArgumentError, match=r"^linspace: "):
            rtch.linspace(*arguments)


@given(
    st.integers(0, 5),
    st.none() | st.integers(0, 5),
    st.integers(-7, 7) | st.sampled_from([2**70, -(2**70)]),
    st.sampled_from([None, *ALL]),
)
def test_eye(rows: int, columns: int | None, k: int, dtype: str | None) -> None:
    """Ones on the diagonal, wherever it lies."""
    at = max(-10, min(k, 10))
    assert_same(np.eye(rows, columns, k=at, dtype=dtype or "float32"), rtch.eye(rows, columns, k=k, dtype=dtype))


def test_eye_refuses() -> None:
    """Negative sizes and what is no integer."""
    for arguments in ((-1,), (2, -1), (1.5,), (2, 2.0)):
        with pytest.raises(ArgumentError, match=r"^eye: "):
            rtch.eye(*arguments)
    with pytest.raises(ArgumentError, match=r"^eye: k must be an integer; got 1.0$"):
        rtch.eye(2, k=1.0)


@given(st.lists(st.integers(0, 4), max_size=4), st.sampled_from(["xy", "ij"]), st.sampled_from(list(DTYPES)))
def test_meshgrid(sizes: list[int], indexing: Any, dtype: str) -> None:
    """As NumPy's, in a list; views; of none it is empty."""
    arrays = [awkward(dtype, (n,), i) for i, n in enumerate(sizes)]
    got = rtch.meshgrid(*(rtch.asarray(a) for a in arrays), indexing=indexing)
    assert isinstance(got, list)
    assert len(got) == len(sizes)
    for expected, actual in zip(np.meshgrid(*arrays, indexing=indexing), got, strict=True):
        assert_same(expected, actual)


def test_meshgrid_refuses() -> None:
    """Other dimensions than one, and other ways to index."""
    for shape in ((), (2, 2)):
        with pytest.raises(DimensionError, match=r"^meshgrid: one dimension is needed; got shape \["):
            rtch.meshgrid(rtch.ones(3), rtch.ones(shape))
    for indexing in ("yx", None):
        with pytest.raises(ArgumentError, match=r"^meshgrid: indexing is 'xy' or 'ij'; got "):
            rtch.meshgrid(rtch.ones(3), indexing=indexing)


@given(pairs(), st.integers(-6, 6), st.sampled_from(["tril", "triu"]))
def test_triangles(pair: Any, k: int, name: str) -> None:
    """Of matrices and stacks of them; fewer dimensions are an error."""
    t, a = pair
    if a.ndim < 2:
        with pytest.raises(DimensionError, match=rf"^{name}: two dimensions or more are needed"):
            getattr(rtch, name)(t, k=k)
        return
    assert_same(getattr(np, name)(a, k=k), getattr(rtch, name)(t, k=k))


def test_gradients_of_triangles_and_grids() -> None:
    """Are the triangles of the gradients, and sums over the grid."""
    x = rtch.ones((2, 3, 3)).requires_grad_()
    rtch.tril(x, k=-1).sum().backward()
    assert x.grad is not None
    assert_same(np.tril(np.ones((2, 3, 3), "float32"), -1), x.grad)
    y = rtch.asarray([1.0, 2.0]).requires_grad_()
    (rtch.meshgrid(y, rtch.ones(3))[0] * 2).sum().backward()
    assert y.grad is not None
    assert y.grad.tolist() == [6.0, 6.0]
