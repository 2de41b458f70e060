# SPDX-License-Identifier: MIT
"""Layers, activations and losses as modules, with PyTorch's names, parameter layouts and defaults."""

from rtch.nn.modules.activation import ReLU, Tanh
from rtch.nn.modules.container import ModuleDict, ModuleList, Sequential
from rtch.nn.modules.flatten import Flatten, Identity, Unflatten
from rtch.nn.modules.linear import Linear
from rtch.nn.modules.loss import MSELoss
from rtch.nn.modules.parameters import ParameterDict, ParameterList

__all__ = [
    "Flatten",
    "Identity",
    "Linear",
    "MSELoss",
    "ModuleDict",
    "ModuleList",
    "ParameterDict",
    "ParameterList",
    "ReLU",
    "Sequential",
    "Tanh",
    "Unflatten",
]
