# SPDX-License-Identifier: MIT
"""Reverse-mode differentiation: recording, the backward pass, derivatives of functions, and checks of gradients."""

from rtch.autograd.engine import backward, grad
from rtch.autograd.functional import hessian, hvp, jacobian, jvp, vhp, vjp
from rtch.autograd.gradcheck import gradcheck, gradgradcheck
from rtch.autograd.handles import RemovableHandle
from rtch.autograd.modes import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from rtch.autograd.node import Node
from rtch.autograd.observers import BatchEnded, BatchStarted, NodeRun, observe
from rtch.autograd.settings import settings
from rtch.autograd.spans import Span, SpanTotal, ThreadTotal, Trace, trace
from rtch.autograd.stats import PassStats, last_stats

__all__ = [
    "BatchEnded",
    "BatchStarted",
    "Node",
    "NodeRun",
    "PassStats",
    "RemovableHandle",
    "Span",
    "SpanTotal",
    "ThreadTotal",
    "Trace",
    "backward",
    "enable_grad",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "hessian",
    "hvp",
    "inference_mode",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "jacobian",
    "jvp",
    "last_stats",
    "no_grad",
    "observe",
    "set_grad_enabled",
    "settings",
    "trace",
    "vhp",
    "vjp",
]
