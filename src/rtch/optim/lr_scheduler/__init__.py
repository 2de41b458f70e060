# SPDX-License-Identifier: MIT
"""Schedules of learning rates, with PyTorch's names, values and state dictionaries."""

from rtch.optim.lr_scheduler.cosine import CosineAnnealingLR, OneCycleLR
from rtch.optim.lr_scheduler.plateau import ReduceLROnPlateau
from rtch.optim.lr_scheduler.scheduler import LRScheduler
from rtch.optim.lr_scheduler.sequential import SequentialLR
from rtch.optim.lr_scheduler.steps import ExponentialLR, LambdaLR, MultiStepLR, StepLR

__all__ = [
    "CosineAnnealingLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "MultiStepLR",
    "OneCycleLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
]
