# SPDX-License-Identifier: MIT
"""Layers and losses as functions, with PyTorch's names, argument order and defaults."""

from rtch.functions import relu, tanh
from rtch.nn.functional.classification import cross_entropy, nll_loss
from rtch.nn.functional.linear import linear
from rtch.nn.functional.losses import mse_loss
from rtch.nn.functional.normalization import batch_norm, group_norm, instance_norm, layer_norm, rms_norm
from rtch.nn.functional.softmax import log_softmax, softmax

__all__ = [
    "batch_norm",
    "cross_entropy",
    "group_norm",
    "instance_norm",
    "layer_norm",
    "linear",
    "log_softmax",
    "mse_loss",
    "nll_loss",
    "relu",
    "rms_norm",
    "softmax",
    "tanh",
]
