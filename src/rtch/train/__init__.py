# SPDX-License-Identifier: MIT
"""Training a model on a dataset: the loop, its metrics and what may watch it."""

from __future__ import annotations

from rtch.train.callbacks import Callback, EpochReport, Plan
from rtch.train.metrics import regression_metrics
from rtch.train.progress import progress
from rtch.train.settings import Settings
from rtch.train.state import Progress
from rtch.train.trainer import Trainer

__all__ = [
    "Callback",
    "EpochReport",
    "Plan",
    "Progress",
    "Settings",
    "Trainer",
    "progress",
    "regression_metrics",
]
