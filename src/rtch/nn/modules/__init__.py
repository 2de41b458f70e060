# SPDX-License-Identifier: MIT
"""Layers, activations and losses as modules, with PyTorch's names, parameter layouts and defaults."""

from rtch.nn.modules.activation import ReLU, Tanh
from rtch.nn.modules.batchnorm import BatchNorm1d, BatchNorm2d, InstanceNorm1d, InstanceNorm2d
from rtch.nn.modules.classification import CrossEntropyLoss, NLLLoss
from rtch.nn.modules.container import ModuleDict, ModuleList, Sequential
from rtch.nn.modules.flatten import Flatten, Identity, Unflatten
from rtch.nn.modules.linear import Linear
from rtch.nn.modules.loss import MSELoss
from rtch.nn.modules.normalization import GroupNorm, LayerNorm, RMSNorm
from rtch.nn.modules.parameters import ParameterDict, ParameterList
from rtch.nn.modules.softmax import LogSoftmax, Softmax

__all__ = [
    "BatchNorm1d",
    "BatchNorm2d",
    "CrossEntropyLoss",
    "Flatten",
    "GroupNorm",
    "Identity",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "LayerNorm",
    "Linear",
    "LogSoftmax",
    "MSELoss",
    "ModuleDict",
    "ModuleList",
    "NLLLoss",
    "ParameterDict",
    "ParameterList",
    "RMSNorm",
    "ReLU",
    "Sequential",
    "Softmax",
    "Tanh",
    "Unflatten",
]
