# SPDX-License-Identifier: MIT
"""Schedules along a half cosine."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

from rtch.errors import OptimizerError
from rtch.optim.lr_scheduler.scheduler import LRScheduler, check_count, check_number, cosine
from rtch.optim.optimizer import Optimizer


class CosineAnnealingLR(LRScheduler):
    """From the first rates to eta_min along a half cosine of T_max epochs, and back, and so on.

    ``eta_min + (lr - eta_min) (1 + cos(pi epoch / T_max)) / 2`` (Loshchilov and Hutter, 2017). Steps follow from the
    rates of the epoch before, so that another schedule, or a hand, may change them between.

    Args:
        optimizer: whose learning rates it sets.
        T_max: epochs of half a period.
        eta_min: the lowest rate.
        last_epoch: the epoch to go on from.
    """

    _fields = ("T_max", "eta_min")

    def __init__(
        self,
        optimizer: Optimizer,
        T_max: int,  # noqa: N803 - PyTorch's name
        eta_min: float = 0.0,
        last_epoch: int = -1,
    ) -> None:
        self._check({"T_max": T_max, "eta_min": eta_min})
        self.T_max = T_max
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    def _check(self, values: Mapping[str, Any]) -> None:
        check_count("CosineAnnealingLR", "T_max", values["T_max"])
        check_number("CosineAnnealingLR", "eta_min", values["eta_min"])

    def get_lr(self) -> list[float]:
        """See `LRScheduler.get_lr`."""
        low, half = self.eta_min, self.T_max
        if self._initial:
            return self._rates()
        if self._step_count == 1 and self.last_epoch > 0:
            return self._closed_form()
        if (self.last_epoch - 1 - half) % (2 * half) == 0:  # out of the lowest point, where a ratio would be 0 / 0
            rise = (1 - cosine(math.pi / half)) / 2
            return [lr + (base - low) * rise for lr, base in zip(self._rates(), self.base_lrs, strict=True)]
        ratio = (1 + cosine(math.pi * self.last_epoch / half)) / (1 + cosine(math.pi * (self.last_epoch - 1) / half))
        return [ratio * (lr - low) + low for lr in self._rates()]

    def _closed_form(self) -> list[float]:
        share = (1 + cosine(math.pi * self.last_epoch / self.T_max)) / 2
        return [self.eta_min + (lr - self.eta_min) * share for lr in self.base_lrs]


class OneCycleLR(LRScheduler):
    """Up from max_lr / div_factor to max_lr, then down to a small fraction, with momentum the other way round.

    Smith and Topin, 2018. It makes total_steps steps in all, one after each batch. Its bounds stand in the groups, as
    ``initial_lr``, ``max_lr``, ``min_lr``, ``max_momentum`` and ``base_momentum``.

    Args:
        optimizer: whose learning rates it sets.
        max_lr: the highest rate, or one for every group.
        total_steps: length of the cycle; epochs times steps_per_epoch if left out.
        epochs: see total_steps.
        steps_per_epoch: see total_steps.
        pct_start: part of the cycle that goes up.
        anneal_strategy: "cos" or "linear".
        cycle_momentum: whether momentum, or the first beta, goes from max_momentum to base_momentum and back.
        base_momentum: lowest momentum, or one for every group.
        max_momentum: highest momentum, or one for every group.
        div_factor: highest rate over the first.
        final_div_factor: first rate over the last.
        three_phase: down as it went up, then to the last rate.
        last_epoch: the step to go on from.

    Raises:
        OptimizerError: an argument out of range, or an optimiser without momentum where it is to cycle.
    """

    _fields = ("total_steps", "_schedule_phases", "_anneal_func_type", "cycle_momentum")

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: Literal["cos", "linear"] = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85,
        max_momentum: float | list[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        if not isinstance(optimizer, Optimizer):
            raise OptimizerError(f"OneCycleLR: an optimiser of rtch is needed; got {type(optimizer).__name__}")
        if total_steps is None:
            check_count("OneCycleLR", "epochs, where there is no total_steps,", epochs)
            check_count("OneCycleLR", "steps_per_epoch, where there is no total_steps,", steps_per_epoch)
            total_steps = (epochs or 0) * (steps_per_epoch or 0)
        check_count("OneCycleLR", "total_steps", total_steps)
        check_number("OneCycleLR", "pct_start", pct_start, 0, 1)
        for name, factor in (("div_factor", div_factor), ("final_div_factor", final_div_factor)):
            check_number("OneCycleLR", name, factor)
            if factor <= 0:
                raise OptimizerError(f"OneCycleLR: {name} must be above 0; got {factor!r}")
        self.total_steps = total_steps
        self._anneal_func_type = anneal_strategy
        self._schedule_phases = _phases(pct_start, total_steps, three_phase)
        self.cycle_momentum = bool(cycle_momentum)
        self._key = "betas" if "betas" in optimizer.defaults else "momentum"
        self.optimizer = optimizer
        self._check(vars(self))
        groups = optimizer.param_groups
        highest = _per_group("max_lr", max_lr, len(groups))
        bounds = zip(
            _per_group("max_momentum", max_momentum, len(groups)),
            _per_group("base_momentum", base_momentum, len(groups)),
            strict=True,
        )
        if last_epoch == -1:
            for group, lr, (high, low) in zip(groups, highest, bounds, strict=True):
                group["initial_lr"] = lr / div_factor
                group["max_lr"] = lr
                group["min_lr"] = group["initial_lr"] / final_div_factor
                if self.cycle_momentum:
                    group["max_momentum"], group["base_momentum"] = high, low
        super().__init__(optimizer, last_epoch)

    def _check(self, values: Mapping[str, Any]) -> None:
        check_count("OneCycleLR", "total_steps", values["total_steps"])
        if values["_anneal_func_type"] not in ("cos", "linear"):
            raise OptimizerError(
                f"OneCycleLR: anneal_strategy is 'cos' or 'linear'; got {values['_anneal_func_type']!r:.60}"
            )
        for phase in values["_schedule_phases"]:
            for key, allowed in _PHASE.items():
                if phase.get(key) not in allowed:
                    raise OptimizerError(f"OneCycleLR: {key} of a phase must be one of {allowed}; got {phase!r:.60}")
            check_number("OneCycleLR", "end_step of a phase", phase.get("end_step"))
        if values["cycle_momentum"] and self._key not in self.optimizer.defaults:
            raise OptimizerError(f"OneCycleLR: {type(self.optimizer).__name__} has no momentum to cycle")

    def get_lr(self) -> list[float]:
        """See `LRScheduler.get_lr`; sets the momentum too."""
        step = self.last_epoch
        if step > self.total_steps:
            raise OptimizerError(f"OneCycleLR: the cycle has {self.total_steps} steps; got step {step}")
        start, phase = 0.0, self._schedule_phases[0]
        for following in self._schedule_phases[1:]:
            if step <= phase["end_step"]:
                break
            start, phase = phase["end_step"], following
        share = (step - start) / (phase["end_step"] - start) if phase["end_step"] != start else 1.0
        needed = [phase[key] for key in _PHASE if self.cycle_momentum or key.endswith("lr")]
        for i, group in enumerate(self._groups()):
            for bound in needed:
                if bound not in group:
                    raise OptimizerError(f"OneCycleLR: group {i} needs a {bound}, which a new cycle sets")
        if self.cycle_momentum:
            for group in self._groups():
                momentum = self._between(group[phase["start_momentum"]], group[phase["end_momentum"]], share)
                group[self._key] = momentum if self._key == "momentum" else (momentum, *group["betas"][1:])
        return [self._between(group[phase["start_lr"]], group[phase["end_lr"]], share) for group in self._groups()]

    def _between(self, start: float, end: float, share: float) -> float:
        if self._anneal_func_type == "linear":
            return (end - start) * share + start
        return end + (start - end) / 2 * (cosine(math.pi * share) + 1)


_LRS, _MOMENTA = ("initial_lr", "max_lr", "min_lr"), ("base_momentum", "max_momentum")
# What a phase goes from and to: bounds that stand in the groups.
_PHASE = {"start_lr": _LRS, "end_lr": _LRS, "start_momentum": _MOMENTA, "end_momentum": _MOMENTA}


def _phases(pct_start: float, total_steps: int, three: bool) -> list[dict[str, Any]]:
    """Where each phase ends, and between which bounds of the groups it goes; as PyTorch saves them."""

    def phase(end: float, lr: tuple[str, str], momentum: tuple[str, str]) -> dict[str, Any]:
        return {
            "end_step": end,
            "start_lr": lr[0],
            "end_lr": lr[1],
            "start_momentum": momentum[0],
            "end_momentum": momentum[1],
        }

    low, high = "base_momentum", "max_momentum"
    up = phase(float(pct_start * total_steps) - 1, ("initial_lr", "max_lr"), (high, low))
    if not three:
        return [up, phase(total_steps - 1, ("max_lr", "min_lr"), (low, high))]
    down = phase(float(2 * pct_start * total_steps) - 2, ("max_lr", "initial_lr"), (low, high))
    return [up, down, phase(total_steps - 1, ("initial_lr", "min_lr"), (high, high))]


def _per_group(name: str, value: Any, n: int) -> list[float]:
    values = list(value) if isinstance(value, (list, tuple)) else [value] * n
    if len(values) != n:
        raise OptimizerError(f"OneCycleLR: {name} must be a number or one for each of {n} groups; got {value!r:.60}")
    for one in values:
        check_number("OneCycleLR", name, one, 0)
    return values
