# SPDX-License-Identifier: MIT
"""What of a training checkpoint RTCH version 1 can't hold: tensors of other dtypes than float32, in one file.

The file is their elements, row-major and little-endian, one tensor after another; state.json has a row for each.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import msgspec

from rtch.checkpoint.problems import Site
from rtch.creation import from_bytes
from rtch.dtypes import BY_CODE
from rtch.tensor import Tensor

MAX_BYTES = (1 << 63) - 1
MAX_RANK = 32
_BY_NAME = {dtype.name: dtype for dtype in BY_CODE.values()}


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One tensor: where it belongs ("model" or "optimizer"), its name there, and what its bytes are."""

    part: str
    name: str
    dtype: str
    shape: list[int]
    requires_grad: bool


def split(state: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """A state's tensors of other dtypes, and what is left of it."""
    other = {
        name: value for name, value in state.items() if isinstance(value, Tensor) and value.dtype.name != "float32"
    }
    return {name: value for name, value in state.items() if name not in other}, other


def rows(parts: dict[str, dict[str, Tensor]]) -> list[Row]:
    """The rows of tensors by part and name, in the order of their bytes."""
    return [
        Row(part, name, t.dtype.name, list(t.shape), t.requires_grad)
        for part, tensors in parts.items()
        for name, t in tensors.items()
    ]


def chunks(parts: dict[str, dict[str, Tensor]]) -> Iterator[bytes]:
    """The bytes of the file."""
    return (t.tobytes() for tensors in parts.values() for t in tensors.values())


def joined(found: list[Row], data: bytes, site: Site) -> dict[str, dict[str, Tensor]]:
    """The tensors by part and name; all rows are checked against the file's length first.

    Raises:
        CheckpointFormatError: a row that breaks the format, or rows that are not the file's bytes.
    """
    out: dict[str, dict[str, Tensor]] = {"model": {}, "optimizer": {}}
    sizes = [_size(row, site) for row in found]
    if sum(sizes) != len(data):
        site.refuse(f"the tensors of other dtypes have {sum(sizes)} bytes", len(data))
    at = 0
    for row, size in zip(found, sizes, strict=True):
        if row.part not in out or row.name in out[row.part]:
            site.refuse("each tensor of another dtype is in model or optimizer, once", f"{row.name} in {row.part}")
        piece = data[at : at + size]
        at += size
        if row.dtype == "bool" and piece.strip(b"\0\1"):
            site.refuse(f"a bool of {row.name} is a byte 0 or 1", "another")
        t = from_bytes(piece, _BY_NAME[row.dtype], tuple(row.shape))
        if row.requires_grad and not t.dtype.is_floating:
            site.refuse(f"{row.name} requires grad, so it is floating", row.dtype)
        out[row.part][row.name] = t.requires_grad_() if row.requires_grad else t
    return out


def _size(row: Row, site: Site) -> int:
    dtype = _BY_NAME.get(row.dtype)
    if dtype is None or row.dtype == "float32":
        site.refuse(f"{row.name} has a dtype of rtch other than float32", row.dtype)
    shape = row.shape
    if len(shape) > MAX_RANK or any(n < 0 for n in shape):
        site.refuse(f"{row.name} has a shape", shape)
    if math.prod(max(1, n) for n in shape) * dtype.itemsize > MAX_BYTES:
        site.refuse(f"{row.name} has at most {MAX_BYTES} bytes", shape)
    return math.prod(shape) * dtype.itemsize
