# SPDX-License-Identifier: MIT
"""Measures how much work makes another thread worth while on this machine, and writes it where rtch reads it.

For each family of work the same call is timed at growing sizes, alone and shared between two threads, in turn. The
grain is where sharing begins to pay: the one that loses the least over all sizes.
"""

from __future__ import annotations

import dataclasses
import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rtch._c import describe, lib, set_num_threads, tuned
from rtch.autograd import grad, settings
from rtch.errors import ArgumentError
from rtch.functions import gelu, square, tanh
from rtch.random import Generator
from rtch.store.files import atomic_file, store_io

MOST_SECONDS = 50.0
SIZES = [2**k for k in range(12, 21)]
_BRANCHES = 8
_COSTLY = 8  # elements' worth of work in one of a costly op; csrc/graph/pass.c
_NEVER = tuned.MOST


@dataclasses.dataclass(frozen=True, slots=True)
class Timing:
    """Nanoseconds of one call on `size` elements, by one thread and by two."""

    size: int
    alone_ns: int
    shared_ns: int


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """The grain of a family of work, the one in use, and what it was concluded from."""

    family: str
    grain: int
    before: int
    timings: tuple[Timing, ...]


def tune(seconds: float = 10.0) -> list[Finding]:
    """Measure; what is in use stays as it was.

    Args:
        seconds: about how long it takes, at most 50.

    Raises:
        ArgumentError: seconds is out of range, or there is one thread only.
    """
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 < seconds <= MOST_SECONDS:
        raise ArgumentError(
            f"tune: seconds are above 0 and at most {MOST_SECONDS:g}; got {seconds!r}", argument="seconds"
        )
    if lib.rt_get_num_threads() < 2:
        raise ArgumentError("tune: with one thread there is nothing to share; got 1 from rtch.get_num_threads()")
    each = seconds / (len(_FAMILIES) * len(SIZES))
    findings = []
    with _restored():
        set_num_threads(2)
        for family, make in _FAMILIES.items():
            timings = tuple(_time(size, *make(size), each) for size in SIZES)
            findings.append(Finding(family, grain_of(family, timings), 0, timings))
    return [dataclasses.replace(finding, before=tuned.grains()[finding.family]) for finding in findings]


def grain_of(family: str, timings: tuple[Timing, ...]) -> int:
    """The grain that loses the least time over all sizes, in logarithms; the larger of two that are equal.

    A kernel's call is shared from two grains on, a batch from one.
    """
    best, least = 0, math.inf
    for first in range(len(timings) + 1):  # what is shared: this size and those beyond
        loss = sum(
            math.log((t.shared_ns if i >= first else t.alone_ns) / min(t.alone_ns, t.shared_ns))
            for i, t in enumerate(timings)
        )
        if loss <= least:
            best, least = first, loss
    size = timings[best].size if best < len(timings) else 2 * timings[-1].size
    return max(size if family == "batch" else size // 2, tuned.LEAST)


def save(findings: list[Finding], path: str | os.PathLike[str] | None = None) -> Path:
    """Write grains to the file that the library reads when it starts, or to another; returns which.

    Raises:
        ArgumentError: there is no such place: RTCH_TUNE is empty.
        StoreIOError: the system refused.
    """
    where = tuned.path() if path is None else os.fspath(path)
    if where is None:
        raise ArgumentError("tune: RTCH_TUNE is empty, so there is no file to write; got ''", argument="RTCH_TUNE")
    target = Path(where)
    lines = [
        "# Written by `rtch bench tune`; without this file rtch uses the grains that are built in.",
        f"version = {tuned.VERSION}",
        f"threads = {int(lib.rt_default_num_threads())}",
        f'isa = "{describe()["isa"]}"',
        "",
        "[grains]",
        *(f"{finding.family} = {finding.grain}" for finding in findings),
    ]
    with store_io("tune", target):
        target.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(target) as file:
        file.write("\n".join([*lines, ""]).encode())
    return target


def _cheap(size: int) -> tuple[Callable[[], Any], Callable[[bool], Any]]:
    x, y = Generator(0).normal((2, size))
    return lambda: x + y, _kernels("cheap", size)


def _costly(size: int) -> tuple[Callable[[], Any], Callable[[bool], Any]]:
    x = Generator(0).normal((size,))
    return lambda: tanh(x), _kernels("costly", size)


def _batch(size: int) -> tuple[Callable[[], Any], Callable[[bool], Any]]:
    """Nodes that are ready together, with so much work in all, as the engine counts it: once cheap, once costly ones.
    No kernel of theirs is shared out.
    """
    passes = []
    for apply, elements in ((square, size // _BRANCHES), (gelu, size // _BRANCHES // _COSTLY)):
        leaves = [Generator(i).normal((elements,)).requires_grad_() for i in range(_BRANCHES)]
        passes.append(([apply(x) for x in leaves], leaves, [x.detach() for x in leaves]))
    now: list[Any] = []

    def run() -> None:
        with settings(grain=now[0]):
            for roots, leaves, seeds in passes:
                grad(roots, leaves, seeds, retain_graph=True)

    def switch(shared: bool) -> None:
        for family in ("cheap", "costly"):
            lib.rt_set_grain(tuned.FAMILIES[family], _NEVER)
        now[:] = [0 if shared else _NEVER]

    return run, switch


_FAMILIES: dict[str, Callable[[int], tuple[Callable[[], Any], Callable[[bool], Any]]]] = {
    "cheap": _cheap,
    "costly": _costly,
    "batch": _batch,
}


def _kernels(family: str, size: int) -> Callable[[bool], Any]:
    number = tuned.FAMILIES[family]
    return lambda shared: lib.rt_set_grain(number, size // 2 if shared else _NEVER)


def _time(size: int, run: Callable[[], Any], switch: Callable[[bool], Any], seconds: float) -> Timing:
    """The shortest of many calls, alone and shared in turn."""
    best = [1 << 62, 1 << 62]
    end = time.perf_counter() + seconds
    rounds = 0
    while rounds < 3 or time.perf_counter() < end:
        for shared in (False, True):
            switch(shared)
            run()
            for _ in range(8):
                start = time.perf_counter_ns()
                run()
                best[shared] = min(best[shared], time.perf_counter_ns() - start)
        rounds += 1
    return Timing(size, *(max(ns, 1) for ns in best))


@contextmanager
def _restored() -> Iterator[None]:
    n_threads, grains = int(lib.rt_get_num_threads()), tuned.grains()
    try:
        yield
    finally:
        set_num_threads(n_threads)
        for name, grain in grains.items():
            lib.rt_set_grain(tuned.FAMILIES[name], grain)
