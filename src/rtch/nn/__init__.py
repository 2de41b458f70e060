# SPDX-License-Identifier: MIT
"""Modules, layers, losses and models."""

from rtch.nn import functional
from rtch.nn.models import LinearRegression, MLPRegressor
from rtch.nn.module import Module
from rtch.nn.modules import (
    BatchNorm1d,
    BatchNorm2d,
    CrossEntropyLoss,
    Flatten,
    GroupNorm,
    Identity,
    InstanceNorm1d,
    InstanceNorm2d,
    LayerNorm,
    Linear,
    LogSoftmax,
    ModuleDict,
    ModuleList,
    MSELoss,
    NLLLoss,
    ParameterDict,
    ParameterList,
    ReLU,
    RMSNorm,
    Sequential,
    Softmax,
    Tanh,
    Unflatten,
)
from rtch.nn.parameter import Parameter

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
    "LinearRegression",
    "LogSoftmax",
    "MLPRegressor",
    "MSELoss",
    "Module",
    "ModuleDict",
    "ModuleList",
    "NLLLoss",
    "Parameter",
    "ParameterDict",
    "ParameterList",
    "RMSNorm",
    "ReLU",
    "Sequential",
    "Softmax",
    "Tanh",
    "Unflatten",
    "functional",
]
