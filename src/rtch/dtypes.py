# SPDX-License-Identifier: MIT
"""The dtypes: facts in pure Python. `code` is the number that the C core knows a dtype by."""

from __future__ import annotations

from rtch.errors import DTypeError


class DType:
    """A tensor's element type. There is one object per type, so `is` compares."""

    __slots__ = ("code", "itemsize", "kind", "name")

    def __init__(self, name: str, code: int, itemsize: int, kind: str) -> None:
        self.name = name
        self.code = code
        self.itemsize = itemsize
        self.kind = kind  # "b" boolean, "i" signed integer, "f" real floating

    def __repr__(self) -> str:
        return f"rtch.{self.name}"

    def __reduce__(self) -> str:
        return self.name if self.name != "bool" else "bool_"

    @property
    def is_floating(self) -> bool:
        """Whether gradients exist for this type."""
        return self.kind == "f"


bool_ = DType("bool", 0, 1, "b")
int64 = DType("int64", 1, 8, "i")
float32 = DType("float32", 2, 4, "f")
float64 = DType("float64", 3, 8, "f")

ALL = (bool_, int64, float32, float64)
BY_CODE = {dtype.code: dtype for dtype in ALL}
BY_NAME = {dtype.name: dtype for dtype in ALL}


def as_dtype(value: object) -> DType:
    """The dtype that a DType or its name means.

    Raises:
        DTypeError: rtch does not compute with it.
    """
    if isinstance(value, DType):
        return value
    name = value if isinstance(value, str) else getattr(value, "name", None)
    if isinstance(value, type):  # bool, int, float and NumPy's scalar types
        name = {bool: "bool", int: "int64", float: "float32"}.get(value, value.__name__.rstrip("_"))
    found = BY_NAME.get(name) if isinstance(name, str) else None
    if found is None:
        raise DTypeError(f"dtype: one of {', '.join(BY_NAME)} is needed; got {value!r:.80}", dtype=value)
    return found


def of_python_scalar(value: object) -> DType:
    """Default dtype of a Python bool, int or float."""
    if isinstance(value, bool):
        return bool_
    return int64 if isinstance(value, int) else float32
