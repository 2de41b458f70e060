# SPDX-License-Identifier: MIT
"""Schedules that multiply: by a factor at some epochs, or by a function of the epoch."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from numbers import Real
from typing import Any

from rtch.errors import OptimizerError
from rtch.optim.lr_scheduler.scheduler import LRScheduler, check_count, check_number, listed, power
from rtch.optim.optimizer import Optimizer


class StepLR(LRScheduler):
    """The rates times gamma every step_size epochs.

    Args:
        optimizer: whose learning rates it sets.
        step_size: epochs between two drops.
        gamma: the factor.
        last_epoch: the epoch to go on from.
    """

    _fields = ("step_size", "gamma")

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        self._check({"step_size": step_size, "gamma": gamma})
        self.step_size = step_size
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def _check(self, values: Mapping[str, Any]) -> None:
        check_count("StepLR", "step_size", values["step_size"])
        check_number("StepLR", "gamma", values["gamma"])

    def get_lr(self) -> list[float]:
        """See `LRScheduler.get_lr`."""
        drop = self.last_epoch > 0 and self.last_epoch % self.step_size == 0
        return [lr * self.gamma for lr in self._rates()] if drop else self._rates()

    def _closed_form(self) -> list[float]:
        factor = power(self.gamma, self.last_epoch // self.step_size)
        return [lr * factor for lr in self.base_lrs]


class MultiStepLR(LRScheduler):
    """The rates times gamma at each milestone, as often as it is named.

    Args:
        optimizer: whose learning rates it sets.
        milestones: epochs.
        gamma: the factor.
        last_epoch: the epoch to go on from.
    """

    _fields = ("milestones", "gamma")

    def __init__(
        self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        epochs = listed("MultiStepLR", "milestones", milestones)
        for epoch in epochs:
            check_count("MultiStepLR", "a milestone", epoch, 0)
        self.milestones = Counter(epochs)
        self.gamma = gamma
        self._check(vars(self))
        super().__init__(optimizer, last_epoch)

    def _check(self, values: Mapping[str, Any]) -> None:
        for epoch, times in values["milestones"].items():
            check_count("MultiStepLR", "a milestone", epoch, 0)
            check_count("MultiStepLR", f"how often {epoch} is a milestone", times)
        check_number("MultiStepLR", "gamma", values["gamma"])

    def get_lr(self) -> list[float]:
        """See `LRScheduler.get_lr`."""
        factor = power(self.gamma, self.milestones[self.last_epoch])
        return [lr * factor for lr in self._rates()]

    def _closed_form(self) -> list[float]:
        factor = power(self.gamma, bisect_right(sorted(self.milestones.elements()), self.last_epoch))
        return [lr * factor for lr in self.base_lrs]

    def _read(self, state_dict: Any) -> dict[str, Any]:
        self._need(state_dict, ("milestones",))
        saved = state_dict["milestones"].items()
        return super()._read({**state_dict, "milestones": Counter({_from_json(epoch): n for epoch, n in saved})})


class ExponentialLR(LRScheduler):
    """The rates times gamma every epoch.

    Args:
        optimizer: whose learning rates it sets.
        gamma: the factor.
        last_epoch: the epoch to go on from.
    """

    _fields = ("gamma",)

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self._check({"gamma": gamma})
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def _check(self, values: Mapping[str, Any]) -> None:
        check_number("ExponentialLR", "gamma", values["gamma"])

    def get_lr(self) -> list[float]:
        """See `LRScheduler.get_lr`."""
        return self._rates() if self._initial else [lr * self.gamma for lr in self._rates()]

    def _closed_form(self) -> list[float]:
        factor = power(self.gamma, self.last_epoch)
        return [lr * factor for lr in self.base_lrs]


class LambdaLR(LRScheduler):
    """The first rates times a function of the epoch.

    A state holds the attributes of functions that are objects, and None for plain ones, which the program has to give
    again.

    Args:
        optimizer: whose learning rates it sets.
        lr_lambda: the function, or one for every group.
        last_epoch: the epoch to go on from.

    Raises:
        OptimizerError: not one function for each group, or one that gives no finite number.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | list[Callable[[int], float]],
        last_epoch: int = -1,
    ) -> None:
        n = len(getattr(optimizer, "param_groups", ()))
        self.lr_lambdas = list(lr_lambda) if isinstance(lr_lambda, (list, tuple)) else [lr_lambda] * n
        if len(self.lr_lambdas) != n or not all(map(callable, self.lr_lambdas)):
            raise OptimizerError(
                f"LambdaLR: a function, or one for each of {n} groups, is needed; got {lr_lambda!r:.60}"
            )
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """See `LRScheduler.get_lr`."""
        factors = [factor(self.last_epoch) for factor in self.lr_lambdas]
        for factor in factors:
            if not isinstance(factor, Real) or not factor - factor == 0:
                raise OptimizerError(f"LambdaLR: a function must give a finite number; got {factor!r:.60}")
        return [lr * float(factor) for lr, factor in zip(self.base_lrs, factors, strict=True)]

    def state_dict(self) -> dict[str, Any]:
        """See `LRScheduler.state_dict`."""
        objects = [None if _is_plain(f) else dict(vars(f)) for f in self.lr_lambdas]
        return {**super().state_dict(), "lr_lambdas": objects}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """See `LRScheduler.load_state_dict`."""
        super().load_state_dict(state_dict)
        for function, saved in zip(self.lr_lambdas, state_dict.get("lr_lambdas") or (), strict=False):
            if saved is not None:
                vars(function).update(saved)

    def _read(self, state_dict: Any) -> dict[str, Any]:
        values = super()._read(state_dict)
        n, objects = len(self.lr_lambdas), state_dict.get("lr_lambdas")
        if objects is None:
            return values
        if not isinstance(objects, (list, tuple)) or len(objects) != n:
            raise OptimizerError(f"LambdaLR: the state dict must have {n} lr_lambdas; got {objects!r:.60}")
        for i, (function, saved) in enumerate(zip(self.lr_lambdas, objects, strict=True)):
            attributes = isinstance(saved, Mapping) and all(isinstance(key, str) for key in saved)
            if saved is not None and (_is_plain(function) or not attributes):
                raise OptimizerError(
                    f"LambdaLR: lr_lambdas[{i}] of the state dict must be "
                    f"{'None' if _is_plain(function) else 'attributes by name, or None'}; got {saved!r:.60}"
                )
        return values


def _from_json(epoch: Any) -> Any:
    """An epoch that was a key in JSON."""
    return int(epoch) if isinstance(epoch, str) and epoch.isdecimal() else epoch


def _is_plain(function: Any) -> bool:
    return not hasattr(function, "__dict__") or hasattr(function, "__code__")
