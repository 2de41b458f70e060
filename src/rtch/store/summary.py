# SPDX-License-Identifier: MIT
"""summary.json: the rollups of a run, made from its other files and from nothing else.

It is fresh when it was made from as many bytes as its ``SOURCES`` have now; they only grow. Equal files give
equal bytes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from rtch.store.files import store_io
from rtch.store.jsonl import JsonLines
from rtch.store.ledger import read_ledger
from rtch.store.metrics import MetricsReader, collect, tail_values
from rtch.store.records import TELEMETRY, VERSION, Summary, TelemetryLine
from rtch.store.rollup import Rollup
from rtch.store.values import Number, number

SOURCES = ("metrics.jsonl", "telemetry.jsonl", "artifacts.jsonl")
_decoder = msgspec.json.Decoder(Summary)
_telemetry_decoder = msgspec.json.Decoder(TelemetryLine)


def compute(folder: Path, run: str) -> tuple[Summary, list[str]]:
    """Return the summary of the run in ``folder`` and what was torn; SchemaError where a line is damaged."""
    rollups: dict[str, Rollup] = {}
    steps = 0
    metrics = MetricsReader(folder / "metrics.jsonl")
    for lines in metrics:
        steps = max(steps, max((line.step for line in lines), default=0))
        for name, series in collect([lines]).items():
            rollups.setdefault(name, Rollup()).add(series.steps, series.values)
    telemetry = JsonLines(folder / "telemetry.jsonl", TELEMETRY, _telemetry_decoder)
    layout: dict[str, Any] = {}
    spans: dict[str, Any] = {}
    if telemetry.path.exists():
        for _, records in telemetry:
            for record in records:
                layout = add_totals(layout, record.layout)
                spans = add_totals(spans, record.spans)
    ledger = read_ledger(folder / "artifacts.jsonl")
    kinds: dict[str, int] = {}
    for line in ledger.lines:
        kinds[line.kind] = kinds.get(line.kind, 0) + 1
    summary = Summary(
        run=run,
        source=dict(zip(SOURCES, (metrics.consumed, telemetry.consumed, ledger.consumed), strict=True)),
        steps=steps,
        metrics={name: rollup.summary() for name, rollup in rollups.items()},
        layout=layout,
        spans=spans,
        artifacts=kinds,
    )
    return summary, [warning for warning in (metrics.torn, telemetry.torn, ledger.torn) if warning]


def read_fresh(folder: Path) -> Summary | None:
    """Return summary.json where it can be read and is as new as the files it was made from."""
    path = folder / "summary.json"
    try:
        summary = _decoder.decode(path.read_bytes())
    except FileNotFoundError:
        return None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None  # it can be made again from the truth
    except OSError:
        with store_io("read", path):
            raise
    source = {name: _size(folder / name) for name in SOURCES}
    return summary if summary.version == VERSION and summary.source == source else None


def last_values(folder: Path) -> dict[str, Number]:
    """Return the last value of each metric: from a fresh summary.json, or the end of the metrics."""
    fresh = read_fresh(folder)
    if fresh is None:
        return tail_values(folder / "metrics.jsonl")
    return {name: number(metric.last) for name, metric in fresh.metrics.items()}


def encode(summary: Summary) -> bytes:
    """Return the bytes of summary.json: indented JSON for people."""
    return msgspec.json.format(msgspec.json.encode(summary), indent=2) + b"\n"


def add_totals(left: dict[str, Any], right: dict[str, Any]) -> dict[str, Any]:
    """Return the sum of two nested mappings: numbers add, mappings merge, else the later one stands."""
    total = dict(left)
    for key, value in right.items():
        before = total.get(key)
        if isinstance(before, dict) and isinstance(value, dict):
            total[key] = add_totals(before, value)
        elif _is_number(before) and _is_number(value):
            total[key] = before + value
        else:
            total[key] = value
    return total


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
