# SPDX-License-Identifier: MIT
"""Tensors in RTCH files: the thin layer between the byte format and Tensor."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy
import numpy.typing

from rtch.checkpoint import format_v1
from rtch.checkpoint.files import replace_file
from rtch.checkpoint.problems import Site
from rtch.checkpoint.reader import Reader
from rtch.creation import from_bytes
from rtch.dtypes import float32
from rtch.tensor import Tensor

_FORMAT_NAMES = {"float32": format_v1.DTYPE}


def save(state: Mapping[str, Tensor], path: str | os.PathLike[str]) -> None:
    """Write tensors by name to an RTCH version 1 file, which replaces `path` in one step.

    Shapes, values (to the bit) and ``requires_grad`` are kept; the same state gives the same bytes. A tensor
    of any layout is written row-major.

    Raises:
        CheckpointDTypeError: a tensor's dtype is not float32; nothing is cast.
        CheckpointFormatError: a value is no Tensor, or a name or shape lies outside the format.
        CheckpointIOError: the system refused to write; the old file stands as it was.
    """
    replace_file(path, encoded(state, os.fspath(path)))


def load(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """Return the tensors of an RTCH version 1 file, in order of name.

    The whole file is checked before memory for its tensors is taken.

    Raises:
        CheckpointIOError: the file can't be opened or read.
        CheckpointFormatError: the bytes break the format; the file may be truncated.
        CheckpointDTypeError: a tensor in the file is not float32.
        CheckpointLayoutError: a tensor in the file is not row-major.
        AllocationError: no memory for a tensor.
    """
    with Reader(path) as reader:
        return {entry.name: _tensor(entry, reader) for entry in reader.entries}


def encoded(state: Mapping[str, Tensor], path: str) -> Iterator[bytes | memoryview]:
    """Return the chunks of the RTCH file that holds `state`; `path` names it in errors."""
    if not isinstance(state, Mapping):
        Site(path).refuse("a state is a mapping of names to tensors", type(state).__name__)
    return format_v1.encode([_record(name, value, path) for name, value in state.items()], path)


def row_major(tensor: Tensor) -> numpy.typing.NDArray[Any]:
    """Return the tensor's elements in row-major order as a 1-d array, shared with it where it can be."""
    return numpy.ascontiguousarray(tensor.detach().numpy().reshape(-1))


def _record(name: object, value: object, path: str) -> format_v1.Record:
    if not isinstance(name, str):
        Site(path).refuse("a name is a string", repr(name))
    if not isinstance(value, Tensor):
        Site(path, name).refuse("a state holds tensors only", type(value).__name__)
    dtype = _FORMAT_NAMES.get(value.dtype.name, value.dtype.name)
    data = row_major(value).data
    return format_v1.Record(name, tuple(value.shape), data, value.requires_grad, dtype)


def _tensor(entry: format_v1.Entry, reader: Reader) -> Tensor:
    tensor = from_bytes(reader.read(entry), float32, entry.shape)
    return tensor.requires_grad_() if entry.requires_grad else tensor
