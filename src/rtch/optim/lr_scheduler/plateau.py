# SPDX-License-Identifier: MIT
"""A schedule that follows a metric."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any, Literal

from rtch.errors import OptimizerError
from rtch.optim.lr_scheduler.scheduler import LRScheduler, check_count, check_number
from rtch.optim.optimizer import Optimizer


class ReduceLROnPlateau(LRScheduler):
    """The rates times a factor once a metric has not improved for more than `patience` epochs.

    Args:
        optimizer: whose learning rates it sets.
        mode: whether the metric should fall ("min") or rise ("max").
        factor: of the rates, below 1.
        patience: epochs without improvement that are let pass.
        threshold: what counts as an improvement.
        threshold_mode: of the best value so far ("rel"), or as it is ("abs").
        cooldown: epochs after a reduction that do not count.
        min_lr: lowest rate, or one for every group.
        eps: reductions that are not larger are left out.

    Raises:
        OptimizerError: an argument out of range.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: Literal["min", "max"] = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: Literal["rel", "abs"] = "rel",
        cooldown: int = 0,
        min_lr: float | list[float] = 0.0,
        eps: float = 1e-8,
    ) -> None:
        name = "ReduceLROnPlateau"
        if not isinstance(optimizer, Optimizer):
            raise OptimizerError(f"{name}: an optimiser of rtch is needed; got {type(optimizer).__name__}")
        n = len(optimizer.param_groups)
        lowest = list(min_lr) if isinstance(min_lr, (list, tuple)) else [min_lr] * n
        if len(lowest) != n:
            raise OptimizerError(f"{name}: min_lr must be a number or one for each of {n} groups; got {min_lr!r:.60}")
        self.optimizer = optimizer
        self.mode = mode
        self.factor = factor
        self.patience = patience
        self.threshold = threshold
        self.threshold_mode = threshold_mode
        self.cooldown = cooldown
        self.min_lrs = lowest
        self.eps = eps
        self.best = float("inf") if mode == "min" else -float("inf")
        self.cooldown_counter = 0
        self.num_bad_epochs = 0
        self.last_epoch = 0
        self._check(vars(self))
        self._last_lr = self._rates()

    def _saved(self) -> tuple[str, ...]:
        return (
            *("mode", "factor", "patience", "threshold", "threshold_mode", "cooldown", "min_lrs", "eps", "best"),
            *("cooldown_counter", "num_bad_epochs", "last_epoch", "_last_lr"),
        )

    def _check(self, values: Mapping[str, Any]) -> None:
        name = "ReduceLROnPlateau"
        mode, threshold_mode = values["mode"], values["threshold_mode"]
        if mode not in ("min", "max") or threshold_mode not in ("rel", "abs"):
            raise OptimizerError(
                f"{name}: mode is 'min' or 'max', threshold_mode 'rel' or 'abs'; "
                f"got {mode!r:.60}, {threshold_mode!r:.60}"
            )
        check_number(name, "factor", values["factor"], 0, 1)
        if values["factor"] == 1:
            raise OptimizerError(f"{name}: factor must be below 1; got {values['factor']!r}")
        for key in ("patience", "cooldown", "cooldown_counter", "num_bad_epochs", "last_epoch"):
            check_count(name, key, values[key], 0)
        check_number(name, "threshold", values["threshold"])
        check_number(name, "eps", values["eps"], 0)
        for lr in values["min_lrs"]:
            check_number(name, "min_lr", lr, 0)
        if values["best"] != values["best"]:
            raise OptimizerError(f"{name}: best must be a number; got {values['best']!r}")

    @property
    def in_cooldown(self) -> bool:
        """Whether bad epochs do not count yet after a reduction."""
        return self.cooldown_counter > 0

    def _is_better(self, value: float) -> bool:
        margin = self.threshold if self.threshold_mode == "abs" else None
        if self.mode == "min":
            return value < (self.best * (1 - self.threshold) if margin is None else self.best - margin)
        return value > (self.best * (1 + self.threshold) if margin is None else self.best + margin)

    def step(self, metrics: Any, epoch: int | None = None) -> None:  # type: ignore[override]
        """Note the metric of an epoch, and reduce the rates where it is time.

        Args:
            metrics: a number or a tensor of one element.
            epoch: the epoch's number; the next one if left out.

        Raises:
            OptimizerError: the metric is no number, or epoch no whole one from 0 up.
        """
        value = _number(metrics)
        if epoch is not None:
            check_count("ReduceLROnPlateau", "epoch", epoch, 0)
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        if self._is_better(value):
            self.best = value
            self.num_bad_epochs = 0
        else:
            self.num_bad_epochs += 1
        if self.in_cooldown:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        rates = self._rates()
        if self.num_bad_epochs > self.patience:
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
            lower = [max(lr * self.factor, low) for lr, low in zip(rates, self.min_lrs, strict=True)]
            rates = [new if old - new > self.eps else old for old, new in zip(rates, lower, strict=True)]
        self._set(rates)


def _number(metrics: Any) -> float:
    value = metrics.item() if getattr(metrics, "size", None) == 1 or hasattr(metrics, "numel") else metrics
    if not isinstance(value, Real):
        raise OptimizerError(f"ReduceLROnPlateau: a metric must be a number; got {metrics!r:.60}")
    return float(value)
