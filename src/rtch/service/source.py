# SPDX-License-Identifier: MIT
"""Where a configuration comes from: a TOML file, keyword arguments, or a run's record.

Every key is checked before any value: an unknown one is refused with its path and the nearest known name. A
relative ``data.path`` in a file is relative to that file's folder; one from keyword arguments is relative
to the working folder. Either is stored as an absolute path, so that a run can be resumed and replayed from
anywhere.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from rtch.data.suggest import did_you_mean
from rtch.errors import ConfigError
from rtch.service.config import Config, CsvData, Section, TrainerConfig

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)


def load_config(path: str | Path, overrides: Mapping[str, Any] | None = None) -> Config:
    """The configuration in the TOML file ``path``, changed by ``overrides``, a tree of the same form.

    Raises ConfigError when the file can't be read or parsed, or a key or value is wrong.
    """
    path = Path(path)
    try:
        text = path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise ConfigError(f"config: no such file: {path}", key=None) from None
    except OSError as error:
        raise ConfigError(f"config: cannot read {path}: {error.strerror}", key=None) from error
    except UnicodeDecodeError:
        raise ConfigError(f"config: {path} is not UTF-8 text; is it a TOML file?", key=None) from None
    try:
        tree = tomllib.loads(text)
    except ValueError as error:  # TOMLDecodeError is one; so is what an integer of 5000 digits gives
        hint = ""
        if path.suffix.lower() in (".csv", ".tsv"):
            hint = f"; to train on a data file: rtch train --data {path} --target COLUMN"
        raise ConfigError(f"config: {path} is not TOML: {error}{hint}", key=None) from None
    except RecursionError:
        raise ConfigError(f"config: {path} nests too deeply; no key needs a list in a list", key=None) from None
    return make_config(merge(tree, overrides or {}), folder=path.parent)


def make_config(tree: Mapping[str, Any] | None = None, /, *, folder: str | Path = ".", **sections: Any) -> Config:
    """The configuration in ``tree`` and ``sections``; a relative ``data.path`` is relative to ``folder``.

    ``make_config(data={"path": "houses.csv", "target": "price"}, seed=1)``. Raises ConfigError that names
    the key.
    """
    whole = merge(tree or {}, sections)
    try:
        whole = _resolve_paths(_choose_variants(whole), Path(folder))
        config = msgspec.convert(whole, Config)
        config.check()
    except msgspec.ValidationError as error:
        raise _translated(error) from None
    except ConfigError:
        raise
    except RecursionError:
        raise ConfigError("config: a value nests too deeply; no key needs a list in a list", key=None) from None
    except ValueError as error:  # Python shows no integer of more than 4300 digits
        raise ConfigError(f"config: a value can't be shown: {error}", key=None) from None
    return config


def relocated(config: Config, data: str | Path | None) -> Config:
    """``config`` with its CSV file at ``data``, relative to the working folder; as it is where that is None.

    ConfigError for synthetic data.
    """
    if data is None:
        return config
    if not isinstance(config.data, CsvData):
        raise ConfigError(
            f"config: data.path belongs to a CSV file, and this data is synthetic; got {data}", key="data.path"
        )
    return make_config(merge(config.resolved(), {"data": {"path": str(data)}}))


def merge(tree: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """``tree`` with the keys of ``overrides`` laid over it, section by section.

    An override that names another source, model or optimizer than ``tree`` does replaces that whole
    section, since the keys of one mean nothing to the other.
    """
    merged: dict[str, Any] = dict(tree)
    for key, value in overrides.items():
        below = merged.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            if key in Config.VARIANTS:
                field, default, _ = Config.VARIANTS[key]
                if field in value and value[field] != below.get(field, default):
                    below = {}
            merged[key] = {**below, **value}
        else:
            merged[key] = value
    return merged


def _choose_variants(tree: dict[str, Any]) -> dict[str, Any]:
    """``tree`` with the defaults of ``data.source``, ``model.name`` and ``optimizer.name``, its keys
    checked.
    """
    _check_keys("", tree, Config.__struct_fields__)
    if "data" not in tree:
        raise ConfigError("config: the section [data] is missing; it needs at least path and target", key="data")
    chosen = dict(tree)
    for section, (field, default, variants) in Config.VARIANTS.items():
        value = chosen.get(section, {})
        if not isinstance(value, Mapping):
            raise ConfigError(f"config: {section} must be a table; got {value!r}", key=section)
        value = {field: default, **value}
        variant = variants.get(value[field]) if isinstance(value[field], str) else None
        if variant is None:
            hint = did_you_mean(str(value[field]), variants)
            raise ConfigError(
                f"config: {section}.{field} must be one of {', '.join(variants)}; got {value[field]!r}{hint}",
                key=f"{section}.{field}",
            )
        others = {name: other for name, other in variants.items() if other is not variant}
        _check_keys(section, value, (field, *variant.__struct_fields__), f"{field} {value[field]!r}", others)
        chosen[section] = value
    trainer = chosen.get("trainer", {})
    if not isinstance(trainer, Mapping):
        raise ConfigError(f"config: trainer must be a table; got {trainer!r}", key="trainer")
    _check_keys("trainer", trainer, TrainerConfig.__struct_fields__)
    return chosen


def _check_keys(
    section: str,
    table: Mapping[str, Any],
    known: tuple[str, ...],
    variant: str = "",
    others: Mapping[str, type[Section]] | None = None,
) -> None:
    for key in table:
        if key in known:
            continue
        shown = key if _BARE_KEY.fullmatch(key) else repr(key)
        path = f"{section}.{shown}" if section else shown
        owner = next((name for name, other in (others or {}).items() if key in other.__struct_fields__), None)
        if owner is not None:
            raise ConfigError(f"config: {path} is a key of {owner!r}, not of {variant}", key=path)
        hint = did_you_mean(key, known)
        if not hint and not section:
            hint = _section_of(key)
        raise ConfigError(f"config: unknown key {path}{hint or '; known keys: ' + ', '.join(known)}", key=path)


def _section_of(key: str) -> str:
    """A hint for a key at the top that belongs in a section."""
    tables: dict[str, list[type[Section]]] = {
        section: list(variants.values()) for section, (_, _, variants) in Config.VARIANTS.items()
    }
    tables["trainer"] = [TrainerConfig]
    for section, classes in tables.items():
        if any(key in cls.__struct_fields__ for cls in classes):
            return f" at the top; it belongs in [{section}]"
    return ""


def _resolve_paths(tree: dict[str, Any], folder: Path) -> dict[str, Any]:
    path = tree["data"].get("path")
    if isinstance(path, str) and path:
        tree = {**tree, "data": {**tree["data"], "path": str((folder / path).absolute())}}
    return tree


def _translated(error: msgspec.ValidationError) -> ConfigError:
    """``Expected `int`, got `str` - at `$.trainer.epochs``` as ``config: trainer.epochs: expected int, got
    str``.
    """
    rule, _, where = str(error).partition(" - at ")
    key = where.strip("`").removeprefix("$").lstrip(".")
    rule = rule.replace("`", "").replace("\n", "\\n")
    if rule.startswith("Object missing required field "):
        missing = rule.removeprefix("Object missing required field ")
        key = f"{key}.{missing}" if key else missing
        return ConfigError(f"config: {key} is missing", key=key)
    return ConfigError(f"config: {key}: {rule[:1].lower()}{rule[1:]}", key=key)
