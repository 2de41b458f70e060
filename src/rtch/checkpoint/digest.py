# SPDX-License-Identifier: MIT
"""The hash of a state dict by which two runs are called identical.

SHA-256 over these bytes, all integers little-endian::

    "rtch-state-1\\n"
    u64  number of tensors
    per tensor, in order of name by code point:
        u64  length of the name, and the name in UTF-8
        u64  length of the dtype's name, and the name in ASCII, as in "float32"
        u64  number of dimensions, and a u64 per size
        the elements in row-major order, little-endian; bool as one byte, 0 or 1

A NaN's sign and payload lie outside what rtch promises, so each NaN is hashed as the quiet NaN without sign
and payload: 0x7fc00000 in float32, 0x7ff8000000000000 in float64. -0.0 and 0.0 differ. Memory layout,
``requires_grad`` and the order of the mapping don't reach the hash.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

from rtch.checkpoint.problems import Site
from rtch.checkpoint.tensors import row_major
from rtch.tensor import Tensor

_PREFIX = b"rtch-state-1\n"
_BLOCK = 1 << 20
# Per float dtype: the unsigned type of its bits, all bits but the sign, infinity, the one NaN.
_FLOATS = {
    "float32": ("<u4", 0x7FFFFFFF, 0x7F800000, 0x7FC00000),
    "float64": ("<u8", 0x7FFFFFFFFFFFFFFF, 0x7FF0000000000000, 0x7FF8000000000000),
}


def state_sha256(state: Mapping[str, Tensor]) -> str:
    """Return the SHA-256, as 64 hex digits, of names, dtypes, shapes and values.

    Raises:
        CheckpointFormatError: a name is no string, or a value no Tensor.
    """
    for name, value in state.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            got = f"{name!r}: {type(value).__name__}"
            Site("state_sha256").refuse("a state maps strings to tensors", got)
    digest = hashlib.sha256(_PREFIX + _u64(len(state)))
    for name in sorted(state):
        tensor = state[name]
        shape = tensor.shape
        digest.update(_sized(name.encode("utf-8", "surrogatepass")) + _sized(tensor.dtype.name.encode()))
        digest.update(_u64(len(shape), *shape))
        elements = row_major(tensor)
        for start in range(0, elements.size, _BLOCK):
            digest.update(canonical_bytes(elements[start : start + _BLOCK]))
    return digest.hexdigest()


def canonical_bytes(elements: np.ndarray[Any, Any]) -> bytes:
    """Return the little-endian bytes of a 1-d array, each NaN in its one form."""
    little = elements.astype(elements.dtype.newbyteorder("<"), copy=False)
    if elements.dtype.name not in _FLOATS:
        return little.tobytes()
    unsigned, magnitude, infinity, nan = _FLOATS[elements.dtype.name]
    bits = little.view(unsigned)
    return np.where((bits & magnitude) > infinity, bits.dtype.type(nan), bits).tobytes()


def _u64(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}Q", *values)


def _sized(data: bytes) -> bytes:
    return _u64(len(data)) + data
