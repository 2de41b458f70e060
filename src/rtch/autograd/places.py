# SPDX-License-Identifier: MIT
"""Where in the program recorded calls were made, and errors that say so.

A place is kept as code objects and instruction offsets, which is cheap, and put into words when it is asked for.
"""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from types import CodeType, FrameType
from typing import TypeAlias

from rtch._c import lib
from rtch._c.objects import node_object
from rtch.errors import BackwardError

Frames: TypeAlias = tuple[tuple[CodeType, int], ...]
"""Code and instruction of the frames of a call, the innermost first."""

_MOST_FRAMES = 20
_PACKAGE = str(Path(__file__).parents[1]) + "/"


class Recorded:
    """The places of the last calls that were recorded in anomaly mode, by the nodes' seq."""

    MOST = 200_000

    def __init__(self) -> None:
        self._now: dict[int, Frames] = {}
        self._before: dict[int, Frames] = {}

    def put(self, seq: int, frames: Frames) -> None:
        """Note one; the oldest go, in bulk."""
        now = self._now
        now[seq] = frames
        if len(now) >= self.MOST:
            self._before, self._now = now, {}

    def get(self, seq: int) -> Frames | None:
        """That of a node, if it is known."""
        return self._now.get(seq) or self._before.get(seq)

    def clear(self) -> None:
        """Forget all."""
        self._now, self._before = {}, {}


recorded = Recorded()


def capture(depth: int = 1) -> Frames:
    """The place of the caller, or of the one so many frames further out."""
    frame: FrameType | None = sys._getframe(depth)
    found: list[tuple[CodeType, int]] = []
    while frame is not None and len(found) < _MOST_FRAMES:
        found.append((frame.f_code, frame.f_lasti))
        frame = frame.f_back
    return tuple(found)


def _line(code: CodeType, instruction: int) -> int:
    for start, end, line in code.co_lines():
        if start <= instruction < end and line is not None:
            return line
    return code.co_firstlineno


def place_of(frames: Frames) -> str:
    """File, line and function of the innermost frame outside this library."""
    own = [frame for frame in frames if not frame[0].co_filename.startswith(_PACKAGE)]
    code, instruction = (own or frames)[0]
    return f"{code.co_filename}:{_line(code, instruction)} in {code.co_name}"


def traceback_of(frames: Frames) -> str:
    """The lines that a traceback of this call would have, the innermost last."""
    lines = [
        traceback.FrameSummary(code.co_filename, _line(code, instruction), code.co_name, lookup_line=False)
        for code, instruction in reversed(frames)
    ]
    return "".join(traceback.format_list(lines))


def frames_of(node: int) -> Frames | None:
    """The place of the call that made a node, where it is known: of a `Function`, and of all in anomaly mode."""
    return recorded.get(lib.rt_node_seq(node)) or getattr(node_object(node, False), "frames", None)


def backward_error(what: str, frames: Frames | None, error: Exception) -> BackwardError:
    """What to raise from an exception that a program's code raised in the backward pass.

    Args:
        what: names that code, as in "Square.backward".
        frames: the place of the forward call, as `frames_of` gives it.
        error: the exception.
    """
    message = f"{what}: raised {type(error).__name__}: {error}"
    if frames is None:
        return BackwardError(f"{message}; rtch.autograd.detect_anomaly shows the forward call", forward_traceback="")
    return BackwardError(
        f"{message}; the forward call was at {place_of(frames)}", forward_traceback=traceback_of(frames)
    )
