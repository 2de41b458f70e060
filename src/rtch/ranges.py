# SPDX-License-Identifier: MIT
"""Evenly spaced values: arange and linspace."""

from __future__ import annotations

import operator
from typing import Any

from rtch._c import lib
from rtch.creation import checked, from_bytes, scalar_of
from rtch.device import check_device
from rtch.dtypes import as_dtype, bool_, check_bounds, complex64, complex128, float32, float64, int64
from rtch.errors import ArgumentError, DTypeError
from rtch.manipulation import astype, stack
from rtch.tensor import Tensor, wrap


def arange(
    start: float, /, stop: float | None = None, step: float = 1, *, dtype: Any = None, device: Any = None
) -> Tensor:
    """start, start + step, ... up to but without stop: ``ceil((stop - start) / step)`` elements.

    Element i is start + i * step, computed exactly for integers and in float64 otherwise. Integers give int64, floats
    float32 unless dtype says otherwise.

    Raises:
        ArgumentError: step is zero, a bound is not finite, or an element does not fit in the dtype.
    """
    check_device("arange", device)
    bounds = (0, start, step) if stop is None else (start, stop, step)
    first, last, step = (scalar_of(v, "arange") for v in bounds)
    whole = all(isinstance(v, int) for v in (first, last, step))
    made = (int64 if whole else float32) if dtype is None else as_dtype(dtype)
    got = f"got {first}, {last}, {step}"
    if any(isinstance(v, complex) for v in (first, last, step)):
        raise ArgumentError(f"arange: real numbers are needed; {got}", argument=bounds)
    if step == 0 or any(v - v != 0 for v in (first, last, step)):
        raise ArgumentError(f"arange: finite bounds and a step other than 0 are needed; {got}")
    if any(isinstance(v, int) and not -(2**63) <= v < 2**64 for v in (first, last, step)):
        raise ArgumentError(f"arange: integers of 64 bits are needed; {got}", argument=bounds)
    integers = made.is_integer or made is bool_
    if integers and not all(float(v).is_integer() for v in (first, step)):
        raise DTypeError(f"arange: start and step must be whole for {made.name}; {got}", dtype=made)
    if whole:
        n = max(0, -((first - last) // step))
    else:
        span = (last - first) / step
        n = 2**60 if span >= 2**60 else max(0, int(span) + (1 if span > int(span) else 0))
    if n >= 2**60:
        raise ArgumentError(f"arange: fewer than 2**60 elements are needed; {got}", argument=step)
    if not integers:
        return wrap(checked("arange", lib.rt_arange(made.code, n, float(first), float(step), 0, 0), (n,)))
    first, step = int(first), int(step)
    if n:
        check_bounds("arange", first, made)
        check_bounds("arange", first + (n - 1) * step, made)
    # In 64 bits all is modulo 2**64, so that the elements of a uint64 come out right.
    return wrap(checked("arange", lib.rt_arange(made.code, n, 0.0, 0.0, _wrapped(first), _wrapped(step)), (n,)))


def _wrapped(value: int) -> int:
    """The int64 that is equal to a value modulo 2**64."""
    return (value + 2**63) % 2**64 - 2**63


def linspace(
    start: complex,
    stop: complex,
    /,
    num: int,
    *,
    dtype: Any = None,
    device: Any = None,
    endpoint: bool = True,
) -> Tensor:
    """num evenly spaced values from start to stop, which is the last one, or with endpoint=False the one after it.

    Element i is ``start + i * step`` with ``step = (stop - start) / (num - 1)``, or ``/ num`` without the endpoint,
    each operation rounded to float64 and the result to the dtype; the first element is start and the last stop. Where
    stop - start overflows, both are halved and the result doubled. Real and imaginary parts are computed apart.

    Args:
        start: the first value.
        stop: the last value.
        num: how many values.
        dtype: a floating dtype; float32, or complex64 where a value is complex, if it isn't given.
        device: "cpu", the one there is.
        endpoint: whether stop is the last value.

    Raises:
        ArgumentError: num is negative, or a value is not finite.
        DTypeError: the dtype is not floating, or a complex value meets a real one.
    """
    check_device("linspace", device)
    first, last = scalar_of(start, "linspace"), scalar_of(stop, "linspace")
    has_complex = isinstance(first, complex) or isinstance(last, complex)
    made = (complex64 if has_complex else float32) if dtype is None else as_dtype(dtype)
    if made.kind not in "fc" or (has_complex and made.kind == "f"):
        raise DTypeError(f"linspace: a floating dtype that holds the values is needed; got {made.name}", dtype=made)
    try:
        n = operator.index(num)
    except TypeError as error:
        raise ArgumentError(f"linspace: num must be an integer; got {num!r:.80}", argument=num) from error
    if not 0 <= n < 2**60:
        raise ArgumentError(f"linspace: num must be 0 or more, and below 2**60; got {n}", argument=num)
    gaps = n - 1 if endpoint else n
    try:
        a, b = complex(first), complex(last)
    except OverflowError as error:
        raise ArgumentError(f"linspace: an integer too large for a float; got {first}, {last}") from error
    if a - a != 0 or b - b != 0:
        raise ArgumentError(f"linspace: finite values are needed; got {first}, {last}", argument=start)
    out = _spaced(a.real, b.real, n, gaps)
    if made.is_complex:
        parts = stack([out, _spaced(a.imag, b.imag, n, gaps)], axis=-1)
        out = from_bytes(parts.tobytes(), complex128, (n,))
    out = astype(out, made, copy=False)
    if n:
        out[0] = first  # the caller's integer, which float64 may not hold
    if endpoint and n > 1:
        out[-1] = last
    return out


def _spaced(a: float, b: float, n: int, gaps: int) -> Tensor:
    """n float64 values from a towards b, which lies gaps steps away."""
    step = (b - a) / gaps if gaps > 0 else 0.0
    halves = step - step != 0
    if halves:
        a, step = a / 2, (b / 2 - a / 2) / gaps
    out = wrap(checked("linspace", lib.rt_arange(float64.code, n, a, step, 0, 0), (n,)))
    return out + out if halves else out
