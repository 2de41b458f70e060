# SPDX-License-Identifier: MIT
"""Opening an RTCH file: the header and metadata are checked in full, data is read tensor by tensor.

Like ``format_v1`` this knows bytes and no tensors.
"""

from __future__ import annotations

import errno
import io
import os
import stat
from pathlib import Path
from types import TracebackType

from rtch.checkpoint import format_v1
from rtch.checkpoint.problems import Site
from rtch.errors import AllocationError


class Reader:
    """An open RTCH version 1 file; ``entries`` are its tensors in order of name.

    ::

        with Reader("model.rtch") as reader:
            for entry in reader.entries:
                data = reader.read(entry)  # entry.len_bytes little-endian float32 elements

    Raises:
        CheckpointIOError: the file can't be opened or read, or is no regular file.
        CheckpointFormatError: the bytes break the format.
        CheckpointDTypeError: a tensor's dtype is not "f32".
        CheckpointLayoutError: a tensor's strides are not row-major.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Open the file and check everything but the tensors' data."""
        self.path = os.fspath(path)
        self._file = open_regular(self.path)
        try:
            file_bytes = os.fstat(self._file.fileno()).st_size
            header = self._read(min(file_bytes, format_v1.HEADER_BYTES), 0, Site(self.path))
            n_metadata = format_v1.parse_header(bytes(header), file_bytes, self.path)
            metadata = self._read(n_metadata, format_v1.HEADER_BYTES, Site(self.path))
            self._data_start = format_v1.HEADER_BYTES + n_metadata
            data_bytes = file_bytes - self._data_start
            self.entries = format_v1.parse_metadata(bytes(metadata), data_bytes, self.path)
        except BaseException:
            self.close()
            raise

    def read(self, entry: format_v1.Entry) -> bytearray:
        """Return a tensor's elements, read from the file now."""
        return self._read(entry.len_bytes, self._data_start + entry.offset_bytes, Site(self.path, entry.name))

    def _read(self, n_bytes: int, offset: int, site: Site) -> bytearray:
        try:
            buffer = bytearray(n_bytes)
        except MemoryError:
            raise AllocationError(f"{site}: no memory to read it; got {n_bytes} bytes", nbytes=n_bytes) from None
        filled = 0
        try:
            self._file.seek(offset)
            while filled < n_bytes and (n_read := self._file.readinto(memoryview(buffer)[filled:])):
                filled += n_read
        except OSError as error:
            site.refuse_io("can't be read", error)
        if filled < n_bytes:
            site.refuse(f"{n_bytes} bytes stand at offset {offset}, so the file was cut just now", filled)
        return buffer

    def close(self) -> None:
        """Close the file; `read` can't be called afterwards."""
        self._file.close()

    def __enter__(self) -> Reader:
        """Return the reader."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self.close()


def open_regular(path: str) -> io.FileIO:
    """Open a regular file for reading: a pipe would block, and a device has no size to check lengths against.

    Raises:
        CheckpointIOError: there is no such file, it is no regular file, or the system refuses to open it.
    """
    try:
        mode = Path(path).stat().st_mode
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, f"{stat.filemode(mode)}, which is no regular file")
        return io.FileIO(path, "rb")
    except (OSError, ValueError) as error:
        Site(path).refuse_io("can't be opened", error)


def read_bounded(path: str, max_bytes: int) -> bytes:
    """Return a small regular file's bytes.

    Raises:
        CheckpointIOError: as `open_regular`, or it can't be read.
        CheckpointFormatError: the file is longer than `max_bytes`.
    """
    site = Site(path)
    with open_regular(path) as file:
        try:
            n_bytes = os.fstat(file.fileno()).st_size
            if n_bytes > max_bytes:
                site.refuse(f"the file has at most {max_bytes} bytes", n_bytes)
            return file.readall()
        except OSError as error:
            site.refuse_io("can't be read", error)
