# SPDX-License-Identifier: MIT
"""Values that go into the store and come back."""

from __future__ import annotations

import hashlib
import math
import struct
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rtch.errors import ArgumentError
from rtch.store import Store, config_sha256
from rtch.store.values import from_plain_json, plain_json

NUMBERS = st.floats() | st.integers(-(2**63), 2**64 - 1)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text().filter(lambda key: key != "$float"), inner),
    max_leaves=20,
)


def bits(value: Any) -> Any:
    """Return something equal for equal values only: floats by their bits, NaN as one, types apart."""
    if isinstance(value, float):
        return "nan" if math.isnan(value) else struct.pack("<d", value)
    if isinstance(value, dict):
        return {key: bits(item) for key, item in value.items()}
    return [bits(item) for item in value] if isinstance(value, list) else (type(value), value)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(NUMBERS, min_size=1, max_size=50))
def test_metric_values_survive_the_round_trip(tmp_path: Path, values: list[float | int]) -> None:
    """NaN, infinities, signed zeros, subnormals and integers of 64 bits come back with their bits and types."""
    store = Store(tmp_path)
    with store.start_run("round trip") as run:
        for value in values:
            run.log({"x": value})
    assert bits(values) == bits(store.run(run.id).metric("x").values)


@settings(deadline=None)
@given(value=JSON)
def test_free_json_survives_the_round_trip(value: Any) -> None:
    """Config values come back equal after a passage through bytes."""
    stored = msgspec.json.decode(msgspec.json.encode(plain_json(value, "config")))
    assert bits(value) == bits(from_plain_json(stored))


def test_strings_that_look_like_numbers_stay_strings() -> None:
    """Only the tagged form is a float."""
    config = {"a": "NaN", "b": math.inf, "c": ("Infinity", Path("x") / "y")}
    stored = plain_json(config, "config")
    assert {"a": "NaN", "b": {"$float": "Infinity"}, "c": ["Infinity", str(Path("x") / "y")]} == stored


class Colour(StrEnum):
    RED = "red"


class OneElement:
    """What NumPy, torch and rtch scalars have in common."""

    shape = (1,)

    def __init__(self, value: Any) -> None:
        self.value = value

    def item(self) -> Any:
        if isinstance(self.value, Exception):
            raise self.value
        return self.value


def test_scalars_with_item_are_logged_as_what_item_returns(tmp_path: Path) -> None:
    """Tensors of one element, their integers and bools become plain numbers."""
    store = Store(tmp_path)
    with store.start_run("items", config={"lr": OneElement(0.5), "colour": Colour.RED}) as run:
        run.log({"a": OneElement(0.25), "b": OneElement(7), "c": True, "d": OneElement(math.nan)})
    view = store.run("latest")
    assert [0.25] == view.metric("a").values
    assert bits([7]) == bits(view.metric("b").values)
    assert bits([1]) == bits(view.metric("c").values)
    assert math.isnan(view.metric("d").values[0])
    assert {"lr": 0.5, "colour": "red"} == view.config


def test_numpy_scalars_keep_their_value(tmp_path: Path) -> None:
    """float32 is widened exactly, int64 and uint64 stay integers."""
    numpy = pytest.importorskip("numpy")
    store = Store(tmp_path)
    with store.start_run("numpy") as run:
        run.log({"f": numpy.float32(0.1), "i": numpy.int64(-(2**63)), "u": numpy.uint64(2**64 - 1)})
        run.log({"f": numpy.array([2.5]), "i": numpy.array(3), "u": numpy.float64(1.0)})
    view = store.run("latest")
    assert [float(numpy.float32(0.1)), 2.5] == view.metric("f").values
    assert bits([-(2**63), 3]) == bits(view.metric("i").values)
    assert bits([2**64 - 1, 1.0]) == bits(view.metric("u").values)


@pytest.mark.parametrize(
    "values",
    [
        {},
        "loss",
        {"loss": "0.5"},
        {"loss": None},
        {"loss": 1j},
        {"loss": 2**64},
        {"loss": -(2**63) - 1},
        {"loss": [1.0]},
        {"loss": OneElement(ValueError("2 elements"))},
        {"loss": OneElement(1j)},
        {"": 1.0},
        {"a\nb": 1.0},
        {" a": 1.0},
        {"x" * 257: 1.0},
        {"\ud800": 1.0},
        {3: 1.0},
    ],
    ids=repr,
)
def test_what_can_not_be_logged_is_refused_and_writes_nothing(tmp_path: Path, values: Any) -> None:
    """One bad value refuses the whole call, and the step does not move."""
    store = Store(tmp_path)
    with store.start_run("bad") as run:
        before = (run.path / "metrics.jsonl").read_bytes()
        with pytest.raises(ArgumentError, match="log"):
            run.log(values)
        assert before == (run.path / "metrics.jsonl").read_bytes()
        assert 0 == run.step


@pytest.mark.parametrize("step", [-1, 1.5, "3", True, 2**63, None.__class__])
def test_steps_are_whole_numbers(tmp_path: Path, step: Any) -> None:
    """A step that is not an integer from 0 to 2^63-1 is refused."""
    with Store(tmp_path).start_run("steps") as run, pytest.raises(ArgumentError, match="step"):
        run.log({"loss": 1.0}, step=step)


@pytest.mark.parametrize(
    ("config", "place"),
    [
        ({"model": {"hidden": {1, 2}}}, r"config\.model\.hidden"),
        ({"a": [1, b"x"]}, r"config\.a\[1\]"),
        ({1: 2}, "keys must be strings"),
        ({"$float": "NaN"}, "reserved"),
        ({"n": 2**64}, "64 bits"),
        ({"text": "\ud800"}, "Unicode"),
    ],
)
def test_a_config_that_is_not_json_is_refused_with_its_place(tmp_path: Path, config: Any, place: str) -> None:
    """The message names the key's path, and no run is left behind."""
    store = Store(tmp_path / "runs")
    with pytest.raises(ArgumentError, match=place):
        store.start_run("bad", config=config)
    assert [] == store.ids()


def test_a_config_nested_without_end_is_refused() -> None:
    """A mapping that holds itself ends in an error, not in a stack overflow."""
    config: dict[str, Any] = {}
    config["self"] = config
    with pytest.raises(ArgumentError, match="64 levels"):
        config_sha256(config)


def test_config_hash_is_of_canonical_json() -> None:
    """The order of keys and tuples for lists don't matter; the hash is that of the bytes the format names."""
    expected = hashlib.sha256(b'{"a":[1,2.5],"b":{"$float":"NaN"}}').hexdigest()
    assert expected == config_sha256({"b": math.nan, "a": (1, 2.5)})
    assert config_sha256({"a": 1}) != config_sha256({"a": 1.0})
