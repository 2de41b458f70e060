# SPDX-License-Identifier: MIT
"""Where a training stands: everything that a checkpoint needs beside the model and the optimiser."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Self

from rtch.errors import CheckpointFormatError


@dataclasses.dataclass
class Progress:
    """The position between two steps, and what early stopping remembers.

    The next batch is number ``batch`` of epoch ``epoch`` (both from 0) and ``step`` steps are done.
    ``loss_sum`` and ``rows`` are the sums of loss * rows and of rows over the batches of this epoch so far.
    ``best`` is the best ``val_mse`` and ``best_epoch`` its epoch (-1 before the first); ``stale`` counts
    the epochs since. ``test`` holds
    the metrics of the test part once ``finished``.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    rows: int = 0
    best: float | None = None
    best_epoch: int = -1
    stale: int = 0
    stopped_early: bool = False
    finished: bool = False
    test: dict[str, float] | None = None

    def state_dict(self) -> dict[str, Any]:
        """The fields as JSON-able values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_state_dict(cls, state: Mapping[str, Any]) -> Self:
        """What `state_dict` was taken from; CheckpointFormatError when it has other fields or types."""
        fields = {field.name for field in dataclasses.fields(cls)}
        if set(state) != fields:
            raise CheckpointFormatError(
                f"resume: the checkpoint's progress must have {', '.join(sorted(fields))}; "
                f"got {', '.join(sorted(state))}"
            )
        progress = cls(**state)
        for name in ("epoch", "batch", "step", "rows", "stale"):
            value = getattr(progress, name)
            if not isinstance(value, int) or value < 0:
                raise CheckpointFormatError(f"resume: the checkpoint's {name} must be a count; got {value!r}")
        return progress
