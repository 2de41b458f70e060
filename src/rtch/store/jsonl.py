# SPDX-License-Identifier: MIT
"""Reading files of JSON lines that a process may have died in the middle of writing.

A last line without a newline is torn: it is left out and reported. Everything else that does not follow the
schema is damage, a SchemaError with file and line. Limits: a line has at most ``MAX_LINE`` bytes; the file is
read in blocks, so that memory holds one block and one line at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Generic, TypeVar

import msgspec

from rtch.errors import SchemaError
from rtch.store.files import store_io
from rtch.store.records import VERSION, Header, utc_now, writer_name

MAX_LINE = 8 << 20
_BLOCK = 1 << 20

T = TypeVar("T")
_header_decoder = msgspec.json.Decoder(Header)


def encode_line(record: Any) -> bytes:
    """Return ``record`` as one line of JSON."""
    return msgspec.json.encode(record) + b"\n"


def header_line(schema: str) -> bytes:
    """Return the line that opens a file of ``schema``."""
    return encode_line(Header(schema, VERSION, writer_name(), utc_now()))


def decode_record(decoder: msgspec.json.Decoder[T], data: bytes, path: Path, line: int) -> T:
    """Return the record in ``data``; SchemaError naming file and line where there is none."""
    try:
        return decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        reason = str(error).partition("\n")[0]
        raise damage(path, line, f"{reason}; got {data[:60]!r}") from error


def damage(path: Path, line: int, reason: str) -> SchemaError:
    """Return the error for a damaged line."""
    return SchemaError(f"{path}: line {line}: {reason}", path=str(path), line=line)


class JsonLines(Generic[T]):
    """One reading of the file at ``path``, up to the size that it has when the reading begins.

    Iterating yields ``(line number of the first record, records)`` by block, the header checked and left out.
    Afterwards ``consumed`` is the number of bytes in whole lines and ``torn`` says what was left out, if
    anything.
    """

    def __init__(self, path: Path, schema: str, decoder: msgspec.json.Decoder[T], size: int | None = None) -> None:
        self.path = path
        self.consumed = 0
        self.torn: str | None = None
        self._schema = schema
        self._decoder = decoder
        self._size = size

    def __iter__(self) -> Iterator[tuple[int, list[T]]]:
        for first, block in self.blocks():
            yield first, self.decode_block(self._decoder, block, self.path, first)

    def blocks(self) -> Iterator[tuple[int, bytes]]:
        """Yield ``(number of the first line, whole lines)`` without the header."""
        with store_io("read", self.path), self.path.open("rb") as file:
            for first, block in self._whole_lines(file):
                if first > 1:
                    yield first, block
                    continue
                end = block.index(b"\n") + 1
                self._check_header(block[:end])
                if end < len(block):
                    yield 2, block[end:]

    def _whole_lines(self, file: BinaryIO) -> Iterator[tuple[int, bytes]]:
        line, carry = 1, b""
        remaining = self._size
        while chunk := file.read(_BLOCK if remaining is None else min(_BLOCK, remaining)):
            if remaining is not None:
                remaining -= len(chunk)
            cut = chunk.rfind(b"\n") + 1
            if not cut:
                carry += chunk
                if len(carry) > MAX_LINE:
                    self._skip_long_line(file, line, len(carry))
                    return
                continue
            block, carry = carry + chunk[:cut], chunk[cut:]
            self.consumed += len(block)
            yield line, block
            line += block.count(b"\n")
        if carry:
            self._report_torn(line, len(carry))

    def _skip_long_line(self, file: BinaryIO, line: int, size: int) -> None:
        while chunk := file.read(_BLOCK):
            if b"\n" in chunk:
                raise damage(self.path, line, f"a line has at most {MAX_LINE} bytes; got more")
            size += len(chunk)
        self._report_torn(line, size)

    def _report_torn(self, line: int, size: int) -> None:
        self.torn = f"{self.path}: line {line}: torn last line of {size} bytes ignored"

    def _check_header(self, data: bytes) -> None:
        header = decode_record(_header_decoder, data, self.path, 1)
        if header.schema != self._schema:
            raise damage(self.path, 1, f"the schema must be {self._schema!r}; got {header.schema[:60]!r}")
        if header.version > VERSION:
            raise damage(
                self.path,
                1,
                f"written by a newer rtch, this one reads version {VERSION}; got {header.version}",
            )

    @staticmethod
    def decode_block(decoder: msgspec.json.Decoder[T], block: bytes, path: Path, first: int) -> list[T]:
        """Return the records of whole lines, one a line; SchemaError names the first line that holds none."""
        try:
            records = decoder.decode_lines(block)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            records = []
        if len(records) == block.count(b"\n"):
            return records
        lines = block.split(b"\n")[:-1]
        return [decode_record(decoder, line, path, first + index) for index, line in enumerate(lines)]
