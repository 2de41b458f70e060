# SPDX-License-Identifier: MIT
"""The frequencies of a transform's elements, and their order."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from rtch.device import check_device
from rtch.dtypes import as_dtype, float32, float64
from rtch.errors import ArgumentError, DTypeError
from rtch.manipulation import astype, concat
from rtch.ranges import arange
from rtch.shapes import roll
from rtch.tensor import Tensor, axes_mask, need_tensors


def fftfreq(n: int, /, *, d: float = 1.0, dtype: Any = None, device: Any = None) -> Tensor:
    """Frequencies of the elements of `fft`: 0, 1, ... and then the negative ones up to -1, each over ``n * d``.

    Args:
        n: how many, at least 1.
        d: time between samples, not 0.
        dtype: float32 unless given, or float64.
        device: "cpu", the one there is.

    Raises:
        ArgumentError: n or d out of range.
        DTypeError: dtype is not a real floating one.
    """
    made = _checked("fftfreq", n, d, dtype, device)
    return _over(concat([arange((n + 1) // 2), arange(-(n // 2), 0)]), n * d, made)


def rfftfreq(n: int, /, *, d: float = 1.0, dtype: Any = None, device: Any = None) -> Tensor:
    """Frequencies of the elements of `rfft`: 0 to n // 2, each over ``n * d``. Arguments and errors as of `fftfreq`."""
    made = _checked("rfftfreq", n, d, dtype, device)
    return _over(arange(n // 2 + 1), n * d, made)


def _over(counts: Tensor, divisor: float, dtype: Any) -> Tensor:
    return astype(astype(counts, float64) / divisor, dtype)


def _checked(where: str, n: Any, d: Any, dtype: Any, device: Any) -> Any:
    check_device(where, device)
    if isinstance(n, bool) or not hasattr(n, "__index__") or operator.index(n) < 1:
        raise ArgumentError(f"{where}: n must be an integer of 1 or more; got {n!r:.80}", argument=n)
    if isinstance(d, bool) or not isinstance(d, (int, float)) or d == 0 or d != d:
        raise ArgumentError(f"{where}: d must be a number other than 0; got {d!r:.80}", argument=d)
    made = float32 if dtype is None else as_dtype(dtype)
    if not made.is_floating:
        raise DTypeError(f"{where}: dtype must be float32 or float64; got {made.name}", dtype=made)
    return made


def fftshift(x: Tensor, /, *, axes: int | Sequence[int] | None = None) -> Tensor:
    """x with the frequency 0 moved from the front to the middle of axes, all of them by default.

    Raises:
        DimensionError: an axis out of range, or named twice.
    """
    return _shifted("fftshift", x, axes, 1)


def ifftshift(x: Tensor, /, *, axes: int | Sequence[int] | None = None) -> Tensor:
    """x with the frequency 0 moved from the middle to the front of axes: undoes `fftshift`, whose errors it has."""
    return _shifted("ifftshift", x, axes, -1)


def _shifted(where: str, x: Tensor, axes: Any, sign: int) -> Tensor:
    need_tensors(where, x)
    mask = axes_mask(where, tuple(axes) if isinstance(axes, list) else axes, x.ndim)
    found = tuple(d for d in range(x.ndim) if mask >> d & 1)
    # -(-n // 2) from the back is n // 2 from the front.
    return roll(x, tuple(sign * (x.shape[d] // 2) for d in found), axis=found) if found else x
