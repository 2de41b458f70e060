# SPDX-License-Identifier: MIT
"""One seed for a run, one independent stream for each thing that draws from it.

The split, the batches of an epoch, the initial weights and synthetic data all come from one seed that a
person chose. If they shared a Philox key they would draw the same numbers. So each has a key of its own, by
a rule that another program can follow:

    key = the first 8 bytes, little-endian, of SHA-256(UTF-8 of "rtch:" + path + ":" + decimal seed), top
    bit cleared

where path joins the parts of the purpose by "/", for example ``split``, ``loader/3`` for epoch 3, ``init``
and ``synthetic``.
"""

from __future__ import annotations

import hashlib

from rtch.errors import ArgumentError

MAX_SEED = 2**63 - 1


def check_seed(seed: int, where: str) -> int:
    """``seed`` itself, when it is an int from 0 to 2**63 - 1; ArgumentError otherwise."""
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= MAX_SEED:
        raise ArgumentError(f"{where}: seed must be an integer from 0 to 2**63 - 1; got {seed!r}", argument="seed")
    return seed


def derive_seed(seed: int, *path: str | int) -> int:
    """The key, below 2**63, of the stream that ``path`` names under ``seed``."""
    check_seed(seed, "derive_seed")
    text = f"rtch:{'/'.join(str(part) for part in path)}:{seed}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") & MAX_SEED
