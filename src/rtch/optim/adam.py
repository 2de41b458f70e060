# SPDX-License-Identifier: MIT
"""Adam."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from rtch._c import lib
from rtch.creation import zeros_like
from rtch.errors import OptimizerError
from rtch.optim.optimizer import Optimizer, check, own
from rtch.tensor import Tensor


class Adam(Optimizer):
    """Adam (Kingma and Ba, 2015), PyTorch's formulas.

    m += (1 - beta1) (g - m);  v = beta2 v + (1 - beta2) g^2;
    p -= lr / (1 - beta1^t) m / (sqrt(v) / sqrt(1 - beta2^t) + eps).  The powers are running products.

    Args:
        params: parameters or groups.
        lr: step size.
        betas: decay of the two moments, in [0, 1).
        eps: added to the denominator.
        weight_decay: weight of the L2 penalty.

    Raises:
        OptimizerError: an option out of range.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        self._known_powers: dict[tuple[float, float, int], tuple[float, float]] = {}
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    def _check(self, options: Mapping[str, Any]) -> None:
        super()._check(options)
        betas = options["betas"]
        two = isinstance(betas, (tuple, list)) and len(betas) == 2
        if not two or not all(isinstance(beta, (int, float)) and 0 <= beta < 1 for beta in betas):
            raise OptimizerError(f"Adam: betas must be two numbers in [0, 1); got {betas!r}")

    def _update(self, parameter: Tensor, gradient: Tensor, state: dict[str, Any], options: dict[str, Any]) -> None:
        beta1, beta2 = options["betas"]
        step = state.get("step", 0) + 1
        power1, power2 = self._powers(beta1, beta2, step)
        bias1, bias2 = 1 - power1, 1 - power2
        mean = state["exp_avg"] if state else zeros_like(parameter)
        variance = state["exp_avg_sq"] if state else zeros_like(parameter)
        status = lib.RT_ERR_SHARED
        while status == lib.RT_ERR_SHARED:
            status = lib.rt_adam_step(
                own(parameter),
                gradient._h,
                own(mean),
                own(variance),
                options["lr"] / bias1,
                beta1,
                beta2,
                options["eps"],
                options["weight_decay"],
                math.sqrt(bias2),
            )
        check(status, self, parameter, gradient, mean, variance)
        state.update(step=step, exp_avg=mean, exp_avg_sq=variance)

    def _powers(self, beta1: float, beta2: float, step: int) -> tuple[float, float]:
        """beta1**step and beta2**step as running products, which have one right answer on every machine."""
        known = self._known_powers
        found = known.get((beta1, beta2, step))
        if found is None:
            power1, power2 = known.get((beta1, beta2, step - 1), (None, None))
            if power1 is None or power2 is None:
                power1 = power2 = 1.0
                for _ in range(step - 1):
                    before = power1, power2
                    power1 *= beta1
                    power2 *= beta2
                    if (power1, power2) == before:
                        break  # near 0, where products no longer change
            if len(known) > 256:
                del known[next(iter(known))]  # the oldest
            found = known[beta1, beta2, step] = (power1 * beta1, power2 * beta2)
        return found

    def _restore(self, parameter: Tensor, entry: Mapping[str, Any]) -> dict[str, Any]:
        step = entry.get("step")
        if isinstance(step, Tensor) and step.size == 1:
            step = step.item()
        if isinstance(step, bool) or not isinstance(step, (int, float)) or not 0 <= step < 2**63 or step != int(step):
            raise OptimizerError(f"Adam: step must be a whole number from 0 up; got {step!r:.60}")
        return {
            "step": int(step),
            "exp_avg": self._buffer(parameter, entry, "exp_avg"),
            "exp_avg_sq": self._buffer(parameter, entry, "exp_avg_sq"),
        }
