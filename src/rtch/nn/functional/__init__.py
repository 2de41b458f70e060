# SPDX-License-Identifier: MIT
"""Layers and losses as functions, with PyTorch's names, argument order and defaults."""

from rtch.functions import relu, tanh
from rtch.nn.functional.attention import scaled_dot_product_attention
from rtch.nn.functional.convolution import conv1d, conv2d, conv_transpose1d, conv_transpose2d
from rtch.nn.functional.linear import linear
from rtch.nn.functional.losses import mse_loss
from rtch.nn.functional.padding import pad
from rtch.nn.functional.pooling import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    avg_pool1d,
    avg_pool2d,
    max_pool1d,
    max_pool2d,
)
from rtch.nn.functional.sparse import embedding

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "avg_pool1d",
    "avg_pool2d",
    "conv1d",
    "conv2d",
    "conv_transpose1d",
    "conv_transpose2d",
    "embedding",
    "linear",
    "max_pool1d",
    "max_pool2d",
    "mse_loss",
    "pad",
    "relu",
    "scaled_dot_product_attention",
    "tanh",
]
