# SPDX-License-Identifier: MIT
"""Elements added around a tensor."""

from __future__ import annotations

import operator
from typing import Any

from rtch.composed import clip
from rtch.creation import full
from rtch.errors import ArgumentError, DimensionError
from rtch.functions import abs as absolute
from rtch.manipulation import take
from rtch.ranges import arange
from rtch.tensor import Tensor, need_tensors


def pad(input: Tensor, pad: tuple[int, ...], mode: str = "constant", value: float | None = None) -> Tensor:
    """Places added before and after the elements along the last axes, or with negative numbers taken away.

    Args:
        input: any shape; for the other modes than "constant" with one or two axes in front of those padded.
        pad: (before, after) of the last axis, then those of the axis before it, and so on.
        mode: what stands in the new places: "constant" a value; "reflect" the elements seen in a mirror on the
            outermost one; "replicate" the outermost one; "circular" those of the other end, of what is left after
            negative numbers.
        value: of the mode "constant"; 0 if left out.

    Raises:
        AllocationError: memory for the result could not be had.
        ArgumentError: an odd number of numbers, one of 2**48 or more, an unknown mode, a value where none belongs, a
            mirror or circle that is larger than the axis, or an axis left without places.
        DimensionError: more axes than the input has, or a number of dimensions that the mode does not take.
    """
    need_tensors("pad", input)
    try:
        numbers = [operator.index(number) for number in pad]
    except TypeError:
        numbers = [0]
    if len(numbers) % 2 or any(abs(number) >= 2**48 for number in numbers):
        raise ArgumentError(f"pad: an even number of integers within 2**48 is needed; got {pad!r:.80}", argument=pad)
    n = len(numbers) // 2
    if n > input.ndim:
        raise DimensionError(
            f"pad: at most {2 * input.ndim} numbers for {input.ndim} dimensions; got {len(numbers)}", ndim=input.ndim
        )
    if mode not in ("constant", "reflect", "replicate", "circular"):
        raise ArgumentError(
            f"pad: mode must be 'constant', 'reflect', 'replicate' or 'circular'; got {mode!r:.80}", argument=mode
        )
    around = {input.ndim - 1 - i: (numbers[2 * i], numbers[2 * i + 1]) for i in range(n)}
    for axis, (before, after) in around.items():
        size = input.shape[axis] + before + after
        if size < 0 or (size == 0 and mode != "constant"):
            raise ArgumentError(
                f"pad: axis {axis} of size {input.shape[axis]} would have {size} places; got {pad!r:.80}", argument=pad
            )
    if mode == "constant":
        return _constant(input, around, 0 if value is None else value)
    if value is not None and value != 0:
        raise ArgumentError(f"pad: mode {mode!r} takes no value; got {value!r:.80}", argument=value)
    if n < 1 or n > 3 or input.ndim not in (n + 1, n + 2):
        raise DimensionError(
            f"pad: mode {mode!r} pads the last 1 to 3 axes behind one or two others; "
            f"got {len(numbers)} numbers for shape {list(input.shape)}",
            ndim=input.ndim,
            shape=input.shape,
        )
    for axis, (before, after) in around.items():
        input = _around(input, axis, before, after, mode)
    return input


def _constant(x: Tensor, around: dict[int, tuple[int, int]], value: Any) -> Tensor:
    inner = [slice(None)] * x.ndim
    outer = [slice(None)] * x.ndim
    shape = list(x.shape)
    for axis, (before, after) in around.items():
        size = x.shape[axis]
        begin, end = min(-min(before, 0), size), size + min(after, 0)
        inner[axis] = slice(begin, max(end, begin))
        start = max(before, 0)
        outer[axis] = slice(start, start + max(end - begin, 0))
        shape[axis] = size + before + after
    part = x[tuple(inner)]
    if list(part.shape) == shape:
        return part
    out = full(tuple(shape), value, dtype=x.dtype)
    out[tuple(outer)] = part
    return out


def _around(x: Tensor, axis: int, before: int, after: int, mode: str) -> Tensor:
    if mode == "circular" and min(before, after) < 0:  # as in PyTorch, the circle is what is left
        key = slice(-min(before, 0), x.shape[axis] + min(after, 0))
        x = x[(*(slice(None),) * axis, key)]
        before, after = max(before, 0), max(after, 0)
    size = x.shape[axis]
    most = {"reflect": size - 1, "replicate": max(before, after), "circular": size}[mode]
    if size == 0 or before > most or after > most:
        raise ArgumentError(
            f"pad: mode {mode!r} adds at most {max(most, 0)} places to axis {axis} of size {size}; "
            f"got {(before, after)}",
            argument=(before, after),
        )
    if before == after == 0:
        return x
    places = arange(-before, size + after)
    if mode == "reflect":
        index = (size - 1) - absolute((size - 1) - absolute(places))
    elif mode == "replicate":
        index = clip(places, 0, size - 1)
    else:
        index = places % size
    return take(x, index, axis=axis)
