# SPDX-License-Identifier: MIT
"""asarray, the filled tensors and arange."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rtch
from rtch.errors import AllocationError, ArgumentError, DimensionError, DTypeError
from tensor_draws import DTYPES, INTEGERS, assert_same, awkward, pairs


@pytest.mark.parametrize(
    ("obj", "shape", "dtype"),
    [
        (True, (), "bool"),
        (3, (), "int64"),
        (3.5, (), "float32"),
        ([], (0,), "float32"),
        ([[], []], (2, 0), "float32"),
        ([True, False], (2,), "bool"),
        ([True, 2], (2,), "int64"),
        ([1, 2.5], (2,), "float32"),
        (((1, 2), [3, 4]), (2, 2), "int64"),
        ([[[1.0]]], (1, 1, 1), "float32"),
        ([np.int32(1), np.float64(2)], (2,), "float32"),
        ([math.nan, math.inf, -0.0], (3,), "float32"),
    ],
)
def test_lists_and_scalars(obj: Any, shape: tuple[int, ...], dtype: str) -> None:
    """Python floats give float32, integers int64, and one of a higher kind lifts the rest."""
    assert_same(np.array(obj, dtype=dtype).reshape(shape), rtch.asarray(obj))


@pytest.mark.parametrize("obj", [[[1], [1, 2]], [1, [2]], [[1], 2], [[], [1]], [[[1]], [1]], [[1, 2], [3, [4]]]])
def test_ragged_lists(obj: Any) -> None:
    """Nested lists must be rectangular."""
    with pytest.raises(ArgumentError, match=r"^asarray: nested lists must be rectangular; got "):
        rtch.asarray(obj)


def test_a_list_inside_itself_ends() -> None:
    """At 32 dimensions."""
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(ArgumentError, match=r"^asarray: at most 32 dimensions"):
        rtch.asarray(endless)


@pytest.mark.parametrize("obj", [None, "abc", {}, iter([1]), object(), Fraction(1, 2)])
def test_what_holds_no_numbers(obj: Any) -> None:
    """Alone and as an element."""
    for value in (obj, [obj], [[1.0, obj]]):
        with pytest.raises(ArgumentError, match=r"^asarray: ") as caught:
            rtch.asarray(value)
        assert "\n" not in str(caught.value)


def test_arrays_in_lists_are_not_numbers() -> None:
    """Only 0-d ones are."""
    assert rtch.asarray([np.array(1.5), rtch.asarray(2)]).tolist() == [1.5, 2.0]
    for value in (np.zeros((3, 3)), np.zeros(1), rtch.zeros((2, 2))):
        with pytest.raises(ArgumentError, match=r"numbers are needed; got \w+ of shape .*rtch.stack") as caught:
            rtch.asarray([value])
        assert "\n" not in str(caught.value)


@given(pairs())
def test_numpy_arrays_keep_dtype_and_values(pair: tuple[rtch.Tensor, np.ndarray]) -> None:
    """From any strides; later writes to the array don't reach the tensor."""
    a = pair[1]
    t = rtch.asarray(a)
    assert_same(a, t)
    assert t.is_contiguous
    if a.flags.writeable and a.size:
        kept = a.copy()
        a[...] = 0
        assert_same(kept, t)


@pytest.mark.parametrize("dtype", ["int64", "float32", "float64"])
def test_big_endian_arrays(dtype: str) -> None:
    """Are swapped."""
    a = awkward(dtype, (3, 4), 1)
    assert_same(a, rtch.asarray(a.astype(a.dtype.newbyteorder(">"))))


@pytest.mark.parametrize("dtype", ["longdouble", "clongdouble", "<U3", "M8[s]", "O"])
def test_dtypes_that_there_are_not(dtype: str) -> None:
    """A typed error on one line that lists what there is; rank beyond 32 likewise."""
    for source in (np.zeros(2, dtype), np.zeros((), dtype)):
        with pytest.raises(DTypeError, match=r"^dtype: one of bool, int8, .*complex128 is needed; got "):
            rtch.asarray(source)
    with pytest.raises(DimensionError, match=r"^asarray: "):
        rtch.asarray(np.zeros((1,) * 33))


def test_bools_from_outside_are_zero_or_one() -> None:
    """Whatever byte stands in memory."""
    strange = np.array([0, 1, 2, 255], "uint8").view(bool)
    assert (rtch.asarray(strange) == rtch.asarray([False, True, True, True])).tolist() == [True] * 4
    assert rtch.asarray(strange).tobytes() == b"\0\1\1\1"


@pytest.mark.parametrize("name", DTYPES)
def test_ways_to_name_a_dtype(name: str) -> None:
    """The object, its name, NumPy's dtype and NumPy's type."""
    for dtype in (DTYPES[name], name, np.dtype(name), np.dtype(name).type):
        assert rtch.zeros(1, dtype=dtype).dtype is DTYPES[name]
    assert [rtch.zeros(1, dtype=t).dtype.name for t in (bool, int, float, complex)] == [
        "bool",
        "int64",
        "float32",
        "complex64",
    ]
    for bad in ("float128", "", None, [1], 3, object, np.longdouble, "bool_x"):
        with pytest.raises(DTypeError, match=r"^dtype: one of "):
            rtch.dtypes.as_dtype(bad)


def test_asarray_with_dtype() -> None:
    """Scalars and lists are converted where nothing is lost but digits; a fraction never becomes an integer unasked."""
    assert rtch.asarray([1, 0, 2], dtype="bool").tolist() == [True, False, True]
    assert rtch.asarray([1.0, True], dtype="int64").tolist() == [1, 1]
    assert_same(np.float32(0.1), rtch.asarray(0.1, dtype="float32"))
    assert_same(np.float64(0.1), rtch.asarray(0.1, dtype="float64"))
    assert_same(np.array([0.1]).astype("float32"), rtch.asarray(np.array([0.1]), dtype="float32"))
    for value in (1.5, [1.5], np.array([1.5]), math.nan, [math.inf], np.array([2.0])):
        with pytest.raises(DTypeError, match=r"int64"):
            rtch.asarray(value, dtype="int64")
    for value in (2**63, [-(2**63) - 1], 1e300, [1e300]):
        with pytest.raises(ArgumentError, match=r"int64 holds -9223372036854775808 to 9223372036854775807; got"):
            rtch.asarray(value, dtype="int64")
    for dtype in INTEGERS:
        low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
        assert rtch.asarray([low, high], dtype=dtype).tolist() == [low, high]
        for value in (low - 1, high + 1):
            for make in (
                rtch.asarray,
                lambda v, dtype: rtch.asarray([v], dtype=dtype),
                lambda v, dtype: rtch.full(2, v, dtype=dtype),
            ):
                with pytest.raises(ArgumentError, match=rf"{dtype} holds {low} to {high}; got {value}"):
                    make(value, dtype=dtype)
    assert rtch.asarray([1j, 2, True], dtype="complex128").tolist() == [1j, 2, 1]
    for value in (1j, [1j]):
        with pytest.raises(DTypeError, match=r"complex"):
            rtch.asarray(value, dtype="float64")
    for value in (2**2000, [2**2000]):
        with pytest.raises(ArgumentError, match=r"too large for a float"):
            rtch.asarray(value, dtype="float64")
    assert rtch.asarray([1e39, -1e39]).tolist() == [math.inf, -math.inf]


NEAR_HALF = st.builds(  # beside the middle of two float32, by less than a float64 sees
    lambda high, shift, beside, sign: sign * ((high << shift) + (1 << shift - 1) + beside),
    st.integers(2**23, 2**24 - 1),
    st.integers(31, 39),
    st.integers(-1, 1),
    st.sampled_from([-1, 1]),
)


@given(st.integers(-(2**63), 2**63 - 1) | NEAR_HALF)
def test_integers_round_once_to_float32(value: int) -> None:
    """By every way in: scalar, list, fill, cast, operand, in place. A float64 on the way would round twice."""
    exact = rtch.asarray([value]).astype("float32")
    nearest = np.array([value], "int64").astype("float32")
    assert_same(nearest, exact)
    assert_same(nearest, rtch.asarray([value], dtype="float32"))
    assert_same(nearest[0], rtch.asarray(value, dtype="float32"))
    assert_same(nearest, rtch.full(1, value, dtype="float32"))
    out = rtch.zeros(1)
    assert_same(nearest + np.float32(0), out + value)
    out += value
    assert_same(nearest + np.float32(0), out)


def test_asarray_of_a_tensor() -> None:
    """Itself where nothing changes, a copy where asked for, a cast where the dtype differs."""
    x = rtch.asarray([1.5, -1.5])
    assert rtch.asarray(x) is x
    assert rtch.asarray(x, dtype="float32", copy=False) is x
    copied = rtch.asarray(x, copy=True)
    assert copied is not x
    assert copied.tolist() == x.tolist()
    assert rtch.asarray(x, dtype="int64").tolist() == [1, -1]
    a = np.zeros(1)
    same = rtch.asarray(a, copy=False)
    a[0] = 3.0
    assert same.item() == 3.0
    for obj, dtype in (([1.0], None), (1.0, None), (a, "float32"), (np.zeros(1, ">f8"), None)):
        with pytest.raises(ValueError, match=r"^asarray: .*cop"):
            rtch.asarray(obj, dtype=dtype, copy=False)


def test_filled() -> None:
    """zeros, ones, full, empty and the _like functions."""
    for shape in ((), 3, (2, 3), [2, 0], (0,), np.int64(2)):
        for dtype in (None, *DTYPES):
            expected = np.zeros(shape, dtype or "float32")
            assert_same(expected, rtch.zeros(shape, dtype=dtype))
            assert_same(expected, rtch.empty(shape, dtype=dtype))
            assert_same(expected + np.ones((), expected.dtype), rtch.ones(shape, dtype=dtype))
    assert [rtch.full(2, v).dtype.name for v in (True, 1, 1.0, np.int32(1))] == ["bool", "int64", "float32", "int64"]
    assert rtch.full(2, 1j).dtype is rtch.complex64
    assert_same(np.full((2, 2), -0.0, "float64"), rtch.full((2, 2), -0.0, dtype="float64"))
    x = rtch.asarray([[1, 2, 3]])
    assert_same(np.full((1, 3), 7), rtch.full_like(x, 7))
    assert_same(np.zeros((1, 3), "float64"), rtch.zeros_like(x, dtype="float64"))
    assert_same(np.ones((1, 3), "int64"), rtch.ones_like(x))
    for bad in (None, "a", np.zeros(2), [1]):
        with pytest.raises(ArgumentError, match=r"^full: "):
            rtch.full(2, bad)
    for bad_int in (0.5, math.nan, math.inf):
        with pytest.raises(DTypeError, match=r"^full: .* does not fit in int64"):
            rtch.full(2, bad_int, dtype="int64")
    with pytest.raises(ArgumentError, match=r"^full: int64 holds"):
        rtch.full(2, 2**63)
    for function in (rtch.zeros_like, rtch.ones_like, lambda x: rtch.full_like(x, 1)):
        with pytest.raises(DTypeError, match=r"_like: a Tensor is needed; got list"):
            function([1])


@pytest.mark.parametrize("shape", [-1, (2, -1), 1.5, "a", None, (2, "a"), (1,) * 33, 2**63, (2**64,), (1.0,), {2}])
def test_shapes_that_are_none(shape: Any) -> None:
    """An ArgumentError that shows the shape."""
    for function in (rtch.zeros, rtch.ones, rtch.empty, lambda s: rtch.full(s, 1)):
        with pytest.raises(ArgumentError, match=r"^(zeros|ones|empty|full): .*; got "):
            function(shape)


def test_sizes_that_overflow() -> None:
    """Elements and bytes are counted without overflow, also where another size is 0."""
    for shape in ((2**62, 4), (2**32, 2**32), (2**61, 1), (0, 2**62, 2**62), (2**62, 0, 2**62)):
        with pytest.raises(ArgumentError, match=r"^zeros: shape is not valid here"):
            rtch.zeros(shape, dtype="float64")
    with pytest.raises(AllocationError, match=r"^zeros: memory for this shape could not be had") as caught:
        rtch.zeros(2**55)
    assert isinstance(caught.value, MemoryError)
    assert rtch.zeros((0, 2**40), dtype="bool").shape == (0, 2**40)


def test_memory_that_cannot_be_had_is_an_error_everywhere() -> None:
    """A view may be larger than any memory; whoever wants its elements gets an AllocationError, not a crash."""
    x = rtch.broadcast_to(rtch.asarray(1.0), (2**55,))
    calls = [
        x.tolist,
        x.tobytes,
        x.tanh,
        lambda: x + 1,
        lambda: x < 1,
        lambda: x.astype("float64"),
        lambda: rtch.concat([x, x]),
        lambda: rtch.where(x == 1, x, x),
        lambda: rtch.broadcast_to(rtch.zeros((2, 1)), (2, 2**54)).T.reshape(-1),
        lambda: rtch.broadcast_to(rtch.zeros(()), (2**28, 1)) @ rtch.broadcast_to(rtch.zeros(()), (1, 2**28)),
    ]
    for call in calls:
        with pytest.raises(MemoryError):
            call()
    with pytest.raises(AllocationError, match=r"^setitem: out of memory"):
        x[0] = 1.0
    with pytest.raises(AllocationError, match=r"^add: out of memory"):
        x += 1
    assert x[2**54].item() == 1.0


@given(st.integers(-20, 20), st.integers(-20, 20), st.integers(-5, 5).filter(bool))
def test_arange_of_integers(start: int, stop: int, step: int) -> None:
    """As range."""
    assert rtch.arange(start, stop, step).tolist() == list(range(start, stop, step))
    assert_same(np.arange(start, stop, step, dtype="float64"), rtch.arange(start, stop, step, dtype="float64"))


@given(st.floats(-50, 50), st.floats(-50, 50), st.floats(0.1, 5) | st.floats(-5, -0.1))
def test_arange_of_floats(start: float, stop: float, step: float) -> None:
    """ceil((stop - start) / step) elements; element i is start + i * step, rounded as a float64 does."""
    expected = [start + i * step for i in range(max(0, math.ceil((stop - start) / step)))]
    assert rtch.arange(start, stop, step, dtype="float64").tolist() == expected
    assert_same(np.array(expected, "float64").astype("float32"), rtch.arange(start, stop, step))


def test_arange_and_its_arguments() -> None:
    """Dtypes of the result; NumPy scalars; what is refused."""
    assert_same(np.arange(3), rtch.arange(3))
    assert_same(np.arange(3), rtch.arange(np.int64(3)))
    assert rtch.arange(3.0).dtype is rtch.float32
    assert rtch.arange(2, dtype="bool").tolist() == [False, True]
    assert rtch.arange(0.0, 3.0, dtype="int64").tolist() == [0, 1, 2]
    assert rtch.arange(2**63 - 3, 2**63 - 1).tolist() == [2**63 - 3, 2**63 - 2]
    cases = [
        (math.nan,),
        (math.inf,),
        (0, 2, 0),
        (2**70,),
        (-1e308, 1e308),
        (0.0, 1.0, 1e-320),
        (2**62,),
        (0, 1, 2**64),
    ]
    for arguments in [*cases, ("a",), (None,), (1j,), ([1],)]:
        with pytest.raises(ArgumentError, match=r"^arange: "):
            rtch.arange(*arguments)
    with pytest.raises(DTypeError, match=r"^arange: start and step must be whole for int64; got 0, 2, 0.5"):
        rtch.arange(0, 2, 0.5, dtype="int64")


def test_tensors_are_not_made_by_the_class() -> None:
    """The message names the function that makes them."""
    with pytest.raises(TypeError, match=r"use rtch.asarray"):
        rtch.Tensor([1.0])


def test_lists_of_tensors() -> None:
    """0-d tensors in a list keep their dtype; those that require grad are refused, since it would be lost."""
    x = rtch.asarray(0.1, dtype=rtch.float64)
    made = rtch.asarray([x, x])
    assert rtch.float64 is made.dtype
    assert [0.1, 0.1] == made.tolist()
    with pytest.raises(ArgumentError, match=r"rtch\.stack"):
        rtch.asarray([x, rtch.asarray(0.5, dtype=rtch.float64).requires_grad_()])
