# SPDX-License-Identifier: MIT
"""run.json: reading, replacing, and the facts that may be set later."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec

from rtch.errors import ArgumentError, RunNotFoundError, StoreIOError
from rtch.store.files import cut_torn_tail, open_for_append, replace_file, store_io, write_whole
from rtch.store.jsonl import damage, decode_record
from rtch.store.records import RUN, VERSION, RunInfo
from rtch.store.values import INT_MAX, INT_MIN, plain_json

MAX_BYTES = 64 << 20
_FIXED = frozenset(RunInfo.__struct_fields__) - {"data", "environment", "seed", "entry"}
_decoder = msgspec.json.Decoder(RunInfo)


def read(folder: Path) -> RunInfo:
    """Return a folder's run.json; RunNotFoundError, StoreIOError or SchemaError where there is none."""
    path = folder / "run.json"
    try:
        if path.stat().st_size > MAX_BYTES:
            raise damage(path, 1, f"run.json has at most {MAX_BYTES} bytes; got {path.stat().st_size}")
        data = path.read_bytes()
    except FileNotFoundError:
        raise RunNotFoundError(f"store: a run has a run.json; got none in {str(folder)!r}", run=folder.name) from None
    except OSError as error:
        raise StoreIOError(f"read: {error.strerror}; got {str(path)!r}", path=str(path)) from error
    record = decode_record(_decoder, data, path, 1)
    if record.schema != RUN or record.version > VERSION:
        raise damage(
            path,
            1,
            f"this rtch reads schema {RUN!r} up to version {VERSION}; got {record.schema!r} {record.version}",
        )
    return record


def write(folder: Path, record: RunInfo) -> None:
    """Replace the run.json of a run's folder, atomically."""
    replace_file(folder / "run.json", msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n")


def set_fact(record: RunInfo, name: str, value: Any) -> None:
    """Set one fact of ``Run.set``; ArgumentError for a field that the store keeps itself."""
    if name in _FIXED:
        raise ArgumentError(f"set: {name!r} is kept by the store and can't be set", argument=name)
    if name in ("data", "environment"):
        if not isinstance(value, dict):
            raise ArgumentError(f"set: {name!r} is a mapping; got {type(value).__name__}", argument=name)
        getattr(record, name).update(plain_json(value, name))
    elif name == "seed":
        record.seed = check_seed(value)
    elif name == "entry":
        record.entry = check_entry(value)
    else:
        record.results[name] = plain_json(value, name)


def check_seed(seed: Any) -> int | None:
    """Return a seed: None or an integer of 64 bits."""
    if seed is None or (type(seed) is int and INT_MIN <= seed <= INT_MAX):
        return seed
    raise ArgumentError(f"seed: an integer of 64 bits is needed; got {seed!r}", argument="seed")


def check_entry(entry: Any) -> str | None:
    """Return an entry point: None or ``"module:function"``."""
    if entry is None or (isinstance(entry, str) and all(entry.partition(":"))):
        return entry
    raise ArgumentError(f"entry: 'module:function' is needed; got {entry!r}", argument="entry")


def append_line(path: Path, header: bytes, line: bytes) -> None:
    """Append a line to a file whose only writer we are, which begins with ``header``."""
    handle = open_for_append(path, new=False)
    try:
        with store_io("write", path):
            cut_torn_tail(handle, path)
            write_whole(handle, line if os.fstat(handle).st_size else header + line, path)
    finally:
        os.close(handle)
