# SPDX-License-Identifier: MIT
"""registry.jsonl: an index of all runs, appended to by many processes; with it listing opens few runs.

run.json is the truth; the registry can be rebuilt from it and is believed only where it can't be stale: a run
that it calls running, and a run folder that it doesn't know, are looked up in run.json. Writers append under
a lock, one whole record in one write, beginning with a newline if a killed writer left a fragment, and never
cut anything. A reader skips what it can't read, with a warning.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from rtch.errors import StoreIOError
from rtch.store.files import open_for_append, store_io
from rtch.store.jsonl import encode_line, header_line
from rtch.store.locks import FileLock
from rtch.store.records import REGISTRY, VERSION, Header, RegistryLine

LOCK_SECONDS = 10.0
_MAX_WARNINGS = 20
_line_decoder = msgspec.json.Decoder(RegistryLine)
_header_decoder = msgspec.json.Decoder(Header)


def append(store: Path, record: RegistryLine) -> None:
    """Append one record to the registry of the store in folder ``store``."""
    path = store / "registry.jsonl"
    lock = FileLock(store / "registry.lock")
    if not lock.acquire(LOCK_SECONDS):
        raise StoreIOError(
            f"registry: another process held the lock for {LOCK_SECONDS:.0f} s; got {str(lock.path)!r}",
            path=str(lock.path),
        )
    try:
        handle = open_for_append(path, new=False)
        try:
            _write_record(handle, path, encode_line(record))
        finally:
            os.close(handle)
    finally:
        lock.release()


def _write_record(handle: int, path: Path, line: bytes) -> None:
    """Write ``line`` to a file that may be empty or end in a fragment; the caller holds the lock."""
    with store_io("registry", path):
        size = os.fstat(handle).st_size
        if size == 0:
            line = header_line(REGISTRY) + line
        else:
            os.lseek(handle, size - 1, os.SEEK_SET)
            if os.read(handle, 1) != b"\n":
                line = b"\n" + line
        view = memoryview(line)
        while view:  # never cut what is shared: a rest is written behind, and a failure leaves a fragment
            view = view[os.write(handle, view) :]


def read(store: Path) -> tuple[list[RegistryLine], list[str]]:
    """Return the readable records in order, and a warning for each fragment."""
    path = store / "registry.jsonl"
    if not path.exists():
        return [], []
    with store_io("read", path):
        data = path.read_bytes()
    first, _, rest = data.partition(b"\n")
    warnings: list[str] = []
    start = 2
    try:
        header = _header_decoder.decode(first)
        if header.schema != REGISTRY or header.version > VERSION:
            return [], [f"{path}: line 1: not a registry of version {VERSION}, the runs' own files are read instead"]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        rest, start = data, 1
    try:
        records = _line_decoder.decode_lines(rest)
        if len(records) == rest.count(b"\n"):
            return records, warnings
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    records = []
    skipped = 0
    for number, line in enumerate(rest.split(b"\n"), start):
        if not line:
            continue
        try:
            records.append(_line_decoder.decode(line))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            skipped += 1
            if skipped <= _MAX_WARNINGS:
                warnings.append(f"{path}: line {number}: unreadable fragment of {len(line)} bytes ignored")
    if skipped > _MAX_WARNINGS:
        warnings.append(f"{path}: {skipped - _MAX_WARNINGS} more unreadable fragments ignored")
    return records, warnings
