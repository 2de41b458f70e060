# SPDX-License-Identifier: MIT
"""Classes as vectors."""

from __future__ import annotations

from rtch.dtypes import int64
from rtch.errors import ArgumentError, DimensionError, DTypeError
from rtch.functions import equal, max, min
from rtch.manipulation import astype, expand_dims
from rtch.nn.functional.arguments import need_integer
from rtch.ranges import arange
from rtch.tensor import Tensor, need_tensors


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """Zeros with a 1 at the class, along a new last axis.

    Args:
        tensor: classes from 0 on, integers of any shape.
        num_classes: the size of the new axis; -1 for one more than the largest class.

    Raises:
        ArgumentError: no class to count from, or a num_classes below 1 other than -1.
        DimensionError: a class out of range.
        DTypeError: classes are not integers.
    """
    need_tensors("one_hot", tensor)
    if not tensor.dtype.is_integer:
        raise DTypeError(f"one_hot: integers are needed; got {tensor.dtype.name}", dtype=tensor.dtype)
    n = need_integer("one_hot", "num_classes", num_classes)
    if n < 1 and n != -1:
        raise ArgumentError(f"one_hot: num_classes must be 1 or more, or -1; got {num_classes!r:.80}")
    if tensor.size == 0 and n == -1:
        raise ArgumentError(f"one_hot: num_classes is needed where there is no class; got shape {list(tensor.shape)}")
    if tensor.size:
        low, high = min(tensor).item(), max(tensor).item()
        n = high + 1 if n == -1 else n
        if low < 0 or high >= n:
            raise DimensionError(f"one_hot: classes in [0, {n}) are needed; got {low if low < 0 else high}", index=low)
    return astype(equal(expand_dims(astype(tensor, int64), axis=-1), arange(n)), int64)
