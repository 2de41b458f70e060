# SPDX-License-Identifier: MIT
"""Layers and losses as functions, with PyTorch's names, argument order and defaults."""

from rtch.functions import relu, tanh
from rtch.nn.functional.encoding import one_hot
from rtch.nn.functional.linear import linear
from rtch.nn.functional.losses import mse_loss

__all__ = ["linear", "mse_loss", "one_hot", "relu", "tanh"]
