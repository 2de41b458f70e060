# SPDX-License-Identifier: MIT
"""Memory exchanged through DLPack: with NumPy and PyTorch, with capsules made by hand, hostile ones among them."""

from __future__ import annotations

import ctypes
import gc
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given

import rtch
from rtch.dtypes import ALL
from rtch.errors import (
    ArgumentError,
    AutogradError,
    DimensionError,
    DLPackError,
    DTypeError,
    InvalidLayoutError,
    LayoutError,
    NoDLPackError,
)
from tensor_draws import assert_same, awkward, pairs

NUMPY_DTYPES = [d.name for d in ALL if d.name != "bfloat16"]
KINDS = {"i": 0, "u": 1, "f": 2, "c": 5, "b": 6}


def capsule_name(capsule: Any) -> str:
    """What the capsule is called: "dltensor...", "used_..." once consumed."""
    return repr(capsule).split('"')[1]


# The structs, written down again from the specification ------------------------------------------------------------


class DLTensor(ctypes.Structure):
    """One tensor."""

    _fields_ = [
        ("data", ctypes.c_void_p),
        ("device_type", ctypes.c_int32),
        ("device_id", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    ]


DELETER = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


class Legacy(ctypes.Structure):
    """DLManagedTensor."""

    _fields_ = [("tensor", DLTensor), ("owner", ctypes.c_void_p), ("deleter", DELETER)]


class Versioned(ctypes.Structure):
    """DLManagedTensorVersioned."""

    _fields_ = [
        ("major", ctypes.c_uint32),
        ("minor", ctypes.c_uint32),
        ("owner", ctypes.c_void_p),
        ("deleter", DELETER),
        ("flags", ctypes.c_uint64),
        ("tensor", DLTensor),
    ]


_new = ctypes.pythonapi.PyCapsule_New
_new.restype, _new.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_pointer.restype, _pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]


class Producer:
    """Exports 24 float32 values, 0 to 23, unless told otherwise. Counts how often its deleter runs."""

    def __init__(self, versioned: bool = True, major: int = 1, device: tuple[int, int] = (1, 0), **fields: Any) -> None:
        self.memory = np.arange(40, dtype="float32")
        self.deleted = 0
        self._keep: list[Any] = []
        given_ = {"shape": (24,), "strides": (1,), "code": 2, "bits": 32, "lanes": 1, "device_type": 1, **fields}
        t = DLTensor(data=self.memory.ctypes.data, ndim=len(given_["shape"] or ()))
        for name in ("shape", "strides"):
            values = given_.pop(name)
            if values is not None:
                array = (ctypes.c_int64 * max(len(values), 1))(*values)
                self._keep.append(array)
                setattr(t, name, ctypes.cast(array, ctypes.POINTER(ctypes.c_int64)))
        for name, value in given_.items():
            setattr(t, name, value)
        self._deleter = DELETER(self._delete)
        if versioned:
            self.managed: Any = Versioned(major=major, tensor=t, deleter=self._deleter)
        else:
            self.managed = Legacy(tensor=t, deleter=self._deleter)
        self.name = b"dltensor_versioned" if versioned else b"dltensor"
        self.device = device
        self.capsule = _new(ctypes.addressof(self.managed), self.name, None)

    def _delete(self, address: int) -> None:
        assert address == ctypes.addressof(self.managed)
        self.deleted += 1

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.device

    def __dlpack__(self, **kwargs: Any) -> Any:
        if self.name == b"dltensor" and kwargs:
            raise TypeError("a producer from before DLPack 1.0")
        return self.capsule


# Export -------------------------------------------------------------------------------------------------------------


@given(pairs(dtypes=("bool", "int64", "float32", "float64")))
def test_numpy_takes_what_we_export(pair: tuple[rtch.Tensor, np.ndarray]) -> None:
    """The same values in the same memory, read-only; writing to the tensor changes nothing there."""
    t, a = pair
    array = np.from_dlpack(t)
    np.testing.assert_array_equal(array, a)
    assert (array.dtype, array.shape) == (a.dtype, a.shape)
    assert not array.flags.writeable
    if t.size:
        assert array.ctypes.data == t.numpy().ctypes.data
    if t.layout == "overlapping":
        return
    t[...] = rtch.zeros((), dtype=t.dtype)
    np.testing.assert_array_equal(array, a)


@pytest.mark.parametrize("dtype", NUMPY_DTYPES)
def test_every_dtype_both_ways(dtype: str) -> None:
    """Through NumPy and back, the bits unchanged."""
    a = np.frombuffer(np.random.default_rng(1).bytes(96), "u1")
    a = (a & 1).astype(bool) if dtype == "bool" else a.view(dtype)
    t = rtch.asarray(a)
    assert t.tobytes() == a.tobytes()
    back = rtch.from_dlpack(np.from_dlpack(t))
    assert back.dtype.name == dtype
    assert back.tobytes() == a.tobytes()
    same = rtch.from_dlpack(t)
    assert rtch.shares_storage(t, same)
    assert not rtch.shares_storage(t, rtch.from_dlpack(t, copy=True))


@pytest.mark.parametrize("dtype", ALL, ids=lambda d: d.name)
def test_the_structs_we_export(dtype: rtch.DType) -> None:
    """Field by field, in both forms, of a view with a negative stride."""
    x = rtch.asarray(np.arange(12).reshape(3, 4)).astype(dtype)
    view = x[::-1, 1:]
    for max_version, form, flags in (
        ((1, 0), Versioned, 1),
        ((1, 9), Versioned, 1),
        ((2, 0), Versioned, 1),
        (None, Legacy, 0),
        ((0, 8), Legacy, 0),
    ):
        capsule = view.__dlpack__(max_version=max_version)
        versioned = form is Versioned
        assert capsule_name(capsule) == ("dltensor_versioned" if versioned else "dltensor")
        managed = form.from_address(_pointer(capsule, capsule_name(capsule).encode()))
        t = managed.tensor
        kind = 4 if dtype.name == "bfloat16" else KINDS[dtype.kind]
        assert (t.code, t.bits, t.lanes) == (kind, dtype.itemsize * 8, 1)
        assert (t.device_type, t.device_id, t.ndim, t.byte_offset) == (1, 0, 2, 0)
        assert t.shape[:2] == [3, 3]
        assert t.strides[:2] == ([-4, 1] if versioned else [3, 1])
        if versioned:
            assert (managed.major, managed.minor, managed.flags) == (1, 0, flags)
            assert view.n_aliases == 2  # x and the export
        del capsule
        assert view.n_aliases == 1
    for kwargs in ({}, {"max_version": None}, {"max_version": (0, 9)}, {"max_version": (1, 0)}):
        capsule = view.__dlpack__(copy=False, **kwargs)  # always the memory itself, and so always said to be read-only
        assert Versioned.from_address(_pointer(capsule, b"dltensor_versioned")).flags == 1
        assert view.n_aliases == 2
        del capsule
    copied = view.__dlpack__(max_version=(1, 0), copy=True)
    assert Versioned.from_address(_pointer(copied, b"dltensor_versioned")).flags == 2
    assert view.n_aliases == 1
    assert view.__dlpack_device__() == (1, 0)


def test_export_is_refused() -> None:
    """BufferError for what can't be; AutogradError for what would lose its gradient."""
    x = rtch.ones(3)
    bad: list[dict[str, Any]] = [
        {"dl_device": (2, 0)},
        {"stream": 1},
    ]
    for kwargs in bad:
        with pytest.raises(BufferError, match=r"^__dlpack__: .*; got ") as caught:
            x.__dlpack__(**kwargs)
        assert isinstance(caught.value, DLPackError)
    assert x.n_aliases == 0
    x.__dlpack__(dl_device=(1, 0), copy=False, max_version=(1, 0))
    with pytest.raises(AutogradError, match=r"^__dlpack__: the tensor requires grad; use x.detach\(\)"):
        rtch.ones(3).requires_grad_().__dlpack__()


def test_an_export_lives_as_long_as_its_consumer() -> None:
    """And no longer: an array keeps the memory, a capsule that nobody consumed gives it back."""
    x = rtch.asarray(awkward("float32", (50, 50), 1))
    array = np.from_dlpack(x)
    expected = array.copy()
    assert x.n_aliases == 1
    del x
    gc.collect()
    np.testing.assert_array_equal(array, expected)
    y = rtch.ones(3)
    capsules = [y.__dlpack__(max_version=v) for v in (None, (1, 0)) for _ in range(20)]
    assert y.n_aliases == 20  # those of the legacy form hold copies
    capsules.clear()
    assert y.n_aliases == 0


# Import -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("versioned", [True, False])
@pytest.mark.parametrize("copy", [True, None, False])
def test_import_copies_unless_told_not_to(versioned: bool, copy: bool | None) -> None:
    """A copy lets go of the producer at once; without one the memory is shared until the tensor dies."""
    p = Producer(versioned, shape=(3, 4), strides=(-8, 2), byte_offset=64)
    expected = p.memory[16::-8][:3, None] + np.arange(0, 8, 2, dtype="float32")
    t = rtch.from_dlpack(p, copy=copy)
    assert_same(expected, t)
    assert p.deleted == (copy is not False)
    assert capsule_name(p.capsule) == "used_" + p.name.decode()
    p.memory[:] = -1
    assert t[0, 0].item() == (-1.0 if copy is False else expected[0, 0])
    view = t.T
    del t
    assert p.deleted == (copy is not False)
    del view
    assert p.deleted == 1


def test_foreign_memory_is_never_written() -> None:
    """A write of any kind gives the tensor memory of its own first."""
    a = np.arange(6, dtype="float32")
    writes: list[Callable[[rtch.Tensor], Any]] = [
        lambda t: t.__setitem__(0, 9.0),
        lambda t: t.__iadd__(1),
    ]
    for write in writes:
        t = rtch.from_dlpack(a, copy=False)
        write(t)
        assert a.tolist() == [0, 1, 2, 3, 4, 5]
    p = rtch.nn.Parameter(rtch.from_dlpack(a, copy=False))
    p.grad = rtch.ones(6)
    rtch.optim.SGD([p], lr=1.0).step()
    assert p.detach().tolist() == [-1, 0, 1, 2, 3, 4]
    assert a.tolist() == [0, 1, 2, 3, 4, 5]
    t = rtch.from_dlpack(a, copy=False)
    assert rtch.shares_storage(t, t[1:])
    assert rtch.from_strides(t[1:4], (6,), (1,), -1).tolist() == a.tolist()
    with pytest.raises(InvalidLayoutError):
        rtch.from_strides(t, (7,), (1,))


def test_a_capsule_is_consumed_once() -> None:
    """The second consumer is refused, and so is what is no capsule."""
    p = Producer()
    t = rtch.from_dlpack(p, copy=False)
    for _ in range(2):
        with pytest.raises(ArgumentError, match=r"^from_dlpack: a DLPack capsule that nobody consumed yet is needed"):
            rtch.from_dlpack(p)
    assert p.deleted == 0
    del t
    assert p.deleted == 1
    p.capsule = "no capsule"
    with pytest.raises(ArgumentError, match="nobody consumed"):
        rtch.from_dlpack(p)
    for obj in (3, "x", [1.0], object()):
        for cls in (NoDLPackError, ArgumentError, AttributeError):
            with pytest.raises(cls, match=r"^from_dlpack: an object with __dlpack__ is needed"):
                rtch.from_dlpack(obj)


def test_one_of_many_threads_gets_a_capsule() -> None:
    """The others are refused; the deleter runs once."""
    for _ in range(50):
        p, got, refused = Producer(), [], []
        start = threading.Barrier(4)

        def take(p: Producer = p, start: Any = start, got: Any = got, refused: Any = refused) -> None:
            start.wait()
            try:
                got.append(rtch.from_dlpack(p, copy=False))
            except ArgumentError as error:
                refused.append(error)

        threads = [threading.Thread(target=take) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (len(got), len(refused)) == (1, 3)
        got.clear()
        assert p.deleted == 1


@pytest.mark.parametrize("versioned", [True, False])
@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"lanes": 2}, DTypeError),
        ({"lanes": 0}, DTypeError),
        ({"bits": 24}, DTypeError),
        ({"code": 3}, DTypeError),
        ({"code": 17, "bits": 8}, DTypeError),
        ({"code": 6, "bits": 1}, DTypeError),
        ({"ndim": -1}, DimensionError),
        ({"ndim": 33, "shape": (1,) * 33, "strides": (1,) * 33}, DimensionError),
        ({"ndim": 2**31 - 1}, DimensionError),
        ({"shape": None, "ndim": 1}, InvalidLayoutError),
        ({"shape": (-1,)}, InvalidLayoutError),
        ({"shape": (-(2**63),)}, InvalidLayoutError),
        ({"shape": (2**62, 2**62), "strides": (1, 1)}, InvalidLayoutError),
        ({"shape": (2**62, 2**62, 0), "strides": (1, 1, 1)}, InvalidLayoutError),
        ({"shape": (2**61,)}, InvalidLayoutError),
        ({"shape": (2,), "strides": (2**62,)}, InvalidLayoutError),
        ({"shape": (2,), "strides": (-(2**61),)}, InvalidLayoutError),
        ({"shape": (2**62, 2**62), "strides": None}, InvalidLayoutError),
        ({"data": None}, InvalidLayoutError),
        ({"data": 2**64 - 16}, InvalidLayoutError),
        ({"byte_offset": 2**64 - 4}, InvalidLayoutError),
        ({"byte_offset": 2}, LayoutError),
        ({"device_type": 2}, DLPackError),
    ],
)
def test_hostile_structs(versioned: bool, fields: dict[str, Any], error: type[Exception]) -> None:
    """Each gets its typed error, of one line; the capsule stays the producer's, its deleter untouched."""
    for copy in (None, False):
        p = Producer(versioned, **fields)
        with pytest.raises(error, match=r"^from_dlpack: [^\n]*; got Producer"):
            rtch.from_dlpack(p, copy=copy)
        assert p.deleted == 0
        assert capsule_name(p.capsule) == p.name.decode()


def test_what_is_unusual_and_right() -> None:
    """No strides, no elements, no dimensions, no deleter, zero strides, a device's second number."""
    assert rtch.from_dlpack(Producer(shape=(2, 3), strides=None)).tolist() == [[0, 1, 2], [3, 4, 5]]
    assert rtch.from_dlpack(Producer(shape=(0, 3), strides=None, data=None)).shape == (0, 3)
    empty = rtch.from_dlpack(Producer(shape=(2, 0), strides=(2**40, 1), data=None), copy=False)
    assert (empty + 1).shape == (2, 0)
    assert rtch.from_dlpack(Producer(shape=(), strides=())).item() == 0.0
    assert rtch.from_dlpack(Producer(shape=(), strides=None, byte_offset=12), copy=False).item() == 3.0
    wide = rtch.from_dlpack(Producer(shape=(2, 3), strides=(0, 1)), copy=False)
    assert (wide.layout, wide.tolist()) == ("broadcast", [[0, 1, 2]] * 2)
    assert rtch.from_dlpack(Producer(device=(1, 7))).size == 24
    p = Producer()
    p.managed.deleter = DELETER(0)
    del p.capsule
    p.capsule = _new(ctypes.addressof(p.managed), p.name, None)
    assert rtch.from_dlpack(p).size == 24


def test_other_devices_and_versions() -> None:
    """Refused before the memory is looked at."""
    with pytest.raises(BufferError, match=r"^from_dlpack: CPU memory is needed; got device \(2, 0\)"):
        rtch.from_dlpack(Producer(device=(2, 0)))
    with pytest.raises(BufferError, match=r"^from_dlpack: CPU memory of DLPack 1.x is needed"):
        rtch.from_dlpack(Producer(major=2))
    for device in ((2, 0), "cuda", "gpu", 7, ("a", 0)):
        for x in (Producer(), rtch.ones(3)):
            with pytest.raises(BufferError, match=r"^from_dlpack: tensors are on the CPU; got device="):
                rtch.from_dlpack(x, device=device)
    for device in ("cpu", (1, 0), None):
        assert rtch.from_dlpack(Producer(), device=device).size == 24
        assert rtch.from_dlpack(rtch.ones(3), device=device).size == 3


def test_bools_are_0_and_1() -> None:
    """A copy is made so; without a copy other bytes are refused."""
    raw = np.array([0, 1, 2, 255], "u1")
    fields: dict[str, Any] = {"code": 6, "bits": 8, "data": raw.ctypes.data, "shape": (4,)}
    t = rtch.from_dlpack(Producer(**fields))
    assert t.tobytes() == b"\0\1\1\1"
    p = Producer(**fields)
    with pytest.raises(DLPackError, match=r"bools are 0 or 1"):
        rtch.from_dlpack(p, copy=False)
    assert p.deleted == 0
    raw[:] = [0, 1, 1, 0]
    assert rtch.from_dlpack(p, copy=False).tolist() == [False, True, True, False]


@given(pairs(dtypes=("int64", "float32", "float64", "bool")))
def test_numpy_views_come_in_as_they_are(pair: tuple[rtch.Tensor, np.ndarray]) -> None:
    """Any layout that NumPy can make, over the same memory or copied."""
    _, a = pair
    if not a.flags.writeable:
        a = a.copy()
    assert_same(a, rtch.from_dlpack(a))
    t = rtch.from_dlpack(a, copy=False)
    assert_same(a, t)
    if a.size:
        assert t.numpy().ctypes.data == a.ctypes.data


def test_torch_both_ways() -> None:
    """PyTorch's tensors come in, with bfloat16 and conjugated strides; ours go there."""
    torch = pytest.importorskip("torch")
    for dtype in (
        torch.float32,
        torch.float64,
        torch.bfloat16,
        torch.float16,
        torch.int16,
        torch.uint8,
        torch.complex64,
    ):
        x = torch.arange(12).reshape(3, 4).to(dtype)
        t = rtch.from_dlpack(x)
        assert t.dtype.name == str(dtype).removeprefix("torch.")
        assert t.astype("complex128").tolist() == x.to(torch.complex128).tolist()
        assert rtch.from_dlpack(x.T, copy=False).astype("complex128").tolist() == x.T.to(torch.complex128).tolist()
        back = torch.from_dlpack(t.T)
        assert back.dtype is dtype
        assert torch.equal(back, x.T)
    x = torch.ones(3)
    t = rtch.from_dlpack(x, copy=False)
    x[0] = 5
    assert t.tolist() == [5.0, 1.0, 1.0]
    t += 1
    assert x.tolist() == [5.0, 1.0, 1.0]
    with pytest.raises(BufferError):
        rtch.from_dlpack(torch.ones(3, requires_grad=True))


def test_foreign_memory_at_the_end_of_the_process() -> None:
    """Tensors over NumPy's memory, and arrays over ours, may outlive everything."""
    code = """
import numpy as np, rtch, threading
a = np.arange(1000.0); t = rtch.from_dlpack(a, copy=False); b = np.from_dlpack(rtch.ones(1000))
kept = [t, b, t[::2], rtch.ones(3).__dlpack__(max_version=(1, 0))]
def use():
    for _ in range(200):
        rtch.from_dlpack(np.arange(100.0), copy=False) + 1
threads = [threading.Thread(target=use) for _ in range(3)]
for x in threads: x.start()
for x in threads: x.join()
print(t.sum().item())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "499500.0\n", "")
