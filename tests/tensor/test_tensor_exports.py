# SPDX-License-Identifier: MIT
"""Tensors that leave: NumPy, lists, bytes, repr, copies, pickles and other processes."""

from __future__ import annotations

import copy
import gc
import multiprocessing
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given

import rtch
from rtch.errors import ArgumentError, AutogradError
from rtch.ops.row import F
from tensor_draws import DTYPES, assert_same, awkward, pairs


@given(pairs())
def test_numpy_lists_and_bytes(pair: tuple[rtch.Tensor, np.ndarray]) -> None:
    """Of any strided tensor: the same values; the array lies over the same memory with the same strides."""
    t, a = pair
    array = t.numpy()
    np.testing.assert_array_equal(array, a)
    assert (array.shape, array.dtype) == (a.shape, a.dtype)
    assert not array.flags.writeable
    if t.size:
        assert tuple(s // a.itemsize for s in array.strides) == t.strides
    assert repr(t.tolist()) == repr(a.tolist())
    assert t.tobytes() == a.tobytes()
    assert_same(a, F.from_bytes(a.tobytes(), a.dtype.name, a.shape))


def test_an_export_is_an_alias_and_lives_on() -> None:
    """No copy is made; a later write copies; the array outlives the tensor."""
    x = rtch.asarray([[1.0, 2.0], [3.0, 4.0]])
    array = x.numpy()
    assert x.n_aliases == 1
    again = x.numpy()
    assert again.__array_interface__["data"] == array.__array_interface__["data"]
    with pytest.raises(ValueError, match=r"read-only"):
        array[0] = 1.0
    with pytest.raises(ValueError, match=r"WRITEABLE"):
        array.flags.writeable = True
    x[0] = 9.0
    x *= 2
    np.testing.assert_array_equal(array, [[1.0, 2.0], [3.0, 4.0]])
    view = array[1]
    del x, array, again
    gc.collect()
    junk = [rtch.full((2, 2), -1.0) for _ in range(100)]
    np.testing.assert_array_equal(view, [3.0, 4.0])
    assert len(junk) == 100


def test_array_protocol() -> None:
    """np.asarray, np.array and dtype conversion; copy=False where a copy is needed is an error."""
    x = rtch.asarray([1.5, 2.5])
    assert not np.asarray(x).flags.writeable
    assert np.shares_memory(np.asarray(x), x.numpy())
    made = np.array(x)
    made[0] = 7.0
    assert x.tolist() == [1.5, 2.5]
    assert_same(np.asarray(x, dtype="float64"), rtch.asarray([1.5, 2.5], dtype="float64"))
    assert x.__array__(copy=True).flags.writeable
    assert np.shares_memory(x.__array__(copy=False), x.numpy())
    assert np.shares_memory(x.__array__("float32", copy=False), x.numpy())
    with pytest.raises(ValueError, match=r"^__array__: a copy is needed"):
        x.__array__("float64", copy=False)
    assert np.stack([x, x]).shape == (2, 2)
    leaf = rtch.ones(2).requires_grad_()
    with pytest.raises(AutogradError, match=r"^numpy: the tensor requires grad; use x.detach\(\).numpy\(\)$"):
        np.asarray(leaf)
    np.testing.assert_array_equal(leaf.detach(), [1.0, 1.0])


def test_repr() -> None:
    """Values, dtype, and shape or requires_grad where they are not to be seen."""
    assert repr(rtch.asarray([1, 2])) == "Tensor([1, 2], dtype=int64)"
    assert repr(rtch.asarray(True)) == "Tensor(True, dtype=bool)"
    assert repr(rtch.asarray([0.5, float("nan")])) == "Tensor([0.5, nan], dtype=float32)"
    assert repr(rtch.zeros((0, 2))) == "Tensor([], shape=(0, 2), dtype=float32)"
    assert repr(rtch.ones(1).requires_grad_()) == "Tensor([1.], dtype=float32, requires_grad=True)"
    assert "shape=(2000,)" in repr(rtch.zeros(2000))
    assert len(repr(rtch.broadcast_to(rtch.zeros(()), (2**40,)))) < 200
    assert str(rtch.asarray([[1], [2]]).T) == "Tensor([[1, 2]], dtype=int64)"


@given(pairs())
def test_copies_and_pickles(pair: tuple[rtch.Tensor, np.ndarray]) -> None:
    """copy, deepcopy and every pickle protocol keep values and dtype, and nothing leads back to the original."""
    t, a = pair
    made = [copy.copy(t), copy.deepcopy(t)]
    made += [pickle.loads(pickle.dumps(t, protocol)) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)]
    for other in made:
        assert other is not t
        assert_same(a, other)
        if other.size:
            other[...] = 0
    assert_same(a, t)


def test_copies_share_until_a_write_and_keep_requires_grad() -> None:
    """A copy is a leaf outside the graph; deepcopy keeps identity inside a container."""
    x = rtch.ones(3).requires_grad_()
    y = copy.deepcopy(x * 2)
    assert (y.requires_grad, y.is_leaf, x.grad) == (True, True, None)
    for other in (copy.copy(x), copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert (other.requires_grad, other.is_leaf) == (True, True)
    plain = rtch.ones(3)
    assert rtch.shares_storage(plain, copy.copy(plain))
    twice = copy.deepcopy([plain, plain])
    assert twice[0] is twice[1]
    again = pickle.loads(pickle.dumps([plain, plain]))
    assert again[0] is again[1]
    for dtype in DTYPES.values():
        assert pickle.loads(pickle.dumps(dtype)) is dtype
        assert copy.deepcopy(dtype) is dtype


def test_bytes_are_checked() -> None:
    """Their number must be that of the shape."""
    for data, shape in ((b"", (1,)), (b"\0" * 5, (1,)), (b"\0" * 8, (1,))):
        with pytest.raises(ArgumentError, match=r"^from_bytes: 4 bytes are needed for float32\[1\]; got "):
            F.from_bytes(data, "float32", shape)
    assert F.from_bytes(bytearray(b"\0\0\x80\x3f"), "float32", ()).item() == 1.0
    assert F.from_bytes(memoryview(b""), "int64", (0, 3)).shape == (0, 3)


def double(x: Any) -> Any:
    """Runs in the other process."""
    return x * 2, rtch.get_num_threads()


def test_a_spawned_process() -> None:
    """Takes tensors and gives them back."""
    arrays = [awkward(dtype, (3, 4), 1).T[::2] for dtype in ("float32", "float64", "int64")]
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        got = pool.map(double, [rtch.asarray(a) for a in arrays])
    with np.errstate(all="ignore"):
        for a, (t, _) in zip(arrays, got, strict=True):
            assert_same(a * a.dtype.type(2), t)
