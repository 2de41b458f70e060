# SPDX-License-Identifier: MIT
"""Convolutions, which are cross-correlations as in PyTorch, and their transposes."""

from __future__ import annotations

from typing import Any

from rtch.convolutions import Axes, convolution, convolution_transpose
from rtch.errors import ArgumentError, BroadcastError, DimensionError
from rtch.nn.functional.arguments import MOST, images, like, need_dtype, need_integer, numbers, sizes_text
from rtch.tensor import Tensor, need_tensors


def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | tuple[int, ...] = 1,
    padding: int | tuple[int, ...] | str = 0,
    dilation: int | tuple[int, ...] = 1,
    groups: int = 1,
) -> Tensor:
    """Cross-correlation of sequences with weights; see `conv2d`.

    Shapes: input (N, C, L) or (C, L), weight (O, C / groups, K), bias (O,); gives (N, O, L') or (O, L').

    Args:
        input: the sequences.
        weight: the filters.
        bias: added to each of the O channels.
        stride: places between neighbouring results; a number or a tuple of one, as the two that follow.
        padding: zeros on both sides; "valid" for none, "same" for results of the input's size, which needs a stride of
            1 and has the odd zero, if there is one, behind.
        dilation: places between neighbouring taps.
        groups: parts that the channels are split in, each with filters of its own.

    Raises:
        ArgumentError: a number out of range, or weights larger than the padded input.
        BroadcastError: channels, groups and bias do not fit together.
        DimensionError: input or weight has another number of dimensions.
        DTypeError: not all float32 or all float64.
    """
    return _conv("conv1d", 1, input, weight, bias, stride, padding, dilation, groups)


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | tuple[int, ...] = 1,
    padding: int | tuple[int, ...] | str = 0,
    dilation: int | tuple[int, ...] = 1,
    groups: int = 1,
) -> Tensor:
    """Cross-correlation of images with weights: the matrix product of the weights with the unfolded image.

    Shapes: input (N, C, H, W) or (C, H, W), weight (O, C / groups, KH, KW), bias (O,); gives (N, O, H', W') with
    ``H' = (H + 2 padding - dilation (KH - 1) - 1) // stride + 1``.

    Args:
        input: the images.
        weight: the filters.
        bias: added to each of the O channels.
        stride: places between neighbouring results; one number or one for each axis, as the two that follow.
        padding: zeros on both sides; "valid" for none, "same" for results of the input's size, which needs a stride of
            1 and has the odd zero, if there is one, behind.
        dilation: places between neighbouring taps.
        groups: parts that the channels are split in, each with filters of its own.

    Raises:
        ArgumentError: a number out of range, or weights larger than the padded input.
        BroadcastError: channels, groups and bias do not fit together.
        DimensionError: input or weight has another number of dimensions.
        DTypeError: not all float32 or all float64.
    """
    return _conv("conv2d", 2, input, weight, bias, stride, padding, dilation, groups)


def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | tuple[int, ...] = 1,
    padding: int | tuple[int, ...] = 0,
    output_padding: int | tuple[int, ...] = 0,
    groups: int = 1,
    dilation: int | tuple[int, ...] = 1,
) -> Tensor:
    """The transpose of `conv1d` as a map of its input; see `conv_transpose2d`.

    Shapes: input (N, C, L) or (C, L), weight (C, O / groups, K), bias (O,); gives (N, O, L') or (O, L').

    Args:
        input: the sequences.
        weight: the filters.
        bias: added to each of the O channels.
        stride: places between the results of neighbouring elements; a number or a tuple of one, as below.
        padding: places cut off on both sides.
        output_padding: places more at the end; less than stride or dilation.
        groups: parts that the channels are split in, each with filters of its own.
        dilation: places between neighbouring taps.

    Raises:
        ArgumentError: a number out of range, or nothing is left of the result.
        BroadcastError: channels, groups and bias do not fit together.
        DimensionError: input or weight has another number of dimensions.
        DTypeError: not all float32 or all float64.
    """
    return _transposed("conv_transpose1d", 1, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | tuple[int, ...] = 1,
    padding: int | tuple[int, ...] = 0,
    output_padding: int | tuple[int, ...] = 0,
    groups: int = 1,
    dilation: int | tuple[int, ...] = 1,
) -> Tensor:
    """The transpose of `conv2d` as a map of its input: every element of the input adds its multiple of the weights.

    Shapes: input (N, C, H, W) or (C, H, W), weight (C, O / groups, KH, KW), bias (O,); gives (N, O, H', W') with
    ``H' = (H - 1) stride - 2 padding + dilation (KH - 1) + output_padding + 1``.

    Args:
        input: the images.
        weight: the filters.
        bias: added to each of the O channels.
        stride: places between the results of neighbouring elements; one number or one for each axis, as below.
        padding: places cut off on both sides.
        output_padding: places more at the end; less than stride or dilation.
        groups: parts that the channels are split in, each with filters of its own.
        dilation: places between neighbouring taps.

    Raises:
        ArgumentError: a number out of range, or nothing is left of the result.
        BroadcastError: channels, groups and bias do not fit together.
        DimensionError: input or weight has another number of dimensions.
        DTypeError: not all float32 or all float64.
    """
    return _transposed("conv_transpose2d", 2, input, weight, bias, stride, padding, output_padding, groups, dilation)


def _check(where: str, n: int, x: Tensor, weight: Any, bias: Any, groups: Any) -> int:
    """The groups, once weight and bias are known to go with a batch of images."""
    need_tensors(where, weight)
    if weight.ndim != n + 2:
        raise DimensionError(
            f"{where}: weight must have {n + 2} dimensions; got shape {list(weight.shape)}", shape=weight.shape
        )
    need_dtype(where, x, weight=weight, bias=bias)
    parts = need_integer(where, "groups", groups, 1, MOST)
    if 0 in weight.shape[2:]:
        raise ArgumentError(f"{where}: weight must have a tap; got shape {list(weight.shape)}", shape=weight.shape)
    if weight.shape[0] % parts:
        raise BroadcastError(
            f"{where}: the first size of weight must be a multiple of groups={parts}; got {list(weight.shape)}",
            shapes=(weight.shape,),
        )
    return parts


def _check_channels(where: str, x: Tensor, weight: Tensor, bias: Tensor | None, expected: int, outputs: int) -> None:
    if x.shape[1] != expected:
        raise BroadcastError(
            f"{where}: an input of {expected} channels is needed for a weight of shape {list(weight.shape)}; "
            f"got {x.shape[1]}, shape {list(x.shape)}",
            shapes=(x.shape, weight.shape),
        )
    if bias is not None and bias.shape != (outputs,):
        raise BroadcastError(
            f"{where}: a bias of shape [{outputs}] is needed; got {list(bias.shape)}", shapes=(weight.shape, bias.shape)
        )


def _check_places(where: str, *places: int) -> None:
    if max(places) > MOST:
        raise ArgumentError(f"{where}: fewer than 2**31 places along an axis are needed; got {max(places)}")


def _conv(
    where: str, n: int, x: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: Any
) -> Tensor:
    batch = images(where, x, n)
    groups = _check(where, n, batch, weight, bias, groups)
    _check_channels(where, batch, weight, bias, weight.shape[1] * groups, weight.shape[0])
    steps, spread = numbers(where, "stride", stride, n, 1), numbers(where, "dilation", dilation, n, 1)
    sizes = batch.shape[2:]
    reach = [
        d * (k - 1) for d, k in zip(spread, weight.shape[2:], strict=True)
    ]  # places from the first tap to the last
    if padding == "same":
        if any(s != 1 for s in steps):
            raise ArgumentError(f"{where}: padding='same' needs a stride of 1; got {stride!r:.80}", argument=stride)
        before, around = [r // 2 for r in reach], reach
    elif isinstance(padding, str) and padding != "valid":
        raise ArgumentError(
            f"{where}: padding must be 'valid', 'same' or integers; got {padding!r:.80}", argument=padding
        )
    else:
        before = list(numbers(where, "padding", 0 if padding == "valid" else padding, n, 0))
        around = [2 * p for p in before]
    room = [size + p - r for size, p, r in zip(sizes, around, reach, strict=True)]
    if min(room) < 1:
        raise ArgumentError(
            f"{where}: weights must fit in the padded input; got {sizes_text([r + 1 for r in reach])} places in "
            f"{sizes_text([size + p for size, p in zip(sizes, around, strict=True)])}",
            shapes=(batch.shape, weight.shape),
        )
    out = [(r - 1) // s + 1 for r, s in zip(room, steps, strict=True)]
    _check_places(where, *out, *before)
    return like(convolution(batch, weight, bias, groups, Axes.make(out, steps, spread, before)), x)


def _transposed(
    where: str,
    n: int,
    x: Any,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: Any,
    dilation: Any,
) -> Tensor:
    batch = images(where, x, n)
    groups = _check(where, n, batch, weight, bias, groups)
    _check_channels(where, batch, weight, bias, weight.shape[0], weight.shape[1] * groups)
    steps, spread = numbers(where, "stride", stride, n, 1), numbers(where, "dilation", dilation, n, 1)
    cut, more = numbers(where, "padding", padding, n, 0), numbers(where, "output_padding", output_padding, n, 0)
    if any(m >= max(s, d) for m, s, d in zip(more, steps, spread, strict=True)):
        raise ArgumentError(
            f"{where}: output_padding must be less than stride or dilation; got {output_padding!r:.80}",
            argument=output_padding,
        )
    out = [
        (size - 1) * s - 2 * p + d * (k - 1) + m + 1
        for size, s, p, d, k, m in zip(batch.shape[2:], steps, cut, spread, weight.shape[2:], more, strict=True)
    ]
    if min(out) < 1 or 0 in batch.shape[2:]:
        raise ArgumentError(
            f"{where}: a result of {sizes_text(out)} places can't be had from {sizes_text(batch.shape[2:])}; "
            f"got padding={padding!r:.40}",
            shapes=(batch.shape, weight.shape),
        )
    _check_places(where, *out)
    return like(convolution_transpose(batch, weight, bias, groups, Axes.make(out, steps, spread, cut)), x)
