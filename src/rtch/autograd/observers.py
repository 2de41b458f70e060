# SPDX-License-Identifier: MIT
"""Observers: functions that are told what backward passes do, in whatever thread they run."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

from rtch.autograd.handles import RemovableHandle
from rtch.autograd.hooks import Hook, made
from rtch.errors import ArgumentError


@dataclasses.dataclass(frozen=True, slots=True)
class BatchStarted:
    """A batch is about to run: its number within the pass, and how many nodes it has, without leaves."""

    batch: int
    nodes: int


@dataclasses.dataclass(frozen=True, slots=True)
class NodeRun:
    """A node has run: its op, its result's shape, when and how long on the clock of `time.perf_counter_ns`, on which
    thread (0 the one that called, from 1 on the pool's), in which batch.
    """

    op: str
    shape: tuple[int, ...]
    start_ns: int
    duration_ns: int
    thread: int
    batch: int


@dataclasses.dataclass(frozen=True, slots=True)
class BatchEnded:
    """A batch has run: its number within the pass, and how long it took."""

    batch: int
    duration_ns: int


class Observer(NamedTuple):
    """What to call, and at what."""

    batch_started: Hook | None
    node_run: Hook | None
    batch_ended: Hook | None


registered: dict[int, Observer] = {}


def observe(
    batch_started: Callable[[BatchStarted], Any] | None = None,
    node_run: Callable[[NodeRun], Any] | None = None,
    batch_ended: Callable[[BatchEnded], Any] | None = None,
) -> RemovableHandle:
    """Call functions at what the backward passes of this process do, each in the thread that the pass was called from.

    Nodes are reported when their batch has ended, before its end is. What a function raises ends the pass, as
    BackwardError.

    Args:
        batch_started: called with a `BatchStarted`.
        node_run: called with a `NodeRun`.
        batch_ended: called with a `BatchEnded`.

    Raises:
        ArgumentError: none is given, or one can't be called.
    """
    functions = (batch_started, node_run, batch_ended)
    if functions == (None, None, None):
        raise ArgumentError("observe: at least one function is needed; got none")
    hooks = (None if function is None else made("observe", function) for function in functions)
    return RemovableHandle(registered, Observer(*hooks))


def tell(kind: str, op: str, event: Any, observers: tuple[Observer, ...]) -> None:
    """Call those who asked for this kind of event."""
    for observer in observers:
        hook = getattr(observer, kind)
        if hook is not None:
            hook(op, event)
