# SPDX-License-Identifier: MIT
"""`row` enters a row into the op table.

The files beside this one hold the rows, by family; `rtch.ops.table` is all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rtch.ops.row import Kind, Op, Rule

OPS: list[Op] = []
BY_NAME: dict[str, Op] = {}

_INPUTS = {
    Kind.UNARY: ("x",),
    Kind.PREDICATE: ("x",),
    Kind.BINARY: ("x", "y"),
    Kind.COMPARE: ("x", "y"),
    Kind.TERNARY: ("condition", "x", "y"),
    Kind.REDUCE: ("x",),
    Kind.ARGREDUCE: ("x",),
    Kind.SCAN: ("x",),
    Kind.STRUCTURE: ("x",),
}


def numpy_function(name: str) -> Callable[[], Any]:
    """NumPy's function of a name as a row's reference; NumPy is imported when it is first called for."""

    def load() -> Any:
        import numpy

        return getattr(numpy, name)

    return load


def row(
    name: str,
    kind: Kind,
    rule: Rule,
    summary: str,
    *grads: Callable[..., Any] | None,
    detail: str = "",
    inputs: tuple[str, ...] | None = None,
    operator: str | None = None,
    method: bool = False,
    in_place: bool = False,
    costly: bool = False,
    to_real: bool = False,
    wirtinger: bool = False,
    nonempty: bool = False,
    options: tuple[str, ...] = (),
    reference: Callable[[], Any] | None = None,
    domain: tuple[float, float] = (-4.0, 4.0),
) -> Op:
    """Enter a row. The arguments are the fields of `rtch.ops.row.Op`.

    The reference is NumPy's function of the name if left out.
    """
    op = Op(
        id=len(OPS),
        name=name,
        kind=kind,
        rule=rule,
        inputs=inputs or _INPUTS[kind],
        grads=grads,
        summary=summary,
        detail=detail,
        operator=operator,
        method=method,
        in_place=in_place,
        costly=costly,
        to_real=to_real,
        wirtinger=wirtinger,
        nonempty=nonempty,
        options=options,
        reference=reference or numpy_function(name),
        domain=domain,
    )
    OPS.append(op)
    BY_NAME[name] = op
    return op
