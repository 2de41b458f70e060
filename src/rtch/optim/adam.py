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
        if len(betas) != 2 or not all(0 <= beta < 1 for beta in betas):
            raise OptimizerError(f"Adam: betas must be two numbers in [0, 1); got {betas!r}")

    def _update(self, parameter: Tensor, gradient: Tensor, state: dict[str, Any], options: dict[str, Any]) -> None:
        beta1, beta2 = options["betas"]
        if not state:
            state.update(step=0, exp_avg=zeros_like(parameter), exp_avg_sq=zeros_like(parameter))
        step = state["step"] + 1
        power1, power2 = self._powers(beta1, beta2, step)
        bias1, bias2 = 1 - power1, 1 - power2
        mean, variance = state["exp_avg"], state["exp_avg_sq"]
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
        state["step"] = step

    def _powers(self, beta1: float, beta2: float, step: int) -> tuple[float, float]:
        """beta1**step and beta2**step as running products, which have one right answer on every machine."""
        known = self._known_powers
        found = known.get((beta1, beta2, step))
        if found is None:
            power1, power2 = known.get((beta1, beta2, step - 1), (None, None))
            if power1 is None or power2 is None:
                power1 = power2 = 1.0
                for _ in range(step - 1):
                    power1 *= beta1
                    power2 *= beta2
            if len(known) > 64:
                known.clear()
            found = known[beta1, beta2, step] = (power1 * beta1, power2 * beta2)
        return found

    def _restore(self, entry: dict[str, Any]) -> dict[str, Any]:
        step = entry.get("step")
        if not isinstance(step, int) or step < 0 or not {"exp_avg", "exp_avg_sq"} <= set(entry):
            raise OptimizerError(f"Adam: state needs an integer step, exp_avg and exp_avg_sq; got {sorted(entry)}")
        return entry
