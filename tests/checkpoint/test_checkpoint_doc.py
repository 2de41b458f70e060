# SPDX-License-Identifier: MIT
from __future__ import annotations

import re
import struct
from pathlib import Path

from rtch.checkpoint import format_v1, plain_json
from rtch.checkpoint.format_v1 import Record

DOC = (Path(__file__).parents[2] / "docs" / "formats" / "rtch.md").read_text("utf-8")


def hexdump(data):
    lines = []
    for start in range(0, len(data), 16):
        row = data[start : start + 16]
        left, right = (" ".join(f"{byte:02x}" for byte in half) for half in (row[:8], row[8:]))
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        lines.append(f"{start:04x}  {left:<23}  {right:<23}  {text}")
    return "\n".join(lines)


def test_hex_dump_is_what_the_writer_writes():
    """The worked example in the specification is the file that its two tensors give."""
    records = [
        Record("w", (1, 2), struct.pack("<2f", 0.5, -1.0), True),
        Record("é", (), struct.pack("<f", 2.0)),
    ]
    written = b"".join(bytes(chunk) for chunk in format_v1.encode(records, "doc.rtch"))
    [shown] = re.findall(r"```hexdump\n(.*?)\n```", DOC, re.DOTALL)

    assert hexdump(written) == shown


def test_limits_are_those_of_the_code():
    """The limits in the specification are the constants at the top of the module."""
    assert f"1 to {format_v1.MAX_NAME_BYTES:,} bytes of UTF-8" in DOC
    assert f"at most {format_v1.MAX_RANK} sizes" in DOC
    assert f"at most {format_v1.MAX_TENSORS:,} tensors and {format_v1.MAX_METADATA_BYTES:,} bytes" in DOC
    assert f"nest at most {plain_json.MAX_DEPTH} deep" in DOC
    assert format_v1.MAX_DATA_BYTES == 2**63 - 1
