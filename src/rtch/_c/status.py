# SPDX-License-Identifier: MIT
"""The one table that maps C status codes to exceptions."""

from __future__ import annotations

from typing import Any

from rtch._c._core import lib
from rtch.errors import (
    AllocationError,
    ArgumentError,
    BroadcastError,
    DimensionError,
    DTypeError,
    FreedGraphError,
    InvalidLayoutError,
    LayoutError,
    OverlappingLayoutError,
    TorchError,
)

# code: class, the rule that broke
_TABLE: dict[int, tuple[type[TorchError], str]] = {
    lib.RT_ERR_BROADCAST: (BroadcastError, "shapes do not fit together"),
    lib.RT_ERR_DTYPE: (DTypeError, "not defined for these dtypes"),
    lib.RT_ERR_DIMENSION: (DimensionError, "axis or number of dimensions out of range"),
    lib.RT_ERR_INDEX: (DimensionError, "index out of range"),
    lib.RT_ERR_SHAPE: (ArgumentError, "shape is not valid here"),
    lib.RT_ERR_LAYOUT: (LayoutError, "layout, shape or dtype can't be used here"),
    lib.RT_ERR_ALLOC: (AllocationError, "out of memory"),
    lib.RT_ERR_ARGUMENT: (ArgumentError, "argument out of range"),
    lib.RT_ERR_OVERLAP: (OverlappingLayoutError, "indices share elements here; write to a copy, rtch.asarray(x + 0)"),
    lib.RT_ERR_FREED: (FreedGraphError, "another thread's pass freed the graph; pass retain_graph=True"),
    lib.RT_ERR_BOUNDS: (InvalidLayoutError, "shape, strides and offset reach outside the memory"),
}


def _describe(value: Any) -> str:
    shape = getattr(value, "shape", None)
    return f"{value.dtype.name}{list(shape)}" if shape is not None else repr(value)


def failure(where: str, *operands: Any, rule: str = "", status: int | None = None) -> TorchError:
    """The exception for the last failed call: ``where: rule; got operands``."""
    code = int(lib.rt_last_status()) if status is None else status
    cls, text = _TABLE[code]
    if cls is DTypeError and any(getattr(getattr(x, "dtype", None), "is_storage", False) for x in operands):
        text = "float16 and bfloat16 are for storage; compute in astype(rtch.float32)"
    got = " and ".join(_describe(operand) for operand in operands)
    shapes = tuple(value.shape for value in operands if hasattr(value, "shape"))
    dtypes = tuple(value.dtype for value in operands if hasattr(value, "dtype"))
    facts = {"nbytes": int(lib.rt_refused_bytes())} if cls is AllocationError else {}
    return cls(f"{where}: {rule or text}; got {got}", op=where, shapes=shapes, dtypes=dtypes, **facts)
