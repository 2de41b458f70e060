# SPDX-License-Identifier: MIT
"""Training checkpoints: a folder that appears whole or not at all.

::

    step-000400/
      model.rtch        the model's state_dict
      optimizer.rtch    the tensors of the optimiser's state_dict, by their path: "state.0.exp_avg"
      other.bin         tensors of other dtypes than float32, where there are any (`rtch.checkpoint.other`)
      state.json        everything else, and the SHA-256 of its siblings and of itself

``state.json`` is::

    {"format": "rtch-training", "version": 1, "numerics_version": 1,
     "files": {"model.rtch": {"bytes": 824, "sha256": "..."}, "optimizer.rtch": {...}},
     "optimizer": {...}, "state": {...}, "sha256": "..."}

where ``optimizer`` and ``state`` are written by ``plain_json``, with ``{"$tensor": name}`` in the place of
each tensor of the optimiser, and the last ``sha256`` is that of the other keys as JSON without spaces. With other.bin
``version`` is 2, and ``other`` has a row for each of its tensors.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import msgspec

from rtch.checkpoint import other, plain_json
from rtch.checkpoint.files import replace_file, replacing_folder
from rtch.checkpoint.format_v1 import check_name
from rtch.checkpoint.problems import Site
from rtch.checkpoint.reader import open_regular, read_bounded
from rtch.checkpoint.tensors import encoded, load
from rtch.errors import ArgumentError
from rtch.tensor import Tensor
from rtch.version import numerics_version

MODEL, OPTIMIZER, OTHER, STATE = "model.rtch", "optimizer.rtch", "other.bin", "state.json"
MAX_STATE_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class TrainingCheckpoint:
    """What `load_training` found: model and optimiser as their state_dicts, and the state that was saved."""

    model: dict[str, Tensor]
    optimizer: dict[str, Any]
    state: dict[str, Any]
    numerics_version: int


class _Sibling(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    bytes: int
    sha256: str


class _Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: Literal["rtch-training"]
    version: Literal[1, 2]
    numerics_version: int
    files: dict[str, _Sibling]
    optimizer: dict[str, Any] | None
    state: dict[str, Any]
    sha256: str
    other: list[other.Row] | None = None


def save_training(
    folder: str | os.PathLike[str], *, model: Any, optimizer: Any = None, state: Mapping[str, Any]
) -> list[Path]:
    """Write a training checkpoint, which takes the place of `folder` in one step; return its files' paths.

    `model` and `optimizer` are objects with ``state_dict()`` or mappings; `state` holds None, bool, int,
    float, str, list, tuple and dict, nested, and comes back equal from `load_training`, NaN as NaN.

    Raises:
        ArgumentError: `model`, `optimizer` or `state` is something else.
        CheckpointFormatError: a value that can't be stored.
        CheckpointIOError: the system refused to write; what stood under `folder` is unchanged.
    """
    target = os.fspath(folder)
    site = Site(_inside(target, STATE))
    weights, others = other.split(_state_dict(model, "model"))
    parts = {"model": others}
    contents: dict[str, Iterable[bytes | memoryview]] = {MODEL: encoded(weights, _inside(target, MODEL))}
    for name in others:
        if not isinstance(name, str):
            Site(_inside(target, OTHER)).refuse("a name is a string", repr(name))
        check_name(name, Site(_inside(target, OTHER)))
    plain_optimizer = None
    if optimizer is not None:
        plain_optimizer, tensors = _split(_state_dict(optimizer, "optimizer"), _inside(target, OPTIMIZER))
        tensors, parts["optimizer"] = other.split(tensors)
        contents[OPTIMIZER] = encoded(tensors, _inside(target, OPTIMIZER))
    rows = other.rows(parts)
    if rows:
        contents[OTHER] = other.chunks(parts)
    plain_state = plain_json.to_plain(_state_dict(state, "state"), site, _no_tensor)
    with replacing_folder(folder) as temporary:
        document: dict[str, Any] = {
            "format": "rtch-training",
            "version": 2 if rows else 1,
            "numerics_version": numerics_version,
            "files": {name: _write_hashed(temporary / name, chunks) for name, chunks in contents.items()},
            "optimizer": plain_optimizer,
            "state": plain_state,
        }
        if rows:
            document["other"] = msgspec.to_builtins(rows)
        document["sha256"] = _document_sha256(document, site)
        replace_file(temporary / STATE, [plain_json.dump(document, site)])
    return [Path(folder) / name for name in (*contents, STATE)]


def load_training(folder: str | os.PathLike[str]) -> TrainingCheckpoint:
    """Read a training checkpoint; every file's length and SHA-256 is checked first.

    ``optimizer`` is an empty dict where none was saved.

    Raises:
        CheckpointIOError: the folder or a file in it is missing or can't be read.
        CheckpointFormatError: a file is truncated or differs from its SHA-256, or breaks its format.
        CheckpointDTypeError, CheckpointLayoutError: as `rtch.checkpoint.load`.
    """
    where = os.fspath(folder)
    site = Site(_inside(where, STATE))
    document = _read_document(site)
    expected = {MODEL} if document.optimizer is None else {MODEL, OPTIMIZER}
    if (document.version == 2) != (document.other is not None):
        site.refuse("version 2, and no other, has the key other", f"version {document.version}")
    if document.other is not None:
        expected.add(OTHER)
    if set(document.files) != expected:
        site.refuse(f"files are {sorted(expected)}", sorted(document.files))
    for name, sibling in document.files.items():
        _verify(Site(_inside(where, name)), sibling)
    parts: dict[str, dict[str, Tensor]] = {"model": {}, "optimizer": {}}
    if document.other is not None:
        data = read_bounded(_inside(where, OTHER), document.files[OTHER].bytes)
        parts = other.joined(document.other, data, Site(_inside(where, OTHER)))
    weights = load(_inside(where, MODEL))
    for name, value in parts["model"].items():
        if name in weights:
            site.refuse("each name of the model stands once", repr(name))
        weights[name] = value
    return TrainingCheckpoint(
        model=dict(sorted(weights.items())),
        optimizer=_joined(document.optimizer, parts["optimizer"], where),
        state=_as_dict(document.state, site, partial(site.refuse, "state holds no $tensor")),
        numerics_version=document.numerics_version,
    )


def _inside(folder: str, name: str) -> str:
    return os.path.join(folder, name)  # noqa: PTH118 - keeps the folder's spelling in messages


def _state_dict(source: Any, argument: str) -> dict[str, Any]:
    found = source.state_dict() if hasattr(source, "state_dict") else source
    if not isinstance(found, Mapping):
        raise ArgumentError(
            f"save_training: {argument} is a mapping or has state_dict(); got {type(source).__name__}",
            argument=argument,
        )
    return dict(found)


def _split(state_dict: dict[str, Any], path: str) -> tuple[Any, dict[str, Tensor]]:
    """Return the state_dict as JSON data and, by name, the tensors taken out of it."""
    tensors: dict[str, Tensor] = {}

    def take(value: Any, at: tuple[str, ...]) -> str | None:
        if not isinstance(value, Tensor):
            return None
        name = ".".join(at)
        if name in tensors:
            Site(path, name).refuse("each tensor has a path of its own", "it twice")
        tensors[name] = value
        return name

    return plain_json.to_plain(state_dict, Site(path), take), tensors


def _joined(plain: dict[str, Any] | None, others: dict[str, Tensor], folder: str) -> dict[str, Any]:
    site = Site(_inside(folder, STATE))
    if plain is None:
        if others:
            site.refuse("without an optimizer no tensor is its", repr(min(others)))
        return {}
    tensors = load(_inside(folder, OPTIMIZER))
    for name, value in others.items():
        if name in tensors:
            site.refuse("each tensor of the optimizer stands once", repr(name))
        tensors[name] = value

    def give(name: str) -> Tensor:
        if name not in tensors:
            site.refuse(f"each $tensor is one of {OPTIMIZER}, named once", repr(name))
        return tensors.pop(name)

    state_dict = _as_dict(plain, site, give)
    if tensors:
        site.refuse(f"each tensor of {OPTIMIZER} is named here", f"none for {min(tensors)!r}")
    return state_dict


def _as_dict(plain: dict[str, Any], site: Site, give: plain_json.GiveTensor) -> dict[str, Any]:
    value = plain_json.from_plain(plain, site, give)
    if not isinstance(value, dict):
        site.refuse("optimizer and state are dicts", type(value).__name__)
    return value


def _no_tensor(value: Any, at: tuple[str, ...]) -> None:
    return None


def _write_hashed(path: Path, chunks: Iterable[bytes | memoryview]) -> dict[str, Any]:
    digest = hashlib.sha256()
    n_bytes = 0

    def hashed() -> Iterator[bytes | memoryview]:
        nonlocal n_bytes
        for chunk in chunks:
            digest.update(chunk)
            n_bytes += len(chunk) if isinstance(chunk, bytes) else chunk.nbytes
            yield chunk

    replace_file(path, hashed())
    return {"bytes": n_bytes, "sha256": digest.hexdigest()}


def _document_sha256(document: Mapping[str, Any], site: Site) -> str:
    body = {key: value for key, value in document.items() if key != "sha256"}
    return hashlib.sha256(plain_json.dump_compact(body, site)).hexdigest()


def _read_document(site: Site) -> _Document:
    data = plain_json.parse(read_bounded(site.path, MAX_STATE_BYTES), site)
    try:
        document = msgspec.convert(data, type=_Document, strict=True)
    except msgspec.ValidationError as error:
        site.refuse("it is the state of an rtch training checkpoint, version 1 or 2", error)
    sha256 = _document_sha256(data, site)
    if document.sha256 != sha256:
        site.refuse(f"its content has SHA-256 {document.sha256}, so the file is damaged", sha256)
    return document


def _verify(site: Site, sibling: _Sibling) -> None:
    with open_regular(site.path) as file:
        try:
            n_bytes = os.fstat(file.fileno()).st_size
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            site.refuse_io("can't be read", error)
    if n_bytes != sibling.bytes:
        site.refuse(f"{STATE} says {sibling.bytes} bytes, so the file is truncated or another", n_bytes)
    if sha256 != sibling.sha256:
        site.refuse(f"{STATE} says SHA-256 {sibling.sha256}, so the file is damaged or another", sha256)
