# SPDX-License-Identifier: MIT
"""The graph: a node per recorded call, a leaf per tensor that collects a gradient.

A node keeps the values that its op's gradients name, as snapshots outside every graph, so there are no reference
cycles, and a later write to a tensor can't reach a saved value (the write copies first).
"""

from __future__ import annotations

import itertools
from typing import Any

from rtch import tensor as _tensor
from rtch.dtypes import BY_CODE
from rtch.errors import AutogradError, DTypeError, FreedGraphError
from rtch.ops.row import Kind, Op
from rtch.tensor import Tensor, grad_mode, snapshot

_order = itertools.count(1)
_ELEMENTWISE = frozenset((Kind.UNARY, Kind.BINARY, Kind.TERNARY))


class Node:
    """One recorded call. `edges[i]` is the node or leaf of input i, or None where no gradient flows."""

    __slots__ = ("__weakref__", "attrs", "edges", "op", "saved", "seq", "shapes")

    op: Op
    edges: tuple[Node | Leaf | None, ...]
    saved: tuple[Any, ...] | None  # as the plan says; None once freed
    attrs: dict[str, Any] | None
    shapes: tuple[tuple[int, ...], ...] | None  # of the inputs, where the call broadcast them
    seq: int  # position in the order of recording

    def values(self, connect: bool) -> dict[str, Any]:
        """What the gradient functions may ask for, by name; with connect, tied into the graph for higher orders.

        Raises:
            FreedGraphError: an earlier backward pass freed the values.
        """
        if self.saved is None:
            raise FreedGraphError(
                f"backward: the graph at {self.op.name} was freed by an earlier pass; "
                "pass retain_graph=True to the first one",
                op=self.op.name,
            )
        env = dict(self.attrs) if self.attrs else {}
        for (name, what, index), value in zip(_plan(self.op, self.edges), self.saved, strict=True):
            if connect and what in (_VALUE, _OUT) and isinstance(value, Tensor):
                value = snapshot(value)
                value._node = self if what == _OUT else self.edges[index]
            env[name] = value
        return env


class Leaf:
    """Where gradients end: holds the gradient of one tensor."""

    __slots__ = ("__weakref__", "grad", "seq")

    op = None
    edges = ()

    def __init__(self) -> None:
        self.grad: Tensor | None = None
        self.seq = next(_order)


_VALUE, _OUT, _SHAPE, _DTYPE = range(4)
_plans: dict[tuple[int, tuple[bool, ...]], tuple[tuple[str, int, int], ...]] = {}


def _plan(op: Op, edges: tuple[Any, ...]) -> tuple[tuple[str, int, int], ...]:
    """What to save for the gradients that will be asked for: (name, what it is, input)."""
    wanted = tuple(edge is not None for edge in edges)
    plan = _plans.get((op.id, wanted))
    if plan is None:
        items: dict[str, tuple[str, int, int]] = {}
        for i, needs in enumerate(op.needs):
            if i < len(wanted) and not wanted[i] and op.inputs != ("parts",):
                continue
            for name in needs:
                base, _, suffix = name.rpartition("_")
                if name == "out":
                    items[name] = (name, _OUT, 0)
                elif name in op.inputs:
                    items[name] = (name, _VALUE, op.inputs.index(name))
                elif base in op.inputs and suffix in ("shape", "dtype"):
                    items[name] = (name, _SHAPE if suffix == "shape" else _DTYPE, op.inputs.index(base))
        plan = _plans[op.id, wanted] = tuple(items.values())
    return plan


def record(op: Op, out: Tensor, inputs: tuple[Any, ...], attrs: dict[str, Any] | None) -> Node | None:
    """Enter a call into the graph, if this thread records and the op has a gradient for what it gave."""
    if not grad_mode.enabled or not op.grads or not BY_CODE[out._h.dtype].is_floating:
        return None
    node = Node()
    node.op = op
    node.attrs = attrs
    node.seq = next(_order)
    edges = node.edges = tuple([x._node if isinstance(x, Tensor) else None for x in inputs])
    saved: list[Any] = []
    for _, what, index in _plan(op, edges):
        if what == _OUT:
            saved.append(snapshot(out))
        else:
            x = inputs[index]
            if what == _VALUE:
                saved.append(snapshot(x) if isinstance(x, Tensor) else x)
            else:
                saved.append(x.shape if what == _SHAPE else x.dtype)
    node.saved = tuple(saved)
    if op.kind in _ELEMENTWISE and out._h.bcast:
        node.shapes = tuple(x.shape if isinstance(x, Tensor) else () for x in inputs)
    else:
        node.shapes = None
    return node


def set_requires_grad(t: Tensor, requires_grad: bool) -> None:
    """Give a leaf a place for its gradient, or take it away.

    Raises:
        DTypeError: the dtype is not floating.
        AutogradError: the tensor is the result of a recorded call.
    """
    if not t.is_leaf:
        raise AutogradError("requires_grad: only a leaf's can be set; use x.detach() for a value outside the graph")
    if not requires_grad:
        t._node = None
    elif t._node is None:
        if not t.dtype.is_floating:
            raise DTypeError(f"requires_grad: a floating dtype is needed; got {t.dtype.name}", dtype=t.dtype)
        t._node = Leaf()


_tensor._record = record
