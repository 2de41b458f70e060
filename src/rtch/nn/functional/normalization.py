# SPDX-License-Identifier: MIT
"""Normalisation: over the batch, over trailing axes, over groups of channels and over single ones.

All of them are `rtch.rowwise.standardize` of one view or another. Statistics are a mean and a variance around it, in
the input's dtype and the order of docs/numerics.md.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence

from rtch.autograd import is_recomputing, no_grad
from rtch.dtype_functions import finfo
from rtch.errors import ArgumentError, BroadcastError, DimensionError
from rtch.functions import sqrt
from rtch.manipulation import reshape
from rtch.nn.functional.arguments import need_dtype, need_floating, need_integer, need_number
from rtch.rowwise import standardize
from rtch.tensor import Tensor, refuse_lost_write


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """``(input - mean) / sqrt(var + eps) * weight + bias`` per channel.

    In training, mean and variance are those of the channel over all other axes, and running_mean and running_var move
    towards them by the part `momentum`, the variance with n - 1 for n; otherwise they are the running ones.

    Args:
        input: (N, C, *).
        running_mean: (C,), or None; written to in training.
        running_var: (C,), or None; likewise.
        weight: (C,), or None.
        bias: (C,), or None.
        training: where mean and variance come from.
        momentum: how far the running ones move.
        eps: added to the variance, 0 or more.

    Raises:
        ArgumentError: one value per channel in training, no running statistics otherwise, momentum no number, or eps
            out of range.
        BroadcastError: the shapes do not fit.
        DimensionError: the input has less than two dimensions.
        DTypeError: the input is not float32 or float64, or a parameter not of its dtype.
        LayoutError: a running one that would move is a temporary view.
    """
    if training:
        refuse_lost_write("batch_norm", running_mean)
        refuse_lost_write("batch_norm", running_var)
    momentum, eps = need_number("batch_norm", "momentum", momentum), need_number("batch_norm", "eps", eps, 0.0)
    channels = _channels("batch_norm", input)
    _check_sizes("batch_norm", input, weight=weight, bias=bias, running_mean=running_mean, running_var=running_var)
    factor, summand = (None if t is None else _by_channel(t, input.ndim - 2) for t in (weight, bias))
    if not training:
        return _with_running("batch_norm", input, running_mean, running_var, factor, summand, eps)
    count = input.size // channels if channels else 0
    if count == 1:
        raise ArgumentError(
            f"batch_norm: more than 1 value per channel is needed in training; got shape {list(input.shape)}",
            shape=input.shape,
        )
    axes = (1 << input.ndim) - 1 - 2
    out, by = standardize("batch_norm", input, factor, summand, axes, eps)
    if count:
        _move(running_mean, by.stats[0], momentum)
        _move(running_var, by.stats[1] * (count / (count - 1)), momentum)
    return out


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """``(input - mean) / sqrt(var + eps) * weight + bias`` per channel of each sample.

    Args:
        input: (N, C, *).
        running_mean: (C,), or None; moves towards the mean over the samples, as in `batch_norm`.
        running_var: (C,), or None; likewise.
        weight: (C,), or None.
        bias: (C,), or None.
        use_input_stats: False takes the running mean and variance.
        momentum: how far the running ones move.
        eps: added to the variance.

    Raises:
        ArgumentError: one value per channel, no running statistics where they are asked for, or momentum or eps that
            is no number.
        BroadcastError: the shapes do not fit.
        DimensionError: the input has less than three dimensions, or two with running statistics.
        DTypeError: the input is not float32 or float64, or a parameter not of its dtype.
        LayoutError: a running one that would move is a temporary view.
    """
    if use_input_stats:
        refuse_lost_write("instance_norm", running_mean)
        refuse_lost_write("instance_norm", running_var)
    momentum, eps = need_number("instance_norm", "momentum", momentum), need_number("instance_norm", "eps", eps)
    _channels("instance_norm", input)
    _check_sizes("instance_norm", input, weight=weight, bias=bias, running_mean=running_mean, running_var=running_var)
    factor, summand = (None if t is None else _by_channel(t, input.ndim - 2) for t in (weight, bias))
    if not use_input_stats:
        return _with_running("instance_norm", input, running_mean, running_var, factor, summand, eps)
    if input.ndim < 3:
        raise DimensionError(
            f"instance_norm: three dimensions or more are needed; got shape {list(input.shape)}", ndim=input.ndim
        )
    count = math.prod(input.shape[2:])
    if count == 1:
        raise ArgumentError(
            f"instance_norm: more than 1 value per channel is needed; got shape {list(input.shape)}", shape=input.shape
        )
    axes = (1 << input.ndim) - 1 - 3
    out, by = standardize("instance_norm", input, factor, summand, axes, eps)
    if input.size:
        each = reshape(by.stats, (3, *input.shape[:2]))
        _move(running_mean, each[0].mean(0), momentum)
        _move(running_var, each[1].mean(0) * (count / (count - 1)), momentum)
    return out


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """``(input - mean) / sqrt(var + eps) * weight + bias`` over the last axes.

    Args:
        input: (*, *normalized_shape).
        normalized_shape: sizes of those axes.
        weight: of normalized_shape, or None.
        bias: likewise.
        eps: added to the variance.

    Raises:
        ArgumentError: eps is no number, or normalized_shape no sequence of integers.
        BroadcastError: the shapes do not fit.
        DTypeError: the input is not float32 or float64, or a parameter not of its dtype.
    """
    axes = _trailing("layer_norm", input, normalized_shape, weight=weight, bias=bias)
    return standardize("layer_norm", input, weight, bias, axes, need_number("layer_norm", "eps", eps))[0]


def rms_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """``input / sqrt(mean(input**2) + eps) * weight`` over the last axes.

    Args:
        input: (*, *normalized_shape).
        normalized_shape: sizes of those axes.
        weight: of normalized_shape, or None.
        eps: added to the mean of squares; that of the input's dtype if left out.

    Raises:
        ArgumentError: eps is no number, or normalized_shape no sequence of integers.
        BroadcastError: the shapes do not fit.
        DTypeError: the input is not float32 or float64, or the weight not of its dtype.
    """
    axes = _trailing("rms_norm", input, normalized_shape, weight=weight)
    eps = finfo(input.dtype).eps if eps is None else need_number("rms_norm", "eps", eps)
    return standardize("rms_norm", input, weight, None, axes, eps, centered=False)[0]


def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """``(input - mean) / sqrt(var + eps) * weight + bias``, mean and variance over groups of channels of each sample.

    Args:
        input: (N, C, *).
        num_groups: a divisor of C.
        weight: (C,), or None.
        bias: (C,), or None.
        eps: added to the variance.

    Raises:
        ArgumentError: C is no multiple of num_groups, one value is all there is, or eps is no number.
        BroadcastError: the shapes do not fit.
        DimensionError: the input has less than two dimensions.
        DTypeError: the input is not float32 or float64, or a parameter not of its dtype.
    """
    eps = need_number("group_norm", "eps", eps)
    channels = _channels("group_norm", input)
    _check_sizes("group_norm", input, weight=weight, bias=bias)
    num_groups = need_integer("group_norm", "num_groups", num_groups, 1, max(channels, 1))
    if channels % num_groups:
        raise ArgumentError(
            f"group_norm: num_groups must divide the {channels} channels; got {num_groups!r:.80}", argument=num_groups
        )
    size = channels // num_groups
    if input.shape[0] * size * math.prod(input.shape[2:]) == 1:
        raise ArgumentError(
            f"group_norm: more than 1 value per group is needed; got shape {list(input.shape)}", shape=input.shape
        )
    grouped = reshape(input, (input.shape[0], num_groups, size, *input.shape[2:]))
    ones = (1,) * (input.ndim - 2)
    factor, summand = (None if t is None else reshape(t, (num_groups, size, *ones)) for t in (weight, bias))
    axes = (1 << grouped.ndim) - 1 - 3
    return reshape(standardize("group_norm", grouped, factor, summand, axes, eps)[0], input.shape)


def _channels(where_: str, input: Tensor) -> int:
    need_floating(where_, input)
    if input.ndim < 2:
        raise DimensionError(
            f"{where_}: two dimensions or more are needed; got shape {list(input.shape)}", ndim=input.ndim
        )
    return input.shape[1]


def _check_sizes(where_: str, input: Tensor, **tensors: Tensor | None) -> None:
    """One number for each channel, of the input's dtype."""
    _check_shapes(where_, input, input.shape[1:2], tensors)


def _check_shapes(where_: str, input: Tensor, shape: tuple[int, ...], tensors: dict[str, Tensor | None]) -> None:
    need_dtype(where_, input, **tensors)
    for name, t in tensors.items():
        if t is not None and t.shape != shape:
            raise BroadcastError(
                f"{where_}: {name} must have shape {list(shape)}; got {list(t.shape)}", shapes=(shape, t.shape)
            )


def _by_channel(t: Tensor, n_behind: int) -> Tensor:
    return reshape(t, (-1, *(1,) * n_behind)) if n_behind else t


def _with_running(
    where_: str,
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    factor: Tensor | None,
    summand: Tensor | None,
    eps: float,
) -> Tensor:
    if running_mean is None or running_var is None:
        raise ArgumentError(f"{where_}: running_mean and running_var are needed outside training; got None")
    behind = input.ndim - 2
    scale = 1 / sqrt(_by_channel(running_var, behind) + eps)
    out = (input - _by_channel(running_mean, behind)) * (scale if factor is None else scale * factor)
    return out if summand is None else out + summand


@no_grad()
def _move(running: Tensor | None, towards: Tensor, momentum: float) -> None:
    """Write running (1 - momentum) + towards momentum, once per call of a checkpointed function."""
    if running is not None and not is_recomputing():
        running[...] = running * (1 - momentum) + towards * momentum


def _trailing(where_: str, input: Tensor, normalized_shape: Sequence[int], **tensors: Tensor | None) -> int:
    """The axes of normalized_shape."""
    need_floating(where_, input)
    try:
        shape = tuple(operator.index(size) for size in normalized_shape)
    except TypeError as error:
        raise ArgumentError(
            f"{where_}: normalized_shape must be a sequence of integers; got {normalized_shape!r:.80}",
            argument=normalized_shape,
        ) from error
    n = len(shape)
    if n < 1 or n > input.ndim or input.shape[input.ndim - n :] != shape:
        raise BroadcastError(
            f"{where_}: an input of shape [*, {', '.join(map(str, shape))}] is needed; got {list(input.shape)}",
            shapes=(input.shape, shape),
        )
    _check_shapes(where_, input, shape, tensors)
    return (1 << input.ndim) - (1 << (input.ndim - n))
