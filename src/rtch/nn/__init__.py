# SPDX-License-Identifier: MIT
"""Modules, layers, losses and models."""

from rtch.nn import functional
from rtch.nn.models import LinearRegression, MLPRegressor
from rtch.nn.module import Module
from rtch.nn.modules import Linear, MSELoss, ReLU, Sequential, Tanh
from rtch.nn.parameter import Parameter

__all__ = [
    "Linear",
    "LinearRegression",
    "MLPRegressor",
    "MSELoss",
    "Module",
    "Parameter",
    "ReLU",
    "Sequential",
    "Tanh",
    "functional",
]
