# SPDX-License-Identifier: MIT
"""Files that are whole or absent, and lines that are whole or torn.

A file that is replaced is written beside its target, synced, renamed over it, and its folder synced, so that
a reader, a SIGKILL or a power cut finds the old bytes or the new ones. A line that is appended goes to the
kernel in one ``write``, so that it survives the death of the process.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from rtch.errors import StoreIOError

_BINARY = getattr(os, "O_BINARY", 0)
_TAIL_BLOCK = 1 << 16


@contextlib.contextmanager
def store_io(where: str, path: Path) -> Iterator[None]:
    """Turn an OSError of the body into a StoreIOError with ``path``; a StoreIOError passes."""
    try:
        yield
    except StoreIOError:
        raise
    except OSError as error:
        raise StoreIOError(f"{where}: {error.strerror or error}; got {str(path)!r}", path=str(path)) from error


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """Open a new file beside ``path`` that takes its place when the body ends without an exception.

    A symbolic link stays, and the file that it leads to is replaced. A device, a pipe or a socket is never replaced:
    the bytes are written to it as they come.
    """
    with store_io("write", path):
        if _is_special(path):
            with os.fdopen(os.open(path, os.O_WRONLY | _BINARY), "wb") as file:
                yield file
            return
        target = link_target(path)
        temporary = target.with_name(f".{target.name}.{os.getpid()}.{os.urandom(4).hex()}.tmp")
        try:
            with temporary.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(target)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
        sync_folder(target.parent)


def link_target(path: str | os.PathLike[str]) -> Path:
    """Return the absolute path that ``path`` leads to, whether something is there or not; OSError where it can't."""
    try:
        target = Path(path).resolve()
    except RuntimeError as error:
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from error
    except ValueError as error:
        raise OSError(errno.EINVAL, str(error)) from error
    if not target.name:
        raise IsADirectoryError(errno.EISDIR, "the root folder")
    return target


def _is_special(path: Path) -> bool:
    """Whether something stands at ``path`` that is neither a file nor a folder."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):  # nothing there, or what opening it will say
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def replace_file(path: Path, data: bytes) -> None:
    """Replace the content of ``path`` by ``data``, atomically and durably."""
    with atomic_file(path) as file:
        file.write(data)


def sync_folder(folder: Path) -> None:
    """Make the names in ``folder`` durable, where the system can."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def open_for_append(path: Path, *, new: bool) -> int:
    """Return a descriptor that writes to the end of ``path`` only; ``new``: the file may not exist yet."""
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | _BINARY | (os.O_EXCL if new else 0)
    with store_io("open", path):
        return os.open(path, flags, 0o666)


def write_whole(handle: int, data: bytes | bytearray, path: Path) -> None:
    """Append ``data``, which ends with a newline, in one write; on failure cut what got through and raise."""
    try:
        written = os.write(handle, data)
    except OSError as error:
        raise StoreIOError(f"write: {error.strerror}; got {str(path)!r}", path=str(path)) from error
    if written != len(data):
        cut_torn_tail(handle, path)
        raise StoreIOError(
            f"write: only {written} of {len(data)} bytes were taken, is the disk full?; got {str(path)!r}",
            path=str(path),
        )


def cut_torn_tail(handle: int, path: Path) -> int:
    """Cut what follows the last newline of a file that we alone write; return the number of bytes cut."""
    with store_io("cut", path):
        size = os.fstat(handle).st_size
        end = size
        while end > 0:
            start = max(0, end - _TAIL_BLOCK)
            os.lseek(handle, start, os.SEEK_SET)
            newline = os.read(handle, end - start).rfind(b"\n")
            if newline >= 0:
                end = start + newline + 1
                break
            end = start
        if end != size:
            os.ftruncate(handle, end)
        return size - end


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hex."""
    with store_io("read", path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
