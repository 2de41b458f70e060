# SPDX-License-Identifier: MIT
"""Pooling: extremes and means of windows."""

from __future__ import annotations

from typing import Any

from rtch.errors import ArgumentError
from rtch.nn.functional.arguments import images, like, need_integer, numbers, sizes_text
from rtch.pooling import Windows, average_pool, max_pool_index, pool_gather
from rtch.tensor import Tensor

LARGEST = 2**16
"""What adaptive pooling may enlarge an axis to; it writes a list of the windows."""


def max_pool1d(
    input: Tensor,
    kernel_size: int | tuple[int, ...],
    stride: int | tuple[int, ...] | None = None,
    padding: int | tuple[int, ...] = 0,
    dilation: int | tuple[int, ...] = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest element of windows of sequences (N, C, L) or (C, L); see `max_pool2d`.

    Args:
        input: the sequences.
        kernel_size: elements of a window; a number or a tuple of one, as below.
        stride: places between windows; kernel_size if left out.
        padding: places on both sides that no element of a window is taken from; at most half a window.
        dilation: places between neighbouring elements of a window.
        ceil_mode: also a last window that is not all inside, if it begins in the input or the padding before it.
        return_indices: give (values, places).

    Raises:
        ArgumentError: a number out of range, or no window fits.
        DimensionError: input has another number of dimensions.
        DTypeError: neither float32 nor float64.
    """
    return _max_pool("max_pool1d", 1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool2d(
    input: Tensor,
    kernel_size: int | tuple[int, ...],
    stride: int | tuple[int, ...] | None = None,
    padding: int | tuple[int, ...] = 0,
    dilation: int | tuple[int, ...] = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest element of windows of images (N, C, H, W) or (C, H, W); NaN where a window has one.

    The gradient goes to one element: the first of the largest, or the last NaN.

    Args:
        input: the images.
        kernel_size: elements of a window along each axis; one number or two, as below.
        stride: places between windows; kernel_size if left out.
        padding: places on both sides that no element of a window is taken from; at most half a window.
        dilation: places between neighbouring elements of a window.
        ceil_mode: also a last window that is not all inside, if it begins in the input or the padding before it.
        return_indices: give (values, places), places counted row-major in the image.

    Raises:
        ArgumentError: a number out of range, or no window fits.
        DimensionError: input has another number of dimensions.
        DTypeError: neither float32 nor float64.
    """
    return _max_pool("max_pool2d", 2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def avg_pool1d(
    input: Tensor,
    kernel_size: int | tuple[int, ...],
    stride: int | tuple[int, ...] | None = None,
    padding: int | tuple[int, ...] = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """The mean of windows of sequences (N, C, L) or (C, L); see `avg_pool2d`.

    Args:
        input: the sequences.
        kernel_size: elements of a window; a number or a tuple of one, as below.
        stride: places between windows; kernel_size if left out.
        padding: zeros on both sides; at most half a window.
        ceil_mode: also a last window that is not all inside, if it begins in the input or the padding before it.
        count_include_pad: whether the zeros count towards the divisor.

    Raises:
        ArgumentError: a number out of range, or no window fits.
        DimensionError: input has another number of dimensions.
        DTypeError: neither float32 nor float64.
    """
    return _avg_pool("avg_pool1d", 1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None)


def avg_pool2d(
    input: Tensor,
    kernel_size: int | tuple[int, ...],
    stride: int | tuple[int, ...] | None = None,
    padding: int | tuple[int, ...] = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of windows of images (N, C, H, W) or (C, H, W).

    Args:
        input: the images.
        kernel_size: elements of a window along each axis; one number or two, as below.
        stride: places between windows; kernel_size if left out.
        padding: zeros on both sides; at most half a window.
        ceil_mode: also a last window that is not all inside, if it begins in the input or the padding before it.
        count_include_pad: whether the zeros count towards the divisor.
        divisor_override: the divisor, instead of the number of elements.

    Raises:
        ArgumentError: a number out of range, or no window fits.
        DimensionError: input has another number of dimensions.
        DTypeError: neither float32 nor float64.
    """
    return _avg_pool(
        "avg_pool2d", 2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


def adaptive_avg_pool1d(input: Tensor, output_size: int | tuple[int, ...]) -> Tensor:
    """Means of windows of sequences (N, C, L) or (C, L) that give output_size results; see `adaptive_avg_pool2d`.

    Args:
        input: the sequences.
        output_size: how many; a number or a tuple of one.

    Raises:
        ArgumentError: a size that is no integer, below 0, or above the input's and 2**16; or an empty sequence.
        DimensionError: input has another number of dimensions.
        DTypeError: neither float32 nor float64.
    """
    return _adaptive("adaptive_avg_pool1d", 1, input, output_size)


def adaptive_avg_pool2d(input: Tensor, output_size: int | tuple[int | None, ...] | None) -> Tensor:
    """Means of windows of images (N, C, H, W) or (C, H, W): window i of n over a size S is [floor(i S / n),
    ceil((i + 1) S / n)).

    Args:
        input: the images.
        output_size: results along each axis; None for the input's size.

    Raises:
        ArgumentError: a size that is no integer, below 0, or above the input's and 2**16; or an empty image.
        DimensionError: input has another number of dimensions.
        DTypeError: neither float32 nor float64.
    """
    return _adaptive("adaptive_avg_pool2d", 2, input, output_size)


def _results(
    where: str,
    sizes: tuple[int, ...],
    window: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    dilation: tuple[int, ...],
    ceil_mode: bool,
) -> list[int]:
    """How many windows there are along each axis."""
    out = []
    for size, k, s, p, d in zip(sizes, window, stride, padding, dilation, strict=True):
        reach = d * (k - 1) + 1
        if 2 * p > reach:
            raise ArgumentError(
                f"{where}: padding must be at most half a window of {reach} places; got {p}", argument=padding
            )
        room = size + 2 * p - reach
        n = (room + (s - 1 if ceil_mode else 0)) // s + 1
        if ceil_mode and (n - 1) * s >= size + p:
            n -= 1  # it would begin behind the input
        if size < 1 or n < 1:
            raise ArgumentError(
                f"{where}: a window of {sizes_text(window)} must fit in the padded input; "
                f"got {sizes_text(sizes)} places",
                sizes=sizes,
            )
        out.append(n)
    return out


def _window_numbers(
    where: str, n: int, kernel_size: Any, stride: Any, padding: Any
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    window = numbers(where, "kernel_size", kernel_size, n, 1)
    steps = window if stride is None or stride == [] or stride == () else numbers(where, "stride", stride, n, 1)
    return window, steps, numbers(where, "padding", padding, n, 0)


def _max_pool(
    where: str,
    n: int,
    x: Any,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil_mode: bool,
    return_indices: bool,
) -> Any:
    batch = images(where, x, n)
    window, steps, around = _window_numbers(where, n, kernel_size, stride, padding)
    spread = numbers(where, "dilation", dilation, n, 1)
    sizes = _results(where, batch.shape[2:], window, steps, around, spread, ceil_mode)
    index = max_pool_index(batch.detach(), list(zip(sizes, window, steps, spread, around, strict=True)))
    out = like(pool_gather(batch, index, n), x)
    return (out, like(index, x)) if return_indices else out


def _avg_pool(
    where: str,
    n: int,
    x: Any,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: Any,
) -> Tensor:
    batch = images(where, x, n)
    window, steps, around = _window_numbers(where, n, kernel_size, stride, padding)
    divisor = 0 if divisor_override is None else need_integer(where, "divisor_override", divisor_override)
    if divisor_override is not None and divisor == 0:
        raise ArgumentError(f"{where}: divisor_override must not be 0; got 0", argument=divisor_override)
    counts = _results(where, batch.shape[2:], window, steps, around, (1,) * n, ceil_mode)
    axes = []
    for size, count, k, s, p in zip(batch.shape[2:], counts, window, steps, around, strict=True):
        axis = []
        for i in range(count):
            begin, end = i * s - p, min(i * s - p + k, size + p)
            inside = max(begin, 0), min(end, size)
            axis.append((*inside, end - begin if count_include_pad else inside[1] - inside[0]))
        axes.append(axis)
    return like(average_pool(batch, Windows.make(axes, float(divisor))), x)


def _adaptive(where: str, n: int, x: Any, output_size: Any) -> Tensor:
    batch = images(where, x, n)
    given = tuple(output_size) if isinstance(output_size, (tuple, list)) else (output_size,) * n
    if len(given) != n:
        raise ArgumentError(
            f"{where}: output_size must be one integer or {n} of them; got {output_size!r:.80}", argument=output_size
        )
    wanted = [
        size if k is None else need_integer(where, "output_size", k, 0, max(size, LARGEST))
        for k, size in zip(given, batch.shape[2:], strict=True)
    ]
    if 0 in batch.shape[2:]:
        raise ArgumentError(f"{where}: images must have a place; got shape {list(x.shape)}", shape=x.shape)
    axes = []
    for size, count in zip(batch.shape[2:], wanted, strict=True):
        places = [(i * size // count, -(-(i + 1) * size // count)) for i in range(count)]
        axes.append([(begin, end, end - begin) for begin, end in places])
    return like(average_pool(batch, Windows.make(axes)), x)
