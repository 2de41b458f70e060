# SPDX-License-Identifier: MIT
"""The memory that tensors use: statistics, limits, and the cache of freed memory.

    >>> from rtch import memory
    >>> memory.set_limit(2 * 2**30)
    >>> memory.stats().bytes_in_use
    0

Freed memory is kept for the next tensor of about its size, up to a limit: memory fresh from the operating system costs
a page fault per page, more than an addition does. What is kept goes back with `empty_cache()`, and by itself before a
request fails. The numbers are the process's; a fork's child goes on from its parent's.
"""

from __future__ import annotations

import operator
from typing import NamedTuple

from rtch._c import ffi, lib
from rtch.errors import ArgumentError

__all__ = ["MemoryStats", "empty_cache", "reset_peak", "set_cache_limit", "set_limit", "stats"]


class MemoryStats(NamedTuple):
    """What `stats` returns; bytes, but for the two counts."""

    bytes_in_use: int
    """Of living tensors. Memory of other libraries, and what most kernels use for themselves, is not counted."""
    peak: int
    """The largest bytes_in_use since the start or `reset_peak`; without a limit it may miss 64 KiB a thread."""
    cached: int
    """Kept for reuse."""
    allocations: int
    """Requests served so far."""
    cache_hits: int
    """Those that reused freed memory."""
    limit: int | None
    """What bytes_in_use may not exceed, or None."""
    cache_limit: int
    """What is kept at most; small blocks, up to about 256 KiB a thread, come on top."""


def stats() -> MemoryStats:
    """The numbers now."""
    out = ffi.new("int64_t[7]")
    lib.rt_memory_stats(out)
    in_use, peak, cached, allocations, hits, limit, cache_limit = out
    return MemoryStats(in_use, peak, cached, allocations, hits, None if limit < 0 else limit, cache_limit)


def set_limit(nbytes: int | None) -> None:
    """Let tensors use at most nbytes; None, the default, is no limit.

    Beyond it a call that needs memory raises AllocationError, and what was there stays as it was. Memory that is in use
    already may be more than the limit.

    Raises:
        ArgumentError: not an integer of 0 or more.
    """
    lib.rt_set_memory_limit(-1 if nbytes is None else _size("set_limit", nbytes))


def set_cache_limit(nbytes: int) -> None:
    """Keep at most nbytes of freed memory, the most recently freed. Default: 1 GiB, or an eighth of the memory.

    Raises:
        ArgumentError: not an integer of 0 or more.
    """
    lib.rt_set_cache_limit(_size("set_cache_limit", nbytes))


def empty_cache() -> None:
    """Give freed memory back to the operating system, but for the small blocks that other threads keep."""
    lib.rt_empty_cache()


def reset_peak() -> None:
    """Let the peak start again from the bytes in use now."""
    lib.rt_reset_peak()


def _size(where: str, nbytes: int) -> int:
    try:
        size = operator.index(nbytes)
    except TypeError:
        size = -1
    if not 0 <= size < 2**63:
        raise ArgumentError(f"{where}: a number of bytes, 0 or more, is needed; got {nbytes!r:.80}", argument=nbytes)
    return size
