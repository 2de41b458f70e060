# SPDX-License-Identifier: MIT
"""__array_namespace_info__ and the device."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
import standard

import rtch
from rtch.errors import ArgumentError

INFO = rtch.__array_namespace_info__()
KINDS = {
    "bool": ["bool"],
    "signed integer": ["int8", "int16", "int32", "int64"],
    "unsigned integer": ["uint8", "uint16", "uint32", "uint64"],
    "integral": ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"],
    "real floating": ["float32", "float64"],
    "complex floating": ["complex64", "complex128"],
    "numeric": standard.DTYPES[1:],
}


def test_capabilities() -> None:
    """What is claimed works."""
    assert INFO.capabilities() == {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 32}
    x = rtch.asarray([3, 0, 3])
    assert x[x > 1].tolist() == [3, 3]
    assert rtch.unique_values(x).tolist() == [0, 3]
    assert rtch.nonzero(x)[0].tolist() == [0, 2]
    assert rtch.ones((1,) * 32).ndim == 32
    with pytest.raises(ArgumentError):
        rtch.ones((1,) * 33)


def test_default_dtypes() -> None:
    """Those that Python numbers get, and indices."""
    defaults = INFO.default_dtypes()
    assert defaults == INFO.default_dtypes(device=INFO.default_device())
    assert defaults["real floating"] is rtch.asarray(1.0).dtype is rtch.zeros(1).dtype
    assert defaults["complex floating"] is rtch.asarray(1j).dtype
    assert defaults["integral"] is rtch.asarray(1).dtype is rtch.arange(3).dtype
    assert defaults["indexing"] is rtch.argmax(rtch.ones(2)).dtype is rtch.nonzero(rtch.ones(2))[0].dtype


@pytest.mark.parametrize("kind", KINDS)
def test_dtypes_of_a_kind(kind: str) -> None:
    """By their names, in a dictionary; a tuple unites kinds."""
    assert INFO.dtypes(kind=kind) == {name: getattr(rtch, name) for name in KINDS[kind]}
    both = INFO.dtypes(kind=(kind, "bool"), device="cpu")
    assert both == {name: getattr(rtch, name) for name in {*KINDS[kind], "bool"}}


def test_all_dtypes() -> None:
    """Those of the standard."""
    assert INFO.dtypes() == {name: getattr(rtch, name) for name in standard.DTYPES}
    assert INFO.dtypes(kind=()) == {}
    for bad in ("float", "int64", 3, ("bool", "x")):
        with pytest.raises(ArgumentError, match=r"^dtypes: kind is one of 'bool', "):
            INFO.dtypes(kind=bad)
    for call in (INFO.dtypes, INFO.default_dtypes):
        with pytest.raises(ArgumentError, match=r"dtypes: the one device is 'cpu'; got 'gpu'$"):
            call(device="gpu")


def test_the_device() -> None:
    """There is one; it is a key, and survives copies."""
    device = INFO.default_device()
    assert INFO.devices() == [device]
    assert rtch.ones(1).device is device
    assert (str(device), repr(device)) == ("cpu", "Device('cpu')")
    assert {device: 1}[rtch.zeros(2).device] == 1
    assert pickle.loads(pickle.dumps(device)) is copy.deepcopy(device) is device


x = rtch.asarray([[1.0, 2.0]])
CALLS: dict[str, Any] = {
    "arange": lambda **kw: rtch.arange(3, **kw),
    "asarray": lambda **kw: rtch.asarray(x, **kw),
    "astype": lambda **kw: rtch.astype(x, rtch.int8, **kw),
    "empty": lambda **kw: rtch.empty(3, **kw),
    "empty_like": lambda **kw: rtch.empty_like(x, **kw),
    "eye": lambda **kw: rtch.eye(3, **kw),
    "from_dlpack": lambda **kw: rtch.from_dlpack(x, **kw),
    "full": lambda **kw: rtch.full(3, 1, **kw),
    "full_like": lambda **kw: rtch.full_like(x, 1, **kw),
    "linspace": lambda **kw: rtch.linspace(0, 1, 3, **kw),
    "ones": lambda **kw: rtch.ones(3, **kw),
    "ones_like": lambda **kw: rtch.ones_like(x, **kw),
    "zeros": lambda **kw: rtch.zeros(3, **kw),
    "zeros_like": lambda **kw: rtch.zeros_like(x, **kw),
}


@pytest.mark.parametrize("name", [name for name, text in standard.functions().items() if "device" in text])
def test_the_device_keyword(name: str) -> None:
    """Takes None, "cpu" and the device; anything else is an error."""
    for device in (None, "cpu", x.device):
        assert CALLS[name](device=device).device is x.device
    for device in ("cuda", "CPU", 1, "cpu:0"):
        with pytest.raises((ArgumentError, BufferError), match=rf"^{name}: "):
            CALLS[name](device=device)


def test_to_device() -> None:
    """The tensor itself; streams are for other devices."""
    assert x.to_device("cpu") is x.to_device(x.device) is x.to_device(x.device, stream=None) is x
    with pytest.raises(ArgumentError, match=r"^to_device: the one device is 'cpu'; got 'tpu'$"):
        x.to_device("tpu")
    with pytest.raises(ArgumentError, match=r"^to_device: the CPU has no streams; got stream=1$"):
        x.to_device("cpu", stream=1)
