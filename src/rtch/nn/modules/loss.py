# SPDX-License-Identifier: MIT
"""Losses."""

from __future__ import annotations

from typing import ClassVar

from rtch.errors import ArgumentError
from rtch.nn import functional
from rtch.nn.functional.arguments import need_flag, need_number
from rtch.nn.functional.losses import REDUCTIONS, check_reduction
from rtch.nn.module import Module
from rtch.tensor import Tensor


class Loss(Module):
    """Base: a reduction, and options that stand in the repr.

    Args:
        reduction: one of `reductions`.

    Raises:
        ArgumentError: an unknown reduction.
    """

    reductions: ClassVar[tuple[str, ...]] = REDUCTIONS
    options: ClassVar[tuple[str, ...]] = ()

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = check_reduction(type(self).__name__, reduction, self.reductions)

    def extra_repr(self) -> str:
        """The reduction, and the options."""
        return ", ".join(f"{name}={getattr(self, name)!r}" for name in ("reduction", *self.options))


class MSELoss(Loss):
    """Mean squared error; see `functional.mse_loss`.

    Args:
        reduction: "mean", "sum" or "none".

    Raises:
        ArgumentError: an unknown reduction.
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss."""
        return functional.mse_loss(input, target, self.reduction)


class L1Loss(Loss):
    """See `functional.l1_loss`.

    Args:
        reduction: "mean", "sum" or "none".

    Raises:
        ArgumentError: an unknown reduction.
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss."""
        return functional.l1_loss(input, target, self.reduction)


class SmoothL1Loss(Loss):
    """See `functional.smooth_l1_loss`.

    Args:
        reduction: "mean", "sum" or "none".
        beta: where it bends, 0 or more.

    Raises:
        ArgumentError: an unknown reduction, or beta below 0.
    """

    options = ("beta",)

    def __init__(self, reduction: str = "mean", beta: float = 1.0) -> None:
        super().__init__(reduction)
        self.beta = need_number("SmoothL1Loss", "beta", beta, 0.0)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss."""
        return functional.smooth_l1_loss(input, target, self.reduction, self.beta)


class HuberLoss(Loss):
    """See `functional.huber_loss`.

    Args:
        reduction: "mean", "sum" or "none".
        delta: where it bends, above 0.

    Raises:
        ArgumentError: an unknown reduction, or delta not above 0.
    """

    options = ("delta",)

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction)
        self.delta = need_number("HuberLoss", "delta", delta)
        if not self.delta > 0:
            raise ArgumentError(f"HuberLoss: delta must be above 0; got {delta!r:.80}", argument=delta)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss."""
        return functional.huber_loss(input, target, self.reduction, self.delta)


class BCELoss(Loss):
    """See `functional.binary_cross_entropy`. The weight is a buffer.

    Args:
        weight: what each element counts.
        reduction: "mean", "sum" or "none".

    Raises:
        ArgumentError: an unknown reduction, or a weight that is no tensor.
    """

    weight: Tensor | None

    def __init__(self, weight: Tensor | None = None, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.register_buffer("weight", weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss."""
        return functional.binary_cross_entropy(input, target, self.weight, self.reduction)


class BCEWithLogitsLoss(Loss):
    """See `functional.binary_cross_entropy_with_logits`. The weights are buffers.

    Args:
        weight: what each element counts.
        reduction: "mean", "sum" or "none".
        pos_weight: what the positive part of each element counts.

    Raises:
        ArgumentError: an unknown reduction, or a weight that is no tensor.
    """

    weight: Tensor | None
    pos_weight: Tensor | None

    def __init__(self, weight: Tensor | None = None, reduction: str = "mean", pos_weight: Tensor | None = None) -> None:
        super().__init__(reduction)
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss."""
        return functional.binary_cross_entropy_with_logits(input, target, self.weight, self.reduction, self.pos_weight)


class KLDivLoss(Loss):
    """See `functional.kl_div`.

    Args:
        reduction: "mean", "sum", "none" or "batchmean".
        log_target: whether the target is a logarithm.

    Raises:
        ArgumentError: an unknown reduction, or log_target neither True nor False.
    """

    reductions = (*REDUCTIONS, "batchmean")
    options = ("log_target",)

    def __init__(self, reduction: str = "mean", log_target: bool = False) -> None:
        super().__init__(reduction)
        self.log_target = need_flag("KLDivLoss", "log_target", log_target)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss."""
        return functional.kl_div(input, target, self.reduction, self.log_target)


class SoftMarginLoss(Loss):
    """See `functional.soft_margin_loss`.

    Args:
        reduction: "mean", "sum" or "none".

    Raises:
        ArgumentError: an unknown reduction.
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss."""
        return functional.soft_margin_loss(input, target, self.reduction)


class HingeEmbeddingLoss(Loss):
    """See `functional.hinge_embedding_loss`.

    Args:
        margin: what the distance of others is compared with.
        reduction: "mean", "sum" or "none".

    Raises:
        ArgumentError: an unknown reduction, or margin no number.
    """

    options = ("margin",)

    def __init__(self, margin: float = 1.0, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.margin = need_number(type(self).__name__, "margin", margin)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss."""
        return functional.hinge_embedding_loss(input, target, self.margin, self.reduction)


class MarginRankingLoss(Loss):
    """See `functional.margin_ranking_loss`.

    Args:
        margin: by how much one must lead.
        reduction: "mean", "sum" or "none".

    Raises:
        ArgumentError: an unknown reduction, or margin no number.
    """

    options = ("margin",)

    def __init__(self, margin: float = 0.0, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.margin = need_number(type(self).__name__, "margin", margin)

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        """The loss."""
        return functional.margin_ranking_loss(input1, input2, target, self.margin, self.reduction)
