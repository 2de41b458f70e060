# SPDX-License-Identifier: MIT
"""Anomaly mode: every recorded call keeps its place in the program, and a gradient that becomes NaN is an error that
names it. The mode is the process's, as in PyTorch. While it is off nothing of this runs.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Sequence
from contextlib import ContextDecorator
from typing import Any

from rtch._c import ffi, lib
from rtch.autograd.graph import name_of, op_of
from rtch.autograd.places import capture, frames_of, place_of, recorded, traceback_of
from rtch.errors import AnomalyError
from rtch.functions import any as any_of
from rtch.functions import isnan
from rtch.tensor import Tensor, snapshot


class _State:
    """Whether the mode is on, and whether it looks for NaN."""

    on = False
    check_nan = True


state = _State()


def _failed(kind: type[BaseException], error: BaseException, _traceback: Any) -> None:
    """C can't pass an exception on: Ctrl-C comes again after the call; others are shown."""
    if not issubclass(kind, KeyboardInterrupt):
        raise error
    main = threading.main_thread().ident or 0
    again = threading.Timer(0.002, lambda: signal.pthread_kill(main, signal.SIGINT))  # now, it would come in here
    again.daemon = True
    again.start()


@ffi.def_extern(name="py_recorded", onerror=_failed)  # type: ignore[untyped-decorator]
def _recorded(node: int) -> None:
    """The C core has entered a call into the graph."""
    recorded.put(lib.rt_node_seq(node), capture(2))


def _switch(on: bool, check_nan: bool) -> None:
    state.on, state.check_nan = on, check_nan
    lib.rt_set_on_record(lib.py_recorded if on else ffi.NULL)


class set_detect_anomaly(ContextDecorator):  # noqa: N801  (PyTorch's name)
    """Turn anomaly mode on or off: from now on, or as a `with` block in it. See `detect_anomaly`.

    Args:
        mode: whether it is on.
        check_nan: whether gradients are looked at.
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self._before = state.on, state.check_nan
        _switch(bool(mode), bool(check_nan))

    def __enter__(self) -> None:
        """It is switched already."""

    def __exit__(self, *exc: object) -> None:
        """Switch back."""
        _switch(*self._before)


class detect_anomaly(ContextDecorator):  # noqa: N801  (PyTorch's name)
    """In this block each recorded call keeps its place in the program, and a backward pass that computes a NaN raises
    an `AnomalyError` with the op, the input and the file and line of the forward call. Errors of a backward pass show
    the traceback of that call.

    Forward and backward both belong into the block. It is for finding errors: calls are much slower in it. The places
    of the last 200,000 calls at least are known.

    Args:
        check_nan: without it no gradient is looked at, only errors say more.
    """

    def __init__(self, check_nan: bool = True) -> None:
        self._check_nan = check_nan
        self._before: list[tuple[bool, bool]] = []

    def __enter__(self) -> None:
        """Switch on."""
        self._before.append((state.on, state.check_nan))
        _switch(True, self._check_nan)

    def __exit__(self, *exc: object) -> None:
        """Switch back."""
        _switch(*self._before.pop())


def is_anomaly_enabled() -> bool:
    """Whether anomaly mode is on."""
    return state.on


def is_anomaly_check_nan_enabled() -> bool:
    """Whether it looks for NaN."""
    return state.check_nan


def explain(node: int, error: Exception) -> None:
    """Add the place of a node's call to an error that its gradient or a hook raised, unless the error names it."""
    frames = frames_of(node)
    if frames and not isinstance(error, AnomalyError):
        error.add_note(f"The forward call of {name_of(node)}, most recent call last:\n{traceback_of(frames)}")


def _has_nan(x: Tensor) -> bool:
    x = snapshot(x)
    return bool(isnan(x.sum())) and bool(any_of(isnan(x)))  # the sum takes no memory, but infinities make one NaN


def check(node: int, g: Tensor, made: Sequence[Tensor | None]) -> None:
    """Refuse a NaN among the gradients that a node made of g.

    Raises:
        AnomalyError: there is one.
    """
    for i, x in enumerate(made):
        if x is None or not _has_nan(x):
            continue
        op, frames, name = op_of(node), frames_of(node), name_of(node)
        held_name = f" ({op.inputs[i]})" if op is not None and i < len(op.inputs) else ""
        if _has_nan(g):
            what = f"the gradient that reached {name} has NaN: the seed has, or a sum of gradients gave it"
        else:
            what = f"{name} gave NaN as the gradient of its input {i}{held_name}"
        where = f"its forward call was at {place_of(frames)}" if frames else "it was called outside of anomaly mode"
        raise AnomalyError(
            f"backward: {what}; {where}",
            op=name,
            input=i,
            forward_traceback=traceback_of(frames) if frames else "",
        )
