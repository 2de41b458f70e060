# SPDX-License-Identifier: MIT
"""Spans of what ran: recorded in a Trace, summed up by name, and exported. No tensor code, no NumPy."""

from rtch.tracing.spans import MAX_SPANS, Span, Trace, active, thread_name, trace
from rtch.tracing.totals import SpanTotal

__all__ = ["MAX_SPANS", "Span", "SpanTotal", "Trace", "active", "thread_name", "trace"]
