# SPDX-License-Identifier: MIT
"""Locks that the operating system frees when a process dies, however it dies.

A lock is held on a file of its own (``run.lock``, ``registry.lock``) that stays when the lock is freed:
removing it would let two processes hold "the" lock on two different files. Where a file system has no locks,
taking one is a StoreIOError, since a store without them can lose records.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from pathlib import Path

from rtch.errors import StoreIOError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_RETRY_SECONDS = 0.002
_BUSY = {errno.EAGAIN, errno.EACCES, errno.EDEADLK}


class FileLock:
    """An exclusive lock on ``path``, between processes and between handles of one process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle: int | None = None

    def acquire(self, timeout: float) -> bool:
        """Take the lock, waiting up to ``timeout`` seconds; return whether it was had."""
        try:
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise StoreIOError(f"lock: {error.strerror}; got {str(self.path)!r}", path=str(self.path)) from error
        try:
            deadline = time.monotonic() + timeout
            while not _try_lock(handle, self.path):
                if time.monotonic() >= deadline:
                    os.close(handle)
                    return False
                time.sleep(_RETRY_SECONDS)
        except BaseException:
            os.close(handle)
            raise
        self._handle = handle
        return True

    def release(self) -> None:
        """Free the lock; nothing happens where it isn't held."""
        handle, self._handle = self._handle, None
        if handle is not None:
            _unlock(handle)
            os.close(handle)

    def forget(self) -> None:
        """In a forked child: close the inherited handle without freeing the lock, which the parent keeps."""
        handle, self._handle = self._handle, None
        if handle is not None:
            os.close(handle)


def is_locked(path: Path) -> bool:
    """Tell whether some process holds the lock on ``path``; it is probed for an instant, never kept."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StoreIOError(f"lock: {error.strerror}; got {str(path)!r}", path=str(path)) from error
    try:
        if not _try_lock(handle, path, shared=True):
            return True
        _unlock(handle)
        return False
    finally:
        os.close(handle)


def _try_lock(handle: int, path: Path, *, shared: bool = False) -> bool:
    try:
        if sys.platform == "win32":
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _BUSY:
            return False
        raise StoreIOError(
            f"lock: this file system has no file locks ({error.strerror}), keep the store on another; "
            f"got {str(path)!r}",
            path=str(path),
        ) from error
    return True


def _unlock(handle: int) -> None:
    if sys.platform == "win32":
        msvcrt.locking(handle, msvcrt.LK_UNLCK, 1)
    else:
        fcntl.flock(handle, fcntl.LOCK_UN)
