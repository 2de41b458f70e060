# SPDX-License-Identifier: MIT
"""Files and folders that are replaced whole or not at all.

The new content is written under a temporary name beside the target, synced, renamed over the target, and the
folder that holds both is synced. Whoever reads the target sees the old content or the new one; a killed
writer leaves the old content and a leftover ``.*.tmp``, which nothing ever reads.

Replacing a folder that exists swaps the two names in one step on Linux (``renameat2``). Other systems have no
such call: there the old folder is first moved to a temporary name, so a kill between the two renames leaves
no folder under the target's name, and the old one under the temporary name.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rtch.checkpoint.problems import Site
from rtch.errors import CheckpointIOError, StoreIOError
from rtch.store.files import atomic_file, link_target, sync_folder

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


def replace_file(path: str | os.PathLike[str], chunks: Iterable[bytes | memoryview]) -> None:
    """Write the chunks as the file's whole new content, as `rtch.store.files.atomic_file` does it.

    Raises:
        CheckpointIOError: the system refused; the old file stands as it was.
    """
    try:
        with atomic_file(Path(path)) as file:
            for chunk in chunks:
                file.write(chunk)
    except StoreIOError as error:
        cause = error.__cause__ if isinstance(error.__cause__, OSError) else error
        Site(os.fspath(path)).refuse_io("can't be written", cause)


@contextmanager
def replacing_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a new folder under a temporary name, which takes the target's place when the block ends well.

    The block puts files there with `replace_file`. Where it raises, the temporary folder goes away.

    Raises:
        CheckpointIOError: the system refused, or the target is no folder; the old folder stands as it was.
    """
    target = _resolved(path)
    temporary = target.with_name(_temporary_name())
    try:
        try:
            if target.exists() and not target.is_dir():
                raise NotADirectoryError(errno.ENOTDIR, "a file in the folder's place")
            temporary.mkdir()
            yield temporary
            _move_folder(temporary, target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        sync_folder(target.parent)
    except OSError as error:
        cause = error.__cause__ if isinstance(error, CheckpointIOError) else error
        Site(os.fspath(path)).refuse_io("can't be written", cause if isinstance(cause, OSError) else error)


def _resolved(path: str | os.PathLike[str]) -> Path:
    try:
        return link_target(path)
    except OSError as error:
        Site(os.fspath(path)).refuse_io("can't be written", error)


def _temporary_name() -> str:
    return f".rtch-{secrets.token_hex(8)}.tmp"


def _move_folder(new: Path, target: Path) -> None:
    """Put `new` in the target's place; what stood there, if anything, ends under the name of `new`."""
    if not target.exists():
        new.rename(target)
        return
    if _exchange(new, target):
        return
    old = target.with_name(_temporary_name())
    target.rename(old)
    try:
        new.rename(target)
    except OSError:
        old.rename(target)
        raise
    old.rename(new)


def _exchange(one: Path, other: Path) -> bool:
    """Swap two names in one step; return False where the system or file system can't."""
    if sys.platform != "linux":
        return False
    import ctypes

    rename = getattr(ctypes.CDLL(None), "renameat2", None)
    if rename is None:
        return False
    flags = ctypes.c_uint(_RENAME_EXCHANGE)
    status: int = rename(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), flags)
    return status == 0
