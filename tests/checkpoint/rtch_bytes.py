# SPDX-License-Identifier: MIT
"""RTCH files put together by hand, for tests that need broken ones, and the golden files' values."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

from rtch.checkpoint.format_v1 import Record

GOLDEN = Path(__file__).parents[1] / "golden"


def golden_records(name: str) -> list[Record]:
    """Return the tensors that golden file `name` holds, from the values beside it."""
    values = json.loads((GOLDEN / "v1_values.json").read_text("utf-8"))[name]
    return [
        Record(key, tuple(row["shape"]), bytes.fromhex(row["float32_le_hex"]), row["requires_grad"])
        for key, row in values.items()
    ]


def row(name: str = "w", shape: list[int] | None = None, **changes: Any) -> dict[str, Any]:
    """Return a valid metadata row for a tensor at offset 0, with `changes` made to it."""
    shape = [2, 3] if shape is None else shape
    strides: list[int] = []
    numel = 1
    for size in reversed(shape):
        strides.insert(0, numel)
        numel *= size
    return {
        "name": name,
        "shape": shape,
        "strides": strides,
        "numel": numel,
        "offset_bytes": 0,
        "len_bytes": 4 * numel,
        "dtype": "f32",
        "requires_grad": False,
        **changes,
    }


def rtch(
    tensors: list[Any] | bytes,
    data: bytes,
    *,
    magic: bytes = b"RTCH",
    version: int = 1,
    metadata_version: Any = 1,
    n_metadata: int | None = None,
) -> bytes:
    """Return an RTCH file; `tensors` are metadata rows or the metadata's own bytes."""
    if isinstance(tensors, bytes):
        metadata = tensors
    else:
        document = {"version": metadata_version, "tensors": tensors}
        metadata = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    length = len(metadata) if n_metadata is None else n_metadata
    return magic + struct.pack("<IQ", version, length) + metadata + data
