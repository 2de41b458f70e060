# SPDX-License-Identifier: MIT
"""Counters: what each call adds, scopes, reset, and threads that end."""

from __future__ import annotations

import json
import threading
from typing import Any

import numpy as np
import pytest

import rtch
from rtch import telemetry
from rtch.errors import BroadcastError, InvalidLayoutError

FAMILIES = [
    "elementwise",
    "reduce",
    "scan",
    "matmul",
    "convolution",
    "pooling",
    "copy",
    "index",
    "sort",
    "random",
    "optim",
]
CLASSES = ["contiguous", "padded", "transposed", "broadcast", "strided", "overlapping"]


def leaves(tree: dict[str, Any]) -> list[int]:
    """All numbers of a nested dict."""
    return [n for v in tree.values() for n in (leaves(v) if isinstance(v, dict) else [v])]


def test_the_form_of_a_snapshot() -> None:
    """Nested dicts of integers that JSON takes, with every family and class."""
    counted = telemetry.snapshot()
    assert json.loads(json.dumps(counted)) == counted
    assert sorted(counted) == ["allocations", "copies", "operands", "paths", "validations"]
    assert list(counted["operands"]) == list(counted["paths"]) == FAMILIES
    assert all(list(classes) == CLASSES for classes in counted["operands"].values())
    assert sorted(counted["copies"]) == ["contiguous", "on_write"]
    assert all(isinstance(n, int) and n >= 0 for n in leaves(counted))


def test_operands_by_layout_class() -> None:
    """One count per operand, by the class of its layout."""
    x = rtch.ones((4, 6))
    views = {
        "contiguous": x,
        "padded": x[:, 1:],
        "transposed": x.T,
        "broadcast": rtch.broadcast_to(x[0], (4, 6)),
        "strided": x[:, ::2],
        "overlapping": rtch.sliding_window_view(x[0], 2),
    }
    for name, view in views.items():
        assert view.layout == name
        with telemetry.scope() as counted:
            view + view
        operands = counted.counters["operands"]
        assert operands["elementwise"] == {c: 2 * (c == name) for c in CLASSES}
        assert sum(leaves(operands)) == 2
        assert sum(leaves(counted.counters["paths"])) == 1


def test_families() -> None:
    """Each kind of call counts in its own family."""
    x = rtch.ones((8, 8))
    p = rtch.nn.Parameter(rtch.ones(3))
    sgd = rtch.optim.SGD([p], lr=0.1)
    p.grad = rtch.ones(3)
    calls = {
        "elementwise": (lambda: rtch.tanh(x), 1),
        "reduce": (lambda: x.sum(axis=0), 1),
        "scan": (lambda: rtch.cumulative_sum(x, axis=0), 1),
        "sort": (lambda: rtch.sort(x.T, axis=0), 1),
        "matmul": (lambda: x @ x.T, 2),
        "copy": (lambda: x.astype("float64"), 1),
        "index": (lambda: rtch.take(x, rtch.asarray([1, 2]), axis=0), 1),
        "optim": (sgd.step, 1),
    }
    for family, (call, n) in calls.items():
        with telemetry.scope() as counted:
            call()
        assert sum(counted.counters["operands"][family].values()) == n, family
        assert sum(counted.counters["paths"][family].values()) == 1, family
    with telemetry.scope() as counted:
        rtch.random.Generator(1).uniform((5,))
    assert counted.counters["paths"]["random"]["contiguous"] == 1
    with telemetry.scope() as counted, pytest.raises(BroadcastError):
        x + rtch.ones(3)
    assert sum(leaves(counted.counters["operands"])) == 0


def test_copies() -> None:
    """Copy-on-write and copies for contiguity, with their bytes."""
    x = rtch.ones((4, 4))
    y = x.T
    with telemetry.scope() as counted:
        y += 1
        y += 1
    assert counted.counters["copies"] == {"on_write": {"count": 1, "bytes": 64}, "contiguous": {"count": 0, "bytes": 0}}
    with telemetry.scope() as counted:
        rtch.reshape(y.T[1:], -1)
    assert counted.counters["copies"]["contiguous"] == {"count": 1, "bytes": 48}


def test_validations() -> None:
    """Layouts and memory from outside, accepted and refused."""
    x = rtch.ones(8)
    with telemetry.scope() as counted:
        rtch.from_strides(x, (2,), (3,))
        rtch.from_dlpack(np.zeros(3))
        with pytest.raises(InvalidLayoutError):
            rtch.from_strides(x, (9,), (1,))
    assert counted.counters["validations"] == {"done": 2, "failed": 1}


def test_allocations() -> None:
    """Count, bytes and reuse."""
    rtch.ones(100)
    with telemetry.scope() as counted:
        rtch.ones(100)
    assert counted.counters["allocations"] == {"count": 1, "bytes": 400, "cache_hits": 1}


def test_scopes_nest_and_a_reset_does_not_reach_them() -> None:
    """Each sees all that happens in its time; `counters` may be read inside."""
    x = rtch.ones(3)

    def adds(scope: telemetry.Scope) -> int:
        return sum(scope.counters["operands"]["elementwise"].values())

    with telemetry.scope() as outer:
        x + x
        with telemetry.scope() as inner:
            assert adds(inner) == 0
            x + x
            assert (adds(outer), adds(inner)) == (4, 2)
        telemetry.reset()
        x + x
    x + x
    assert (adds(outer), adds(inner)) == (6, 2)
    assert sum(telemetry.snapshot()["operands"]["elementwise"].values()) == 4
    with outer:
        pass
    assert adds(outer) == 0


def test_threads_count_too_and_leave_their_counts() -> None:
    """Calls of other threads, living or ended, are in the sums; no call is lost."""
    x = rtch.ones(3)

    def work() -> None:
        for _ in range(500):
            x + x

    with telemetry.scope() as counted:
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert counted.counters["operands"]["elementwise"]["contiguous"] == 4000
    assert counted.counters["paths"]["elementwise"]["contiguous"] == 2000
