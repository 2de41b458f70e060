# SPDX-License-Identifier: MIT
"""Reverse-mode differentiation: recording, the backward pass, and checks of gradients."""

from rtch.autograd.engine import backward, grad
from rtch.autograd.gradcheck import gradcheck, gradgradcheck
from rtch.autograd.modes import enable_grad, is_grad_enabled, no_grad, set_grad_enabled
from rtch.autograd.spans import Span, SpanTotal, Trace, trace

__all__ = [
    "Span",
    "SpanTotal",
    "Trace",
    "backward",
    "enable_grad",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "is_grad_enabled",
    "no_grad",
    "set_grad_enabled",
    "trace",
]
