# SPDX-License-Identifier: MIT
"""What `rtch bench tune` has found out about this machine, read when the C core starts.

::

    version = 1
    threads = 8                  # it is used where both fit
    isa = "avx2"

    [grains]                     # see rt_set_grain: powers of two from 2,048 to 2^40
    cheap = 65536
    costly = 4096
    batch = 32768

The file is what RTCH_TUNE names, else rtch/tune.toml in $XDG_CONFIG_HOME or ~/.config; RTCH_TUNE="" names none. One
that can't be used is ignored with a warning, since no result depends on it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

from rtch._c._core import ffi, lib

VERSION = 1
FAMILIES = {"cheap": int(lib.RT_WORK_CHEAP), "costly": int(lib.RT_WORK_COSTLY), "batch": int(lib.RT_WORK_BATCH)}
LEAST, MOST = 2**11, 2**40
DEFAULTS = {name: int(lib.rt_get_grain(number)) for name, number in FAMILIES.items()}


class Tuned(NamedTuple):
    """The file, if there is one to look for; whether it is in use; why not, where it is there."""

    path: str | None
    used: bool
    problem: str


state = Tuned(None, False, "")


def path() -> str | None:
    """Where the file is or would be; None: nowhere."""
    asked = os.environ.get("RTCH_TUNE")
    if asked is not None:
        return asked or None
    folder = Path(os.environ.get("XDG_CONFIG_HOME", ""))
    if not folder.is_absolute():  # as the specification says of the variable
        try:
            folder = Path.home() / ".config"
        except RuntimeError:  # nobody knows where that is
            return None
    return str(folder / "rtch" / "tune.toml") if folder.is_absolute() else None


def grains() -> dict[str, int]:
    """Those in use."""
    return {name: int(lib.rt_get_grain(number)) for name, number in FAMILIES.items()}


def isa() -> str:
    """The instruction set in use."""
    return str(ffi.string(lib.rt_isa()).decode())


def start() -> None:
    """Use the file, if there is one."""
    global state
    where = path()
    asked = bool(os.environ.get("RTCH_TUNE"))
    if where is None or not (asked or Path(where).exists()):
        state = Tuned(where, False, "")
        return
    try:
        found = _checked(_read(where))
    except (OSError, ValueError) as error:
        _ignore(where, (getattr(error, "strerror", None) or str(error)).partition("\n")[0])
        return
    for name, grain in found.items():
        lib.rt_set_grain(FAMILIES[name], grain)
    state = Tuned(where, True, "")


def _ignore(where: str, problem: str) -> None:
    global state
    from rtch.logs import logger

    state = Tuned(where, False, problem)
    logger("rtch.tuned").warning("%s is not used: %s; `rtch bench tune` writes it anew", where, problem)


def _read(where: str) -> dict[str, Any]:
    import tomllib

    with Path(where).open("rb") as file:
        return tomllib.load(file)


def _checked(facts: dict[str, Any]) -> dict[str, int]:
    """The grains of a file; ValueError where it can't be used here."""
    if facts.get("version") != VERSION:
        raise ValueError(f"version must be {VERSION}; got {facts.get('version')!r:.40}")
    for name, here in (("threads", int(lib.rt_default_num_threads())), ("isa", isa())):
        if facts.get(name) != here:
            raise ValueError(f"it was measured with other {name}, {facts.get(name)!r:.40}; here it is {here!r}")
    found = facts.get("grains")
    if not isinstance(found, dict) or set(found) - set(FAMILIES):
        raise ValueError(f"grains must be a table of {', '.join(FAMILIES)}; got {found!r:.60}")
    for name, grain in found.items():
        if type(grain) is not int or not LEAST <= grain <= MOST or grain & (grain - 1):
            raise ValueError(f"grains.{name} must be a power of two from {LEAST} to {MOST}; got {grain!r:.40}")
    return found
