# SPDX-License-Identifier: MIT
"""Layers, activations and losses as modules, with PyTorch's names, parameter layouts and defaults."""

from rtch.nn.modules.activation import ReLU, Tanh
from rtch.nn.modules.container import Sequential
from rtch.nn.modules.linear import Linear
from rtch.nn.modules.loss import MSELoss

__all__ = ["Linear", "MSELoss", "ReLU", "Sequential", "Tanh"]
