# SPDX-License-Identifier: MIT
"""What the engine and its users see of `rtch.tracing`, which holds no tensor code.

The engine asks `active()` once per pass, and where a trace is open hands over its spans with `Trace.add_batch`.
"""

from rtch.tracing import Attribute, Span, SpanTotal, ThreadTotal, Trace, active, trace

__all__ = ["Attribute", "Span", "SpanTotal", "ThreadTotal", "Trace", "active", "trace"]
