# SPDX-License-Identifier: MIT
"""What schedules share: the count of epochs, the learning rates that they set, and their state in PyTorch's form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rtch.creation import asarray
from rtch.errors import OptimizerError
from rtch.functions import cos
from rtch.optim.optimizer import Optimizer


class LRScheduler:
    """Base of schedules. A subclass defines `get_lr`, the rates of the epoch `last_epoch` from those of the one before.

    An epoch is what lies between two calls of `step`; the constructor makes the first, epoch 0.

    Args:
        optimizer: whose learning rates it sets.
        last_epoch: the epoch to go on from; -1 starts, and notes every group's rate as its ``initial_lr``.

    Raises:
        OptimizerError: no optimiser, or going on where a group has no ``initial_lr``.
    """

    _fields: tuple[str, ...] = ()  # attributes that a state has beside those of every schedule
    _least_epoch = -1  # where a step could be taken back to

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        name = type(self).__name__
        if not isinstance(optimizer, Optimizer):
            raise OptimizerError(f"{name}: an optimiser of rtch is needed; got {type(optimizer).__name__}")
        if isinstance(last_epoch, bool) or not isinstance(last_epoch, int) or last_epoch < -1:
            raise OptimizerError(f"{name}: last_epoch must be a number from -1 up; got {last_epoch!r}")
        self.optimizer = optimizer
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                raise OptimizerError(f"{name}: to go on from an epoch, group {i} needs an initial_lr")
        self.base_lrs: list[float] = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._last_lr: list[float] = []
        self._start()

    def _start(self) -> None:
        """The step that the constructor makes."""
        self._step_count = 0
        self._initial = True
        try:
            self.step()
        finally:
            self._initial = False

    def get_lr(self) -> list[float]:
        """The rate of every group in this epoch, from the groups' present ones."""
        raise NotImplementedError(f"{type(self).__name__} does not define get_lr")

    def _closed_form(self) -> list[float] | None:
        """The rate of every group in this epoch, from the first ones; None where there is no such form."""
        return None

    def get_last_lr(self) -> list[float]:
        """The rate of every group that the last `step` set."""
        return self._last_lr

    def step(self, epoch: int | None = None) -> None:
        """Go to the next epoch, or to a given one, by a form that starts from the first rates where there is one.

        Raises:
            OptimizerError: epoch is no whole number from 0 up.
        """
        if epoch is not None:
            check_count(type(self).__name__, "epoch", epoch, 0)
        self._step_count += 1
        self._go(epoch)

    def _go(self, epoch: int | None = None) -> None:
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        rates = None if epoch is None else self._closed_form()
        self._set(self.get_lr() if rates is None else rates)

    def _set(self, rates: list[float]) -> None:
        for group, rate in zip(self._groups(), rates, strict=True):
            group["lr"] = rate
        self._last_lr = self._rates()

    def _groups(self) -> list[dict[str, Any]]:
        return self.optimizer.param_groups

    def _rates(self) -> list[float]:
        return [group["lr"] for group in self._groups()]

    def state_dict(self) -> dict[str, Any]:
        """All but the optimiser, by PyTorch's names; save the optimiser's state with it."""
        return {name: _copied(getattr(self, name)) for name in self._saved()}

    def _saved(self) -> tuple[str, ...]:
        return (*self._fields, "base_lrs", "last_epoch", "_step_count", "_last_lr")

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave, here or in PyTorch. All is checked before anything is set.

        Raises:
            OptimizerError: something is missing or of another kind.
        """
        for name, value in self._read(state_dict).items():
            setattr(self, name, value)

    def _read(self, state_dict: Any) -> dict[str, Any]:
        """The attributes that a state is, all checked; nothing is set."""
        self._need(state_dict, self._saved())
        values = {name: _copied(state_dict[name]) for name in self._saved()}
        where = type(self).__name__
        check_count(where, "last_epoch", values["last_epoch"], self._least_epoch)
        if "_step_count" in values:
            check_count(where, "_step_count", values["_step_count"], 0)
        for key in ("base_lrs", "_last_lr"):
            for lr in values.get(key, ()):
                check_number(where, key, lr)
        self._check(values)
        return values

    def _check(self, values: Mapping[str, Any]) -> None:
        """Refuse what is out of range among the schedule's own attributes, given or loaded."""

    def _need(self, state_dict: Any, names: tuple[str, ...]) -> None:
        where = type(self).__name__
        if not isinstance(state_dict, Mapping):
            raise OptimizerError(f"{where}: a state dict is needed; got {type(state_dict).__name__}")
        for name in names:
            if name not in state_dict:
                raise OptimizerError(f"{where}: the state dict lacks {name!r}")
            if not _alike(getattr(self, name), state_dict[name]):
                raise OptimizerError(f"{where}: {name} of the state dict does not fit; got {state_dict[name]!r:.60}")


def _copied(value: Any) -> Any:
    return value.copy() if isinstance(value, (list, dict)) else value


def _alike(own: Any, other: Any) -> bool:
    """Whether a saved value may stand in an attribute's place: both numbers, or of one kind; lists of one length."""
    if isinstance(own, (list, tuple)):
        together = isinstance(other, (list, tuple)) and len(own) == len(other)
        return together and all(_alike(a, b) for a, b in zip(own, other, strict=True))
    if isinstance(own, bool) or isinstance(other, bool):
        return isinstance(own, bool) and isinstance(other, bool)
    if isinstance(own, (int, float)):
        return isinstance(other, (int, float))
    return isinstance(other, Mapping if isinstance(own, dict) else type(own))


def cosine(x: float) -> float:
    """cos x with the same bits on every machine."""
    return float(cos(asarray(x, dtype="float64")).item())


def power(x: float, n: int) -> float:
    """x multiplied n times, from the left."""
    out = 1.0
    for _ in range(n):
        out *= x
    return out


def check_number(where: str, name: str, value: Any, low: float = -float("inf"), high: float = float("inf")) -> None:
    """Raise where a value is no finite number in [low, high]."""
    finite = isinstance(value, (int, float)) and not isinstance(value, bool) and value - value == 0
    if not finite or not low <= value <= high:
        raise OptimizerError(f"{where}: {name} must be a finite number from {low} to {high}; got {value!r}")


def listed(where: str, name: str, values: Any) -> list[Any]:
    """A list of what there is to iterate over."""
    if not isinstance(values, Iterable):
        raise OptimizerError(f"{where}: {name} must be a list; got {values!r:.60}")
    return list(values)


def check_count(where: str, name: str, value: Any, low: int = 1) -> None:
    """Raise where a value is no whole number from low up."""
    if isinstance(value, bool) or not isinstance(value, int) or value < low:
        raise OptimizerError(f"{where}: {name} must be a whole number from {low} up; got {value!r}")
