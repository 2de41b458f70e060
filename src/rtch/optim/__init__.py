# SPDX-License-Identifier: MIT
"""Optimisers and schedules, with PyTorch's names, defaults and state dictionaries."""

from rtch.optim import lr_scheduler
from rtch.optim.adagrad import Adagrad
from rtch.optim.adam import Adam, AdamW
from rtch.optim.lbfgs import LBFGS
from rtch.optim.optimizer import Optimizer
from rtch.optim.rmsprop import RMSprop
from rtch.optim.sgd import SGD

__all__ = ["LBFGS", "SGD", "Adagrad", "Adam", "AdamW", "Optimizer", "RMSprop", "lr_scheduler"]
