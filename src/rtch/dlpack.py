# SPDX-License-Identifier: MIT
"""Memory exchanged with other libraries through DLPack, by C headers: `from_dlpack` and `Tensor.__dlpack__` wrap it.

What we hand out is read-only to its consumer: a tensor is a value that others may share. A consumer that can't be told
so (it asked for a capsule of the legacy form) gets a copy. With copy=False it gets one of DLPack 1.0 all the same: the
standard lets the producer choose, and who can't read that form refuses it by its name. What we take in is copied,
unless `copy=False` asks for the producer's memory, which is then read-only for us: our first write gives the tensor
memory of its own.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from rtch import device as devices
from rtch._c import ffi, lib
from rtch.errors import (
    AllocationError,
    ArgumentError,
    DimensionError,
    DLPackError,
    DTypeError,
    InvalidLayoutError,
    LayoutError,
    NoDLPackError,
    TorchError,
)

CPU = (1, 0)
VERSION = (1, 0)

_REFUSED: dict[int, tuple[type[TorchError], str]] = {
    lib.RT_ERR_ALLOC: (AllocationError, "memory could not be had"),
    lib.RT_ERR_ARGUMENT: (ArgumentError, "a DLPack capsule that nobody consumed yet is needed"),
    lib.RT_ERR_DIMENSION: (DimensionError, f"0 to {lib.RT_MAX_NDIM} dimensions are needed"),
    lib.RT_ERR_DTYPE: (DTypeError, "a dtype of one lane that rtch knows is needed"),
    lib.RT_ERR_BOUNDS: (InvalidLayoutError, "a shape, strides and an address that fit in memory are needed"),
    lib.RT_ERR_LAYOUT: (LayoutError, "memory aligned to its elements is needed; copy it there first"),
    lib.RT_ERR_FOREIGN: (DLPackError, "CPU memory of DLPack 1.x is needed, whose bools are 0 or 1 where copy=False"),
}


@cache
def _functions() -> tuple[Any, Any]:
    """The C functions that handle capsules. They run with the interpreter's lock held."""
    import ctypes

    make = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.c_int)(lib.py_make_capsule())
    take = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_int)(lib.py_take_capsule())
    return make, take


def export_capsule(h: Any, stream: Any, max_version: Any, dl_device: Any, copy: bool | None) -> Any:
    """A capsule over the memory of the C header h.

    Raises:
        DLPackError: another device, or a stream.
    """
    if stream is not None:
        raise DLPackError(f"__dlpack__: the CPU has no streams; got stream={stream!r:.80}")
    if dl_device is not None and not is_cpu(dl_device):
        raise DLPackError(f"__dlpack__: tensors are on the CPU, {CPU}; got {dl_device!r:.80}")
    versioned = copy is False or (max_version is not None and tuple(max_version) >= VERSION)
    copied = bool(copy) or not versioned
    shared = lib.rt_copy(h) if copied else h
    managed = lib.rt_dlpack_export(shared, versioned, copied) if shared else None
    if copied and shared:
        lib.rt_release(shared)
    if not managed:
        raise AllocationError("__dlpack__: memory could not be had", nbytes=int(lib.rt_refused_bytes()))
    return _functions()[0](int(ffi.cast("uintptr_t", managed)), versioned)


def is_cpu(device: Any) -> bool:
    """Whether "cpu", a `Device` or a DLPack device, a pair of type and number, means the CPU."""
    if devices.is_cpu(device):
        return True
    if isinstance(device, str):
        return False
    try:
        kind, _ = device
        return int(kind) == CPU[0]
    except (TypeError, ValueError):
        return False


def import_header(x: Any, device: Any, copy: bool | None) -> Any:
    """A C header over the memory of an object that speaks DLPack, or over a copy of it unless copy is False.

    Raises:
        NoDLPackError: the object does not speak DLPack.
        ArgumentError: its capsule was consumed.
        DLPackError: memory of another device or version, or that would have to be copied.
        DTypeError, DimensionError, LayoutError: a dtype, shape or address that rtch can't use.
    """
    if not hasattr(x, "__dlpack__") or not hasattr(x, "__dlpack_device__"):
        raise NoDLPackError(f"from_dlpack: an object with __dlpack__ is needed; got {type(x).__name__}", argument=x)
    if device is not None and not is_cpu(device):
        raise DLPackError(f"from_dlpack: tensors are on the CPU; got device={device!r:.80}")
    found = x.__dlpack_device__()
    if not is_cpu(found):
        raise DLPackError(f"from_dlpack: CPU memory is needed; got device {tuple(found)!r:.80}")
    try:
        capsule = x.__dlpack__(max_version=VERSION, **({"copy": False} if copy is False else {}))
    except TypeError:  # a producer from before DLPack 1.0
        capsule = x.__dlpack__()
    address = _functions()[1](capsule, copy is False)
    if not address:
        cls, rule = _REFUSED[lib.rt_last_status()]
        raise cls(f"from_dlpack: {rule}; got {type(x).__name__} {capsule!r:.80}")
    foreign = ffi.cast("rt_tensor *", address)
    if copy is False:
        return foreign
    own = lib.rt_own_memory(foreign)
    if own != foreign:
        lib.rt_release(foreign)
    if not own:
        raise AllocationError("from_dlpack: memory could not be had", nbytes=int(lib.rt_refused_bytes()))
    return own
