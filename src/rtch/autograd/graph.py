# SPDX-License-Identifier: MIT
"""The Python side of the graph, whose nodes the C core keeps (csrc/graph/node.h): how calls that are no elementwise ops
are entered, and what gradient functions get of a node.

A node keeps the values that its op's gradients name. A saved input is the header that the call had, tied into the
graph; a saved result is one outside it, so nothing holds itself; and a later write to a tensor can't reach a saved
value (the write copies first).
"""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple, TypeAlias

from rtch import tensor as _tensor
from rtch._c import failure, ffi, lib
from rtch._c.objects import node_object
from rtch.dtypes import BY_CODE, DType, complex64, complex128, float32, float64
from rtch.errors import AutogradError, DTypeError, FreedGraphError
from rtch.ops.row import Op
from rtch.ops.table import BY_NAME, OPS
from rtch.tensor import Tensor, replace_header, wrap

COMPLEX = frozenset((complex64.code, complex128.code))
FLOWS = COMPLEX | {float32.code, float64.code}
LEAF: int = lib.RT_NODE_LEAF
CUSTOM: int = lib.RT_NODE_CUSTOM
_SAVES_OUT: int = lib.RT_SAVES_OUT
_NULL = ffi.NULL
_SLICES = frozenset(BY_NAME[name].id for name in ("getitem", "setitem_add"))


class Custom(NamedTuple):
    """What a node that is of no row holds: its op and the call's attributes."""

    op: Op
    attrs: dict[str, Any] | None


class Held:
    """What a node holds whose gradients are computed by its own code; frames: where the call was made."""

    __slots__ = ("frames",)
    op: Op | None = None
    frames: Any

    def gradients(self, node: int, g: Tensor, create: bool, aside: Aside) -> list[Tensor | None]:
        """Those towards the node's inputs; None where nothing flows."""
        raise NotImplementedError


class Elsewhere(Held):
    """What a node holds whose values are to be had from another node, which is alive as long as this is."""

    __slots__ = ()

    def source(self, node: int) -> int:
        """That node."""
        raise NotImplementedError


Aside: TypeAlias = dict[int, list[tuple[int, int, int, Tensor]]]
"""Gradients that wait, within one pass, until the node where they are due runs."""

# Numbers that stand for the attributes of calls, so that the C core can tell whether two calls have the same.
_numbers: dict[tuple[Any, ...], int] = {}
_counter = itertools.count(1)
_MOST_NUMBERS = 50_000
_PLAIN = (int, bool, str, DType, type(None))


def _describe(value: Any, key: list[Any], tensors: list[Tensor]) -> bool:
    """Add to the key what tells an attribute from others, and to the list the tensors in it; False if that can't be."""
    kind = type(value)
    if kind in _PLAIN:
        key += (kind, value)  # True and 1 are equal
    elif kind is float:
        key += (kind, value.hex())  # so are 0.0 and -0.0
    elif kind is Tensor:
        key.append(kind)
        tensors.append(value)
    elif issubclass(kind, (tuple, list)):
        key += (kind, len(value))
        for item in value:
            if type(item) is int:
                key.append(item)
            elif not _describe(item, key, tensors):
                return False
    else:
        return False
    return True


def _number_of(op: Op, attrs: dict[str, Any], tensors: list[Tensor]) -> int:
    """The number of an op's attributes, tensors among them left out; -1 of those that hold other objects."""
    key: list[Any] = [op.id]
    for value in attrs.values():
        if not _describe(value, key, tensors):
            return -1
    found = _numbers.get(at := tuple(key))
    if found is None:
        if len(_numbers) >= _MOST_NUMBERS:
            _numbers.clear()  # numbers are never given twice: what is forgotten is derived again
        found = _numbers[at] = next(_counter)
    return found


def record(op: Op, h: Any, inputs: tuple[Any, ...], attrs: dict[str, Any] | None) -> Any:
    """The header h, whose reference this takes, entered as the result of a call; or as it was, outside every graph,
    where this thread does not record or the op has no gradient for it.
    """
    if not op.grads or not lib.rt_grad_enabled():
        return _outside(h)
    if op.id < 0 or op.id >= len(OPS):
        return _record_custom(op, h, inputs, attrs)
    handles = [x._h if isinstance(x, Tensor) else _NULL for x in inputs]
    n = len(handles)
    if _NULL in handles:
        others = {
            name: x
            for name, x in zip(op.inputs, inputs, strict=True)
            if name in op.needed and not isinstance(x, Tensor)
        }
        attrs = {**(attrs or {}), **others}
    if op.id in _SLICES:
        assert attrs is not None
        key = attrs["key"]
        made = lib.rt_record(op.id, h, n, handles, 0, -1, 0, len(key), key)
    elif attrs is None:
        made = lib.rt_record_few(op.id, h, *(*handles, _NULL, _NULL)[:3], n, 0, 0)
    else:
        tensors: list[Tensor] = []
        number = _number_of(op, attrs, tensors)
        if tensors or n > 3:  # what is saved of attributes follows the inputs, without an edge
            saves = 0 if op.variadic else lib.rt_saves_of(op.id, n, handles)
            handles += [x._h if not x._h.node else _NULL for x in tensors]  # no edge leads to them
            saves |= ((1 << len(tensors)) - 1) << n
            made = lib.rt_record(op.id, h, len(handles), handles, saves, number, id(attrs), 0, _NULL)
        else:
            made = lib.rt_record_few(op.id, h, *(*handles, _NULL, _NULL)[:3], n, number, id(attrs))
    if not made:
        raise failure(op.name, *inputs)
    return made


def _outside(h: Any) -> Any:
    if not h.node:
        return h
    made = lib.rt_detach(h)
    lib.rt_release(h)
    return made


def _record_custom(op: Op, h: Any, inputs: tuple[Any, ...], attrs: dict[str, Any] | None) -> Any:
    saves = 0
    handles = [x._h if isinstance(x, Tensor) else _NULL for x in inputs]
    for names in op.needs:
        for name in names:
            if name == "out":
                saves |= _SAVES_OUT
            elif name in op.inputs:
                saves |= 1 << op.inputs.index(name)
    return enter(op.name, h, handles, Custom(op, attrs), saves)


_names: list[str] = []
_name_numbers: dict[str, int] = {}


def enter(name: str, h: Any, handles: list[Any], held: Any, saves: int = 0) -> Any:
    """The header h, whose reference this takes, entered as the result of a call that is of no row."""
    number = _name_numbers.get(name)
    if number is None:
        _names.append(name)
        number = _name_numbers[name] = _names.index(name)
    made = lib.rt_record(CUSTOM, h, len(handles), handles, saves, -1, id(held), 1, [number])
    if not made:
        raise failure(name)
    return made


def op_of(node: int) -> Op | None:
    """The row of a node's op; None of a leaf, of one that computes its gradients by itself, and of a freed one."""
    number: int = lib.rt_node_op(node)
    if number >= 0:
        return OPS[number]
    held = node_object(node, False) if number == CUSTOM else None
    return held.op if held is not None else None


def name_of(node: int) -> str:
    """What messages call a node, which may have been freed."""
    number: int = lib.rt_node_op(node)
    if number >= 0:
        return OPS[number].name
    if number == LEAF:
        return "leaf"
    name = ffi.new("int64_t[1]")
    lib.rt_node_numbers(node, name)
    number = name[0]
    return _names[number]


def shape_of_node(node: int) -> tuple[int, ...]:
    """The shape of a node's result."""
    return tuple(ffi.unpack(lib.rt_node_shape(node), lib.rt_node_ndim(node)))


def values(node: int, op: Op, create: bool) -> dict[str, Any]:
    """What the gradient functions of a node may ask for, by name; with create, tied into the graph for higher orders.

    Raises:
        FreedGraphError: an earlier backward pass freed the values.
    """
    source = node
    while isinstance(held := node_object(source, False), Elsewhere):
        source = held.source(source)
    attrs = held.attrs if isinstance(held, Custom) else held
    env: dict[str, Any] = dict(attrs) if attrs else {}
    if op.id in _SLICES:
        n = lib.rt_node_numbers(node, _NULL)
        numbers = ffi.new("int64_t[]", n)
        lib.rt_node_numbers(node, numbers)
        env["key"] = list(numbers)
    saves, at = lib.rt_node_saves(node), 0
    for i, name in enumerate(op.inputs if not op.variadic else ()):
        edge = lib.rt_node_edge(node, i) if i < lib.rt_node_n_edges(node) else 0
        if saves >> i & 1:
            _put_saved(env, source, name, at, edge if create else 0)
            at += 1
        if edge:
            env[f"{name}_shape"] = shape_of_node(edge)
            env[f"{name}_dtype"] = BY_CODE[lib.rt_node_dtype(edge)]
    env["out_shape"] = shape_of_node(node)
    if saves & _SAVES_OUT:
        _put_saved(env, source, "out", at, node if create else 0)
    parts, whole = ffi.new("double[2]"), ffi.new("int64_t *")
    scalar = lib.rt_node_scalar(node, parts, whole)
    if scalar >= 0:
        env[op.inputs[scalar & 0xFF]] = _number(scalar >> 8, parts, whole[0])
    if lib.rt_node_is_freed(node):
        raise freed(node)
    return env


def _put_saved(env: dict[str, Any], source: int, name: str, at: int, node: int) -> None:
    """A saved value, tied to a node where that is not 0."""
    h = lib.rt_node_saved(source, at)
    if h:
        env[name] = tied(wrap(h), node)


def tied(x: Tensor, node: int) -> Tensor:
    """x as the value that a node made, or as it is where that is 0."""
    if node in (0, x._h.node):
        return x
    h = lib.rt_with_node(x._h, node)
    if not h:
        raise failure("backward", x)
    return wrap(h)


def _number(kind: int, parts: Any, whole: int) -> Any:
    dtype = BY_CODE[kind]
    if dtype.kind == "b":
        return bool(whole)
    if dtype.is_complex:
        return complex(parts[0], parts[1])
    if dtype.kind == "f":
        return parts[0]
    return whole + 2**64 if dtype.kind == "u" and whole < 0 else whole


def freed(node: int) -> FreedGraphError:
    """The error for a node that has run and let go of its values."""
    name = name_of(node)
    return FreedGraphError(
        f"backward: the graph at {name} was freed by an earlier pass; pass retain_graph=True to the first one", op=name
    )


def set_requires_grad(t: Tensor, requires_grad: bool) -> None:
    """Give a leaf a place for its gradient, or take it away.

    Raises:
        DTypeError: the dtype is neither floating nor complex.
        AutogradError: the tensor is the result of a recorded call.
    """
    if not t.is_leaf:
        raise AutogradError("requires_grad: only a leaf's can be set; use x.detach() for a value outside the graph")
    if bool(t._h.node) == bool(requires_grad):
        return
    if requires_grad and t.dtype.code not in FLOWS:
        raise DTypeError(f"requires_grad: a floating or complex dtype is needed; got {t.dtype.name}", dtype=t.dtype)
    h = lib.rt_make_leaf(t._h) if requires_grad else lib.rt_detach(t._h)
    if not h:
        raise failure("requires_grad", t)
    replace_header(t, h)


_tensor._record = record
