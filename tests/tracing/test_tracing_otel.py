# SPDX-License-Identifier: MIT
"""Traces through OpenTelemetry's SDK."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from rtch.autograd import trace
from rtch.errors import ArgumentError, MissingExtraError


@pytest.fixture
def exported() -> tuple[Any, Any]:
    """A tracer, and where its spans arrive."""
    sdk = pytest.importorskip("opentelemetry.sdk.trace", reason="the extra otel is not installed")
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter = InMemorySpanExporter()
    provider = sdk.TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return provider.get_tracer("test"), exporter


def test_spans_arrive_with_their_times_parents_and_facts(exported: tuple[Any, Any]) -> None:
    tracer, exporter = exported
    t = trace()
    t.add_batch(["mul", "add", "tanh"], [110, 150, 105], [20, 10, 90], [0, 0, 1], [((2, 3), ()), (), ()], [4, 4, None])
    t.add_batch(["batch"], [110], [60], [0], [()], [4], category="batch")
    t.add_batch(["late"], [300], [10], [0], [()], [None])
    assert 5 == t.to_opentelemetry(tracer)
    spans = {span.name: span for span in exporter.get_finished_spans()}
    assert {"rtch.trace", "mul", "add", "tanh", "batch", "late"} == set(spans)
    at = t.epoch_offset_ns
    assert {
        "rtch.trace": (at + 105, at + 310),
        "mul": (at + 110, at + 130),
        "add": (at + 150, at + 160),
        "tanh": (at + 105, at + 195),
        "batch": (at + 110, at + 170),
        "late": (at + 300, at + 310),
    } == {name: (span.start_time, span.end_time) for name, span in spans.items()}
    by_id = {span.context.span_id: name for name, span in spans.items()}
    assert {
        "mul": "batch",
        "add": "batch",
        "batch": "rtch.trace",
        "tanh": "rtch.trace",
        "late": "rtch.trace",
    } == {name: by_id[span.parent.span_id] for name, span in spans.items() if span.parent is not None}
    assert {
        "rtch.category": "backward",
        "rtch.thread": 0,
        "rtch.shapes": ("[2, 3]", "[]"),
        "rtch.batch": 4,
    } == dict(spans["mul"].attributes)
    assert "rtch.batch" not in spans["tanh"].attributes
    assert {"rtch.pid": t.pid, "rtch.dropped": 0} == dict(spans["rtch.trace"].attributes)
    assert 1 == len({span.context.trace_id for span in spans.values()})


def test_attributes_and_errors_come_along(exported: tuple[Any, Any]) -> None:
    tracer, exporter = exported
    t = trace()
    with pytest.raises(ZeroDivisionError), t.span("work", step=3, rate=0.5):
        raise ZeroDivisionError
    with tracer.start_as_current_span("request"):
        assert 1 == t.to_opentelemetry(tracer)
    work, root, request = exporter.get_finished_spans()
    assert (3, 0.5, "ZeroDivisionError") == tuple(work.attributes[name] for name in ("step", "rate", "error"))
    assert not work.status.is_ok
    assert root.status.is_ok
    assert request.context.span_id == root.parent.span_id


def test_an_empty_trace_exports_nothing(exported: tuple[Any, Any]) -> None:
    tracer, exporter = exported
    assert 0 == trace().to_opentelemetry(tracer)
    assert () == exporter.get_finished_spans()


def run(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)


def test_the_programs_provider_is_the_default(exported: tuple[Any, Any]) -> None:
    """It can be set once in a process, so this is another one."""
    script = """
from opentelemetry import trace as api
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from rtch.errors import ArgumentError
from rtch.tracing import trace
t = trace()
with t.span("x"):
    pass
try:
    t.to_opentelemetry()
except ArgumentError as error:
    print(error)
exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
api.set_tracer_provider(provider)
t.to_opentelemetry()
print([(span.name, span.instrumentation_scope.name) for span in exporter.get_finished_spans()])
"""
    refusal, names = run(script).stdout.splitlines()
    assert "no tracer provider is set" in refusal
    assert "[('x', 'rtch'), ('rtch.trace', 'rtch')]" == names


def test_without_opentelemetry_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    t = trace()
    with t.span("x"):
        pass
    with pytest.raises(MissingExtraError, match=r"pip install 'rtch\[otel\]'") as caught:
        t.to_opentelemetry()
    assert isinstance(caught.value, ImportError)
    assert "otel" == caught.value.extra


def test_no_tracer_is_an_argument_error(exported: tuple[Any, Any]) -> None:
    from opentelemetry import trace as api

    if not isinstance(api.get_tracer_provider(), api.ProxyTracerProvider):
        pytest.skip("something else has set a tracer provider")
    t = trace()
    with t.span("x"):
        pass
    with pytest.raises(ArgumentError, match="no tracer provider"):
        t.to_opentelemetry()
