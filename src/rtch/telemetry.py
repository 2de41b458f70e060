# SPDX-License-Identifier: MIT
"""Counters of what ran: always on, kept in C, read when asked for.

    >>> from rtch import telemetry
    >>> with telemetry.scope() as counted:
    ...     y = x.T + 1
    >>> counted.counters["operands"]["elementwise"]["transposed"]
    1

What a snapshot holds, as nested dicts of integers that json takes:

    operands     by op family and layout class: operands that kernels saw
    paths        by op family and path: how calls went through memory
    validations  done, failed: layouts and memory from outside (from_strides, from_dlpack)
    copies       on_write, contiguous: count and bytes of copies that copy-on-write, and calls that need row-major
                 elements, had to make
    allocations  count, bytes, cache_hits

Counters belong to the process, not to a thread: a scope holds what all threads did between its start and its end, so
scopes may nest or overlap, and each sees all that happened in its time. A fork's child goes on from its parent's.
"""

from __future__ import annotations

import threading
from functools import cache
from types import TracebackType
from typing import Any

from rtch._c import ffi, lib

__all__ = ["Scope", "reset", "scope", "snapshot"]

Counters = dict[str, Any]
_lock = threading.Lock()
_base: list[int] = []


@cache
def _names() -> list[list[str]]:
    buffer = ffi.new("char[]", 100)
    names = []
    for i in range(lib.rt_telemetry_size()):
        lib.rt_telemetry_name(i, buffer, len(buffer))
        names.append(ffi.string(buffer).decode("ascii").split("."))
    return names


def _read() -> list[int]:
    n = lib.rt_telemetry_size()
    out = ffi.new("int64_t[]", n)
    lib.rt_telemetry_read(out)
    return list(ffi.unpack(out, n))


def _since(now: list[int], start: list[int]) -> Counters:
    tree: Counters = {}
    for i, path in enumerate(_names()):
        at = tree
        for name in path[:-1]:
            at = at.setdefault(name, {})
        at[path[-1]] = now[i] - (start[i] if start else 0)
    return tree


def snapshot() -> Counters:
    """The counters since the process started or since the last `reset`."""
    with _lock:
        return _since(_read(), _base)


def reset() -> None:
    """Let `snapshot` count from here on. Scopes that are open don't notice."""
    global _base
    with _lock:
        _base = _read()


class Scope:
    """What `scope` gives: the counters of a stretch of the program."""

    def __init__(self) -> None:
        self._start: list[int] = []
        self._end: list[int] | None = None

    def __enter__(self) -> Scope:
        """Start counting."""
        self._start, self._end = _read(), None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop counting."""
        self._end = _read()

    @property
    def counters(self) -> Counters:
        """What was counted: up to now while the scope is open, from start to end after that."""
        return _since(self._end if self._end is not None else _read(), self._start)


def scope() -> Scope:
    """A context manager that counts what runs inside it."""
    return Scope()
