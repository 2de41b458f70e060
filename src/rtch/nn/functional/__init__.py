# SPDX-License-Identifier: MIT
"""Layers and losses as functions, with PyTorch's names, argument order and defaults."""

from rtch.functions import relu, tanh
from rtch.nn.functional.attention import scaled_dot_product_attention
from rtch.nn.functional.classification import cross_entropy, nll_loss
from rtch.nn.functional.convolution import conv1d, conv2d, conv_transpose1d, conv_transpose2d
from rtch.nn.functional.linear import linear
from rtch.nn.functional.losses import mse_loss
from rtch.nn.functional.normalization import batch_norm, group_norm, instance_norm, layer_norm, rms_norm
from rtch.nn.functional.one_hot import one_hot
from rtch.nn.functional.padding import pad
from rtch.nn.functional.pooling import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    avg_pool1d,
    avg_pool2d,
    max_pool1d,
    max_pool2d,
)
from rtch.nn.functional.softmax import log_softmax, softmax
from rtch.nn.functional.sparse import embedding

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "avg_pool1d",
    "avg_pool2d",
    "batch_norm",
    "conv1d",
    "conv2d",
    "conv_transpose1d",
    "conv_transpose2d",
    "cross_entropy",
    "embedding",
    "group_norm",
    "instance_norm",
    "layer_norm",
    "linear",
    "log_softmax",
    "max_pool1d",
    "max_pool2d",
    "mse_loss",
    "nll_loss",
    "one_hot",
    "pad",
    "relu",
    "rms_norm",
    "scaled_dot_product_attention",
    "softmax",
    "tanh",
]
