# SPDX-License-Identifier: MIT
"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rtch._c import lib
from rtch.errors import OptimizerError
from rtch.optim.fused import FusedOptimizer
from rtch.optim.optimizer import check_means
from rtch.tensor import Tensor


class SGD(FusedOptimizer):
    """Gradient descent with momentum, PyTorch's formulas.

    d = g + weight_decay p;  b = momentum b + (1 - dampening) d, at first b = d;  p -= lr (d + momentum b with nesterov,
    b without, d where momentum is 0).

    Args:
        params: parameters or groups.
        lr: step size.
        momentum: share of the last update that stays.
        dampening: share of the gradient that momentum leaves out.
        weight_decay: weight of the L2 penalty.
        nesterov: look ahead along the momentum.
        maximize: go up: -g for g.
        foreach: taken and ignored: a group's parameters are always stepped in one call.
        differentiable: False: a step is no part of a graph.
        fused: taken and ignored: a group's parameters are always stepped in one call.

    Raises:
        OptimizerError: an option out of range; nesterov without momentum or with dampening.
    """

    _rule = lib.RT_STEP_SGD
    _counts = False

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_means(type(self).__name__, foreach=foreach, differentiable=differentiable, fused=fused)
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "dampening": dampening,
                "weight_decay": weight_decay,
                "nesterov": nesterov,
                "maximize": maximize,
            },
        )

    def _check(self, options: Mapping[str, Any]) -> None:
        super()._check(options)
        momentum, dampening = options["momentum"], options["dampening"]
        if not (isinstance(dampening, (int, float)) and -float("inf") < dampening < float("inf")):
            raise OptimizerError(f"SGD: dampening must be finite; got {dampening!r}")
        if options["nesterov"] and (momentum == 0 or dampening != 0):
            raise OptimizerError("SGD: nesterov needs a momentum and no dampening")

    def _tensors(self, options: Mapping[str, Any]) -> tuple[str | None, ...]:
        return ("momentum_buffer",) if options["momentum"] != 0 else ()

    def _next(self, state: Mapping[str, Any]) -> int:
        return 2 if "momentum_buffer" in state else 1  # the first one sets the buffer

    def _numbers(self, options: Mapping[str, Any], step: int) -> tuple[list[float], int]:
        flags = lib.RT_STEP_FIRST if step == 1 else 0
        flags |= lib.RT_STEP_NESTEROV if options["nesterov"] else 0
        flags |= lib.RT_STEP_MAXIMIZE if options["maximize"] else 0
        return [options["lr"], options["momentum"], options["dampening"], options["weight_decay"]], flags

    def _restore(self, parameter: Tensor, entry: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
        if entry.get("momentum_buffer") is None:
            return {}
        return {"momentum_buffer": self._buffer(parameter, entry, "momentum_buffer")}
