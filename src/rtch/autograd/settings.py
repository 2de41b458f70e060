# SPDX-License-Identifier: MIT
"""How backward passes run, per thread: as `with` blocks and as decorators. No bit of any result depends on it."""

from __future__ import annotations

import threading
from contextlib import ContextDecorator
from typing import NamedTuple

from rtch._c import lib
from rtch.errors import ArgumentError

MODES = {"deterministic": 0, "serial": int(lib.RT_PASS_SERIAL)}
MOST_WORKERS = 256
MOST_GRAIN = 2**62


class Settings(NamedTuple):
    """As the C core takes them: no limit is 0, the measured grain -1."""

    workers: int = 0
    flags: int = 0
    grain: int = -1


class _Local(threading.local):
    """The settings of this thread; None: the defaults."""

    now: Settings | None = None

    def __init__(self) -> None:
        self.outer: list[Settings | None] = []


local = _Local()


class settings(ContextDecorator):  # noqa: N801  (a function to its users)
    """Run the backward passes of this thread so while the block lasts. Blocks nest; what one leaves out stays the same.

    Args:
        workers: threads that a pass uses at most, the calling one included, from 1 to 256; never more than
            `rtch.get_num_threads()`.
        mode: "deterministic" runs nodes that are ready together side by side, "serial" one after the other, while a
            large kernel may still use several threads. Both give the same bits.
        grain: how much work nodes that are ready together must have, in elements of their results, so that they are
            shared out among threads.

    Raises:
        ArgumentError: a value that is none of these.
    """

    def __init__(self, workers: int | None = None, mode: str | None = None, grain: int | None = None) -> None:
        if workers is not None and not (type(workers) is int and 1 <= workers <= MOST_WORKERS):
            raise ArgumentError(
                f"settings: workers is a number from 1 to {MOST_WORKERS}; got {workers!r:.60}", argument="workers"
            )
        if mode is not None and (not isinstance(mode, str) or mode not in MODES):
            raise ArgumentError(f"settings: mode is one of {', '.join(MODES)}; got {mode!r:.60}", argument="mode")
        if grain is not None and not (type(grain) is int and 0 <= grain <= MOST_GRAIN):
            raise ArgumentError(f"settings: grain is a number from 0 to 2^62; got {grain!r:.60}", argument="grain")
        self._asked = (workers, mode, grain)

    def __enter__(self) -> None:
        """Switch."""
        workers, mode, grain = self._asked
        outer = local.now
        local.outer.append(outer)
        before = outer or Settings()
        local.now = Settings(
            before.workers if workers is None else workers,
            before.flags if mode is None else MODES[mode],
            before.grain if grain is None else grain,
        )

    def __exit__(self, *exception: object) -> None:
        """Switch back."""
        local.now = local.outer.pop()
