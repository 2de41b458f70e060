# SPDX-License-Identifier: MIT
"""Distances."""

from __future__ import annotations

from rtch.nn import functional
from rtch.nn.functional.arguments import need_flag, need_number, one_axis
from rtch.nn.module import Module
from rtch.tensor import Tensor


class CosineSimilarity(Module):
    """See `functional.cosine_similarity`.

    Args:
        dim: the axis of the vectors.
        eps: the least length.
        axis: another name for dim.

    Raises:
        ArgumentError: an argument that is none of these.
    """

    def __init__(self, dim: int = 1, eps: float = 1e-8, *, axis: int | None = None) -> None:
        super().__init__()
        self.dim = one_axis("CosineSimilarity", dim, axis, 1)
        self.eps = need_number("CosineSimilarity", "eps", eps)

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """The similarity."""
        return functional.cosine_similarity(x1, x2, self.dim, self.eps)

    def extra_repr(self) -> str:
        """Axis and eps."""
        return f"dim={self.dim}, eps={self.eps}"


class PairwiseDistance(Module):
    """See `functional.pairwise_distance`.

    Args:
        p: of the norm.
        eps: added to the difference.
        keepdim: keep the axis with size one.

    Raises:
        ArgumentError: an argument that is none of these.
    """

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__()
        need_number("PairwiseDistance", "p", p)
        self.norm, self.eps = p, need_number("PairwiseDistance", "eps", eps)
        self.keepdim = need_flag("PairwiseDistance", "keepdim", keepdim)

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """The distance."""
        return functional.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)

    def extra_repr(self) -> str:
        """Norm, eps and whether the axis is kept."""
        return f"p={self.norm}, eps={self.eps}, keepdim={self.keepdim}"
