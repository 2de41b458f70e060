# SPDX-License-Identifier: MIT
"""Run ids: 26 characters that sort by creation time.

The layout is that of a ULID: 48 bits of milliseconds since 1970, then 80 random bits, in Crockford's base 32
(no I, L, O, U, so that no id can begin with ``latest``). Ids made in one process increase strictly, also
within a millisecond and when the clock steps back. Example: ``01KQ3ZB6W0T8M2E4V5X7YZ9ABC``.
"""

from __future__ import annotations

import os
import threading
import time

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
ID_LENGTH = 26
_RANDOM_BITS = 80

_lock = threading.Lock()
_last = 0


def new_id() -> str:
    """Return a new id, greater than every id made in this process before."""
    global _last
    with _lock:
        fresh = (time.time_ns() // 1_000_000 << _RANDOM_BITS) | int.from_bytes(os.urandom(10), "big")
        _last = max(fresh, _last + 1)
        return _encode(_last)


def is_id(text: str) -> bool:
    """Tell whether ``text`` has the form of an id."""
    return len(text) == ID_LENGTH and all(character in ALPHABET for character in text)


def _encode(number: int) -> str:
    return "".join(ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))


def _forget_after_fork() -> None:
    """Give a forked child its own sequence; else it would count up through the parent's next ids."""
    global _last, _lock
    _last, _lock = 0, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)
