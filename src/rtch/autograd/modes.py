# SPDX-License-Identifier: MIT
"""Whether calls are recorded, per thread: as `with` blocks and as decorators."""

from __future__ import annotations

import threading
from contextlib import ContextDecorator

from rtch.tensor import grad_mode


class _Before(threading.local):
    """The modes that this thread's open blocks go back to. Per thread, since a decorator's one object serves all."""

    def __init__(self) -> None:
        self.modes: list[bool] = []


_before = _Before()


class set_grad_enabled(ContextDecorator):  # noqa: N801  (PyTorch's name)
    """Record calls in this block, or don't."""

    def __init__(self, mode: bool) -> None:
        self._mode = mode

    def __enter__(self) -> None:
        """Switch."""
        _before.modes.append(grad_mode.enabled)
        grad_mode.enabled = self._mode

    def __exit__(self, *exc: object) -> None:
        """Switch back."""
        grad_mode.enabled = _before.modes.pop()


class no_grad(set_grad_enabled):  # noqa: N801  (PyTorch's name)
    """Record nothing in this block: results do not require grad, and leaves may be written."""

    def __init__(self) -> None:
        super().__init__(False)


class enable_grad(set_grad_enabled):  # noqa: N801  (PyTorch's name)
    """Record calls in this block, also inside `no_grad`."""

    def __init__(self) -> None:
        super().__init__(True)


def is_grad_enabled() -> bool:
    """Whether this thread records calls now."""
    return grad_mode.enabled
