# SPDX-License-Identifier: MIT
"""Modules, layers, losses and models."""

from rtch.nn import functional, init
from rtch.nn.models import LinearRegression, MLPRegressor
from rtch.nn.module import Module
from rtch.nn.modules import (
    Flatten,
    Identity,
    Linear,
    ModuleDict,
    ModuleList,
    MSELoss,
    ParameterDict,
    ParameterList,
    ReLU,
    Sequential,
    Tanh,
    Unflatten,
)
from rtch.nn.parameter import Parameter

__all__ = [
    "Flatten",
    "Identity",
    "Linear",
    "LinearRegression",
    "MLPRegressor",
    "MSELoss",
    "Module",
    "ModuleDict",
    "ModuleList",
    "Parameter",
    "ParameterDict",
    "ParameterList",
    "ReLU",
    "Sequential",
    "Tanh",
    "Unflatten",
    "functional",
    "init",
]
