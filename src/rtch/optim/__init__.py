# SPDX-License-Identifier: MIT
"""Optimisers, with PyTorch's names, defaults and state dictionaries."""

from rtch.optim.adam import Adam
from rtch.optim.optimizer import Optimizer
from rtch.optim.sgd import SGD

__all__ = ["SGD", "Adam", "Optimizer"]
