# SPDX-License-Identifier: MIT
"""Schedules one after another."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from rtch.errors import OptimizerError
from rtch.optim.lr_scheduler.plateau import ReduceLROnPlateau
from rtch.optim.lr_scheduler.scheduler import LRScheduler, check_count, listed
from rtch.optim.optimizer import Optimizer


class SequentialLR(LRScheduler):
    """The first schedule up to the first milestone, there the second from its epoch 0, and so on.

    Args:
        optimizer: whose learning rates they set.
        schedulers: the schedules, all of this optimiser.
        milestones: the epochs at which the second and later ones take over.
        last_epoch: the epoch to go on from.

    Raises:
        OptimizerError: no schedules, one of another optimiser or that follows a metric, or not one milestone less.
    """

    def __init__(
        self, optimizer: Optimizer, schedulers: Sequence[LRScheduler], milestones: Sequence[int], last_epoch: int = -1
    ) -> None:
        schedulers = listed("SequentialLR", "schedulers", schedulers)
        milestones = listed("SequentialLR", "milestones", milestones)
        if not schedulers or len(milestones) != len(schedulers) - 1:
            raise OptimizerError(
                f"SequentialLR: schedules, and one milestone less, are needed; got {len(schedulers)}, {len(milestones)}"
            )
        for i, s in enumerate(schedulers):
            if not isinstance(s, LRScheduler) or isinstance(s, ReduceLROnPlateau) or s.optimizer is not optimizer:
                raise OptimizerError(
                    f"SequentialLR: every schedule must be one of epochs, of this optimiser; number {i} is {s!r:.60}"
                )
        self._check({"_milestones": milestones})
        self.optimizer = optimizer
        self._schedulers = schedulers
        self._milestones = milestones
        self.last_epoch = last_epoch + 1
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"]
        _take_back(schedulers)  # the step that each constructor made
        first = schedulers[bisect_right(milestones, 0)]
        first._start()
        self._last_lr = first.get_last_lr()

    def step(self, epoch: int | None = None) -> None:
        """Go to the next epoch.

        Raises:
            OptimizerError: an epoch was given.
        """
        if epoch is not None:
            raise OptimizerError(f"SequentialLR: steps go from epoch to epoch; got epoch {epoch!r}")
        self.last_epoch += 1
        i = bisect_right(self._milestones, self.last_epoch)
        now = self._schedulers[i]
        if i > 0 and self._milestones[i - 1] == self.last_epoch:
            now._go(0)
        else:
            now.step()
        self._last_lr = now.get_last_lr()

    def _start(self) -> None:
        # PyTorch calls `step` here, which steps the first schedule once more: inside another SequentialLR, this one's
        # ExponentialLR(0.9) has 0.9 of its rate in epoch 0 already, and stays ahead. Here nesting changes nothing.
        first = self._schedulers[bisect_right(self._milestones, 0)]
        first._start()
        self._last_lr = first.get_last_lr()

    def _saved(self) -> tuple[str, ...]:
        return ("_milestones", "last_epoch", "_last_lr")

    def state_dict(self) -> dict[str, Any]:
        """See `LRScheduler.state_dict`."""
        return {**super().state_dict(), "_schedulers": [s.state_dict() for s in self._schedulers]}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """See `LRScheduler.load_state_dict`."""
        super().load_state_dict(state_dict)
        for s, state in zip(self._schedulers, state_dict["_schedulers"], strict=True):
            s.load_state_dict(state)

    def _read(self, state_dict: Any) -> dict[str, Any]:
        values = super()._read(state_dict)
        states = state_dict.get("_schedulers")
        if not isinstance(states, list) or len(states) != len(self._schedulers):
            raise OptimizerError(f"SequentialLR: the state dict must have {len(self._schedulers)} _schedulers")
        for s, state in zip(self._schedulers, states, strict=True):
            s._read(state)
        return values

    def _check(self, values: Mapping[str, Any]) -> None:
        for milestone in values["_milestones"]:
            check_count("SequentialLR", "a milestone", milestone, 0)


def _take_back(schedulers: list[LRScheduler]) -> None:
    for s in schedulers:
        if isinstance(s, SequentialLR):
            _take_back(s._schedulers)
        else:
            s.last_epoch -= 1
            s._least_epoch = min(s._least_epoch, s.last_epoch)
