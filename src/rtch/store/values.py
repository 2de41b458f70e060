# SPDX-License-Identifier: MIT
"""What Python values become in the store's JSON, and back, without loss.

JSON has no NaN and no infinities, and JSON libraries write them as null. Two encodings keep them:

- where only a number can stand (metrics, summaries): the strings ``"NaN"``, ``"Infinity"`` and
  ``"-Infinity"``;
- in free mappings (config, data, environment, results), where a string is a string: ``{"$float": "NaN"}``.
  A mapping's own key may therefore not be ``$float``.

Integers keep 64 bits, signed or unsigned. All NaNs are one value. Everything with ``.item()`` counts as the
Python scalar that it returns: NumPy, rtch and torch scalars, and tensors of one element.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from rtch.errors import ArgumentError

INT_MIN = -(2**63)
INT_MAX = 2**64 - 1
MAX_DEPTH = 64
MAX_NAME = 256
FLOAT_KEY = "$float"

Number = int | float
NonFinite = Literal["NaN", "Infinity", "-Infinity"]
StoredNumber = int | float | NonFinite


def stored_float(value: float) -> float | NonFinite:
    """Return ``value``, or its name where it is NaN or infinite."""
    if value - value == 0.0:
        return value
    if value != value:
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def number(stored: StoredNumber) -> Number:
    """Return the number that a stored one stands for."""
    return float(stored) if type(stored) is str else stored  # type: ignore[return-value]


def metric_value(name: str, value: Any) -> StoredNumber:
    """Return ``value`` as it is stored for metric ``name``; ArgumentError where it is not one real number."""
    plain = _scalar(value, f"log: {name!r}")
    if isinstance(plain, bool):
        return int(plain)
    if isinstance(plain, int):
        return _checked_int(plain, f"log: {name!r}")
    if isinstance(plain, float):
        return stored_float(float(plain))
    raise ArgumentError(f"log: {name!r} must be one real number; got {_describe(value)}", argument=name)


def check_name(where: str, name: Any) -> str:
    """Return ``name`` where it can name a run, tag or metric: a printable string of 1 to 256 characters."""
    if not isinstance(name, str):
        raise ArgumentError(f"{where}: a name must be a string; got {_describe(name)}", argument="name")
    if not 0 < len(name) <= MAX_NAME or not name.isprintable() or name != name.strip():
        raise ArgumentError(
            f"{where}: a name has 1 to {MAX_NAME} printable characters, no space at its ends; got {name[:80]!r}",
            argument="name",
        )
    return name


def plain_json(value: Any, where: str, depth: int = 0) -> Any:
    """Return ``value`` as plain JSON data in the free encoding.

    Mappings need string keys; tuples become lists and paths become strings. ArgumentError names the place of
    anything else, as in ``config.model.hidden``.
    """
    if depth > MAX_DEPTH:
        raise ArgumentError(f"{where}: nesting is limited to {MAX_DEPTH} levels; got more", argument=where)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _utf8(value, where)
    if isinstance(value, Mapping):
        return {_checked_key(key, where): plain_json(item, f"{where}.{key}", depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_json(item, f"{where}[{index}]", depth + 1) for index, item in enumerate(value)]
    if isinstance(value, os.PathLike):
        return _utf8(str(value), where)
    plain = _scalar(value, where)
    if isinstance(plain, bool):
        return plain
    if isinstance(plain, str):
        return _utf8(plain, where)
    if isinstance(plain, int):
        return _checked_int(plain, where)
    if isinstance(plain, float):
        stored = stored_float(float(plain))
        return {FLOAT_KEY: stored} if isinstance(stored, str) else stored
    raise ArgumentError(f"{where}: only JSON data can be stored; got {_describe(value)}", argument=where)


def from_plain_json(value: Any) -> Any:
    """Return what ``plain_json`` was given, tuples as lists and paths as strings."""
    if isinstance(value, dict):
        if len(value) == 1 and value.get(FLOAT_KEY) in ("NaN", "Infinity", "-Infinity"):
            return float(value[FLOAT_KEY])
        return {key: from_plain_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [from_plain_json(item) for item in value]
    return value


def config_sha256(config: Mapping[str, Any]) -> str:
    """Return the SHA-256, in hex, of a config's canonical JSON.

    Canonical: the free encoding, UTF-8, keys sorted, no spaces, each float in its shortest form. ``1`` and
    ``1.0`` differ, lists and tuples do not.
    """
    return hashlib.sha256(msgspec.json.encode(plain_json(config, "config"), order="sorted")).hexdigest()


def _scalar(value: Any, where: str) -> Any:
    if isinstance(value, int | float):
        return value
    item = getattr(value, "item", None)
    if not callable(item):
        return value
    try:
        return item()
    except Exception as error:
        raise ArgumentError(
            f"{where} must be one number; got {_describe(value)}, whose item() says: {error}", argument=where
        ) from error


def _checked_int(value: int, where: str) -> int:
    if INT_MIN <= value <= INT_MAX:
        return int(value)
    raise ArgumentError(
        f"{where}: integers have 64 bits, from -2^63 to 2^64-1; got one of {value.bit_length()} bits",
        argument=where,
    )


def _checked_key(key: Any, where: str) -> str:
    if not isinstance(key, str):
        raise ArgumentError(f"{where}: keys must be strings; got {_describe(key)}", argument=where)
    if key == FLOAT_KEY:
        raise ArgumentError(f"{where}: the key {FLOAT_KEY!r} is reserved for NaN and infinities", argument=where)
    return _utf8(key, where)


def _utf8(value: str, where: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ArgumentError(f"{where}: text must be valid Unicode; got {value[:80]!r}", argument=where) from error
    return str.__str__(value)


def _describe(value: Any) -> str:
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple):
        return f"{type(value).__name__} of shape {shape}"
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    return type(value).__name__
