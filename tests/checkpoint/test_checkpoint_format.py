# SPDX-License-Identifier: MIT
from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rtch_bytes import GOLDEN, golden_records, row, rtch

from rtch.checkpoint import format_v1
from rtch.checkpoint.format_v1 import Record
from rtch.checkpoint.reader import Reader
from rtch.errors import CheckpointDTypeError, CheckpointFormatError

GOLDEN_FILES = ["v1_main", "v1_rank6"]


def written(records):
    return b"".join(bytes(chunk) for chunk in format_v1.encode(records, "test.rtch"))


def read_back(path):
    with Reader(path) as reader:
        return [
            Record(entry.name, entry.shape, bytes(reader.read(entry)), entry.requires_grad, entry.dtype)
            for entry in reader.entries
        ]


@pytest.mark.parametrize("name", GOLDEN_FILES)
def test_reads_golden_file(name):
    """A version 1 file from elsewhere gives its names, shapes, bits and flags."""
    expected = sorted(golden_records(name), key=lambda record: record.name)

    assert expected == read_back(GOLDEN / f"{name}.rtch")


@pytest.mark.parametrize("name", GOLDEN_FILES)
def test_writes_golden_file(name):
    """The writer gives the golden file's bytes from its values."""
    assert (GOLDEN / f"{name}.rtch").read_bytes() == written(golden_records(name))


def test_order_of_records_does_not_reach_the_bytes():
    """The same records in any order give one file."""
    records = golden_records("v1_main")
    shuffled = random.Random(1).sample(records, len(records))

    assert written(records) == written(shuffled)


def test_no_tensors():
    """A file may hold no tensors."""
    assert rtch([], b"") == written([])


def test_names_stand_in_code_point_order(tmp_path):
    """U+FFFD sorts before U+10000, as in UTF-8 and unlike in UTF-16."""
    names = ["\U00010000", "\ufffd", "z", "A"]
    path = tmp_path / "order.rtch"
    path.write_bytes(written([Record(name, (), bytes(4)) for name in names]))

    assert [record.name for record in read_back(path)] == ["A", "z", "\ufffd", "\U00010000"]


def test_data_may_stand_in_any_order(tmp_path):
    """Only names are ordered: offsets need to cover the data section, in whatever order."""
    path = tmp_path / "swapped.rtch"
    path.write_bytes(rtch([row("a", [1], offset_bytes=8), row("b", [2])], bytes(range(12))))

    assert [bytes(range(8, 12)), bytes(range(8))] == [record.data for record in read_back(path)]


@pytest.mark.parametrize("strides", [[0, 3, 1], [3, 3, 1]])
def test_empty_tensor_reads_with_both_customs_of_strides(tmp_path, strides):
    """An axis of size 0 counts as 0 or as 1 in the strides of an empty tensor."""
    path = tmp_path / "empty.rtch"
    path.write_bytes(rtch([row("e", [2, 0, 3], strides=strides)], b""))

    assert [Record("e", (2, 0, 3), b"")] == read_back(path)


def test_metadata_may_have_spaces_and_another_key_order(tmp_path):
    """The metadata is JSON, so spaces and the order of keys carry no meaning."""
    metadata = b"""{ "tensors": [ {"requires_grad": true, "dtype": "f32", "len_bytes": 4, "offset_bytes": 0,
        "numel": 1, "strides": [], "shape": [], "name": "a:\\"b\\u00e9" } ], "version": 1 }"""
    path = tmp_path / "spaced.rtch"
    path.write_bytes(rtch(metadata, bytes(4)))

    assert [Record('a:"bé', (), bytes(4), True)] == read_back(path)


NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)
SHAPES = st.lists(st.integers(0, 3), max_size=8).map(tuple)


@st.composite
def records(draw):
    made = []
    for name in draw(st.lists(NAMES, unique=True, max_size=6)):
        shape = draw(SHAPES)
        n_bytes = 4
        for size in shape:
            n_bytes *= size
        seed = draw(st.integers(0, 2**32))
        made.append(Record(name, shape, random.Random(seed).randbytes(n_bytes), draw(st.booleans())))
    return made


@given(records())
def test_what_is_written_is_read(tmp_path_factory, made):
    """Every set of records comes back, in order of name."""
    path = tmp_path_factory.mktemp("round") / "trip.rtch"
    path.write_bytes(written(made))

    assert sorted(made, key=lambda record: record.name) == read_back(path)


@pytest.mark.parametrize(
    ("records", "says"),
    [
        ([Record("", (), bytes(4))], "1 to 4096 bytes of UTF-8; got 0"),
        ([Record("n" * 4097, (), bytes(4))], "1 to 4096 bytes of UTF-8; got 4097"),
        ([Record("a\nb", (), bytes(4))], "no control characters; got U\\+000A"),
        ([Record("a\x85", (), bytes(4))], "no control characters; got U\\+0085"),
        ([Record("\ud800", (), bytes(4))], "valid Unicode; got a lone surrogate"),
        ([Record("a", (), bytes(4)), Record("a", (), bytes(4))], "each name stands once"),
        ([Record("a", (2,), bytes(4))], "needs 8 bytes; got 4"),
        ([Record("a", (1,) * 33, bytes(4))], "at most 32 dimensions; got 33"),
        ([Record("a", (-1,), b"")], "a size is at least 0; got shape \\[-1\\]"),
        ([Record("a", (0, 2**62), b"")], "at most 9223372036854775807 bytes"),
    ],
)
def test_writer_refuses(records, says):
    """What a reader would refuse is refused before a byte is written."""
    with pytest.raises(CheckpointFormatError, match=says):
        format_v1.encode(records, "test.rtch")


def test_writer_never_casts():
    """Another dtype is an error that carries path, name and dtype."""
    with pytest.raises(CheckpointDTypeError, match="tensor 'a': version 1 holds dtype 'f32' only") as caught:
        format_v1.encode([Record("a", (), bytes(8), dtype="float64")], "test.rtch")

    assert (caught.value.path, caught.value.name, caught.value.dtype) == ("test.rtch", "a", "float64")


def test_writer_limits_tensors(monkeypatch):
    """More tensors than a reader takes are refused."""
    monkeypatch.setattr(format_v1, "MAX_TENSORS", 2)
    with pytest.raises(CheckpointFormatError, match="at most 2 tensors; got 3"):
        format_v1.encode([Record(name, (), bytes(4)) for name in "abc"], "test.rtch")
