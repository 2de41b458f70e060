# SPDX-License-Identifier: MIT
"""Adam and AdamW."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from rtch._c import lib
from rtch.errors import OptimizerError
from rtch.optim.fused import FusedOptimizer
from rtch.optim.optimizer import check_means


class Adam(FusedOptimizer):
    """Adam (Kingma and Ba, 2015), PyTorch's formulas.

    m += (1 - beta1) (g - m);  v = beta2 v + (1 - beta2) g^2;
    p -= lr / (1 - beta1^t) m / (sqrt(v) / sqrt(1 - beta2^t) + eps).  The powers are running products.

    Args:
        params: parameters or groups.
        lr: step size.
        betas: decay of the two moments, in [0, 1).
        eps: added to the denominator.
        weight_decay: weight of the L2 penalty.
        amsgrad: the largest v so far in the place of v.
        maximize: go up: -g for g.
        decoupled_weight_decay: no penalty; p is first scaled by 1 - lr weight_decay, as in `AdamW`.
        foreach: taken and ignored: a group's parameters are always stepped in one call.
        capturable: False: a step is no part of a graph.
        differentiable: False: a step is no part of a graph.
        fused: taken and ignored: a group's parameters are always stepped in one call.

    Raises:
        OptimizerError: an option out of range.
    """

    _rule = lib.RT_STEP_ADAM

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        decoupled_weight_decay: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_means(
            type(self).__name__, foreach=foreach, capturable=capturable, differentiable=differentiable, fused=fused
        )
        self._known_powers: dict[float, tuple[int, float]] = {}
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "amsgrad": amsgrad,
                "maximize": maximize,
                "decoupled_weight_decay": decoupled_weight_decay,
            },
        )

    def _check(self, options: Mapping[str, Any]) -> None:
        super()._check(options)
        betas = options["betas"]
        two = isinstance(betas, (tuple, list)) and len(betas) == 2
        if not two or not all(isinstance(beta, (int, float)) and 0 <= beta < 1 for beta in betas):
            raise OptimizerError(f"{type(self).__name__}: betas must be two numbers in [0, 1); got {betas!r}")

    def _tensors(self, options: Mapping[str, Any]) -> tuple[str | None, ...]:
        return ("exp_avg", "exp_avg_sq", "max_exp_avg_sq" if options["amsgrad"] else None)

    def _numbers(self, options: Mapping[str, Any], step: int) -> tuple[list[float], int]:
        beta1, beta2 = options["betas"]
        lr, decay = options["lr"], options["weight_decay"]
        power1, power2 = self._powers(beta1, beta2, step)
        shrink = 1.0
        if options["decoupled_weight_decay"]:
            shrink, decay = 1 - lr * decay, 0.0
        numbers = [lr / (1 - power1), beta1, beta2, options["eps"], decay, math.sqrt(1 - power2), shrink]
        return numbers, lib.RT_STEP_MAXIMIZE if options["maximize"] else 0

    def _powers(self, beta1: float, beta2: float, step: int) -> tuple[float, float]:
        """beta1**step and beta2**step as running products, which have one right answer on every machine."""
        return self._power(beta1, step), self._power(beta2, step)

    def _power(self, beta: float, step: int) -> float:
        known = self._known_powers
        at, power = known.get(beta, (0, 1.0))
        if at == step:
            return power
        power = power * beta if at == step - 1 else float(lib.rt_running_power(beta, step))
        if len(known) > 256:  # a schedule moves the betas
            known.clear()
        known[beta] = (step, power)
        return power


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019): p is first scaled by 1 - lr weight_decay.

    Args:
        params: parameters or groups.
        lr: step size.
        betas: decay of the two moments, in [0, 1).
        eps: added to the denominator.
        weight_decay: rate of the decay.
        amsgrad: the largest v so far in the place of v.
        maximize: go up: -g for g.
        foreach: taken and ignored: a group's parameters are always stepped in one call.
        capturable: False: a step is no part of a graph.
        differentiable: False: a step is no part of a graph.
        fused: taken and ignored: a group's parameters are always stepped in one call.

    Raises:
        OptimizerError: an option out of range.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            maximize=maximize,
            decoupled_weight_decay=True,
            foreach=foreach,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
        )

    def _options(self, own: Mapping[str, Any], other: Any) -> dict[str, Any]:
        return {**super()._options(own, other), "decoupled_weight_decay": True}
