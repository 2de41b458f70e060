# SPDX-License-Identifier: MIT
"""Spans of what ran: recorded in a Trace, summed up by name, and exported. No tensor code, no NumPy."""

from rtch.tracing.spans import MAX_SPANS, Attribute, Span, Trace, active, thread_name, trace
from rtch.tracing.totals import SpanTotal, ThreadTotal

__all__ = ["MAX_SPANS", "Attribute", "Span", "SpanTotal", "ThreadTotal", "Trace", "active", "thread_name", "trace"]
