# SPDX-License-Identifier: MIT
"""Affine maps."""

from __future__ import annotations

from rtch._c import lib
from rtch.errors import BroadcastError, DimensionError
from rtch.manipulation import affine
from rtch.nn.functional.arguments import need_dtype
from rtch.tensor import Tensor, need_tensors


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``input @ weight.T + bias``.

    Shapes: input (*, in_features), weight (out_features, in_features), bias (out_features,); gives (*, out_features).
    A weight (in_features,) is one row, whose axis the result lacks; its bias is 0-d.

    Args:
        input: numbers of a dtype that `rtch.matmul` takes.
        weight: of the input's dtype.
        bias: likewise, or None.

    Raises:
        BroadcastError: the sizes do not fit.
        DimensionError: a 0-d input, or a weight of neither one nor two dimensions.
        DTypeError: not all tensors of one dtype.
    """
    try:  # headers alone: this is called for every layer
        code = input._h.dtype
        one_dtype = weight._h.dtype == code and (bias is None or bias._h.dtype == code)
    except AttributeError:
        one_dtype = False
    if not one_dtype:
        need_tensors("linear", input)
        need_dtype("linear", input, weight=weight, bias=bias)
    ndim = weight._h.ndim
    if ndim not in (1, 2):
        raise DimensionError(
            f"linear: weight must have one or two dimensions; got shape {list(weight.shape)}", ndim=ndim
        )
    if bias is not None:
        h = bias._h
        if h.ndim != ndim - 1 or (h.ndim and lib.rt_shape(h)[0] != lib.rt_shape(weight._h)[0]):
            raise BroadcastError(
                f"linear: a bias of shape {list(weight.shape[:-1])} is needed; got {list(bias.shape)}",
                shapes=(weight.shape, bias.shape),
            )
    if ndim == 2:
        return affine(input, weight, bias)
    out = input @ weight
    return out if bias is None else out + bias
