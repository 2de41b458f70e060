# SPDX-License-Identifier: MIT
"""RMSprop."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rtch._c import lib
from rtch.optim.fused import FusedOptimizer
from rtch.optim.optimizer import check_means


class RMSprop(FusedOptimizer):
    """RMSprop (Hinton, 2012), PyTorch's formulas.

    d = g + weight_decay p;  v = alpha v + (1 - alpha) d^2;  m += (1 - alpha) (d - m) where centered;
    u = d / (sqrt(v - m^2) + eps), with m = 0 unless centered;  b = momentum b + u;  p -= lr b, or u without momentum.

    Args:
        params: parameters or groups.
        lr: step size.
        alpha: decay of the mean square.
        eps: added to the denominator.
        weight_decay: weight of the L2 penalty.
        momentum: share of the last update that stays.
        centered: divide by an estimate of the standard deviation.
        maximize: go up: -g for g.
        foreach: taken and ignored: a group's parameters are always stepped in one call.
        capturable: False: a step is no part of a graph.
        differentiable: False: a step is no part of a graph.

    Raises:
        OptimizerError: an option out of range.
    """

    _rule = lib.RT_STEP_RMSPROP

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_means(type(self).__name__, foreach=foreach, capturable=capturable, differentiable=differentiable)
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "alpha": alpha,
                "eps": eps,
                "centered": centered,
                "weight_decay": weight_decay,
                "maximize": maximize,
            },
        )

    def _tensors(self, options: Mapping[str, Any]) -> tuple[str | None, ...]:
        return (
            "square_avg",
            "grad_avg" if options["centered"] else None,
            "momentum_buffer" if options["momentum"] > 0 else None,
        )

    def _numbers(self, options: Mapping[str, Any], step: int) -> tuple[list[float], int]:
        numbers = [options[key] for key in ("lr", "alpha", "eps", "weight_decay", "momentum")]
        return numbers, lib.RT_STEP_MAXIMIZE if options["maximize"] else 0
