# SPDX-License-Identifier: MIT
"""Parameter: a tensor that a module owns and an optimiser trains."""

from __future__ import annotations

from typing import Any

from rtch._c import lib
from rtch.creation import asarray
from rtch.tensor import Tensor


class Parameter(Tensor):
    """A leaf tensor; assigned to a module's attribute, it becomes one of its parameters.

    Args:
        data: what `rtch.asarray` takes. A tensor's memory is shared until one of the two is written to.
        requires_grad: whether it collects a gradient.
    """

    __slots__ = ()

    def __new__(cls, data: Any, requires_grad: bool = True) -> Parameter:
        """Make one from data."""
        value = asarray(data)  # named, so that it outlives the next call
        self = object.__new__(cls)
        self._h = lib.rt_detach(value._h)
        if requires_grad:
            self.requires_grad_()
        return self
