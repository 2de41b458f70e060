# SPDX-License-Identifier: MIT
"""Ctrl-C and SIGTERM at a point from which a training can go on."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType


class Terminated(KeyboardInterrupt):
    """SIGTERM came, from ``kill``, a batch system or a machine that is shut down."""


@contextlib.contextmanager
def on_interrupt(request: Callable[[], None]) -> Iterator[None]:
    """While the block runs, the first Ctrl-C or SIGTERM calls ``request``; a second one does what it did before.

    A KeyboardInterrupt that leaves the block after SIGTERM becomes Terminated. In a thread other than the main one
    nothing changes, nor does it for a signal that is ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    found = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    before = {number: handler for number, handler in found.items() if handler not in (signal.SIG_IGN, None)}
    came: list[int] = []

    def put_back() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def handle(number: int, frame: FrameType | None) -> None:
        put_back()
        came.append(number)
        request()

    try:
        for number in before:
            signal.signal(number, handle)
        yield
    except KeyboardInterrupt as error:
        if came != [signal.SIGTERM] or isinstance(error, Terminated):
            raise
        raise Terminated from None
    finally:
        put_back()
