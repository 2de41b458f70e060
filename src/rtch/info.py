# SPDX-License-Identifier: MIT
"""What the namespace can do, in the form that the Array API standard gives it."""

from __future__ import annotations

from typing import Any

from rtch._c import lib
from rtch.device import CPU, Device, check_device
from rtch.dtype_functions import of_kind
from rtch.dtypes import ALL, DType, complex64, float32, int64


class NamespaceInfo:
    """Answers about devices, dtypes and capabilities; from `rtch.__array_namespace_info__()`."""

    __slots__ = ()

    def capabilities(self) -> dict[str, Any]:
        """Boolean indexing and shapes that depend on data work; how many dimensions a tensor may have."""
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": lib.RT_MAX_NDIM}

    def default_device(self) -> Device:
        """The device of a tensor that is made without naming one."""
        return CPU

    def default_dtypes(self, *, device: Any = None) -> dict[str, DType]:
        """The dtypes that Python numbers and indices get."""
        check_device("default_dtypes", device)
        return {"real floating": float32, "complex floating": complex64, "integral": int64, "indexing": int64}

    def devices(self) -> list[Device]:
        """All devices."""
        return [CPU]

    def dtypes(self, *, device: Any = None, kind: str | tuple[str, ...] | None = None) -> dict[str, DType]:
        """The standard's dtypes by name, or those of a kind as in `rtch.isdtype`; not float16 and bfloat16.

        Raises:
            ArgumentError: there is no such kind or device.
        """
        check_device("dtypes", device)
        wanted = of_kind("dtypes", kind) if kind is not None else frozenset(ALL)
        return {dtype.name: dtype for dtype in ALL if dtype in wanted and not dtype.is_storage}


_INFO = NamespaceInfo()


def __array_namespace_info__() -> NamespaceInfo:  # noqa: N807  (the standard's name)
    """An object that answers what the namespace supports."""
    return _INFO
