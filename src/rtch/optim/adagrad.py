# SPDX-License-Identifier: MIT
"""Adagrad."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rtch._c import lib
from rtch.creation import full_like
from rtch.optim.fused import FusedOptimizer
from rtch.optim.optimizer import check_means
from rtch.tensor import Tensor


class Adagrad(FusedOptimizer):
    """Adagrad (Duchi, Hazan and Singer, 2011), PyTorch's formulas.

    d = g + weight_decay p;  s += d^2;  p -= lr / (1 + (t - 1) lr_decay) d / (sqrt(s) + eps).

    Args:
        params: parameters or groups.
        lr: step size.
        lr_decay: how fast the step size falls.
        weight_decay: weight of the L2 penalty.
        initial_accumulator_value: what s starts from.
        eps: added to the denominator.
        maximize: go up: -g for g.
        foreach: taken and ignored: a group's parameters are always stepped in one call.
        differentiable: False: a step is no part of a graph.
        fused: taken and ignored: a group's parameters are always stepped in one call.

    Raises:
        OptimizerError: an option out of range.
    """

    _rule = lib.RT_STEP_ADAGRAD

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
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
                "lr_decay": lr_decay,
                "eps": eps,
                "weight_decay": weight_decay,
                "initial_accumulator_value": initial_accumulator_value,
                "maximize": maximize,
            },
        )

    def add_param_group(self, param_group: Mapping[str, Any]) -> None:
        """See `Optimizer.add_param_group`; the new parameters have their state from now on, as in PyTorch."""
        index = sum(len(group["params"]) for group in self.param_groups)
        super().add_param_group(param_group)
        group = self.param_groups[-1]
        for i, p in enumerate(group["params"], index):
            self.state[i] = {"step": 0, "sum": self._start(p, group)}

    def _start(self, parameter: Tensor, options: Mapping[str, Any]) -> Tensor:
        return full_like(parameter, options["initial_accumulator_value"])

    def _tensors(self, options: Mapping[str, Any]) -> tuple[str | None, ...]:
        return ("sum",)

    def _numbers(self, options: Mapping[str, Any], step: int) -> tuple[list[float], int]:
        lr = options["lr"] / (1 + (step - 1) * options["lr_decay"])
        return [lr, options["eps"], options["weight_decay"]], lib.RT_STEP_MAXIMIZE if options["maximize"] else 0
