# SPDX-License-Identifier: MIT
"""Whether this machine computes the bits that rtch promises: digest.txt holds the digest of every kernel."""

from __future__ import annotations

from importlib.resources import files
from typing import NamedTuple

from rtch._c import ffi, lib


class Part(NamedTuple):
    """One kernel's digest here and as it should be, 16 hexadecimal digits each."""

    name: str
    found: str
    expected: str


def expected_digests() -> dict[str, str]:
    """Digest by kernel, as recorded for this numerics version."""
    lines = files("rtch._c").joinpath("digest.txt").read_text(encoding="ascii").splitlines()
    return dict(line.split() for line in lines)


def run() -> list[Part]:
    """Run every kernel on its fixed inputs, with the instruction set and threads in use. Takes well under a second."""
    expected = expected_digests()
    parts = []
    for i in range(lib.rt_digest_parts()):
        title = lib.rt_digest_name(i)
        if not title:  # no kernel of ours
            continue
        name = ffi.string(title).decode()
        parts.append(Part(name, f"{lib.rt_digest(i):016x}", expected.get(name, "")))
    return parts
