# SPDX-License-Identifier: MIT
"""The ledger of a run's files: artifacts.jsonl, one line per file with its size and SHA-256.

Files that the run made lie under ``artifacts/``, checkpoints are folders under ``checkpoints/``. A file is
complete under its final name before its line is written, and no file is ever overwritten: a second
``plot.png`` becomes ``plot-2.png``.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import msgspec

from rtch.errors import ArgumentError
from rtch.store.files import (
    atomic_file,
    cut_torn_tail,
    file_sha256,
    open_for_append,
    replace_file,
    write_whole,
)
from rtch.store.jsonl import JsonLines, damage, encode_line, header_line
from rtch.store.records import ARTIFACTS, ArtifactLine, LedgerLine, ResumeLine, utc_now

CHECKPOINT = "checkpoint"
_decoder = msgspec.json.Decoder(LedgerLine)


class Checkpoint(NamedTuple):
    """A checkpoint folder: where it is, from which step, when, and the ledger lines of its files."""

    path: Path
    step: int
    time: str
    files: tuple[ArtifactLine, ...]


class Ledger(NamedTuple):
    """A reading of artifacts.jsonl: the lines that count, the bytes in whole lines, what was torn."""

    lines: list[ArtifactLine]
    consumed: int
    torn: str | None


class LedgerWriter:
    """The one writer of a run's artifacts.jsonl."""

    def __init__(self, folder: Path, *, new: bool) -> None:
        self.folder = folder
        self.path = folder / "artifacts.jsonl"
        self._handle = open_for_append(self.path, new=new)
        if not new:
            cut_torn_tail(self._handle, self.path)
        if os.fstat(self._handle).st_size == 0:
            write_whole(self._handle, header_line(ARTIFACTS), self.path)

    def copy_in(self, source: Path, name: str, kind: str, step: int | None) -> ArtifactLine:
        """Copy ``source`` to ``artifacts/name`` and register it."""
        target = self._target(name)
        with source.open("rb") as original, atomic_file(target) as copy:
            while block := original.read(1 << 20):
                copy.write(block)
        return self.register([target], kind, step)[0]

    def write_in(self, data: bytes, name: str, kind: str, step: int | None) -> ArtifactLine:
        """Write ``data`` to ``artifacts/name`` and register it."""
        target = self._target(name)
        replace_file(target, data)
        return self.register([target], kind, step)[0]

    def register(self, files: Sequence[Path], kind: str, step: int | None) -> list[ArtifactLine]:
        """Write the lines of files that lie in the run's folder, all in one write."""
        now = utc_now()
        lines = [
            ArtifactLine(
                kind,
                file.relative_to(self.folder).as_posix(),
                file.stat().st_size,
                file_sha256(file),
                now,
                step,
            )
            for file in files
        ]
        if lines:
            write_whole(self._handle, b"".join(map(encode_line, lines)), self.path)
        return lines

    def resume(self, step: int) -> None:
        """Declare that files registered before from a step beyond ``step`` no longer count."""
        write_whole(self._handle, encode_line(ResumeLine(step)), self.path)

    def checkpoint_folder(self, step: int) -> Path:
        """Return a folder name for the checkpoint of ``step`` that is not taken."""
        folder = self.folder / "checkpoints"
        folder.mkdir(exist_ok=True)
        return _free(folder / f"step-{step:08d}")

    def close(self) -> None:
        """Close the file."""
        os.close(self._handle)

    def _target(self, name: str) -> Path:
        path = self.folder / "artifacts" / check_relative("artifact", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        return _free(path)


def read_ledger(path: Path) -> Ledger:
    """Return the lines that count, in order; SchemaError where a line is damaged."""
    kept: list[ArtifactLine] = []
    if not path.exists():
        return Ledger(kept, 0, None)
    lines = JsonLines(path, ARTIFACTS, _decoder)
    for first, records in lines:
        for index, record in enumerate(records):
            if record.path:
                if not is_relative(record.path):
                    raise damage(path, first + index, f"a path stays inside the run's folder; got {record.path[:80]!r}")
                kept.append(
                    ArtifactLine(record.kind, record.path, record.size, record.sha256, record.time, record.step)
                )
            elif record.resumed_from_step >= 0:
                kept = [line for line in kept if line.step is None or line.step <= record.resumed_from_step]
            else:
                raise damage(path, first + index, "a record has a path; got none")
    return Ledger(kept, lines.consumed, lines.torn)


def checkpoints(folder: Path, lines: Sequence[ArtifactLine]) -> list[Checkpoint]:
    """Return the checkpoints among the ledger's lines, in the order they were made."""
    groups: dict[str, list[ArtifactLine]] = {}
    for line in lines:
        parts = PurePosixPath(line.path).parts
        if line.kind == CHECKPOINT and len(parts) > 2:
            groups.setdefault("/".join(parts[:2]), []).append(line)
    return [
        Checkpoint(folder / name, files[0].step or 0, files[0].time, tuple(files)) for name, files in groups.items()
    ]


def is_relative(name: str) -> bool:
    """Tell whether ``name`` is a path with forward slashes that stays inside the folder it is relative to."""
    return (
        0 < len(name) <= 512
        and name.isprintable()
        and not any(character in name for character in '\\:*?"<>|')
        and all(part not in ("", ".", "..") for part in name.split("/"))
    )


def check_relative(where: str, name: str) -> str:
    """Return ``name`` where ``is_relative`` holds; ArgumentError elsewhere."""
    if isinstance(name, str) and is_relative(name):
        return name
    raise ArgumentError(
        f'{where}: a name is a relative path with forward slashes and none of .. \\ : * ? " < > |; '
        f"got {str(name)[:80]!r}",
        argument="name",
    )


def _free(path: Path) -> Path:
    stem, suffix = path.stem, path.suffix
    count = 2
    while path.exists():
        path = path.with_name(f"{stem}-{count}{suffix}")
        count += 1
    return path
