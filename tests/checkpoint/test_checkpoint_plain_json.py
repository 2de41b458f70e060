# SPDX-License-Identifier: MIT
from __future__ import annotations

import json
import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtch.checkpoint import plain_json
from rtch.checkpoint.problems import Site
from rtch.errors import CheckpointFormatError

SITE = Site("state.json")


class FakeTensor:
    """Stands for a tensor, which this module never looks into."""


def no_tensor(value, at):
    return None


def trip(value):
    text = plain_json.dump(plain_json.to_plain(value, SITE, no_tensor), SITE)
    return plain_json.from_plain(plain_json.parse(text, SITE), SITE, SITE.refuse)


def shown(value):
    """Return text that tells apart what == does not: types, the sign of zero, key types, NaN."""
    if isinstance(value, dict):
        return f"dict({[(shown(key), shown(item)) for key, item in value.items()]})"
    if isinstance(value, list | tuple):
        return f"{type(value).__name__}({[shown(item) for item in value]})"
    return f"{type(value).__name__}:{value!r}"


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
KEYS = st.one_of(TEXT, st.sampled_from(["$float", "$dict", "$x", "$"]), st.integers(), st.booleans(), st.none())
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXT)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(KEYS, inner, max_size=4),
    ),
    max_leaves=20,
)


@given(VALUES)
def test_round_trip(value):
    """Every value comes back equal, of the same types and in the same order."""
    assert shown(value) == shown(trip(value))


@given(st.floats(allow_nan=False))
def test_floats_keep_their_bits(value):
    """A float comes back with the same 64 bits."""
    assert struct.pack("<d", value) == struct.pack("<d", trip(value))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (math.nan, {"$float": "NaN"}),
        (math.inf, {"$float": "Infinity"}),
        (-math.inf, {"$float": "-Infinity"}),
        ((0.9, 0.999), {"$tuple": [0.9, 0.999]}),
        ({0: {"step": 3}}, {"$dict": [[0, {"step": 3}]]}),
        ({"$float": 1}, {"$dict": [["$float", 1]]}),
        ({"plain": [1, 2.5, None, True, "é"]}, {"plain": [1, 2.5, None, True, "é"]}),
        (2**200, 2**200),
    ],
)
def test_encoding(value, expected):
    """What JSON lacks is an object with one key that starts with $; everything else is itself."""
    assert expected == plain_json.to_plain(value, SITE, no_tensor)


def test_tensors_are_taken_and_given():
    """A tensor leaves with its path and comes back by its name."""
    tensor = FakeTensor()
    taken = {}

    def take(value, at):
        taken[".".join(at)] = value
        return ".".join(at)

    plain = plain_json.to_plain({"state": {0: {"step": 3, "exp_avg": tensor}}}, SITE, take)
    back = plain_json.from_plain(plain, SITE, taken.pop)

    assert plain == {"state": {"$dict": [[0, {"step": 3, "exp_avg": {"$tensor": "state.0.exp_avg"}}]]}}
    assert back == {"state": {0: {"step": 3, "exp_avg": tensor}}}
    assert taken == {}


def in_itself():
    value = []
    value.append(value)
    return value


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"a": [1, object()]}, "got object at a.1"),
        (b"bytes", "got bytes at the top"),
        ({1, 2}, "got set at the top"),
        (1j, "got complex at the top"),
        ({"a": "\ud800"}, "a lone surrogate at a"),
        (in_itself(), "nest at most 64 deep"),
    ],
)
def test_refuses_to_encode(value, says):
    """A value that would not come back is refused with its path."""
    with pytest.raises(CheckpointFormatError, match=f"^state.json: .*{says}"):
        plain_json.to_plain(value, SITE, no_tensor)


def test_refuses_an_integer_beyond_pythons_digits():
    """An integer that Python does not print is refused when it is written."""
    with pytest.raises(CheckpointFormatError, match="can be written as JSON"):
        plain_json.dump(10**5000, SITE)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"", "it is UTF-8 JSON"),
        (b"\xff", "it is UTF-8 JSON"),
        (b"[" * 1_000_000, "recursion"),
        (b'{"a":' * 1_000_000, "recursion"),
        (b"NaN", "NaN is no finite number"),
        (b"-Infinity", "-Infinity is no finite number"),
        (b"1e999", "1e999 is no finite number"),
        (b"1" * 5000, "it is UTF-8 JSON"),
        (b'{"a":1,"a":1}', "has a key twice"),
        (b'{"a":1} x', "Extra data"),
    ],
)
def test_refuses_to_parse(text, says):
    """Broken and hostile JSON is a format error."""
    with pytest.raises(CheckpointFormatError, match=says):
        plain_json.parse(text, SITE)


def nested(depth):
    data = 0
    for _ in range(depth):
        data = [data]
    return data


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"$float": "nan"}, "starts with \\$"),
        ({"$float": 1}, "starts with \\$"),
        ({"$tuple": {}}, "starts with \\$"),
        ({"$unknown": []}, "starts with \\$"),
        ({"$tuple": [], "b": 1}, "starts with \\$"),
        ({"$dict": [[1]]}, "list of \\[key, value\\]"),
        ({"$dict": [[[1], 2]]}, "keys that can be hashed"),
        ({"$dict": [[1, 2], [1, 3]]}, "each key once"),
        ({"$tensor": "gone"}, "tensors; got gone"),
        (nested(65), "nest at most 64 deep"),
        ({"$tuple": [{"$tuple": nested(64)}]}, "nest at most 64 deep"),
    ],
)
def test_refuses_to_decode(data, says):
    """A malformed $ object is a format error, not a guess."""
    with pytest.raises(CheckpointFormatError, match=says):
        plain_json.from_plain(data, SITE, lambda name: SITE.refuse("tensors", name))


def test_deepest_value():
    """What may be written may be read, at the limit of nesting too."""
    assert nested(64) == trip(nested(64))


def test_dump_is_for_people():
    """The file's text is indented, in UTF-8, and ends with a newline."""
    text = plain_json.dump({"name": "é", "betas": [1, 2]}, SITE)

    assert text.decode() == json.dumps({"name": "é", "betas": [1, 2]}, indent=2, ensure_ascii=False) + "\n"
