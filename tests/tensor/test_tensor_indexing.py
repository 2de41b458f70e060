# SPDX-License-Identifier: MIT
"""Basic indexing and writing, against NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import rtch
from rtch.errors import ArgumentError, BroadcastError, DimensionError, DTypeError
from tensor_draws import DTYPES, assert_same, awkward, pairs, promoted, promotes, values, viewed

BOUND = st.none() | st.integers(-9, 9) | st.sampled_from([2**63, -(2**63), 2**70, -(2**70)])
STEP = st.none() | st.integers(-4, 4).filter(bool) | st.sampled_from([2**62, -(2**62), 2**70, -(2**70)])


def key_of(data: st.DataObject, shape: tuple[int, ...]) -> Any:
    """A key that fits: integers, slices with far bounds and any step, None, Ellipsis, a bare item."""
    items: list[Any] = []
    ndim = len(shape)
    head = data.draw(st.integers(0, ndim))
    tail = data.draw(st.integers(0, ndim - head))
    for axis, size in enumerate(shape):
        if axis == head and (tail or data.draw(st.booleans())):
            items.append(Ellipsis)
        if head <= axis < ndim - tail:
            continue
        if size and data.draw(st.booleans()):
            i = data.draw(st.integers(-size, size - 1))
            items.append(data.draw(st.sampled_from([i, np.int64(i), rtch.asarray(i)])))
        else:
            items.append(slice(data.draw(BOUND), data.draw(BOUND), data.draw(STEP)))
    for _ in range(data.draw(st.integers(0, 2))):
        items.insert(data.draw(st.integers(0, len(items))), None)
    return items[0] if len(items) == 1 and data.draw(st.booleans()) else tuple(items)


def for_numpy(key: Any) -> Any:
    """The key with bounds that NumPy takes: what lies beyond any size is the same as far beyond it."""

    def item(k: Any) -> Any:
        if isinstance(k, slice):
            return slice(*(v if v is None else max(-(2**40), min(2**40, v)) for v in (k.start, k.stop, k.step)))
        return k.item() if isinstance(k, rtch.Tensor) else k

    return tuple(map(item, key)) if isinstance(key, tuple) else item(key)


@given(pairs(), st.data())
@settings(max_examples=200)
def test_reading_equals_numpy(pair: tuple[rtch.Tensor, np.ndarray], data: st.DataObject) -> None:
    """On any strides; the result is a view."""
    t, a = pair
    key = key_of(data, a.shape)
    view = t[key]
    assert_same(a[for_numpy(key)], view)
    assert rtch.shares_storage(t, view)


@given(st.data())
@settings(max_examples=200)
def test_writing_equals_numpy(data: st.DataObject) -> None:
    """Into any part of any view, from scalars and from strided tensors that broadcast; no alias sees it."""
    dtype = data.draw(st.sampled_from(list(DTYPES)))
    base = awkward(dtype, data.draw(hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5)), 1)
    origin = rtch.asarray(base)
    t, a = viewed(data.draw, origin, base)
    a = np.array(a)
    key = key_of(data, a.shape)
    part = np.empty_like(a)[for_numpy(key)]
    if data.draw(st.booleans()):
        value = np.asarray(awkward(dtype, (), data.draw(st.integers(0, 99))))
        source: Any = data.draw(st.sampled_from([value.item(), rtch.asarray(value), value]))
    else:
        shape = tuple(data.draw(st.sampled_from([1, n])) for n in part.shape)[data.draw(st.integers(0, part.ndim)) :]
        lead = data.draw(st.sampled_from([(), (1,), (1, 1)])) if len(shape) == part.ndim else ()
        lower = data.draw(st.sampled_from([d for d in DTYPES if promotes(d, dtype) and promoted(d, dtype) == dtype]))
        wide = values(lower, (*lead, *shape[:-1], 2 * shape[-1]) if shape else (*lead, 2), 2)
        value = wide[..., ::-2] if shape else wide[..., 1]
        source = rtch.asarray(wide)[..., ::-2] if shape else rtch.asarray(wide)[..., 1]
    a[for_numpy(key)] = value.astype(dtype) if part.ndim else value.astype(dtype).reshape(())
    t[key] = source
    assert_same(a, t)
    if t is not origin:
        assert_same(base, origin)


def test_a_tensor_written_into_itself() -> None:
    """What is read is what it held before, although both are one tensor."""
    cases = [
        (slice(None, None, -1), lambda t: t),
        (slice(1, None), lambda t: t[:-1]),
        (slice(None, -1), lambda t: t[1:]),
        (slice(None), lambda t: t[::-1]),
        ((slice(None), slice(None, None, -1)), lambda t: t),
        (Ellipsis, lambda t: t.T),
        (None, lambda t: t),
        (0, lambda t: t[:, 1]),
    ]
    for key, read in cases:
        a = np.arange(9.0).reshape(3, 3)
        t = rtch.asarray(a)
        kept = t.detach()
        a[key] = read(a.copy())
        t[key] = read(t)
        assert_same(a, t)
        assert kept.tolist() == np.arange(9.0).reshape(3, 3).tolist()
    t = rtch.asarray([[1.0, 2.0], [3.0, 4.0]])
    t += t.T
    t *= t
    assert t.tolist() == [[4.0, 25.0], [25.0, 64.0]]


@pytest.mark.parametrize("index", [3, -4, 2**62, 2**63, -(2**70), np.int64(3), rtch.asarray(7)])
def test_integers_out_of_range(index: Any) -> None:
    """A DimensionError that names index, axis and size, and is the IndexError of Python."""
    x = rtch.zeros((3, 2))
    with pytest.raises(DimensionError, match=r"is out of range for axis 0 of size 3; got shape \[3, 2\]$") as caught:
        x[index]
    assert (caught.value.axis, caught.value.shape) == (0, (3, 2))
    assert isinstance(caught.value, IndexError)
    with pytest.raises(IndexError):
        x[index] = 1
    with pytest.raises(IndexError, match=r"axis 1"):
        x[..., -3]


def test_keys_of_too_many_items() -> None:
    """More integers and slices than dimensions, two Ellipses, more than 32 dimensions in the result."""
    x = rtch.zeros((3, 2))
    with pytest.raises(DimensionError, match=r"^index: at most 2 indices are taken; got 3 for shape \[3, 2\]$"):
        x[0, :, 0]
    with pytest.raises(DimensionError, match=r"^index: one Ellipsis at most"):
        x[..., ...]
    with pytest.raises(DimensionError, match=r"^getitem: "):
        x[(None,) * 31]
    assert x[(None,) * 30].ndim == 32
    with pytest.raises(DimensionError):
        rtch.asarray(1)[0]
    assert rtch.asarray(1)[()].item() == rtch.asarray(1)[...].item() == 1


@pytest.mark.parametrize(
    "key",
    ["a", 1.5, {}, object(), rtch.ones(()), np.float32(1.0), 1j],
)
def test_keys_of_another_type(key: Any) -> None:
    """A DTypeError on one line, for reading and writing."""
    x = rtch.zeros((3, 2))
    for wrapped in (key, (0, key), (None, key)):
        with pytest.raises(DTypeError, match=r"^index: .* are (taken|needed); got ") as caught:
            x[wrapped]
        assert "\n" not in str(caught.value)
        with pytest.raises(TypeError):
            x[wrapped] = 1
    assert x.sum().item() == 0


@pytest.mark.parametrize(
    "key", [slice(None, None, 0), slice("a", None), slice(None, 1.5), slice(rtch.ones((2, 2)), None)]
)
def test_slices_of_another_kind(key: slice) -> None:
    """An ArgumentError on one line."""
    with pytest.raises(ArgumentError, match=r"^index: a slice of integers with a step is needed; got slice") as caught:
        rtch.zeros(3)[key]
    assert "\n" not in str(caught.value)


def test_values_that_can_not_be_written() -> None:
    """Shape, dtype and type are checked; the target stays as it was."""
    x, i = rtch.zeros((3, 2)), rtch.asarray([1, 2, 3])
    for value in (
        rtch.ones(3),
        rtch.ones((2, 2)),
        rtch.ones((2, 3, 2)),
        [1.0, 2.0, 3.0],
        np.zeros((3, 1, 2), "float32"),
    ):
        with pytest.raises(
            BroadcastError, match=r"^setitem: the value does not broadcast to the selection; got float32"
        ):
            x[...] = value
    with pytest.raises(BroadcastError):
        rtch.zeros((0, 2))[...] = rtch.ones((2, 2))
    for fraction in (0.5, [0.5, 1.0, 2.0], np.array(0.5), rtch.asarray(0.5)):
        with pytest.raises(DTypeError):
            i[...] = fraction
    with pytest.raises(DTypeError, match=r"^setitem: float64 does not fit in float32; use astype first$"):
        x[0] = rtch.ones(2, dtype="float64")
    with pytest.raises(DTypeError, match=r"a complex number does not fit in float32"):
        x[0] = 1j
    for other in (None, "a", object()):
        with pytest.raises(ArgumentError, match=r"^asarray: "):
            x[0] = other
    with pytest.raises(ArgumentError, match=r"int64 holds"):
        i[0] = 2**63
    assert (x.tolist(), i.tolist()) == ([[0.0, 0.0]] * 3, [1, 2, 3])
    x[1] = [1, True]
    x[2] = np.array([0.5, 2.0])
    i[0] = True
    assert (x.tolist(), i.tolist()) == ([[0.0, 0.0], [1.0, 1.0], [0.5, 2.0]], [1, 2, 3])


def test_elements_are_not_deleted() -> None:
    """A tensor's size is fixed."""
    with pytest.raises(AttributeError):
        del rtch.zeros(3)[0]  # type: ignore[attr-defined]
