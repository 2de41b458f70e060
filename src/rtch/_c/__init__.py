# SPDX-License-Identifier: MIT
"""The C core: the only package that knows cffi. Exports `ffi`, `lib` and `failure` (status to error).

RTCH_ISA forces an instruction set, RTCH_NUM_THREADS the number of threads, RTCH_TUNE names the file of `tuned`.
"""

from __future__ import annotations

import operator
import os
from typing import Any

from rtch._c import tuned
from rtch._c._core import ffi, lib
from rtch._c.status import failure
from rtch.errors import ArgumentError, ConfigError

__all__ = ["failure", "ffi", "get_num_threads", "lib", "set_num_threads"]


def _start() -> None:
    isa = os.environ.get("RTCH_ISA", "")
    asked = os.environ.get("RTCH_NUM_THREADS", "")
    if asked and not (asked.isascii() and asked.isdecimal() and 1 <= int(asked[:9]) <= 256):
        raise ConfigError(f"RTCH_NUM_THREADS: a number from 1 to 256 is needed; got {asked!r}", key="RTCH_NUM_THREADS")
    if lib.rt_init(os.fsencode(isa), int(asked or 0)) != lib.RT_OK:
        known = [name for name in ("avx512", "avx2", "neon", "baseline") if lib.rt_isa_available(name.encode())]
        raise ConfigError(f"RTCH_ISA: one of {', '.join(known)} on this machine; got {isa!r}", key="RTCH_ISA")


def set_num_threads(n: int) -> None:
    """Use n threads, from 1 to 256. No result depends on it.

    Raises:
        ArgumentError: n is out of range.
    """
    is_number = hasattr(n, "__index__") and not isinstance(n, bool)
    if not is_number or lib.rt_set_num_threads(min(max(operator.index(n), -1), 1000)) != lib.RT_OK:
        raise ArgumentError(f"set_num_threads: a number from 1 to 256 is needed; got {n!r}", argument=n)


def get_num_threads() -> int:
    """Number of threads that kernels may use, the calling one included."""
    return int(lib.rt_get_num_threads())


def describe() -> dict[str, Any]:
    """What results were computed with: instruction set, compiler, threads, numerics version."""
    return {
        "isa": ffi.string(lib.rt_isa()).decode(),
        "compiler": ffi.string(lib.rt_compiler()).decode(),
        "threads": get_num_threads(),
        "numerics_version": int(lib.RT_NUMERICS_VERSION),
    }


_start()
tuned.start()
