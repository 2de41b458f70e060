# SPDX-License-Identifier: MIT
from __future__ import annotations

import json
import os
import random
import struct
import tracemalloc

import pytest
from rtch_bytes import GOLDEN, row, rtch

from rtch.checkpoint import format_v1
from rtch.checkpoint.reader import Reader
from rtch.errors import (
    CheckpointDTypeError,
    CheckpointError,
    CheckpointFormatError,
    CheckpointIOError,
    CheckpointLayoutError,
)

DATA = bytes(24)  # what row() needs


def contents(path):
    with Reader(path) as reader:
        return {entry.name: (entry.shape, bytes(reader.read(entry))) for entry in reader.entries}


def doubled(key, value):
    text = json.dumps({"version": 1, "tensors": [row()]}, separators=(",", ":"))
    return text.replace(f'"{key}":', f'"{key}":{value},"{key}":', 1).encode()


def without(key):
    return {name: value for name, value in row().items() if name != key}


def two(**changes):
    """Two tensors of 4 bytes; `changes` go to the second."""
    return [row("a", [1]), {**row("b", [1]), "offset_bytes": 4, **changes}]


HOSTILE_BYTES = {
    "empty file": (b"", "starts with b'RTCH'"),
    "other magic": (rtch([row()], DATA, magic=b"RTCX"), "starts with b'RTCH'; got b'RTCX'"),
    "version 0": (rtch([row()], DATA, version=0), "reads RTCH version 1; got version 0"),
    "version 2": (rtch([row()], DATA, version=2), "reads RTCH version 1; got version 2"),
    "metadata beyond the limit": (rtch([row()], DATA, n_metadata=2**64 - 1), "at most 67108864 bytes"),
    "metadata beyond the file": (rtch([row()], DATA, n_metadata=2**20), "so the file is truncated"),
    "metadata cut": (rtch([row()], DATA, n_metadata=40), "UTF-8 JSON of RTCH version 1"),
    "no metadata": (rtch(b"", b""), "UTF-8 JSON of RTCH version 1"),
    "not UTF-8": (rtch(b'{"version":1,"tensors":[{"name":"\xff"}]}', b""), "UTF-8 JSON"),
    "UTF-8 of a surrogate": (rtch(b'{"version":1,"tensors":[{"name":"\xed\xa0\x80"}]}', b""), "UTF-8 JSON"),
    "byte order mark": (rtch(b'\xef\xbb\xbf{"version":1,"tensors":[]}', b""), "UTF-8 JSON"),
    "JSON array": (rtch(b"[]", b""), "Expected `object`, got `array`"),
    "JSON bomb": (rtch(b"[" * 5_000_000, b""), "Expected `object`, got `array`"),
    "JSON bomb inside": (rtch(b'{"version":1,"tensors":' + b"[" * 5_000_000, b""), "Expected `object`"),
    "JSON bomb in a shape": (
        rtch(b'{"version":1,"tensors":[{"name":"a","shape":' + b"[" * 5_000_000, b""),
        "Expected `int`, got `array`",
    ),
    "JSON bomb under an unknown key": (rtch(b'{"x":' + b'{"x":' * 1_000_000, b""), "unknown field"),
    "trailing JSON": (rtch(b'{"version":1,"tensors":[]}{}', b""), "trailing characters"),
    "metadata version": (rtch([row()], DATA, metadata_version=2), "UTF-8 JSON of RTCH version 1"),
    "metadata version float": (rtch([row()], DATA, metadata_version=1.0), "Expected `int`, got `float`"),
    "no tensors key": (rtch(b'{"version":1}', b""), "missing required field `tensors`"),
    "unknown key": (rtch([row(extra=1)], DATA), "unknown field `extra`"),
    "unknown key at the top": (rtch(b'{"version":1,"tensors":[],"x":[]}', b""), "unknown field `x`"),
    "doubled version": (rtch(doubled("version", 1), DATA), "each key once"),
    "doubled tensors": (rtch(doubled("tensors", "[]"), DATA), "each key once"),
    "doubled name": (rtch(doubled("name", '"a:b\\""'), DATA), "each key once"),
    "doubled shape": (rtch(doubled("shape", "[9]"), DATA), "each key once"),
    **{f"no {key}": (rtch([without(key)], DATA), f"missing required field `{key}`") for key in row()},
    **{f"{key} null": (rtch([{**row(), key: None}], DATA), "got `null`") for key in row()},
    "name empty": (rtch([row("")], DATA), "1 to 4096 bytes"),
    "name too long": (rtch([row("é" * 2049)], DATA), "1 to 4096 bytes of UTF-8; got 4098"),
    "name with NUL": (rtch([row("a\0b")], DATA), "no control characters; got U\\+0000"),
    "name with a newline": (rtch([row("a\nb")], DATA), "no control characters; got U\\+000A"),
    "name with DEL": (rtch([row("\x7f")], DATA), "no control characters; got U\\+007F"),
    "name with a lone surrogate": (
        rtch(json.dumps({"version": 1, "tensors": [row("\ud800")]}).encode(), DATA),
        "UTF-8 JSON",
    ),
    "names twice": (rtch(two(name="a"), bytes(8)), "each name stands once"),
    "names out of order": (
        rtch([row("b", [1]), row("a", [1], offset_bytes=4)], bytes(8)),
        "in order of name",
    ),
    "shape negative": (rtch([row(shape=[-2, -3])], DATA), "at least 0; got shape \\[-2, -3\\]"),
    "shape float": (rtch([row(shape=[2.0, 3])], DATA), "Expected `int`, got `float`"),
    "shape true": (rtch([row(shape=[True, 6])], DATA), "Expected `int`, got `bool`"),
    "shape text": (rtch([row(shape=["2"], numel=2, strides=[1], len_bytes=8)], DATA), "Expected `int`"),
    "shape rank 33": (rtch([row(shape=[1] * 33)], bytes(4)), "at most 32 dimensions; got 33"),
    "shape huge": (rtch([row(shape=[2**40, 2**40])], b""), "at most 9223372036854775807 bytes"),
    "shape overflows to 0": (rtch([row(shape=[2**32, 2**32], numel=0, len_bytes=0)], b""), "at most"),
    "shape empty and huge": (rtch([row(shape=[0, 2**40, 2**40])], b""), "at most 9223372036854775807 bytes"),
    "shape with 4,000 digits": (rtch([row(shape=[10**3999])], b""), "at most 9223372036854775807 bytes"),
    "numel wrong": (rtch([row(numel=5)], DATA), "has 6 elements; got numel 5"),
    "numel negative": (rtch([row(numel=-6)], DATA), "has 6 elements; got numel -6"),
    "len_bytes wrong": (rtch([row(len_bytes=20)], DATA), "take 24 bytes; got len_bytes 20"),
    "len_bytes negative": (rtch([row(len_bytes=-24)], DATA), "take 24 bytes; got len_bytes -24"),
    "offset negative": (rtch([row(offset_bytes=-4)], DATA), "24 bytes at offset -4"),
    "offset beyond the file": (rtch([row(offset_bytes=2**62)], DATA), "so the file is truncated or damaged"),
    "offset overflows": (rtch([row(offset_bytes=2**64 - 4)], DATA), "so the file is truncated or damaged"),
    "data missing": (rtch([row()], b""), "data section has 0 bytes, so the file is truncated"),
    "data cut": (rtch([row()], DATA[:-1]), "data section has 23 bytes, so the file is truncated"),
    "data too long": (rtch([row()], DATA + b"\0"), "ends with its last tensor; got 1 extra bytes"),
    "data without tensors": (rtch([], DATA), "ends with its last tensor; got 24 extra bytes"),
    "hole": (rtch(two(offset_bytes=8), bytes(12)), "a hole: offset 8 where 4 is next"),
    "hole in front": (rtch([row(offset_bytes=4)], bytes(28)), "a hole: offset 4 where 0 is next"),
    "overlap": (rtch(two(offset_bytes=2), bytes(6)), "an overlap: offset 2 where 4 is next"),
    "same place": (rtch(two(offset_bytes=0), bytes(4)), "an overlap: offset 0 where 4 is next"),
    "empty inside another": (rtch([row("a"), row("b", [0], offset_bytes=4)], DATA), "an overlap: offset 4"),
}


@pytest.mark.parametrize("case", HOSTILE_BYTES)
def test_broken_file_is_a_format_error(tmp_path, case):
    """Each broken rule gives one printable line that starts with the path and says what is wrong."""
    content, says = HOSTILE_BYTES[case]
    path = tmp_path / "hostile.rtch"
    path.write_bytes(content)

    with pytest.raises(CheckpointFormatError, match=says) as caught:
        contents(path)

    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert message.isprintable()
    assert len(message) < len(str(path)) + 600
    assert str(path) == caught.value.path


@pytest.mark.parametrize("dtype", ["f64", "F32", "float32", "bf16", "", "f32\n"])
def test_other_dtype(tmp_path, dtype):
    """A dtype other than f32 is a dtype error with the tensor's name."""
    path = tmp_path / "dtype.rtch"
    path.write_bytes(rtch([row(dtype=dtype)], DATA))

    with pytest.raises(CheckpointDTypeError, match="'f32' only and nothing is cast") as caught:
        contents(path)

    assert (str(path), "w", dtype) == (caught.value.path, caught.value.name, caught.value.dtype)


@pytest.mark.parametrize("strides", [[1, 2], [3, -1], [0, 0], [6, 1], [3], [], [3, 1, 1], [2**63, 1], [10**4000, 1]])
def test_other_layout(tmp_path, strides):
    """Strides other than row-major are a layout error with the tensor's name."""
    path = tmp_path / "layout.rtch"
    path.write_bytes(rtch([row(strides=strides)], DATA))

    with pytest.raises(CheckpointLayoutError, match="row-major strides only, here \\[3, 1\\]") as caught:
        contents(path)

    assert (str(path), "w", tuple(strides)) == (caught.value.path, caught.value.name, caught.value.strides)


@pytest.mark.parametrize("name", ["v1_main", "v1_rank6"])
def test_every_truncation(tmp_path, name):
    """A file cut at any byte is a format error."""
    whole = (GOLDEN / f"{name}.rtch").read_bytes()
    path = tmp_path / "cut.rtch"
    for n_bytes in range(len(whole)):
        path.write_bytes(whole[:n_bytes])
        with pytest.raises(CheckpointFormatError, match=r"starts with b'RTCH'|truncated"):
            contents(path)


@pytest.mark.parametrize("seed", range(2))
def test_random_damage(tmp_path, seed):
    """1,500 random changes a seed: a checkpoint error, or names and shapes with all the data they need."""
    rng = random.Random(seed)
    whole = (GOLDEN / "v1_main.rtch").read_bytes()
    n_metadata = int.from_bytes(whole[8:16], "little")
    path = tmp_path / "damaged.rtch"
    outcomes = {"error": 0, "read": 0}
    for _ in range(1500):
        damaged = bytearray(whole)
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(16 + n_metadata if rng.random() < 0.9 else len(damaged))
            kind = rng.random()
            if kind < 0.6:
                damaged[at] = rng.choice(b'0123456789-",:[]{}.eE\\\x00\xff') if kind < 0.4 else rng.randrange(256)
            elif kind < 0.8:
                damaged[at : at + rng.randint(1, 8)] = b""
            else:
                damaged[at:at] = damaged[rng.randrange(len(damaged)) :][: rng.randint(1, 40)]
            if rng.random() < 0.5:  # keep the length field true, so that damage reaches the parser
                damaged[8:16] = struct.pack("<Q", n_metadata + len(damaged) - len(whole))
        path.write_bytes(damaged)
        try:
            found = contents(path)
        except CheckpointError as error:
            assert str(error).isprintable()
            outcomes["error"] += 1
        else:
            assert sum(len(data) for _, data in found.values()) == len(damaged) - 16 - int.from_bytes(
                damaged[8:16], "little"
            )
            outcomes["read"] += 1
    assert outcomes["error"] > 1000
    assert outcomes["read"] > 10


@pytest.mark.parametrize(
    "content",
    [
        rtch([row()], DATA, n_metadata=2**40),
        rtch([row()], DATA, n_metadata=format_v1.MAX_METADATA_BYTES),
        rtch([row(shape=[2**40])], b""),
        rtch([row(shape=[2**40])], DATA),
        rtch([row(shape=[2**40], numel=6, len_bytes=24)], DATA),
    ],
)
def test_huge_lengths_take_no_memory(tmp_path, content):
    """Lengths that a small file announces are refused before memory is taken for them."""
    path = tmp_path / "huge.rtch"
    path.write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(CheckpointFormatError):
            contents(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 200_000


def test_sparse_file(tmp_path):
    """A terabyte of nothing behind a small header is refused without reading it."""
    path = tmp_path / "sparse.rtch"
    path.write_bytes(rtch([row()], DATA))
    os.truncate(path, 2**40)

    with pytest.raises(CheckpointFormatError, match="extra bytes"):
        contents(path)


def test_missing_file(tmp_path):
    """A missing file is an OSError too, with errno and path."""
    path = tmp_path / "none.rtch"
    with pytest.raises(CheckpointIOError, match="can't be opened; got No such file or directory") as caught:
        Reader(path)

    assert (2, str(path)) == (caught.value.errno, caught.value.path)
    assert isinstance(caught.value, OSError)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_pipe_does_not_block(tmp_path):
    """A named pipe is refused instead of waited for."""
    path = tmp_path / "pipe.rtch"
    os.mkfifo(path)
    other_end = os.open(path, os.O_RDWR)  # with it, a reader that does open the pipe fails here and doesn't hang
    try:
        with pytest.raises(CheckpointIOError, match="no regular file"):
            Reader(path)
    finally:
        os.close(other_end)


@pytest.mark.parametrize("path", ["", "a\0b", "x" * 5000])
def test_impossible_path(path):
    """A path that no system takes is an I/O error."""
    with pytest.raises(CheckpointIOError):
        Reader(path)


def test_folder(tmp_path):
    """A folder is no checkpoint file."""
    with pytest.raises(CheckpointIOError, match="no regular file"):
        Reader(tmp_path)


def test_file_cut_while_it_is_read(tmp_path):
    """A file that shrinks after it was checked is a format error, never short data."""
    path = tmp_path / "cut.rtch"
    path.write_bytes(rtch([row()], DATA))
    with Reader(path) as reader:
        os.truncate(path, path.stat().st_size - 1)
        with pytest.raises(CheckpointFormatError, match="the file was cut just now; got 23"):
            reader.read(reader.entries[0])
