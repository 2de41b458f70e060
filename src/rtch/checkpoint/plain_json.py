# SPDX-License-Identifier: MIT
"""Plain Python values as JSON and back, without loss.

JSON has no NaN, no infinities, no tuples and no keys other than strings. Each becomes an object with one key
that starts with ``$``; non-finite floats look as they do in the experiment store::

    float("nan"), float("inf"), float("-inf")     {"$float": "NaN"}  (or "Infinity", "-Infinity")
    (1, 2)                                        {"$tuple": [1, 2]}
    {0: "a"} or {"$x": 1}                         {"$dict": [[0, "a"]]}  {"$dict": [["$x", 1]]}
    a tensor, kept in a file beside               {"$tensor": "state.0.exp_avg"}

Everything else is itself: finite floats are written with the shortest digits that read back as the same bits,
integers in full, dicts in their own order. NaN comes back as one NaN, a subclass as its plain type.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

from rtch.checkpoint.problems import Site
from rtch.store.values import FLOAT_KEY, stored_float

MAX_DEPTH = 64

Path = tuple[str, ...]
TakeTensor = Callable[[Any, Path], str | None]
GiveTensor = Callable[[str], Any]

_NON_FINITE = ("NaN", "Infinity", "-Infinity")


def to_plain(value: Any, site: Site, take: TakeTensor, at: Path = ()) -> Any:
    """Return the value as JSON data.

    `take(value, path)` returns the name under which it has kept a tensor, or None for anything else.

    Raises:
        CheckpointFormatError: a value of another kind, one nested deeper than MAX_DEPTH (or in itself), or
            text with a lone surrogate; the message has its path, as in ``scaler.mean``.
    """
    if len(at) > MAX_DEPTH:
        site.refuse(f"values nest at most {MAX_DEPTH} deep", f"a deeper one at {at[0]}")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        stored = stored_float(float(value))
        return {FLOAT_KEY: stored} if isinstance(stored, str) else stored
    if isinstance(value, str):
        return _text(value, site, at)
    if isinstance(value, list):
        return [to_plain(item, site, take, (*at, str(i))) for i, item in enumerate(value)]
    if isinstance(value, tuple):
        return {"$tuple": [to_plain(item, site, take, (*at, str(i))) for i, item in enumerate(value)]}
    if isinstance(value, dict):
        items = [
            (to_plain(key, site, take, (*at, "key")), to_plain(item, site, take, (*at, str(key))))
            for key, item in value.items()
        ]
        if all(isinstance(key, str) and not key.startswith("$") for key, _ in items):
            return dict(items)
        return {"$dict": [[key, item] for key, item in items]}
    name = take(value, at)
    if name is None:
        rule = "state holds None, bool, int, float, str, list, tuple and dict"
        site.refuse(rule, f"{type(value).__name__} at {'.'.join(at) or 'the top'}")
    return {"$tensor": name}


def from_plain(data: Any, site: Site, give: GiveTensor, depth: int = 0) -> Any:
    """Return the value that `to_plain` was given; `give(name)` returns a tensor.

    Raises:
        CheckpointFormatError: an unknown or malformed ``$`` object, or nesting deeper than MAX_DEPTH.
    """
    if depth > MAX_DEPTH:
        site.refuse(f"values nest at most {MAX_DEPTH} deep", "a deeper one")
    if isinstance(data, list):
        return [from_plain(item, site, give, depth + 1) for item in data]
    if not isinstance(data, dict):
        return data
    match list(data.items()):
        case [(key, str(text))] if key == FLOAT_KEY and text in _NON_FINITE:
            return float(text)
        case [("$tuple", list(items))]:
            return tuple(from_plain(item, site, give, depth + 1) for item in items)
        case [("$dict", list(pairs))]:
            return _dict_from(pairs, site, give, depth)
        case [("$tensor", str(name))]:
            return give(name)
    if any(key.startswith("$") for key in data):
        site.refuse("a key that starts with $ is one of $float, $tuple, $dict, $tensor, alone", data)
    return {key: from_plain(item, site, give, depth + 1) for key, item in data.items()}


def dump(data: Any, site: Site) -> bytes:
    """Return JSON data as indented UTF-8 text with a newline at its end.

    Raises:
        CheckpointFormatError: an integer of more digits than Python prints.
    """
    return (_dumps(data, site, indent=2) + "\n").encode()


def dump_compact(data: Any, site: Site) -> bytes:
    """Return JSON data as UTF-8 text without spaces: the form that is hashed."""
    return _dumps(data, site, separators=(",", ":")).encode()


def parse(text: bytes, site: Site) -> Any:
    """Return the JSON data in `text`.

    Raises:
        CheckpointFormatError: it is not UTF-8 or not JSON, nests too deep, has a key twice in one object, or
            holds a number that is no finite float.
    """
    try:
        return json.loads(
            text.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_float=_finite,
            parse_constant=_finite,
        )
    except (ValueError, RecursionError) as error:
        site.refuse("it is UTF-8 JSON", error)


def _dict_from(pairs: list[Any], site: Site, give: GiveTensor, depth: int) -> dict[Any, Any]:
    result: dict[Any, Any] = {}
    for pair in pairs:
        if not isinstance(pair, list) or len(pair) != 2:
            site.refuse("a $dict is a list of [key, value]", pair)
        key, item = (from_plain(part, site, give, depth + 1) for part in pair)
        try:
            result[key] = item
        except TypeError as error:
            site.refuse("a $dict has keys that can be hashed", error)
    if len(result) != len(pairs):
        site.refuse("a $dict has each key once", f"{len(pairs)} pairs for {len(result)} keys")
    return result


def _text(value: str, site: Site, at: Path) -> str:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        site.refuse("text is valid Unicode", f"a lone surrogate at {'.'.join(at) or 'the top'}")
    return str(value)


def _dumps(data: Any, site: Site, **style: Any) -> str:
    try:
        return json.dumps(data, ensure_ascii=False, allow_nan=False, **style)
    except ValueError as error:
        site.refuse("state can be written as JSON", error)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("an object has a key twice")
    return result


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is no finite number")
    return value
