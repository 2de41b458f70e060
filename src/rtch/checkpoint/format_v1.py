# SPDX-License-Identifier: MIT
"""RTCH version 1: float32 tensors by name, in one file. This module knows bytes and no tensors.

All integers are little-endian::

    offset      size  what
    0           4     the bytes "RTCH"
    4           4     u32 version = 1
    8           8     u64 length of the metadata, M
    16          M     metadata, UTF-8 JSON
    16 + M      D     data section: the tensors' float32 elements, row-major

    metadata    {"version":1,"tensors":[{"name":"bias","shape":[5],"strides":[1],"numel":5,
                 "offset_bytes":0,"len_bytes":20,"dtype":"f32","requires_grad":true}, ...]}

Tensors stand in order of name, by code point, which is the order of the UTF-8 bytes. ``strides`` counts
elements, ``offset_bytes`` is relative to the data section. The tensors cover the data section without holes
or overlaps, and the file ends where it ends; there is no padding. ``docs/formats/rtch.md`` is the spec.

Every length in a file is checked against the limits below and the file's real size before anything is
allocated for it, so a file can't make its reader use more memory than a small multiple of its own length.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Final, Literal, NamedTuple

import msgspec

from rtch.checkpoint.problems import Site

MAGIC = b"RTCH"
VERSION: Final = 1
DTYPE = "f32"
ITEMSIZE = 4
HEADER_BYTES = 16

MAX_METADATA_BYTES = 64 * 1024 * 1024
MAX_TENSORS = 1 << 18
MAX_NAME_BYTES = 4096
MAX_RANK = 32
MAX_DATA_BYTES = (1 << 63) - 1

_HEADER = struct.Struct("<4sIQ")
_KEYS_PER_FILE = 2
_KEYS_PER_TENSOR = 8
_JSON_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_CONTROL = re.compile("[\\x00-\\x1f\\x7f-\\x9f]")


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One tensor's row in the metadata; the fields stand in the file's order."""

    name: str
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    numel: int
    offset_bytes: int
    len_bytes: int
    dtype: str
    requires_grad: bool


class _Metadata(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: Literal[1]
    tensors: list[Entry]


class Record(NamedTuple):
    """One tensor to write: ``data`` is a C-contiguous buffer of little-endian float32 elements, row-major."""

    name: str
    shape: tuple[int, ...]
    data: bytes | bytearray | memoryview
    requires_grad: bool = False
    dtype: str = DTYPE


def row_major_strides(shape: Sequence[int]) -> tuple[int, ...]:
    """Return, for each axis, the product of the sizes after it."""
    strides: list[int] = []
    step = 1
    for size in reversed(shape):
        strides.append(step)
        step *= size
    return tuple(reversed(strides))


def encode(records: Iterable[Record], path: str) -> Iterator[bytes | memoryview]:
    """Return the file's bytes in chunks: header and metadata, then each tensor's data, not copied.

    The same records give the same bytes, in whatever order they come. `path` only names the file in errors.
    All checks run before the first chunk is made.

    Raises:
        CheckpointDTypeError: a dtype other than "f32".
        CheckpointFormatError: a name, rank, size or length outside the format, or a name given twice.
    """
    entries: list[Entry] = []
    chunks: list[bytes | memoryview] = []
    offset = 0
    for record in sorted(records, key=lambda record: record.name):
        site = Site(path, record.name)
        shape = tuple(record.shape)
        data = memoryview(record.data)
        check_name(record.name, site)
        _check_dtype(record.dtype, site)
        numel = _checked_numel(shape, site)
        if data.nbytes != numel * ITEMSIZE:
            site.refuse(f"shape {list(shape)} needs {numel * ITEMSIZE} bytes", data.nbytes)
        strides = row_major_strides(shape)
        needs_grad = bool(record.requires_grad)
        entries.append(Entry(record.name, shape, strides, numel, offset, data.nbytes, DTYPE, needs_grad))
        chunks.append(data)
        offset += data.nbytes
    _check_list(entries, path)
    metadata = msgspec.json.encode(_Metadata(VERSION, entries))
    _check_metadata_bytes(len(metadata), path)
    return iter([_HEADER.pack(MAGIC, VERSION, len(metadata)) + metadata, *chunks])


def parse_header(header: bytes, file_bytes: int, path: str) -> int:
    """Check the first 16 bytes (fewer where the file is shorter); return the length of the metadata.

    Raises:
        CheckpointFormatError: another magic or version, a length beyond the limit or the end of the file.
    """
    site = Site(path)
    if not header or not header.startswith(MAGIC[: len(header)]):
        site.refuse(f"an RTCH file starts with {MAGIC!r}", header[: len(MAGIC)])
    if len(header) < HEADER_BYTES:
        site.refuse(f"the header has {HEADER_BYTES} bytes, so the file is truncated", f"{file_bytes} bytes")
    _, version, n_metadata = _HEADER.unpack(header)
    if version != VERSION:
        site.refuse(f"this release reads RTCH version {VERSION}", f"version {version}")
    _check_metadata_bytes(n_metadata, path)
    if n_metadata > file_bytes - HEADER_BYTES:
        rule = f"the header announces {n_metadata} bytes of metadata, so the file is truncated"
        site.refuse(rule, f"{file_bytes - HEADER_BYTES} bytes")
    return int(n_metadata)


def parse_metadata(metadata: bytes, data_bytes: int, path: str) -> list[Entry]:
    """Check the metadata against the format and a data section of `data_bytes`; return its rows.

    Raises:
        CheckpointFormatError: broken JSON, a missing, unknown or doubled key, names out of order or given
            twice, a shape out of range, or data that does not cover the data section exactly.
        CheckpointDTypeError: a dtype other than "f32".
        CheckpointLayoutError: strides that are not row-major.
    """
    try:
        entries = msgspec.json.decode(metadata, type=_Metadata).tensors
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        Site(path).refuse("metadata is the UTF-8 JSON of RTCH version 1", error)
    # The typed decoder keeps the last of two equal keys. As every key is required and none may be unknown, a
    # doubled key shows as one colon too many outside the strings.
    n_keys = _JSON_STRING.sub(b"", metadata).count(b":")
    if n_keys != _KEYS_PER_FILE + _KEYS_PER_TENSOR * len(entries):
        Site(path).refuse("a metadata object has each key once", f"{n_keys} keys for {len(entries)} tensors")
    _check_list(entries, path)
    for entry in entries:
        _check_entry(entry, data_bytes, Site(path, entry.name))
    _check_coverage(entries, data_bytes, path)
    return entries


def _check_metadata_bytes(n_bytes: int, path: str) -> None:
    if n_bytes > MAX_METADATA_BYTES:
        Site(path).refuse(f"metadata has at most {MAX_METADATA_BYTES} bytes", n_bytes)


def _check_list(entries: Sequence[Entry], path: str) -> None:
    if len(entries) > MAX_TENSORS:
        Site(path).refuse(f"a file holds at most {MAX_TENSORS} tensors", len(entries))
    for before, entry in pairwise(entries):
        if before.name == entry.name:
            Site(path, entry.name).refuse("each name stands once", "it twice")
        if before.name > entry.name:
            Site(path, entry.name).refuse("tensors stand in order of name", f"it after {before.name!r}")


def _check_entry(entry: Entry, data_bytes: int, site: Site) -> None:
    check_name(entry.name, site)
    _check_dtype(entry.dtype, site)
    numel = _checked_numel(entry.shape, site)
    if entry.numel != numel:
        site.refuse(f"shape {list(entry.shape)} has {numel} elements", f"numel {entry.numel}")
    if entry.len_bytes != numel * ITEMSIZE:
        site.refuse(f"{numel} elements take {numel * ITEMSIZE} bytes", f"len_bytes {entry.len_bytes}")
    strides = row_major_strides(entry.shape)
    # Writers disagree on whether an axis of size 0 counts as 0 or as 1; nothing is read through such strides.
    if entry.strides != strides and (
        numel > 0 or entry.strides != row_major_strides([max(1, size) for size in entry.shape])
    ):
        site.refuse_layout(f"version 1 holds row-major strides only, here {list(strides)}", entry.strides)
    if not 0 <= entry.offset_bytes <= data_bytes - entry.len_bytes:
        rule = f"the data section has {data_bytes} bytes, so the file is truncated or damaged"
        site.refuse(rule, f"{entry.len_bytes} bytes at offset {entry.offset_bytes}")


def _check_coverage(entries: Sequence[Entry], data_bytes: int, path: str) -> None:
    end = 0
    for entry in sorted(entries, key=lambda entry: (entry.offset_bytes, entry.len_bytes)):
        if entry.offset_bytes != end:
            what = "an overlap" if entry.offset_bytes < end else "a hole"
            rule = "tensors cover the data section without holes or overlaps"
            Site(path, entry.name).refuse(rule, f"{what}: offset {entry.offset_bytes} where {end} is next")
        end += entry.len_bytes
    if end != data_bytes:
        Site(path).refuse("the file ends with its last tensor", f"{data_bytes - end} extra bytes")


def check_name(name: str, site: Site) -> None:
    """Refuse a name outside the format."""
    try:
        n_bytes = len(name.encode("utf-8"))
    except UnicodeEncodeError:
        site.refuse("a name is valid Unicode", "a lone surrogate")
    if not 1 <= n_bytes <= MAX_NAME_BYTES:
        site.refuse(f"a name has 1 to {MAX_NAME_BYTES} bytes of UTF-8", n_bytes)
    if found := _CONTROL.search(name):
        site.refuse("a name has no control characters", f"U+{ord(found[0]):04X}")


def _check_dtype(dtype: str, site: Site) -> None:
    if dtype != DTYPE:
        site.refuse_dtype(f"version 1 holds dtype {DTYPE!r} only and nothing is cast", dtype)


def _checked_numel(shape: Sequence[int], site: Site) -> int:
    """Return the number of elements; bounding the product of the non-zero sizes bounds the strides too."""
    if len(shape) > MAX_RANK:
        site.refuse(f"a tensor has at most {MAX_RANK} dimensions", len(shape))
    n_bytes = ITEMSIZE
    for size in shape:
        if size < 0:
            site.refuse("a size is at least 0", f"shape {list(shape)}")
        n_bytes *= max(1, size)
        if n_bytes > MAX_DATA_BYTES:
            site.refuse(f"a tensor has at most {MAX_DATA_BYTES} bytes", f"shape {list(shape)}")
    return 0 if 0 in shape else n_bytes // ITEMSIZE
