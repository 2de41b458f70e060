# SPDX-License-Identifier: MIT
"""Affine maps."""

from __future__ import annotations

from rtch.errors import BroadcastError
from rtch.nn.functional.arguments import need_dtype
from rtch.tensor import Tensor, need_tensors


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``input @ weight.T + bias``.

    Shapes: input (*, in_features), weight (out_features, in_features), bias (out_features,); gives (*, out_features).

    Raises:
        BroadcastError: the sizes do not fit.
        DTypeError: not all tensors of one dtype.
    """
    need_tensors("linear", input)
    need_dtype("linear", input, weight=weight, bias=bias)
    out = input @ weight.mT
    if bias is None:
        return out
    total = out + bias
    if total._h.bcast & 1:  # the sum is larger than the product
        raise BroadcastError(
            f"linear: a bias of shape [{weight.shape[0]}] is needed; got {list(bias.shape)}",
            shapes=(weight.shape, bias.shape),
        )
    return total
