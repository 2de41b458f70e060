# SPDX-License-Identifier: MIT
from __future__ import annotations

import errno
import os
import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rtch_bytes import GOLDEN, golden_records, row, rtch

import rtch as library
from rtch import checkpoint
from rtch.checkpoint import format_v1
from rtch.creation import from_bytes
from rtch.dtypes import bool_, float32, float64, int64
from rtch.errors import CheckpointDTypeError, CheckpointFormatError, CheckpointIOError


def tensor(data, shape, requires_grad=False):
    made = from_bytes(data, float32, shape)
    return made.requires_grad_() if requires_grad else made


def facts(state):
    return {name: (value.dtype, value.shape, value.tobytes(), value.requires_grad) for name, value in state.items()}


@pytest.mark.parametrize("name", ["v1_main", "v1_rank6"])
def test_golden_file(tmp_path, name):
    """A version 1 file becomes tensors, and they become the same file."""
    state = checkpoint.load(GOLDEN / f"{name}.rtch")
    checkpoint.save(state, tmp_path / "again.rtch")

    expected = {r.name: (float32, r.shape, r.data, r.requires_grad) for r in golden_records(name)}
    assert expected == facts(state)
    assert (GOLDEN / f"{name}.rtch").read_bytes() == (tmp_path / "again.rtch").read_bytes()


@st.composite
def states(draw):
    names = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)
    state = {}
    for name in draw(st.lists(names, unique=True, max_size=5)):
        shape = draw(st.lists(st.integers(0, 3), max_size=8).map(tuple))
        n_bytes = 4
        for size in shape:
            n_bytes *= size
        data = random.Random(draw(st.integers(0, 2**32))).randbytes(n_bytes)
        state[name] = tensor(data, shape, draw(st.booleans()))
    return state


@given(states())
def test_what_is_saved_is_loaded(tmp_path_factory, state):
    """Names, shapes of any rank, every bit and requires_grad come back, in order of name."""
    path = tmp_path_factory.mktemp("round") / "trip.rtch"
    checkpoint.save(state, path)
    loaded = checkpoint.load(path)

    assert facts(state) == facts(loaded)
    assert sorted(state) == list(loaded)


def test_same_state_gives_the_same_bytes(tmp_path):
    """Order of the mapping and memory layout don't reach the file."""
    x = tensor(struct.pack("<6f", *range(6)), (2, 3))
    checkpoint.save({"a": x, "b": x.T}, tmp_path / "one.rtch")
    copied = library.asarray(x.T.tolist())
    checkpoint.save({"b": copied, "a": x}, tmp_path / "two.rtch")

    assert (tmp_path / "one.rtch").read_bytes() == (tmp_path / "two.rtch").read_bytes()


@pytest.mark.parametrize(
    "view",
    [
        pytest.param(lambda x: x.T, id="transposed"),
        pytest.param(lambda x: x[::-1, ::2], id="negative step"),
        pytest.param(lambda x: x[1:, 1:], id="offset"),
        pytest.param(lambda x: library.broadcast_to(x[0, 0], (2, 2)), id="broadcast"),
        pytest.param(lambda x: x[0, 0], id="scalar view"),
        pytest.param(lambda x: x[2:], id="empty view"),
    ],
)
def test_views_are_saved_by_value(tmp_path, view):
    """A view of any layout is saved as what it shows."""
    x = view(tensor(struct.pack("<6f", *range(6)), (2, 3)))
    checkpoint.save({"x": x}, tmp_path / "view.rtch")

    assert x.tolist() == checkpoint.load(tmp_path / "view.rtch")["x"].tolist()


def test_loaded_tensors_are_our_own(tmp_path):
    """Writing to a loaded tensor, or removing the file, changes no other."""
    path = tmp_path / "own.rtch"
    checkpoint.save({"a": library.zeros((2,)), "b": library.zeros((2,))}, path)
    loaded = checkpoint.load(path)
    path.unlink()
    loaded["a"][0] = 5.0

    assert loaded["a"].tolist() == [5.0, 0.0]
    assert loaded["b"].tolist() == [0.0, 0.0]


def test_part_of_a_graph_is_saved_as_its_value(tmp_path):
    """A result of a recorded call is saved with its value and loaded as a leaf."""
    weight = library.ones((2,)).requires_grad_()
    checkpoint.save({"y": weight * 3.0}, tmp_path / "graph.rtch")
    loaded = checkpoint.load(tmp_path / "graph.rtch")["y"]

    assert loaded.tolist() == [3.0, 3.0]
    assert loaded.requires_grad
    assert loaded.is_leaf


@pytest.mark.parametrize("dtype", [float64, int64, bool_])
def test_other_dtypes_are_refused(tmp_path, dtype):
    """Nothing is cast: another dtype is an error with the tensor's name, and the old file stands."""
    path = tmp_path / "dtype.rtch"
    path.write_bytes(b"old")
    with pytest.raises(CheckpointDTypeError, match="tensor 'x': version 1 holds dtype 'f32' only") as caught:
        checkpoint.save({"a": library.zeros(2), "x": library.zeros(2, dtype=dtype)}, path)

    assert (dtype.name, "x", str(path)) == (caught.value.dtype, caught.value.name, caught.value.path)
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ([("a", 1)], "a state is a mapping of names to tensors; got list"),
        ({1: library.zeros(1)}, "a name is a string; got 1"),
        ({"a": [1.0]}, "tensor 'a': a state holds tensors only; got list"),
        ({"a\n": library.zeros(1)}, "no control characters"),
    ],
)
def test_states_that_are_refused(tmp_path, state, says):
    """A state that is no mapping of good names to tensors is refused before the file is touched."""
    with pytest.raises(CheckpointFormatError, match=says):
        checkpoint.save(state, tmp_path / "bad.rtch")

    assert list(tmp_path.iterdir()) == []


def test_full_disk(tmp_path, monkeypatch):
    """ENOSPC keeps the old file, and the tensors in it."""
    path = tmp_path / "full.rtch"
    checkpoint.save({"a": library.ones(2)}, path)

    def fsync(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(CheckpointIOError, match="No space left on device"):
        checkpoint.save({"a": library.zeros(2)}, path)

    assert checkpoint.load(path)["a"].tolist() == [1.0, 1.0]
    assert [entry.name for entry in tmp_path.iterdir()] == ["full.rtch"]


def test_empty_tensor_of_huge_sizes(tmp_path):
    """A shape that the format allows is loaded, however large the sizes beside a 0."""
    path = tmp_path / "huge.rtch"
    path.write_bytes(rtch([row("e", [2**40, 0, 2**20])], b""))

    assert checkpoint.load(path)["e"].shape == (2**40, 0, 2**20)


def test_highest_rank(tmp_path):
    """The format's highest rank is the highest that a tensor can have."""
    shape = (1,) * format_v1.MAX_RANK
    checkpoint.save({"x": library.ones(shape)}, tmp_path / "rank.rtch")

    assert checkpoint.load(tmp_path / "rank.rtch")["x"].shape == shape
    with pytest.raises(ValueError, match="32"):
        library.ones((*shape, 1))


def test_public_names():
    """rtch.save and rtch.load are the checkpoint's."""
    assert library.save is checkpoint.save
    assert library.load is checkpoint.load
