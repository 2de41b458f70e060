# SPDX-License-Identifier: MIT
"""What one row of the op table holds.

A gradient is a plain function whose parameter names say what it needs, one function per differentiable input::

    g             gradient of the result
    x, y, ...     the inputs, by the names in `inputs`
    out           the result
    x_shape, ...  the shape of the input that the gradient is towards, without its values; out_shape: of the result
    axis, ...     an attribute of the call

What no gradient names is not kept alive by the graph. Gradients are written with tensor operators and, through `F`,
with the public functions, so that they can be differentiated again. For elementwise ops the engine sums a gradient
over the axes along which its input was broadcast: the functions here need not.

Gradients of complex results are written as for real ones, g times the derivative, and the engine conjugates what goes
in and what comes out. A row whose function is not analytic, such as `abs`, says `wirtinger` and gives dL/dRe + i dL/dIm
itself.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeVar

HOMES = (
    "rtch.functions",
    "rtch.creation",
    "rtch.manipulation",
    "rtch.gradients",
    "rtch.indexing",
    "rtch.gathering",
    "rtch.searching",
    "rtch.views",
    "rtch.shapes",
    "rtch.parts",
    "rtch.contractions",
    "rtch.composed",
    "rtch.convolutions",
    "rtch.embeddings",
    "rtch.pooling",
    "rtch.rowwise",
    "rtch.nn.functional",
)


class _Functions:
    """The public functions by name. The modules that define them enter them here, and are loaded on first use."""

    def __getattr__(self, name: str) -> Any:
        for home in HOMES:
            importlib.import_module(home)
        try:
            return self.__dict__[name]
        except KeyError:
            raise AttributeError(f"no public function {name!r}") from None


F: Any = _Functions()
"""What gradients and methods call public functions through. Looked up when they run, never at import."""

_Function = TypeVar("_Function", bound=Callable[..., Any])


def method(function: _Function) -> _Function:
    """Enter a public function whose first argument is a tensor into `F`; codegen makes it a method of Tensor."""
    setattr(F, function.__name__, function)
    return function


class Kind(Enum):
    """How an op is called; one C entry, one loop shape and one public signature per kind."""

    UNARY = "unary"  # f(x), elementwise
    PREDICATE = "predicate"  # f(x) -> bool, elementwise
    BINARY = "binary"  # f(x, y), elementwise with broadcasting
    COMPARE = "compare"  # f(x, y) -> bool, elementwise with broadcasting
    TERNARY = "ternary"  # where(condition, x, y)
    REDUCE = "reduce"  # f(x, axis, keepdims)
    ARGREDUCE = "argreduce"  # f(x, axis, keepdims) -> int64, the position of an extreme; one axis or all
    SCAN = "scan"  # f(x, axis, dtype, include_initial), a running reduction
    STRUCTURE = "structure"  # moves elements or changes the view; its function is written by hand


_BOOL = ("bool",)
_INTEGERS = ("i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64")
_REALS = ("f32", "f64")
_COMPLEX = ("c64", "c128")


class Rule(Enum):
    """Which dtypes an op takes and computes in: `computes` gives the loop that runs for a promoted dtype."""

    NUMERIC = "numeric"  # integers, floating, complex
    REAL = "real"  # integers, floating
    FLOAT = "float"  # floating, complex; bool and integers become float32
    REAL_FLOAT = "real float"  # floating; bool and integers become float32
    ROUNDING = "rounding"  # floating; integers are themselves
    ROUND = "round"  # floating, complex; integers are themselves
    COMPLEX = "complex"  # complex; integers and floating are themselves
    INTEGER = "integer"  # integers
    BITWISE = "bitwise"  # bool, integers
    LOGICAL = "logical"  # any, as bool
    ANY = "any"  # every computed dtype
    SUM = "sum"  # as NUMERIC; bool and integers become int64 or uint64

    @property
    def loops(self) -> tuple[str, ...]:
        """The dtypes, as in C, that a loop exists for."""
        return {
            Rule.NUMERIC: _INTEGERS + _REALS + _COMPLEX,
            Rule.REAL: _INTEGERS + _REALS,
            Rule.FLOAT: _REALS + _COMPLEX,
            Rule.REAL_FLOAT: _REALS,
            Rule.ROUNDING: _REALS,
            Rule.ROUND: _REALS + _COMPLEX,
            Rule.COMPLEX: _COMPLEX,
            Rule.INTEGER: _INTEGERS,
            Rule.BITWISE: _BOOL + _INTEGERS,
            Rule.LOGICAL: _BOOL,
            Rule.ANY: _BOOL + _INTEGERS + _REALS + _COMPLEX,
            Rule.SUM: ("i64", "u64", *_REALS, *_COMPLEX),
        }[self]

    def computes(self, dtype: str) -> str | None:
        """The dtype that the op computes in; "same" where the result is the input; None where it is refused.

        Args:
            dtype: the promoted dtype of the inputs, as in C.
        """
        if dtype in self.loops:
            return dtype
        whole = dtype in _INTEGERS
        if self is Rule.LOGICAL and dtype in _INTEGERS + _REALS + _COMPLEX:
            return "bool"
        if self in (Rule.FLOAT, Rule.REAL_FLOAT) and (whole or dtype == "bool"):
            return "f32"
        if (self in (Rule.ROUNDING, Rule.ROUND) and whole) or (self is Rule.COMPLEX and (whole or dtype in _REALS)):
            return "same"
        if self is Rule.SUM and (whole or dtype == "bool"):
            return "u64" if dtype[0] == "u" else "i64"
        return None


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
    to_real: bool = field(default=False, kw_only=True)  # the result of a complex input is real
    wirtinger: bool = field(default=False, kw_only=True)  # the gradients are right for complex values as they stand
    nonempty: bool = field(default=False, kw_only=True)  # a reduction that has no value for no elements
    options: tuple[str, ...] = field(default=(), kw_only=True)  # what a reduction takes besides: dtype or correction
    reference: Callable[[], Any]
    domain: tuple[float, float]
    needs: tuple[tuple[str, ...], ...] = field(init=False)
    needed: frozenset[str] = field(init=False)  # all of them
    conjugates: bool = field(init=False)  # for complex results the engine conjugates around the gradients

    def __post_init__(self) -> None:
        """Read what each gradient needs from its parameter names."""
        needs = tuple(() if f is None else tuple(inspect.signature(f).parameters) for f in self.grads)
        object.__setattr__(self, "needs", needs)
        object.__setattr__(self, "needed", frozenset(name for names in needs for name in names))
        # What names no value is linear with real coefficients, and conjugation would cancel.
        values = any(name == "out" or name in self.inputs for names in needs for name in names)
        object.__setattr__(self, "conjugates", values and not self.wirtinger)

    @property
    def variadic(self) -> bool:
        """Whether the call takes any number of tensors; its one gradient function gives one gradient for each."""
        return self.inputs == ("parts",)

    @property
    def differentiable(self) -> bool:
        """Whether any input has a gradient."""
        return any(f is not None for f in self.grads)
