# SPDX-License-Identifier: MIT
"""The graph: a node per recorded call, a leaf per tensor that collects a gradient.

A node keeps the values that its op's gradients name, as snapshots outside every graph, so there are no reference
cycles, and a later write to a tensor can't reach a saved value (the write copies first).
"""

from __future__ import annotations

import itertools
from typing import Any

from rtch import tensor as _tensor
from rtch._c import lib
from rtch.dtypes import complex64, complex128, float32, float64
from rtch.errors import AutogradError, DTypeError, FreedGraphError
from rtch.ops.row import Op
from rtch.tensor import Tensor, grad_mode, snapshot

_order = itertools.count(1)
_new = object.__new__
_retain = lib.rt_retain
COMPLEX = frozenset((complex64.code, complex128.code))
_FLOWS = COMPLEX | {float32.code, float64.code}

# What a saved value is.
_VALUE, _OUT, _SHAPE, _DTYPE = range(4)
_Plan = tuple[tuple[str, int, int], ...]


class Node:
    """One recorded call. `edges[i]` is the node or leaf of input i, or None where no gradient flows."""

    __slots__ = ("__weakref__", "attrs", "dtype", "edges", "op", "plan", "saved", "seq", "shapes")

    op: Op
    edges: tuple[Node | Leaf | None, ...]
    plan: _Plan  # what each saved value is: its name, its kind, and of which input
    saved: list[Any] | None  # None once freed
    attrs: dict[str, Any] | None
    dtype: int  # code of the result's dtype, which is its gradient's
    shapes: tuple[tuple[int, ...], ...] | None  # of the inputs, where the call broadcast them
    seq: int  # position in the order of recording

    def values(self, connect: bool) -> dict[str, Any]:
        """What the gradient functions may ask for, by name; with connect, tied into the graph for higher orders.

        Raises:
            FreedGraphError: an earlier backward pass freed the values.
        """
        if self.saved is None:
            raise freed(self)
        env = dict(self.attrs) if self.attrs else {}
        for (name, what, index), value in zip(self.plan, self.saved, strict=True):
            if connect and what <= _OUT and isinstance(value, Tensor):
                value = snapshot(value)
                value._node = self if what == _OUT else self.edges[index]
            env[name] = value
        return env


class Leaf:
    """Where gradients end: holds the gradient of one tensor."""

    __slots__ = ("__weakref__", "dtype", "grad", "seq")

    op = None
    edges = ()
    saved = ()

    def __init__(self, dtype: int) -> None:
        self.dtype = dtype
        self.grad: Tensor | None = None
        self.seq = next(_order)


def freed(node: Node | Leaf) -> FreedGraphError:
    """The error for a node that has run and let go of its values."""
    name = node.op.name if node.op is not None else "leaf"
    return FreedGraphError(
        f"backward: the graph at {name} was freed by an earlier pass; pass retain_graph=True to the first one", op=name
    )


def _make_plan(op: Op, flows: int) -> _Plan:
    """What to save for the gradients towards the inputs where one flows: bit i for input i, no bit for all."""
    items: dict[str, tuple[str, int, int]] = {}
    for i, needs in enumerate(op.needs):
        if flows and not flows >> i & 1:
            continue
        for name in needs:
            base, _, suffix = name.rpartition("_")
            if name == "out":
                items[name] = (name, _OUT, 0)
            elif name in op.inputs:
                items[name] = (name, _VALUE, op.inputs.index(name))
            elif base in op.inputs and suffix in ("shape", "dtype"):
                items[name] = (name, _SHAPE if suffix == "shape" else _DTYPE, op.inputs.index(base))
    plan = op.plans[flows] = tuple(items.values())
    return plan


def record(op: Op, out: Tensor, inputs: tuple[Any, ...], attrs: dict[str, Any] | None) -> Node | None:
    """Enter a call into the graph, if this thread records and the op has a gradient for what it gave."""
    h = out._h
    dtype = h.dtype
    if not op.grads or not grad_mode.enabled or dtype not in _FLOWS:
        return None
    node = _new(Node)
    node.op = op
    node.dtype = dtype
    node.attrs = attrs
    node.seq = next(_order)
    if len(inputs) == 2:
        a, b = getattr(inputs[0], "_node", None), getattr(inputs[1], "_node", None)
        node.edges = (a, b)
        flows = 2 if a is None else 1 if b is None else 3
    else:
        node.edges = tuple([getattr(x, "_node", None) for x in inputs])
        flows = 0  # of one input or of several parts, all gradients are wanted
    plan = op.plans[flows]
    node.plan = plan = plan if plan is not None else _make_plan(op, flows)
    saved = node.saved = []
    for _, what, index in plan:
        if what <= _OUT:
            x = inputs[index] if what == _VALUE else out
            if isinstance(x, Tensor):
                # A snapshot; see rtch.tensor.snapshot.
                value = _new(Tensor)
                value._h = _retain(x._h)
                value._node = None
                saved.append(value)
            else:
                saved.append(x)
        else:
            saved.append(inputs[index].shape if what == _SHAPE else inputs[index].dtype)
    # Only elementwise calls set bcast.
    node.shapes = tuple([x.shape if isinstance(x, Tensor) else () for x in inputs]) if h.bcast else None
    return node


def set_requires_grad(t: Tensor, requires_grad: bool) -> None:
    """Give a leaf a place for its gradient, or take it away.

    Raises:
        DTypeError: the dtype is neither floating nor complex.
        AutogradError: the tensor is the result of a recorded call.
    """
    if not t.is_leaf:
        raise AutogradError("requires_grad: only a leaf's can be set; use x.detach() for a value outside the graph")
    if not requires_grad:
        t._node = None
    elif t._node is None:
        if t.dtype.code not in _FLOWS:
            raise DTypeError(f"requires_grad: a floating or complex dtype is needed; got {t.dtype.name}", dtype=t.dtype)
        t._node = Leaf(t.dtype.code)


_tensor._record = record
