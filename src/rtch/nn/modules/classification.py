# SPDX-License-Identifier: MIT
"""Losses of classifiers as modules. The weight of the classes is a buffer."""

from __future__ import annotations

from rtch.errors import ArgumentError
from rtch.nn import functional
from rtch.nn.functional.arguments import need_integer, need_number
from rtch.nn.functional.losses import check_reduction
from rtch.nn.module import Module
from rtch.tensor import Tensor


class _Weighted(Module):
    weight: Tensor | None

    def __init__(self, weight: Tensor | None, ignore_index: int, reduction: str) -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.ignore_index = need_integer(type(self).__name__, "ignore_index", ignore_index)
        self.reduction = check_reduction(type(self).__name__, reduction)


class NLLLoss(_Weighted):
    """Negative log likelihood; see `functional.nll_loss`.

    Args:
        weight: what each class counts.
        ignore_index: a target that does not count.
        reduction: "mean", "sum" or "none".

    Raises:
        ArgumentError: an argument that is none of these.
    """

    def __init__(self, weight: Tensor | None = None, *, ignore_index: int = -100, reduction: str = "mean") -> None:
        super().__init__(weight, ignore_index, reduction)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss."""
        return functional.nll_loss(input, target, self.weight, self.ignore_index, self.reduction)

    def extra_repr(self) -> str:
        """What is ignored and the reduction."""
        return f"ignore_index={self.ignore_index}, reduction={self.reduction!r}"


class CrossEntropyLoss(_Weighted):
    """Cross entropy with the softmax of the input; see `functional.cross_entropy`.

    Args:
        weight: what each class counts.
        ignore_index: a target that does not count.
        reduction: "mean", "sum" or "none".
        label_smoothing: the share of every target that all classes have, from 0 to 1.

    Raises:
        ArgumentError: an argument that is none of these.
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        *,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight, ignore_index, reduction)
        self.label_smoothing = need_number("CrossEntropyLoss", "label_smoothing", label_smoothing)
        if not 0 <= self.label_smoothing <= 1:
            raise ArgumentError(
                f"CrossEntropyLoss: label_smoothing must be in [0, 1]; got {label_smoothing!r:.80}",
                argument=label_smoothing,
            )

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss."""
        return functional.cross_entropy(
            input, target, self.weight, self.ignore_index, self.reduction, self.label_smoothing
        )

    def extra_repr(self) -> str:
        """What is ignored, the reduction and the smoothing."""
        return f"ignore_index={self.ignore_index}, reduction={self.reduction!r}, label_smoothing={self.label_smoothing}"
