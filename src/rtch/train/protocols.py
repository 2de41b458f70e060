# SPDX-License-Identifier: MIT
"""What a trainer needs of the things it is given: any object with these methods will do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from rtch.tracing import Trace


class Recorder(Protocol):
    """What a training writes to; a `rtch.store.Run` is one."""

    def log(self, values: Mapping[str, Any], step: int | None = None) -> None:
        """Record values at a step."""

    def checkpoint(self, *, model: Any, optimizer: Any, epoch: int, step: int, **extra: Any) -> Path:
        """Save a training checkpoint and return its folder."""


@runtime_checkable
class TraceRecorder(Protocol):
    """What takes the spans of traced steps; a `rtch.store.Run` does."""

    def log_trace(self, trace: Trace, step: int | None = None) -> None:
        """Record the spans of a trace."""


class Scheduler(Protocol):
    """What the loop needs of a schedule beside `step`, with or without a metric."""

    def state_dict(self) -> dict[str, Any]:
        """All of its state."""

    def load_state_dict(self, state_dict: Mapping[str, Any], /) -> None:
        """Take over a state."""


class Optimizer(Protocol):
    """What the loop needs of an optimiser."""

    def zero_grad(self) -> None:
        """Forget the gradients."""

    def step(self) -> None:
        """Change the parameters by their gradients."""

    def state_dict(self) -> dict[str, Any]:
        """All of its state."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over a state."""
