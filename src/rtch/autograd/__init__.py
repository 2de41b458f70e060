# SPDX-License-Identifier: MIT
"""Reverse-mode differentiation: recording, the backward pass, derivatives of functions, and checks of gradients."""

from rtch.autograd.anomaly import (
    detect_anomaly,
    is_anomaly_check_nan_enabled,
    is_anomaly_enabled,
    set_detect_anomaly,
)
from rtch.autograd.engine import backward, grad
from rtch.autograd.function import Function, FunctionCtx, once_differentiable
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
from rtch.autograd.recompute import checkpoint, checkpoint_sequential, is_recomputing
from rtch.autograd.settings import settings
from rtch.autograd.spans import Span, SpanTotal, ThreadTotal, Trace, trace
from rtch.autograd.stats import PassStats, last_stats

__all__ = [
    "BatchEnded",
    "BatchStarted",
    "Function",
    "FunctionCtx",
    "Node",
    "NodeRun",
    "PassStats",
    "RemovableHandle",
    "Span",
    "SpanTotal",
    "ThreadTotal",
    "Trace",
    "backward",
    "checkpoint",
    "checkpoint_sequential",
    "detect_anomaly",
    "enable_grad",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "hessian",
    "hvp",
    "inference_mode",
    "is_anomaly_check_nan_enabled",
    "is_anomaly_enabled",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "is_recomputing",
    "jacobian",
    "jvp",
    "last_stats",
    "no_grad",
    "observe",
    "once_differentiable",
    "set_detect_anomaly",
    "set_grad_enabled",
    "settings",
    "trace",
    "vhp",
    "vjp",
]
