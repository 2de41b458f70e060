# SPDX-License-Identifier: MIT
"""Whether calls are recorded, per thread: as `with` blocks and as decorators."""

from __future__ import annotations

import threading
from contextlib import ContextDecorator
from typing import Any

from rtch.errors import ArgumentError, AutogradError
from rtch.tensor import grad_mode


class _State(threading.local):
    """A thread's inference mode, and what its open blocks go back to: one decorator serves all threads."""

    inference = False

    def __init__(self) -> None:
        self.modes: list[bool] = []
        self.inferences: list[tuple[bool, bool]] = []


_state = _State()


class set_grad_enabled(ContextDecorator):  # noqa: N801  (PyTorch's name)
    """Record calls in this block, or don't. Inside `inference_mode` nothing is recorded either way."""

    def __init__(self, mode: bool) -> None:
        self._mode = mode

    def __enter__(self) -> None:
        """Switch."""
        _state.modes.append(grad_mode.enabled)
        grad_mode.enabled = self._mode and not _state.inference

    def __exit__(self, *exc: object) -> None:
        """Switch back."""
        grad_mode.enabled = _state.modes.pop()


class no_grad(set_grad_enabled):  # noqa: N801  (PyTorch's name)
    """Record nothing in this block: results do not require grad, and leaves may be written."""

    def __init__(self) -> None:
        super().__init__(False)


class enable_grad(set_grad_enabled):  # noqa: N801  (PyTorch's name)
    """Record calls in this block, also inside `no_grad`, but not inside `inference_mode`."""

    def __init__(self) -> None:
        super().__init__(True)


class inference_mode(ContextDecorator):  # noqa: N801  (PyTorch's name)
    """Record nothing in this block, whatever the code inside asks for: `no_grad` that `enable_grad` does not lift.

    What is made inside are values like all others: outside they may require grad and be used in recorded calls.

    Args:
        mode: False ends the inference mode around the block, and calls are recorded, as in PyTorch. Or the function to
            decorate.

    Raises:
        ArgumentError: mode is neither.
    """

    def __new__(cls, mode: Any = True) -> Any:
        """The function itself, decorated, for ``@inference_mode`` without parentheses."""
        if isinstance(mode, bool):
            return super().__new__(cls)
        if not callable(mode):
            raise ArgumentError(f"inference_mode: True, False or a function is needed; got {mode!r:.80}", argument=mode)
        return cls()(mode)

    def __init__(self, mode: bool = True) -> None:
        self._mode = mode

    def __enter__(self) -> None:
        """Switch."""
        _state.inferences.append((grad_mode.enabled, _state.inference))
        _state.inference = self._mode
        grad_mode.enabled = not self._mode

    def __exit__(self, *exc: object) -> None:
        """Switch back."""
        grad_mode.enabled, _state.inference = _state.inferences.pop()


def is_grad_enabled() -> bool:
    """Whether this thread records calls now."""
    return grad_mode.enabled


def is_inference_mode_enabled() -> bool:
    """Whether this thread is in `inference_mode`."""
    return _state.inference


def need_recording(where: str) -> None:
    """Refuse to differentiate where nothing can be recorded."""
    if _state.inference:
        raise AutogradError(f"{where}: nothing is recorded in inference_mode")
