# SPDX-License-Identifier: MIT
"""Affine maps."""

from __future__ import annotations

from rtch.errors import BroadcastError, DimensionError
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
    need_tensors("linear", input)
    need_dtype("linear", input, weight=weight, bias=bias)
    if weight.ndim not in (1, 2):
        raise DimensionError(
            f"linear: weight must have one or two dimensions; got shape {list(weight.shape)}", ndim=weight.ndim
        )
    if bias is not None and bias.shape != weight.shape[:-1]:
        raise BroadcastError(
            f"linear: a bias of shape {list(weight.shape[:-1])} is needed; got {list(bias.shape)}",
            shapes=(weight.shape, bias.shape),
        )
    out = input @ (weight.mT if weight.ndim == 2 else weight)
    return out if bias is None else out + bias
