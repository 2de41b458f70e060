# SPDX-License-Identifier: MIT
"""How to train: counts, seed and early stopping."""

from __future__ import annotations

import dataclasses
import math

from rtch.errors import ArgumentError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """How to train.

    A checkpoint is written every ``checkpoint_every`` epochs (0: never in between) and at the end. With
    ``patience`` p above 0, training stops once ``val_mse`` has not been better than the best by more than
    ``min_delta`` for p epochs in a row, and the model ends with the weights of its best epoch, also when it
    ran through all epochs.
    """

    epochs: int = 100
    batch_size: int = 32
    shuffle: bool = True
    drop_last: bool = False
    checkpoint_every: int = 0
    patience: int = 0
    min_delta: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Raise ArgumentError for a count that is out of range."""
        for name, least in (("epochs", 1), ("batch_size", 1), ("checkpoint_every", 0), ("patience", 0), ("seed", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ArgumentError(
                    f"Settings: {name} must be an integer of at least {least}; got {value!r}", argument=name
                )
        if not 0.0 <= self.min_delta < math.inf:
            raise ArgumentError(
                f"Settings: min_delta must be finite and not negative; got {self.min_delta!r}", argument="min_delta"
            )
