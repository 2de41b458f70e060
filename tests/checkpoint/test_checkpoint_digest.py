# SPDX-License-Identifier: MIT
from __future__ import annotations

import hashlib
import struct

import pytest

import rtch as library
from rtch.checkpoint import digest, state_sha256
from rtch.creation import from_bytes
from rtch.dtypes import bool_, float32, float64, int64
from rtch.errors import CheckpointFormatError


def u64(*values):
    return struct.pack(f"<{len(values)}Q", *values)


def test_definition():
    """The hash is SHA-256 over exactly the bytes that the docstring lists."""
    state = {
        "ü": library.asarray([[True, False]]),
        "b": library.asarray([1.5, -2.0]).requires_grad_(),
        "a": library.asarray(-3),
        "empty": library.zeros((0, 4), dtype=float64),
    }
    expected = b"rtch-state-1\n" + u64(4)
    expected += u64(1) + b"a" + u64(5) + b"int64" + u64(0) + struct.pack("<q", -3)
    expected += u64(1) + b"b" + u64(7) + b"float32" + u64(1, 2) + struct.pack("<2f", 1.5, -2.0)
    expected += u64(5) + b"empty" + u64(7) + b"float64" + u64(2, 0, 4)
    expected += u64(2) + "ü".encode() + u64(4) + b"bool" + u64(2, 1, 2) + b"\x01\x00"

    assert hashlib.sha256(expected).hexdigest() == state_sha256(state)


def test_known_hash():
    """The hash of a known state stays the same in all releases."""
    state = {"weight": library.asarray([[1.0, 2.0]]), "bias": library.asarray([0.5])}

    assert state_sha256(state) == "a836524209717d78081d2b8a6bddfaf774e7fa72cebfe6bafd4fada5728b1f2f"


def test_order_layout_and_gradients_do_not_count():
    """Order of the mapping, strides and requires_grad don't reach the hash."""
    x = library.asarray([[1.0, 2.0], [3.0, 4.0]])
    same = library.asarray([[1.0, 3.0], [2.0, 4.0]]).T.requires_grad_()

    assert state_sha256({"a": x, "b": x}) == state_sha256({"b": same, "a": same})


X = library.asarray([1.0, 2.0])


@pytest.mark.parametrize(
    "other",
    [
        {},
        {"y": X},
        {"x": X, "y": X},
        {"x": library.asarray([2.0, 1.0])},
        {"x": library.asarray([1.0, 2.0000002])},
        {"x": library.asarray([[1.0, 2.0]])},
        {"x": library.asarray([1.0, 2.0], dtype=float64)},
        {"x": library.asarray([1, 2], dtype=int64)},
    ],
)
def test_everything_else_counts(other):
    """Names, number of tensors, values, shape and dtype each change the hash."""
    assert state_sha256({"x": X}) != state_sha256(other)


def test_zeros_of_both_signs_differ():
    """-0.0 and 0.0 are two values."""
    assert state_sha256({"x": library.asarray(0.0)}) != state_sha256({"x": library.asarray(-0.0)})


@pytest.mark.parametrize(
    ("dtype", "code", "bits", "canonical"),
    [
        (float32, "<I", [0x7FC00000, 0xFFC00000, 0x7F800001, 0xFFFFFFFF], 0x7FC00000),
        (float64, "<Q", [0x7FF8 << 48, 0xFFF8 << 48, (0x7FF0 << 48) + 1, 2**64 - 1], 0x7FF8 << 48),
    ],
)
def test_all_nans_are_one(dtype, code, bits, canonical):
    """A NaN's sign and payload don't count; infinities stay themselves."""
    hashes = {state_sha256({"x": from_bytes(struct.pack(code, pattern), dtype, ())}) for pattern in bits}
    inf = from_bytes(struct.pack({"<I": "<f", "<Q": "<d"}[code], -float("inf")), dtype, (1,))

    assert len(hashes) == 1
    [pattern] = {digest.canonical_bytes(from_bytes(struct.pack(code, b), dtype, (1,)).numpy()) for b in bits}
    assert struct.pack(code, canonical) == pattern
    assert inf.tobytes() == digest.canonical_bytes(inf.numpy())


def test_blocks_do_not_count(monkeypatch):
    """The size of the blocks that are hashed at once doesn't reach the hash."""
    state = {"x": library.arange(1000), "y": library.ones((7, 9))}
    whole = state_sha256(state)
    monkeypatch.setattr(digest, "_BLOCK", 13)

    assert whole == state_sha256(state)


def test_hashing_leaves_the_tensor_alone():
    """A NaN with a payload keeps its bits in the tensor."""
    data = struct.pack("<I", 0xFFC12345)
    x = from_bytes(data, float32, ())
    state_sha256({"x": x})

    assert data == x.tobytes()


@pytest.mark.parametrize("state", [{"a": 1.0}, {1: X}, {"a": None}])
def test_refuses_what_is_no_state(state):
    """Anything but strings and tensors is an error."""
    with pytest.raises(CheckpointFormatError, match="a state maps strings to tensors"):
        state_sha256(state)


def test_bool_tensor_from_any_byte():
    """A bool is hashed as 0 or 1."""
    assert digest.canonical_bytes(library.asarray([True, False], dtype=bool_).numpy()) == b"\x01\x00"
