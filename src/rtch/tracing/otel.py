# SPDX-License-Identifier: MIT
"""A trace as spans of OpenTelemetry, through its API; `pip install rtch[otel]` brings it along.

rtch.trace                 from the earliest start to the latest end; attributes rtch.pid, rtch.dropped
├── step                   attributes rtch.category, rtch.thread, rtch.shapes, rtch.batch, and the span's own
│   └── backward
└── mul                    on another thread
"""

from __future__ import annotations

from typing import Any

from rtch.errors import ArgumentError, MissingExtraError
from rtch.tracing.spans import Trace
from rtch.version import __version__


def export(trace: Trace, tracer: Any) -> int:
    """Start and end a span of `tracer` for each span of the trace; returns their number."""
    try:
        from opentelemetry import trace as api
    except ImportError as error:
        raise MissingExtraError(
            "to_opentelemetry: the package opentelemetry-sdk is needed; install it with: pip install 'rtch[otel]'",
            extra="otel",
        ) from error
    if tracer is None:
        provider = api.get_tracer_provider()
        if isinstance(provider, api.ProxyTracerProvider):
            raise ArgumentError(
                "to_opentelemetry: no tracer provider is set, so the spans would go nowhere; call "
                "opentelemetry.trace.set_tracer_provider or give a tracer; got None",
                argument="tracer",
            )
        tracer = provider.get_tracer("rtch", __version__)
    columns, offset = trace._columns, trace.epoch_offset_ns
    starts, durations, threads = columns.starts, columns.durations, columns.threads
    n = len(trace)
    if not n:
        return 0
    begin = min(starts) + offset
    facts = {"rtch.pid": trace.pid, "rtch.dropped": trace.dropped}
    root = tracer.start_span("rtch.trace", start_time=begin, attributes=facts)
    root_context = api.set_span_in_context(root)
    around: list[tuple[int, Any]] = []  # end and context of the spans that hold the current one
    running = -1
    for i in sorted(range(n), key=lambda i: (threads[i], starts[i], -durations[i])):
        start, end = starts[i], starts[i] + durations[i]
        if threads[i] != running:
            running = threads[i]
            around.clear()
        while around and end > around[-1][0]:
            around.pop()
        span = tracer.start_span(
            columns.names[i],
            context=around[-1][1] if around else root_context,
            start_time=start + offset,
            attributes=_attributes(trace, i),
        )
        if "error" in columns.attributes.get(i, {}):
            span.set_status(api.Status(api.StatusCode.ERROR))
        span.end(end_time=end + offset)
        around.append((end, api.set_span_in_context(span)))
    root.end(end_time=max(start + duration for start, duration in zip(starts, durations, strict=True)) + offset)
    return n


def _attributes(trace: Trace, i: int) -> dict[str, Any]:
    columns = trace._columns
    found: dict[str, Any] = {
        "rtch.category": columns.categories[i],
        "rtch.thread": columns.threads[i],
        "rtch.shapes": [str(list(shape)) for shape in columns.shapes[i]],
        **columns.attributes.get(i, {}),
    }
    if columns.batches[i] >= 0:
        found["rtch.batch"] = columns.batches[i]
    return found
