# SPDX-License-Identifier: MIT
"""What one row of the op table holds.

A gradient is a plain function whose parameter names say what it needs, one function per differentiable input::

    g             gradient of the result
    x, y, ...     the inputs, by the names in `inputs`
    out           the result
    x_shape, ...  the shape of an input, without its values
    axis, ...     an attribute of the call

What no gradient names is not kept alive by the graph. Gradients are written with tensor operators and, through `F`,
with the public functions, so that they can be differentiated again. For elementwise ops the engine sums a gradient
over the axes along which its input was broadcast: the functions here need not.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any


class _Functions:
    """The public functions by name. The modules that define them enter them here, and are loaded on first use."""

    def __getattr__(self, name: str) -> Any:
        for home in ("rtch.functions", "rtch.creation", "rtch.manipulation"):
            importlib.import_module(home)
        try:
            return self.__dict__[name]
        except KeyError:
            raise AttributeError(f"no public function {name!r}") from None


F: Any = _Functions()
"""What gradients and methods call public functions through. Looked up when they run, never at import."""


class Kind(Enum):
    """How an op is called; one C entry, one loop shape and one public signature per kind."""

    UNARY = "unary"  # f(x), elementwise
    BINARY = "binary"  # f(x, y), elementwise with broadcasting
    COMPARE = "compare"  # f(x, y) -> bool, elementwise with broadcasting
    TERNARY = "ternary"  # where(condition, x, y)
    REDUCE = "reduce"  # f(x, axis, keepdims)
    STRUCTURE = "structure"  # moves elements or changes the view; its function is written by hand


class Rule(Enum):
    """Which dtypes an op takes and what it gives."""

    NUMERIC = "numeric"  # int64, float32, float64 -> the same
    FLOAT = "float"  # float32, float64 -> the same; bool and int64 become float32
    ANY = "any"  # every dtype
    SUM = "sum"  # as NUMERIC, bool becomes int64


@dataclass(frozen=True, slots=True, eq=False)
class Op:
    """One row. `grads[i]` is the gradient towards input i, or None where there is none."""

    id: int
    name: str
    kind: Kind
    rule: Rule
    inputs: tuple[str, ...]
    grads: tuple[Callable[..., Any] | None, ...]
    summary: str
    detail: str
    operator: str | None
    method: bool
    in_place: bool = field(default=False, kw_only=True)  # whether there is an operator such as +=
    costly: bool = field(default=False, kw_only=True)  # tens of cycles an element: a second thread pays earlier
    reference: Callable[[], Any]
    domain: tuple[float, float]
    needs: tuple[tuple[str, ...], ...] = field(init=False)
    plans: list[Any] = field(init=False, default_factory=lambda: [None] * 4)  # what the graph saves; see rtch.autograd

    def __post_init__(self) -> None:
        """Read what each gradient needs from its parameter names."""
        needs = tuple(() if f is None else tuple(inspect.signature(f).parameters) for f in self.grads)
        object.__setattr__(self, "needs", needs)

    @property
    def variadic(self) -> bool:
        """Whether the call takes any number of tensors; its one gradient function gives one gradient for each."""
        return self.inputs == ("parts",)

    @property
    def differentiable(self) -> bool:
        """Whether any input has a gradient."""
        return any(f is not None for f in self.grads)
