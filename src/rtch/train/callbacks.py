# SPDX-License-Identifier: MIT
"""What may watch a training. A callback sees numbers and can't change the training."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a training is about to do: ``epochs`` of ``batches`` steps each, the first ``done`` steps being
    done already.
    """

    epochs: int
    batches: int
    done: int


@dataclasses.dataclass(frozen=True)
class EpochReport:
    """An epoch that ended: its number from 1, the steps done so far, and its metrics by name."""

    epoch: int
    epochs: int
    step: int
    metrics: Mapping[str, float]
    improved: bool


class Callback:
    """Override what you need."""

    def on_start(self, plan: Plan) -> None:
        """Called before the first step."""

    def on_step(self, step: int, loss: float) -> None:
        """Called after each step; ``step`` counts from 1, ``loss`` is that of the batch before the step."""

    def on_epoch(self, report: EpochReport) -> None:
        """Called after each epoch."""

    def on_end(self) -> None:
        """Called once however the training ends, also by an error."""
