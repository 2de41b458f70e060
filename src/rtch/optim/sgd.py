# SPDX-License-Identifier: MIT
"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rtch._c import ffi, lib
from rtch.creation import zeros_like
from rtch.errors import OptimizerError
from rtch.optim.optimizer import Optimizer, check, own
from rtch.tensor import Tensor


class SGD(Optimizer):
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

    Raises:
        OptimizerError: an option out of range; nesterov without momentum or with dampening.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "dampening": dampening,
                "weight_decay": weight_decay,
                "nesterov": nesterov,
            },
        )

    def _check(self, options: Mapping[str, Any]) -> None:
        super()._check(options)
        momentum, dampening = options["momentum"], options["dampening"]
        if not (isinstance(dampening, (int, float)) and -float("inf") < dampening < float("inf")):
            raise OptimizerError(f"SGD: dampening must be finite; got {dampening!r}")
        if options["nesterov"] and (momentum == 0 or dampening != 0):
            raise OptimizerError("SGD: nesterov needs a momentum and no dampening")

    def _update(self, parameter: Tensor, gradient: Tensor, state: dict[str, Any], options: dict[str, Any]) -> None:
        momentum = options["momentum"]
        first = False
        buffer = None
        tensors = [parameter, gradient]
        if momentum != 0:
            buffer = state.get("momentum_buffer")
            first = buffer is None
            if buffer is None:
                buffer = zeros_like(parameter)
            tensors.append(buffer)
        status = lib.RT_ERR_SHARED
        while status == lib.RT_ERR_SHARED:
            status = lib.rt_sgd_step(
                own(parameter),
                gradient._h,
                own(buffer) if buffer is not None else ffi.NULL,
                first,
                options["lr"],
                momentum,
                options["dampening"],
                options["weight_decay"],
                options["nesterov"],
            )
        check(status, self, *tensors)
        if first:
            state["momentum_buffer"] = buffer

    def _restore(self, parameter: Tensor, entry: Mapping[str, Any]) -> dict[str, Any]:
        if entry.get("momentum_buffer") is None:
            return {}
        return {"momentum_buffer": self._buffer(parameter, entry, "momentum_buffer")}
