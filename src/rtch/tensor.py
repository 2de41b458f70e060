# SPDX-License-Identifier: MIT
"""Tensor, and the one way into an op per kind of call.

A Tensor holds a C header (`_h`), which where gradients flow leads to the graph node that made it (`_h.node`; a leaf's
own node keeps its gradient). Headers are values: sharing one or viewing one is free, and a write first takes a copy
where anybody else could see it. The C core enters elementwise calls into the graph by itself; `rtch.autograd` fills the
slot `_record`, which enters the others.
"""

from __future__ import annotations

import importlib
import math
import operator
import os
import sys
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

from rtch._c import failure, ffi, lib
from rtch._c.objects import node_object, set_node_object
from rtch.device import CPU as _DEVICE
from rtch.device import Device, check_device
from rtch.dlpack import CPU, export_capsule
from rtch.dtypes import (
    BY_CODE,
    DType,
    as_dtype,
    as_float,
    bfloat16,
    bool_,
    check_bounds,
    complex128,
    float64,
    int64,
    promote,
    uint64,
    with_python_scalar,
)
from rtch.errors import (
    ArgumentError,
    AutogradError,
    ConversionError,
    DimensionError,
    DTypeError,
    LayoutError,
    MissingGradError,
)
from rtch.ops.row import F, Op
from rtch.ops.table import BY_NAME
from rtch.printing import describe, widen_bfloat16
from rtch.version import ARRAY_API_VERSIONS

if TYPE_CHECKING:
    import numpy.typing as npt

    from rtch.autograd.handles import RemovableHandle
    from rtch.autograd.node import Node
    from rtch.searching import TopK

_new = object.__new__
_LEAF = lib.RT_NODE_LEAF
_SCALARS = (bool, int, float, complex)
_BOOL, _INT64, _UINT64, _FLOAT64, _COMPLEX128 = bool_.code, int64.code, uint64.code, float64.code, complex128.code
_PERMUTE = BY_NAME["permute_dims"]

# begin generated ops
_POSITIVE = BY_NAME["positive"]
_NEGATIVE = BY_NAME["negative"]
_ABS = BY_NAME["abs"]
_SIGN = BY_NAME["sign"]
_RELU = BY_NAME["relu"]
_SQUARE = BY_NAME["square"]
_RECIPROCAL = BY_NAME["reciprocal"]
_SQRT = BY_NAME["sqrt"]
_EXP = BY_NAME["exp"]
_EXPM1 = BY_NAME["expm1"]
_LOG = BY_NAME["log"]
_LOG1P = BY_NAME["log1p"]
_LOG2 = BY_NAME["log2"]
_LOG10 = BY_NAME["log10"]
_SINH = BY_NAME["sinh"]
_COSH = BY_NAME["cosh"]
_TANH = BY_NAME["tanh"]
_ASINH = BY_NAME["asinh"]
_ACOSH = BY_NAME["acosh"]
_ATANH = BY_NAME["atanh"]
_CONJ = BY_NAME["conj"]
_BITWISE_INVERT = BY_NAME["bitwise_invert"]
_LOGICAL_NOT = BY_NAME["logical_not"]
_ISFINITE = BY_NAME["isfinite"]
_ISINF = BY_NAME["isinf"]
_ISNAN = BY_NAME["isnan"]
_SIGNBIT = BY_NAME["signbit"]
_ADD = BY_NAME["add"]
_SUBTRACT = BY_NAME["subtract"]
_MULTIPLY = BY_NAME["multiply"]
_DIVIDE = BY_NAME["divide"]
_POW = BY_NAME["pow"]
_HYPOT = BY_NAME["hypot"]
_LOGADDEXP = BY_NAME["logaddexp"]
_MAXIMUM = BY_NAME["maximum"]
_MINIMUM = BY_NAME["minimum"]
_BITWISE_AND = BY_NAME["bitwise_and"]
_BITWISE_OR = BY_NAME["bitwise_or"]
_BITWISE_XOR = BY_NAME["bitwise_xor"]
_BITWISE_LEFT_SHIFT = BY_NAME["bitwise_left_shift"]
_BITWISE_RIGHT_SHIFT = BY_NAME["bitwise_right_shift"]
_LOGICAL_AND = BY_NAME["logical_and"]
_LOGICAL_OR = BY_NAME["logical_or"]
_LOGICAL_XOR = BY_NAME["logical_xor"]
_EQUAL = BY_NAME["equal"]
_NOT_EQUAL = BY_NAME["not_equal"]
_LESS = BY_NAME["less"]
_LESS_EQUAL = BY_NAME["less_equal"]
_GREATER = BY_NAME["greater"]
_GREATER_EQUAL = BY_NAME["greater_equal"]
_SIN = BY_NAME["sin"]
_COS = BY_NAME["cos"]
_TAN = BY_NAME["tan"]
_ASIN = BY_NAME["asin"]
_ACOS = BY_NAME["acos"]
_ATAN = BY_NAME["atan"]
_FLOOR = BY_NAME["floor"]
_CEIL = BY_NAME["ceil"]
_TRUNC = BY_NAME["trunc"]
_ROUND = BY_NAME["round"]
_ATAN2 = BY_NAME["atan2"]
_COPYSIGN = BY_NAME["copysign"]
_NEXTAFTER = BY_NAME["nextafter"]
_REMAINDER = BY_NAME["remainder"]
_FLOOR_DIVIDE = BY_NAME["floor_divide"]
_SUM = BY_NAME["sum"]
_PROD = BY_NAME["prod"]
_MEAN = BY_NAME["mean"]
_MAX = BY_NAME["max"]
_MIN = BY_NAME["min"]
_VAR = BY_NAME["var"]
_STD = BY_NAME["std"]
_ANY = BY_NAME["any"]
_ALL = BY_NAME["all"]
_COUNT_NONZERO = BY_NAME["count_nonzero"]
_ARGMAX = BY_NAME["argmax"]
_ARGMIN = BY_NAME["argmin"]
_CUMULATIVE_SUM = BY_NAME["cumulative_sum"]
_CUMULATIVE_PROD = BY_NAME["cumulative_prod"]
_RSQRT = BY_NAME["rsqrt"]
_EXP2 = BY_NAME["exp2"]
_ERF = BY_NAME["erf"]
_SIGMOID = BY_NAME["sigmoid"]
_SOFTPLUS = BY_NAME["softplus"]
_GELU = BY_NAME["gelu"]
_GELU_TANH = BY_NAME["gelu_tanh"]
_SILU = BY_NAME["silu"]
_LEAKY_RELU = BY_NAME["leaky_relu"]
_LEAKY_RELU_SLOPE = BY_NAME["leaky_relu_slope"]
_RELU_GRAD = BY_NAME["relu_grad"]
_SIGMOID_GRAD = BY_NAME["sigmoid_grad"]
_GELU_GRAD = BY_NAME["gelu_grad"]
_GELU_TANH_GRAD = BY_NAME["gelu_tanh_grad"]
_SILU_GRAD = BY_NAME["silu_grad"]
_BINARY_CROSS_ENTROPY = BY_NAME["binary_cross_entropy"]
_HARDSIGMOID = BY_NAME["hardsigmoid"]
_HARDSIGMOID_GRAD = BY_NAME["hardsigmoid_grad"]
_HARDSWISH = BY_NAME["hardswish"]
_HARDSWISH_GRAD = BY_NAME["hardswish_grad"]
_HARDSHRINK = BY_NAME["hardshrink"]
_SOFTSHRINK = BY_NAME["softshrink"]
_SHRINK_GRAD = BY_NAME["shrink_grad"]
# end generated ops


class GradMode:
    """Whether this thread records calls; `rtch.no_grad` switches it."""

    @property
    def enabled(self) -> bool:
        """In this thread."""
        return bool(lib.rt_grad_enabled())

    @enabled.setter
    def enabled(self, value: bool) -> None:
        lib.rt_set_grad_enabled(value)


grad_mode = GradMode()


def _record_nothing(op: Op, h: Any, inputs: tuple[Any, ...], attrs: dict[str, Any] | None) -> Any:
    raise AutogradError(f"{op.name}: rtch.autograd is not loaded")  # a tensor requires grad only through it


_record: Callable[[Op, Any, tuple[Any, ...], dict[str, Any] | None], Any] = _record_nothing


def wrap(h: Any) -> Tensor:
    """A Tensor that owns the C header h."""
    out = _new(Tensor)
    out._h = h
    return out


def snapshot(x: Tensor) -> Tensor:
    """A Tensor with the value that x has now, outside every graph; later writes to x don't reach it."""
    return wrap(lib.rt_detach(x._h))


def share(x: Tensor) -> Tensor:
    """A Tensor with the value that x has now and its place in the graph; later writes to x don't reach it."""
    return wrap(lib.rt_retain(x._h))


# One writer at a time: writes of several threads to one tensor follow each other. A signal handler may write too.
_writing = threading.RLock()


def _start_child() -> None:
    global _writing
    _writing = threading.RLock()


if hasattr(os, "register_at_fork"):  # a child finds no write half done
    os.register_at_fork(
        before=lambda: _writing.acquire(), after_in_parent=lambda: _writing.release(), after_in_child=_start_child
    )


class _Retired(weakref.ref[Any]):
    """A header that a write replaced. Goes when the last call that another thread makes on it has returned."""

    __slots__ = ("header",)
    header: Any


_retired: set[_Retired] = set()


def _release_retired(ref: Any) -> None:
    _retired.discard(ref)
    lib.rt_release(ref.header)


def replace_header(t: Tensor, h: Any) -> None:
    """Give t the C header h, whose reference it takes, for the one it has."""
    old = t._h
    ref = _Retired(old, _release_retired)  # a call in flight holds `old`, the Python object, until it returns
    ref.header = ffi.cast("rt_tensor *", old)
    _retired.add(ref)
    t._h = h


def own(where_: str, t: Tensor) -> Any:
    """The header of t once nobody else sees its memory (copy-on-write). The caller holds `_writing`, and where its call
    gives RT_ERR_SHARED, since another thread has taken a share meanwhile, does both again.
    """
    h = lib.rt_own(t._h)
    if not h:
        raise failure(where_, t)
    if h != t._h:
        lib.rt_pass_node_on(h, t._h)
        replace_header(t, h)
    return h


# Called with the nodes of a tensor before and after a recorded write, once a tensor retains its gradient.
_moved: Callable[[int, int], None] | None = None


def write(
    where_: str, t: Tensor, call: Callable[[Any], int], operands: Callable[[], tuple[Any, ...]], rule: str = ""
) -> None:
    """Call a writing entry of the C core on the header of t, owned (copy-on-write), until no other thread interferes.

    operands: what a message names, called if there is one.

    Raises:
        TorchError: the one for the call's status, about the operands.
    """
    with _writing:
        status = lib.RT_ERR_SHARED
        while status == lib.RT_ERR_SHARED:
            status = call(own(where_, t))
        if status != lib.RT_OK:
            raise failure(where_, *operands(), rule=rule, status=status)


def become(t: Tensor, made: Tensor) -> None:
    """Give t the value of another tensor and its place in the graph."""
    before = t._h.node
    replace_header(t, lib.rt_retain(made._h))
    if _moved is not None and before:
        _moved(before, made._h.node)


def need_tensors(where_: str, *values: Any) -> None:
    """Raise where a value is not a Tensor."""
    for value in values:
        if not isinstance(value, Tensor):
            raise DTypeError(f"{where_}: a Tensor is needed; got {type(value).__name__}; use rtch.asarray", op=where_)


def unary(op: Op, x: Any) -> Tensor:
    """Run an elementwise op or predicate of one input."""
    try:
        h = lib.rt_unary(op.id, x._h)
    except AttributeError:
        return unary(op, _operand(op, x))
    if not h:
        raise failure(op.name, x)
    out = _new(Tensor)
    out._h = h
    return out


def binary(op: Op, x: Any, y: Any) -> Tensor:
    """Run an elementwise op or comparison of two inputs; either may be a Python scalar."""
    try:
        h = lib.rt_binary(op.id, x._h, y._h)
    except AttributeError:
        return _binary_scalar(op, x, y)
    if not h:
        raise failure(op.name, x, y)
    out = _new(Tensor)
    out._h = h
    return out


def _binary_scalar(op: Op, x: Any, y: Any) -> Tensor:
    if isinstance(x, Tensor):
        return _with_scalar(op, x, y, False)
    if isinstance(y, Tensor):
        return _with_scalar(op, y, x, True)
    return binary(op, _operand(op, x), y)


def _with_scalar(op: Op, t: Tensor, scalar: Any, swap: bool) -> Tensor:
    """`binary` of a tensor and a scalar; swap: the scalar is the left operand."""
    if type(scalar) is float:
        h = lib.rt_binary_scalar(op.id, t._h, _FLOAT64, scalar, 0.0, 0, swap)
    else:
        number = scalar if isinstance(scalar, _SCALARS) else _numpy_scalar(op, scalar)
        kind, f, g, i = scalar_numbers(op.name, number, t)
        h = lib.rt_binary_scalar(op.id, t._h, kind, f, g, i, swap)
    if not h:
        if lib.rt_last_status() == lib.RT_ERR_ARGUMENT:
            check_bounds(op.name, int(scalar), t.dtype)
        raise failure(op.name, scalar, t) if swap else failure(op.name, t, scalar)
    out = _new(Tensor)
    out._h = h
    return out


def scalar_numbers(where_: str, value: Any, beside: Tensor | None = None) -> tuple[int, float, float, int]:
    """A Python scalar as the C core takes it beside a tensor: its kind, real and imaginary part, integer.

    Raises:
        ArgumentError: an integer that neither int64 nor uint64 holds, beside no floating tensor.
    """
    if isinstance(value, bool):
        return _BOOL, 0.0, 0.0, value
    if isinstance(value, int):
        if -(2**63) <= value < 2**63:
            return _INT64, 0.0, 0.0, value
        if value < 0 or value >= 2**64:
            if beside is not None and beside.dtype.kind in "fc":
                return _FLOAT64, as_float(where_, value, beside.dtype), 0.0, 0
            raise ArgumentError(f"{where_}: an integer of 64 bits is needed; got {value}", argument=value)
        return _UINT64, 0.0, 0.0, value - 2**64
    if isinstance(value, complex):
        return _COMPLEX128, value.real, value.imag, 0
    return _FLOAT64, value, 0.0, 0


def _numpy_scalar(op: Op, value: Any) -> Any:
    """The Python scalar that a NumPy scalar stands for; anything else is an error."""
    if not getattr(value, "shape", None) and hasattr(value, "item") and not isinstance(value, Tensor):
        value = value.item()
        if isinstance(value, _SCALARS):
            return value
    raise DTypeError(
        f"{op.name}: a Tensor or a scalar is needed; got {type(value).__name__}; use rtch.asarray for arrays",
        op=op.name,
    )


def _operand(op: Op, value: Any) -> Tensor:
    """A Tensor for a public function's argument that is not one: scalars become 0-d."""
    if isinstance(value, Tensor):
        return value
    if not isinstance(value, _SCALARS):
        value = _numpy_scalar(op, value)
    return F.asarray(value)  # type: ignore[no-any-return]


def _operator(op: Op, x: Tensor, y: Any) -> Tensor:
    """`binary` for the operators: NotImplemented where the other operand is not ours to know.

    Arrays of other libraries are refused at once: NumPy would answer with its own arithmetic, and `==` with False.
    """
    if isinstance(y, Tensor):
        return binary(op, x, y)
    if isinstance(y, _SCALARS) or hasattr(y, "__array__"):
        return _with_scalar(op, x, y, False)
    return NotImplemented  # type: ignore[no-any-return]


def _reflected(op: Op, x: Tensor, y: Any) -> Tensor:
    """`_operator` for ``y op x``, where y came first."""
    if isinstance(y, Tensor):
        return binary(op, y, x)
    if isinstance(y, _SCALARS) or hasattr(y, "__array__"):
        return _with_scalar(op, x, y, True)
    return NotImplemented  # type: ignore[no-any-return]


def where(condition: Any, x: Any, y: Any, /) -> Tensor:
    """Elements of x where the condition holds, else of y; x and y may be Python scalars, which don't widen the other.

    Shapes broadcast. The condition is bool.

    Raises:
        BroadcastError: the shapes do not fit together.
        DTypeError: the condition is not bool.
    """
    op = BY_NAME["where"]
    tensors = [_operand(op, condition), x, y]
    for i, j in ((1, 2), (2, 1)):
        if not isinstance(tensors[i], Tensor) and isinstance(tensors[j], Tensor):
            tensors[i] = scalar_like(op, tensors[i], tensors[j])
    c, a, b = (_operand(op, t) for t in tensors)
    h = lib.rt_where(c._h, a._h, b._h)
    if not h:
        raise failure("where", c, a, b)
    return wrap(h)


def scalar_like(op: Op, value: Any, like: Tensor) -> Tensor:
    """A 0-d tensor of a scalar in the dtype it takes beside `like`."""
    if not isinstance(value, _SCALARS):
        value = _numpy_scalar(op, value)
    return F.asarray(value, dtype=with_python_scalar(like.dtype, value))  # type: ignore[no-any-return]


def axes_mask(where_: str, axis: int | tuple[int, ...] | None, ndim: int) -> int:
    """Bit d is set where dimension d is meant. None means all."""
    if axis is None:
        return (1 << ndim) - 1
    mask = 0
    for a in axis if isinstance(axis, tuple) else (axis,):
        at = normalize_axis(where_, a, ndim)
        if mask >> at & 1:
            raise DimensionError(f"{where_}: axes must differ; got {axis}", axis=axis, ndim=ndim)
        mask |= 1 << at
    return mask


def normalize_axis(where_: str, axis: int, ndim: int) -> int:
    """The axis counted from the front."""
    if not hasattr(axis, "__index__") or not -ndim <= (axis := operator.index(axis)) < ndim:
        raise DimensionError(f"{where_}: axis must be in [{-ndim}, {ndim}); got {axis!r:.80}", axis=axis, ndim=ndim)
    return axis % ndim


def reduce(
    op: Op,
    x: Any,
    axis: int | tuple[int, ...] | None,
    keepdims: bool,
    *,
    dtype: Any = None,
    correction: float | None = None,
) -> Tensor:
    """Run a reduction over axes, all of them where axis is None."""
    x = _operand(op, x)
    if dtype is not None:
        wanted = _result_dtype(op, dtype)
        out = reduce(op, x if x.dtype is wanted else F.astype(x, wanted), axis, keepdims)
        return out if out.dtype is wanted else F.astype(out, wanted)
    h = x._h
    mask = axes_mask(op.name, axis, h.ndim)
    if correction is None:
        r = lib.rt_reduce(op.id, h, mask, keepdims)
    else:
        r = lib.rt_variance(op.id, h, mask, keepdims, _number(op, "correction", correction))
    if not r:
        raise _nothing_to_reduce(op, x) if lib.rt_last_status() == lib.RT_ERR_SHAPE else failure(op.name, x)
    if h.node:
        count = h.numel // r.numel if r.numel else 0
        attrs = {"axes": mask, "keepdims": keepdims, "count": count}
        if correction is not None:
            attrs["divisor"] = count - correction if count > correction else math.nan
        r = _record(op, r, (x,), attrs)
    return wrap(r)


def argreduce(op: Op, x: Any, axis: int | None, keepdims: bool) -> Tensor:
    """Find the first extreme along an axis, or in row-major order where axis is None."""
    x = _operand(op, x)
    at = -1 if axis is None else normalize_axis(op.name, axis, x._h.ndim)
    r = lib.rt_argreduce(op.id, x._h, at, keepdims)
    if not r:
        raise _nothing_to_reduce(op, x) if lib.rt_last_status() == lib.RT_ERR_SHAPE else failure(op.name, x)
    return wrap(r)


def scan(op: Op, x: Any, axis: int | None, dtype: Any, include_initial: bool) -> Tensor:
    """Run a running reduction along an axis."""
    x = _operand(op, x)
    if dtype is not None:
        wanted = _result_dtype(op, dtype)
        out = scan(op, x if x.dtype is wanted else F.astype(x, wanted), axis, None, include_initial)
        return out if out.dtype is wanted else F.astype(out, wanted)
    ndim = x._h.ndim
    if axis is None and ndim != 1:
        raise DimensionError(f"{op.name}: axis is needed unless there is one; got shape {list(x.shape)}", ndim=ndim)
    at = 0 if axis is None else normalize_axis(op.name, axis, ndim)
    attrs = {"axis": at, "include_initial": include_initial}
    return structure(op, lib.rt_scan(op.id, x._h, at, include_initial), (x,), attrs)


def _nothing_to_reduce(op: Op, x: Tensor) -> ArgumentError:
    return ArgumentError(f"{op.name}: nothing to reduce; got shape {list(x.shape)}", op=op.name, shape=x.shape)


def _result_dtype(op: Op, dtype: Any) -> DType:
    """The dtype= of a sum or product: a number's."""
    wanted = as_dtype(dtype)
    if wanted is bool_ or wanted.is_storage:
        raise DTypeError(f"{op.name}: dtype must be one that numbers are computed in; got {wanted.name}", op=op.name)
    return wanted


def _number(op: Op, name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ArgumentError(f"{op.name}: {name} must be a number; got {value!r:.80}", op=op.name, argument=value)
    return float(value)


def structure(op: Op, h: Any, inputs: tuple[Any, ...], attrs: dict[str, Any] | None = None) -> Tensor:
    """Wrap the result of an op whose call is written by hand, and record it."""
    if not h:
        raise failure(op.name, *inputs)
    for x in inputs:
        if x is not None and x._h.node:
            h = _record(op, h, inputs, attrs)
            break
    return wrap(h)


def _is_advanced(item: Any) -> bool:
    """Whether an item of a key is a mask or an index tensor, or a list or array of such values."""
    if isinstance(item, Tensor):
        return item._h.ndim > 0 or item.dtype is bool_
    if isinstance(item, (bool, list)):
        return True
    shape = getattr(item, "shape", None)
    return shape is not None and (shape != () or getattr(item.dtype, "name", "") == "bool")


def basic_spec(t: Tensor, key: Any) -> list[int] | None:
    """The numbers that `rt_index` takes for a basic index: kind, start, step, length per entry. None for other keys."""
    h = t._h
    ndim = h.ndim
    items = key if isinstance(key, tuple) else (key,)
    n_ellipses = n_axes = 0
    for item in items:
        if item is Ellipsis:
            n_ellipses += 1
        elif item is not None:
            n_axes += 1
            kind = type(item)
            if kind is not int and kind is not slice and _is_advanced(item):
                return None
    if n_axes > ndim:
        raise DimensionError(
            f"index: at most {ndim} indices are taken; got {n_axes} for shape {list(t.shape)}", ndim=ndim, shape=t.shape
        )
    if n_ellipses > 1:
        raise DimensionError("index: one Ellipsis at most; got more", ndim=ndim, shape=t.shape)
    shape = lib.rt_shape(h)
    spec: list[int] = []
    axis = 0
    for item in items:
        if item is None:
            spec += (2, 0, 0, 0)
        elif item is Ellipsis:
            for _ in range(ndim - n_axes):
                spec += (0, 0, 1, shape[axis])
                axis += 1
        elif isinstance(item, slice):
            try:
                start, stop, step = item.indices(shape[axis])
            except (TypeError, ValueError) as error:
                raise ArgumentError(f"index: a slice of integers with a step is needed; got {item!r:.80}") from error
            length = len(range(start, stop, step))
            spec += (0, start, step if length > 1 else 1, length)
            axis += 1
        else:
            try:
                i, size = operator.index(item), shape[axis]
            except TypeError as error:
                raise DTypeError(
                    "index: integers, slices, None, Ellipsis, integer tensors and masks are taken; "
                    f"got {type(item).__name__}",
                    index=item,
                ) from error
            if not -size <= i < size:
                raise DimensionError(
                    f"index: {i} is out of range for axis {axis} of size {size}; got shape {list(t.shape)}",
                    axis=axis,
                    shape=t.shape,
                )
            spec += (1, i % size, 0, 0)
            axis += 1
    return spec


def getitem(x: Tensor, spec: list[int]) -> Tensor:
    """The view that an index spec makes."""
    return structure(BY_NAME["getitem"], lib.rt_index(x._h, len(spec) // 4, spec), (x,), {"key": spec})


def assign(target: Tensor, spec: list[int], value: Any) -> None:
    """Write value into the part of target that the spec selects; records where gradients flow."""
    if value is target:
        value = snapshot(value)  # so that what is read is not what is written: x[::-1] = x
    if not isinstance(value, Tensor):
        value = F.asarray(value, dtype=target.dtype)
    elif promote(value.dtype, target.dtype) is not target.dtype:
        raise DTypeError(f"setitem: {value.dtype.name} does not fit in {target.dtype.name}; use astype first")
    refuse_leaf_write("setitem", target)
    flows = grad_mode.enabled and (target._h.node or value._h.node)
    before = share(target) if flows else None

    def operands() -> tuple[Any, ...]:
        return getitem(target.detach(), spec), value

    rule = "the value does not broadcast to the selection"
    write("setitem", target, lambda h: lib.rt_assign(h, len(spec) // 4, spec, value._h, 0), operands, rule=rule)
    if before is not None:
        written = lib.rt_retain(target._h)
        replace_header(target, _record(BY_NAME["setitem"], written, (before, value), {"key": spec}))
        if _moved is not None and before._h.node:
            _moved(before._h.node, target._h.node)


def add_at(target: Tensor, spec: list[int], value: Tensor) -> None:
    """Add value, of target's dtype, to the part of target that the spec selects; records where gradients flow. No leaf
    is given.
    """

    def operands() -> tuple[Any, ...]:
        return getitem(target.detach(), spec), value

    write("setitem_add", target, lambda h: lib.rt_assign(h, len(spec) // 4, spec, value._h, 1), operands)
    if target._h.node or value._h.node:
        written = lib.rt_retain(target._h)
        replace_header(target, _record(BY_NAME["setitem_add"], written, (target, value), {"key": spec}))


def refuse_leaf_write(where_: str, t: Tensor) -> None:
    """Raise where a write would change a leaf that the graph counts on."""
    if t._h.node and grad_mode.enabled and t.is_leaf:
        raise AutogradError(f"{where_}: a leaf that requires grad is written under rtch.no_grad() only", op=where_)


def inplace(op: Op, x: Tensor, y: Any) -> Tensor:
    """Write the result of a binary op into x, which keeps its shape and dtype."""
    if not isinstance(y, Tensor):
        y = scalar_like(op, y, x)
    refuse_leaf_write(op.name, x)
    if (x._h.node or y._h.node) and grad_mode.enabled:
        if lib.rt_layout(x._h) == lib.RT_LAYOUT_OVERLAPPING:
            raise failure(op.name, x, status=lib.RT_ERR_OVERLAP)
        return _keep_form(op, x, y, binary(op, x, y))
    write(op.name, x, lambda h: lib.rt_binary_inplace(op.id, h, y._h), lambda: (x, y), rule=_KEEPS_FORM)
    return x


_KEEPS_FORM = "an in-place result must keep shape and dtype"


def _keep_form(op: Op, x: Tensor, y: Tensor, out: Tensor) -> Tensor:
    """x with the value of out, the result of an in-place op on x and y."""
    if out.shape != x.shape or out.dtype is not x.dtype:
        status = lib.RT_ERR_BROADCAST if out.shape != x.shape else lib.RT_ERR_DTYPE
        raise failure(op.name, x, y, rule=_KEEPS_FORM, status=status)
    become(x, out)
    return x


def inplace_matmul(x: Tensor, y: Any) -> Tensor:
    """Write the matrix product of x and y into x, which keeps its shape and dtype."""
    if not isinstance(y, Tensor):
        return NotImplemented  # type: ignore[no-any-return]
    op = BY_NAME["matmul"]
    refuse_leaf_write(op.name, x)
    return _keep_form(op, x, y, F.matmul(x, y))


class _Probe:
    """Learns how many references a temporary has inside a `__setitem__` of this interpreter."""

    count = 0

    def __setitem__(self, key: Any, value: Any) -> None:
        _Probe.count = sys.getrefcount(self)


def _references_of_a_temporary() -> int:
    _Probe()[0] = 0
    temporary = _Probe.count
    named = _Probe()
    named[0] = 0
    return temporary if _Probe.count > temporary else 0  # 0: this interpreter can't tell them apart


_TEMPORARY = _references_of_a_temporary()


def _references_of_an_argument() -> int:
    def write(argument: _Probe) -> int:
        return look(argument)

    def look(argument: _Probe) -> int:
        return sys.getrefcount(argument)

    named = _Probe()
    temporary = write(_Probe())
    return temporary if write(named) > temporary else 0


_ARGUMENT = _references_of_an_argument()


def refuse_lost_write(where_: str, t: Any) -> None:
    """Raise where the caller is about to write into its argument t and that is a temporary view, which nobody holds.

    Raises:
        LayoutError: it is one.
    """
    if _ARGUMENT and sys.getrefcount(t) <= _ARGUMENT and isinstance(t, Tensor) and lib.rt_aliases(t._h):
        raise _lost(where_, "give the view a name, v = x[0], and put it back, x[0] = v")


def _lost(where_: str, instead: str) -> LayoutError:
    return LayoutError(f"{where_}: this writes into a temporary view and would be lost; {instead}")


def shares_storage(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors look at the same memory now. A write to either ends that; neither sees the other's writes."""
    need_tensors("shares_storage", a, b)
    return bool(lib.rt_shares_storage(a._h, b._h))


class Tensor:
    """An n-dimensional array of one dtype, with value semantics and, where asked for, gradients.

    Views share storage until one of them is written to: a write never changes another tensor. Made by `rtch.asarray`
    and the other creation functions, not by calling the class.
    """

    __slots__ = ("__weakref__", "_h")
    __array_ufunc__ = None  # NumPy leaves mixed operators to us, and its functions refuse a Tensor

    _h: Any

    def __new__(cls, *args: Any, **kwargs: Any) -> Tensor:
        """Not the way to make one."""
        raise TypeError("Tensor: use rtch.asarray(data)")

    def __del__(self, _release: Any = lib.rt_release) -> None:
        """Let go of the C header."""
        _release(self._h)

    # Facts ----------------------------------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """Size of each dimension."""
        h = self._h
        return tuple(ffi.unpack(lib.rt_shape(h), h.ndim))

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return self._h.ndim  # type: ignore[no-any-return]

    @property
    def size(self) -> int:
        """Number of elements."""
        return self._h.numel  # type: ignore[no-any-return]

    @property
    def dtype(self) -> DType:
        """Element type."""
        return BY_CODE[self._h.dtype]

    @property
    def strides(self) -> tuple[int, ...]:
        """Elements to step per dimension; 0 where broadcast, negative where reversed."""
        h = self._h
        out = ffi.new("int64_t[]", max(h.ndim, 1))
        lib.rt_strides(h, out)
        return tuple(ffi.unpack(out, h.ndim))

    @property
    def is_contiguous(self) -> bool:
        """Whether the elements lie row-major without gaps."""
        return bool(self._h.contiguous)

    @property
    def layout(self) -> str:
        """How the elements lie: contiguous, padded (rows with gaps), transposed (dense in another order of dimensions),
        broadcast, strided, or overlapping (indices share elements otherwise than by broadcasting).
        """
        return ffi.string(lib.rt_layout_name(lib.rt_layout(self._h))).decode("ascii")  # type: ignore[no-any-return]

    @property
    def n_aliases(self) -> int:
        """How many other holders of the same memory exist (views, copies not yet written to, saved values)."""
        return int(lib.rt_aliases(self._h))

    @property
    def T(self) -> Tensor:  # noqa: N802  (the standard's name)
        """Transpose of a matrix.

        Raises:
            DimensionError: the tensor does not have two dimensions.
        """
        if self._h.ndim != 2:
            raise DimensionError(f"T: two dimensions are needed; got shape {list(self.shape)}", shape=self.shape)
        h = lib.rt_transpose(self._h)
        if not h:
            raise failure("T", self)
        out = _new(Tensor)
        out._h = _record(_PERMUTE, h, (self,), {"axes": (1, 0)}) if self._h.node else h
        return out

    @property
    def mT(self) -> Tensor:  # noqa: N802  (the standard's name)
        """The last two dimensions swapped; a view.

        Raises:
            DimensionError: fewer than two dimensions.
        """
        h = lib.rt_transpose(self._h)
        if not h:
            raise failure("mT", self, rule="two dimensions or more are needed")
        axes = (*range(self._h.ndim - 2), self._h.ndim - 1, self._h.ndim - 2)
        return structure(BY_NAME["permute_dims"], h, (self,), {"axes": axes})

    @property
    def device(self) -> Device:
        """Where the memory is: the CPU."""
        return _DEVICE

    def to_device(self, device: Any, /, *, stream: Any = None) -> Tensor:
        """This tensor, on the one device there is.

        Raises:
            ArgumentError: another device, or a stream, which the CPU does not have.
        """
        if stream is not None:
            raise ArgumentError(f"to_device: the CPU has no streams; got stream={stream!r:.80}", argument=stream)
        check_device("to_device", device)
        return self

    def __array_namespace__(self, /, *, api_version: str | None = None) -> ModuleType:
        """The module `rtch`, which has the functions of the Array API standard.

        Raises:
            ArgumentError: a version of the standard that is not known.
        """
        if api_version not in (None, *ARRAY_API_VERSIONS):
            raise ArgumentError(
                f"__array_namespace__: api_version is one of {', '.join(ARRAY_API_VERSIONS)}; got {api_version!r:.80}",
                argument=api_version,
            )
        return importlib.import_module("rtch")

    def __len__(self) -> int:
        """Size of the first dimension."""
        if self._h.ndim == 0:
            raise DTypeError("len: a 0-d tensor has no length")
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        """Views along the first dimension."""
        return (self[i] for i in range(len(self)))

    # Values ---------------------------------------------------------------------------------------------------

    def item(self) -> Any:
        """The one element as a Python bool, int, float or complex.

        Raises:
            ConversionError: there is not exactly one element.
        """
        h = self._h
        if h.numel != 1:
            raise ConversionError(
                f"item: exactly one element is needed; got shape {list(self.shape)}", shape=self.shape
            )
        return self._flat()[0]

    def tolist(self) -> Any:
        """Nested lists of Python scalars; one scalar for a 0-d tensor."""
        if self._h.ndim == 0:
            return self.item()
        flat = self._flat()
        for size in reversed(self.shape[1:]):
            flat = [flat[i * size : (i + 1) * size] for i in range(len(flat) // size)] if size else []
        if self.size == 0:
            return _empty_lists(self.shape)
        return flat

    def _flat(self) -> list[Any]:
        """Elements in row-major order."""
        dtype = self.dtype
        if dtype.kind == "f" and self._h.numel == 1:
            return [lib.rt_item_f64(self._h, 0)]
        # Floating is widened by our own cast: a caller's mode that loses subnormals must not matter.
        wide = {"b": bool_, "i": int64, "u": uint64, "f": float64, "c": complex128}[dtype.kind]
        h = lib.rt_cast(self._h, wide.code) if wide is not dtype else lib.rt_contiguous(self._h)
        if not h:
            raise failure("tolist", self)
        dense = wrap(h)
        ctype = {"b": "int8_t *", "i": "int64_t *", "u": "uint64_t *"}.get(dtype.kind, "double *")
        n = self.size * (2 if dtype.is_complex else 1)
        values = ffi.unpack(ffi.cast(ctype, lib.rt_data(dense._h)), n) if n else []
        if dtype.is_complex:
            return [complex(re, im) for re, im in zip(values[::2], values[1::2], strict=True)]
        return [bool(v) for v in values] if dtype is bool_ else values

    def tobytes(self) -> bytes:
        """Elements in row-major order, little-endian."""
        out = bytearray(self.size * self.dtype.itemsize)
        if lib.rt_to_memory(self._h, ffi.from_buffer(out)) != lib.RT_OK:
            raise failure("tobytes", self)
        return bytes(out)

    def numpy(self) -> npt.NDArray[Any]:
        """A read-only NumPy array over the same memory. Writing to the tensor later gives the tensor new memory.

        Raises:
            AutogradError: the tensor requires grad; call `detach()` first.
            DTypeError: bfloat16, which NumPy does not have.
        """
        import numpy

        if self._h.node:
            raise AutogradError("numpy: the tensor requires grad; use x.detach().numpy()")
        if self.dtype is bfloat16:
            raise DTypeError("numpy: NumPy has no bfloat16; use astype(rtch.float32) first", dtype=self.dtype)
        return numpy.asarray(_Export(self))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        """What NumPy makes of the tensor."""
        import numpy

        array = self.numpy()
        if copy is False and dtype is not None and array.dtype != dtype:
            raise ArgumentError("__array__: a copy is needed to change the dtype; got copy=False", argument=copy)
        return numpy.array(array, dtype=dtype) if copy else numpy.asarray(array, dtype=dtype)

    def __dlpack__(
        self,
        /,
        *,
        stream: Any = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        """A DLPack capsule over the same memory, read-only; a copy where copy is True or max_version is below (1, 0),
        whose capsules can't say read-only. With copy=False the capsule is of version (1, 0) whatever max_version is.
        Writing to the tensor later gives the tensor new memory.

        Raises:
            AutogradError: the tensor requires grad; call `detach()` first.
            DLPackError: another device, or a stream. It is a BufferError.
        """
        if self._h.node:
            raise AutogradError("__dlpack__: the tensor requires grad; use x.detach()")
        return export_capsule(snapshot(self)._h, stream, max_version, dl_device, copy)

    def __dlpack_device__(self, /) -> tuple[int, int]:
        """The CPU, as DLPack numbers it."""
        return CPU

    def __bool__(self, /) -> bool:
        """Truth of the one element; NaN is true."""
        return bool(self.item())

    def __int__(self, /) -> int:
        """The one element, truncated.

        Raises:
            DTypeError: the tensor is complex.
            OverflowError: an infinity.
            ValueError: NaN.
        """
        return int(self._real_item("int"))

    def __float__(self, /) -> float:
        """The one element.

        Raises:
            DTypeError: the tensor is complex.
        """
        return float(self._real_item("float"))

    def __complex__(self, /) -> complex:
        """The one element; a real NaN gives NaN in both parts, as the standard has it."""
        value = self.item()
        return complex(value, value) if isinstance(value, float) and value != value else complex(value)

    def _real_item(self, where_: str) -> Any:
        if self.dtype.is_complex:
            raise DTypeError(f"{where_}: a real tensor is needed; got {self.dtype.name}", dtype=self.dtype)
        return self.item()

    def __index__(self, /) -> int:
        """The one element of an integer tensor.

        Raises:
            DTypeError: another dtype.
        """
        if not self.dtype.is_integer:
            raise DTypeError(f"index: an integer tensor is needed; got {self.dtype.name}", dtype=self.dtype)
        return self.item()  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        """Values, dtype, and whether gradients are wanted."""
        import numpy

        shown = snapshot(self)
        values = numpy.asarray(_Export(shown))
        if shown.dtype is bfloat16:
            values = widen_bfloat16(values)
        facts = [f"dtype={shown.dtype.name}", *(["requires_grad=True"] if self.requires_grad else [])]
        return describe(type(self).__name__, values, shown.shape, shown.size, facts)

    def __format__(self, spec: str) -> str:
        """A 0-d tensor as its element, by a format such as ".3f"; without a format, as `repr`."""
        try:
            return format(self.item(), spec) if spec and self._h.ndim == 0 else format(repr(self), spec)
        except ValueError as error:
            raise ArgumentError(f"format: {error}; got shape {list(self.shape)}", argument=spec) from error

    __hash__ = object.__hash__

    # Copying --------------------------------------------------------------------------------------------------

    def __copy__(self) -> Tensor:
        """The same value; memory is shared until one of them is written to."""
        return self.__deepcopy__({})

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        """The same value and requires_grad, outside the graph. Copies cost nothing until one of them is written to."""
        return _restore(type(self), lib.rt_detach(self._h), self.requires_grad)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as dtype, shape and bytes."""
        return _unpickle, (type(self), self.dtype.name, self.shape, self.tobytes(), self.requires_grad)

    # Indexing -------------------------------------------------------------------------------------------------

    def __getitem__(self, key: Any, /) -> Tensor:
        """A view by integers, slices with any step, None and Ellipsis; a copy by integer tensors and boolean masks, by
        NumPy's rules (see `rtch.indexing`).

        Raises:
            DimensionError: an index out of range, or too many of them, or a mask of another shape.
            DTypeError: what is no index.
        """
        spec = basic_spec(self, key)
        if spec is None:
            return F.read_at(self, key)  # type: ignore[no-any-return]
        return getitem(self, spec)

    def __setitem__(self, key: Any, value: Any, /) -> None:
        """Write a scalar or a tensor that broadcasts to the selection; no other tensor sees it. Where a key selects an
        element several times the last write stays.

        Raises:
            BroadcastError: the value does not fit.
            AutogradError: the tensor is a leaf that requires grad.
            LayoutError: the tensor is a temporary view that nobody could read.
        """
        if _TEMPORARY and sys.getrefcount(self) <= _TEMPORARY and lib.rt_aliases(self._h):
            raise _lost("setitem", "use one key, x[0, 1] = 5, or give the view a name")
        spec = basic_spec(self, key)
        if spec is None:
            F.write_at(self, key, value)
        else:
            assign(self, spec, value)

    # Gradients ------------------------------------------------------------------------------------------------

    @property
    def requires_grad(self) -> bool:
        """Whether gradients flow to this tensor."""
        return bool(self._h.node)

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.requires_grad_(value)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Make this leaf collect a gradient, or stop.

        Raises:
            DTypeError: the dtype is neither floating nor complex.
            AutogradError: the tensor is the result of a recorded call.
        """
        from rtch.autograd.graph import set_requires_grad

        set_requires_grad(self, requires_grad)
        return self

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded call made this tensor."""
        node = self._h.node
        return not node or lib.rt_node_op(node) == _LEAF

    @property
    def grad(self) -> Tensor | None:
        """The gradient that `backward` has added up in this leaf, or in a tensor that retains its gradient; or None."""
        node = self._h.node
        if not node:
            return None
        if lib.rt_node_op(node) == _LEAF:
            return node_object(node, False)  # type: ignore[no-any-return]
        hooks = node_object(node, True)
        return hooks.grad if hooks is not None else None

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        node = self._h.node
        hooks = node_object(node, True) if node and lib.rt_node_op(node) != _LEAF else None
        if hooks is not None and not hooks.retains:
            hooks = None
        if not node or (lib.rt_node_op(node) != _LEAF and hooks is None):
            if value is None:
                return  # there is none to drop
            raise MissingGradError(
                "grad: only a leaf that requires grad, or a tensor after retain_grad(), holds a gradient"
            )
        if value is not None and not isinstance(value, Tensor):
            raise DTypeError(f"grad: a Tensor or None is needed; got {type(value).__name__}")
        if value is not None and (value.shape != self.shape or value.dtype is not self.dtype):
            raise failure("grad", self, value, rule="shape and dtype must match", status=lib.RT_ERR_BROADCAST)
        if hooks is not None:
            hooks.grad = value
        else:
            set_node_object(node, False, value)

    @property
    def grad_fn(self) -> Node | None:
        """The node of the recorded call that made this tensor; None of a leaf and outside every graph."""
        node = self._h.node
        if not node or lib.rt_node_op(node) == _LEAF:
            return None
        from rtch.autograd.node import view

        return view(node)

    @property
    def retains_grad(self) -> bool:
        """Whether this is no leaf, and `backward` leaves its gradient in `grad`; see `retain_grad`."""
        from rtch.autograd.hooks import retained

        return retained(self) is not None

    def retain_grad(self) -> None:
        """Let passes add the gradient that reaches this tensor, after its hooks, to its `grad`, though it is no leaf.

        Raises:
            AutogradError: the tensor does not require grad.
        """
        from rtch.autograd.hooks import retain_grad

        retain_grad(self)

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle:
        """Call ``hook(grad)`` whenever a backward pass has the gradient of this tensor.

        Args:
            hook: gives None, or a tensor of the gradient's shape and dtype to put in its place. Hooks are called in the
                order in which they were registered. On a leaf, one that holds the leaf keeps it alive until it is
                removed.

        Raises:
            AutogradError: the tensor does not require grad.
            ArgumentError: the hook can't be called.
        """
        from rtch.autograd.hooks import on_gradient

        return on_gradient(self, hook)

    def register_post_accumulate_grad_hook(self, hook: Callable[[Tensor], None]) -> RemovableHandle:
        """Call ``hook(leaf)`` whenever `backward` has added to the `grad` of this leaf.

        It is called at the end of the pass, when all leaves have their gradients.

        Raises:
            AutogradError: the tensor is no leaf that requires grad.
            ArgumentError: the hook can't be called.
        """
        from rtch.autograd.hooks import on_accumulated

        return on_accumulated(self, hook)

    def backward(
        self,
        gradient: Tensor | None = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Tensor | Sequence[Tensor] | None = None,
    ) -> None:
        """Add the gradient of this tensor to the `grad` of every leaf it depends on.

        Args:
            gradient: seed of the tensor's shape; may be left out where there is one element.
            retain_graph: keep the graph for another pass; by default as create_graph.
            create_graph: record the backward pass, for higher orders.
            inputs: leaves; others get nothing, and only what lies between runs.

        Raises:
            ArgumentError: inputs are not tensors.
            NonScalarLossError: no seed, and more than one element or a complex one.
            MissingGradError: the tensor does not require grad, or an input is no leaf that does.
            FreedGraphError: an earlier pass freed the graph.
        """
        from rtch.autograd.engine import backward

        backward(self, gradient, retain_graph, create_graph, inputs)

    def detach(self) -> Tensor:
        """The same value outside the graph."""
        return snapshot(self)

    # Methods of structure -------------------------------------------------------------------------------------

    def reshape(self, *shape: Any) -> Tensor:
        """See `rtch.reshape`."""
        return F.reshape(self, shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape)  # type: ignore[no-any-return]

    def astype(self, dtype: Any) -> Tensor:
        """See `rtch.astype`."""
        return F.astype(self, dtype)  # type: ignore[no-any-return]

    # begin generated: python -m rtch.ops.codegen
    def __pos__(self, /) -> Tensor:
        """+x."""
        return unary(_POSITIVE, self)

    def __neg__(self, /) -> Tensor:
        """-x."""
        return unary(_NEGATIVE, self)

    def __abs__(self, /) -> Tensor:
        """|x|."""
        return unary(_ABS, self)

    def relu(self) -> Tensor:
        """See `rtch.relu`."""
        return unary(_RELU, self)

    def square(self) -> Tensor:
        """See `rtch.square`."""
        return unary(_SQUARE, self)

    def reciprocal(self) -> Tensor:
        """See `rtch.reciprocal`."""
        return unary(_RECIPROCAL, self)

    def sqrt(self) -> Tensor:
        """See `rtch.sqrt`."""
        return unary(_SQRT, self)

    def exp(self) -> Tensor:
        """See `rtch.exp`."""
        return unary(_EXP, self)

    def expm1(self) -> Tensor:
        """See `rtch.expm1`."""
        return unary(_EXPM1, self)

    def log(self) -> Tensor:
        """See `rtch.log`."""
        return unary(_LOG, self)

    def log1p(self) -> Tensor:
        """See `rtch.log1p`."""
        return unary(_LOG1P, self)

    def log2(self) -> Tensor:
        """See `rtch.log2`."""
        return unary(_LOG2, self)

    def log10(self) -> Tensor:
        """See `rtch.log10`."""
        return unary(_LOG10, self)

    def sinh(self) -> Tensor:
        """See `rtch.sinh`."""
        return unary(_SINH, self)

    def cosh(self) -> Tensor:
        """See `rtch.cosh`."""
        return unary(_COSH, self)

    def tanh(self) -> Tensor:
        """See `rtch.tanh`."""
        return unary(_TANH, self)

    def asinh(self) -> Tensor:
        """See `rtch.asinh`."""
        return unary(_ASINH, self)

    def acosh(self) -> Tensor:
        """See `rtch.acosh`."""
        return unary(_ACOSH, self)

    def atanh(self) -> Tensor:
        """See `rtch.atanh`."""
        return unary(_ATANH, self)

    def __invert__(self, /) -> Tensor:
        """Every bit of x flipped; not x for bool."""
        return unary(_BITWISE_INVERT, self)

    def __add__(self, other: Any, /) -> Tensor:
        """x + y."""
        if type(other) is Tensor:
            return binary(_ADD, self, other)
        return _operator(_ADD, self, other)

    def __radd__(self, other: Any, /) -> Tensor:
        """y + x."""
        return _reflected(_ADD, self, other)

    def __iadd__(self, other: Any, /) -> Tensor:
        """x + y, written to x."""
        return inplace(_ADD, self, other)

    def __sub__(self, other: Any, /) -> Tensor:
        """x - y."""
        if type(other) is Tensor:
            return binary(_SUBTRACT, self, other)
        return _operator(_SUBTRACT, self, other)

    def __rsub__(self, other: Any, /) -> Tensor:
        """y - x."""
        return _reflected(_SUBTRACT, self, other)

    def __isub__(self, other: Any, /) -> Tensor:
        """x - y, written to x."""
        return inplace(_SUBTRACT, self, other)

    def __mul__(self, other: Any, /) -> Tensor:
        """x * y."""
        if type(other) is Tensor:
            return binary(_MULTIPLY, self, other)
        return _operator(_MULTIPLY, self, other)

    def __rmul__(self, other: Any, /) -> Tensor:
        """y * x."""
        return _reflected(_MULTIPLY, self, other)

    def __imul__(self, other: Any, /) -> Tensor:
        """x * y, written to x."""
        return inplace(_MULTIPLY, self, other)

    def __truediv__(self, other: Any, /) -> Tensor:
        """x / y, true division."""
        if type(other) is Tensor:
            return binary(_DIVIDE, self, other)
        return _operator(_DIVIDE, self, other)

    def __rtruediv__(self, other: Any, /) -> Tensor:
        """y / x."""
        return _reflected(_DIVIDE, self, other)

    def __itruediv__(self, other: Any, /) -> Tensor:
        """x / y, true division, written to x."""
        return inplace(_DIVIDE, self, other)

    def __pow__(self, other: Any, /) -> Tensor:
        """x to the power y."""
        if type(other) is Tensor:
            return binary(_POW, self, other)
        return _operator(_POW, self, other)

    def __rpow__(self, other: Any, /) -> Tensor:
        """y to the power x."""
        return _reflected(_POW, self, other)

    def __ipow__(self, other: Any, /) -> Tensor:
        """x to the power y, written to x."""
        return inplace(_POW, self, other)

    def __and__(self, other: Any, /) -> Tensor:
        """x & y, bit by bit."""
        if type(other) is Tensor:
            return binary(_BITWISE_AND, self, other)
        return _operator(_BITWISE_AND, self, other)

    def __rand__(self, other: Any, /) -> Tensor:
        """y & x, bit by bit."""
        return _reflected(_BITWISE_AND, self, other)

    def __iand__(self, other: Any, /) -> Tensor:
        """x & y, bit by bit, written to x."""
        return inplace(_BITWISE_AND, self, other)

    def __or__(self, other: Any, /) -> Tensor:
        """x | y, bit by bit."""
        if type(other) is Tensor:
            return binary(_BITWISE_OR, self, other)
        return _operator(_BITWISE_OR, self, other)

    def __ror__(self, other: Any, /) -> Tensor:
        """y | x, bit by bit."""
        return _reflected(_BITWISE_OR, self, other)

    def __ior__(self, other: Any, /) -> Tensor:
        """x | y, bit by bit, written to x."""
        return inplace(_BITWISE_OR, self, other)

    def __xor__(self, other: Any, /) -> Tensor:
        """x ^ y, bit by bit."""
        if type(other) is Tensor:
            return binary(_BITWISE_XOR, self, other)
        return _operator(_BITWISE_XOR, self, other)

    def __rxor__(self, other: Any, /) -> Tensor:
        """y ^ x, bit by bit."""
        return _reflected(_BITWISE_XOR, self, other)

    def __ixor__(self, other: Any, /) -> Tensor:
        """x ^ y, bit by bit, written to x."""
        return inplace(_BITWISE_XOR, self, other)

    def __lshift__(self, other: Any, /) -> Tensor:
        """x << y."""
        if type(other) is Tensor:
            return binary(_BITWISE_LEFT_SHIFT, self, other)
        return _operator(_BITWISE_LEFT_SHIFT, self, other)

    def __rlshift__(self, other: Any, /) -> Tensor:
        """y << x."""
        return _reflected(_BITWISE_LEFT_SHIFT, self, other)

    def __ilshift__(self, other: Any, /) -> Tensor:
        """x << y, written to x."""
        return inplace(_BITWISE_LEFT_SHIFT, self, other)

    def __rshift__(self, other: Any, /) -> Tensor:
        """x >> y, filled with the sign."""
        if type(other) is Tensor:
            return binary(_BITWISE_RIGHT_SHIFT, self, other)
        return _operator(_BITWISE_RIGHT_SHIFT, self, other)

    def __rrshift__(self, other: Any, /) -> Tensor:
        """y >> x, filled with the sign."""
        return _reflected(_BITWISE_RIGHT_SHIFT, self, other)

    def __irshift__(self, other: Any, /) -> Tensor:
        """x >> y, filled with the sign, written to x."""
        return inplace(_BITWISE_RIGHT_SHIFT, self, other)

    def __eq__(self, other: Any, /) -> Tensor:  # type: ignore[override]
        """x == y."""
        if type(other) is Tensor:
            return binary(_EQUAL, self, other)
        return _operator(_EQUAL, self, other)

    def __ne__(self, other: Any, /) -> Tensor:  # type: ignore[override]
        """x != y."""
        if type(other) is Tensor:
            return binary(_NOT_EQUAL, self, other)
        return _operator(_NOT_EQUAL, self, other)

    def __lt__(self, other: Any, /) -> Tensor:
        """x < y."""
        if type(other) is Tensor:
            return binary(_LESS, self, other)
        return _operator(_LESS, self, other)

    def __le__(self, other: Any, /) -> Tensor:
        """x <= y."""
        if type(other) is Tensor:
            return binary(_LESS_EQUAL, self, other)
        return _operator(_LESS_EQUAL, self, other)

    def __gt__(self, other: Any, /) -> Tensor:
        """x > y."""
        if type(other) is Tensor:
            return binary(_GREATER, self, other)
        return _operator(_GREATER, self, other)

    def __ge__(self, other: Any, /) -> Tensor:
        """x >= y."""
        if type(other) is Tensor:
            return binary(_GREATER_EQUAL, self, other)
        return _operator(_GREATER_EQUAL, self, other)

    def __mod__(self, other: Any, /) -> Tensor:
        """x % y."""
        if type(other) is Tensor:
            return binary(_REMAINDER, self, other)
        return _operator(_REMAINDER, self, other)

    def __rmod__(self, other: Any, /) -> Tensor:
        """y % x."""
        return _reflected(_REMAINDER, self, other)

    def __imod__(self, other: Any, /) -> Tensor:
        """x % y, written to x."""
        return inplace(_REMAINDER, self, other)

    def __floordiv__(self, other: Any, /) -> Tensor:
        """x // y."""
        if type(other) is Tensor:
            return binary(_FLOOR_DIVIDE, self, other)
        return _operator(_FLOOR_DIVIDE, self, other)

    def __rfloordiv__(self, other: Any, /) -> Tensor:
        """y // x."""
        return _reflected(_FLOOR_DIVIDE, self, other)

    def __ifloordiv__(self, other: Any, /) -> Tensor:
        """x // y, written to x."""
        return inplace(_FLOOR_DIVIDE, self, other)

    def sum(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False, *, dtype: Any = None) -> Tensor:
        """See `rtch.sum`."""
        return reduce(_SUM, self, axis, keepdims, dtype=dtype)

    def prod(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False, *, dtype: Any = None) -> Tensor:
        """See `rtch.prod`."""
        return reduce(_PROD, self, axis, keepdims, dtype=dtype)

    def mean(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Tensor:
        """See `rtch.mean`."""
        return reduce(_MEAN, self, axis, keepdims)

    def max(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Tensor:
        """See `rtch.max`."""
        return reduce(_MAX, self, axis, keepdims)

    def min(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Tensor:
        """See `rtch.min`."""
        return reduce(_MIN, self, axis, keepdims)

    def var(
        self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False, *, correction: float = 0.0
    ) -> Tensor:
        """See `rtch.var`."""
        return reduce(_VAR, self, axis, keepdims, correction=correction)

    def std(
        self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False, *, correction: float = 0.0
    ) -> Tensor:
        """See `rtch.std`."""
        return reduce(_STD, self, axis, keepdims, correction=correction)

    def any(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Tensor:
        """See `rtch.any`."""
        return reduce(_ANY, self, axis, keepdims)

    def all(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Tensor:
        """See `rtch.all`."""
        return reduce(_ALL, self, axis, keepdims)

    def argmax(self, axis: int | None = None, keepdims: bool = False) -> Tensor:
        """See `rtch.argmax`."""
        return argreduce(_ARGMAX, self, axis, keepdims)

    def argmin(self, axis: int | None = None, keepdims: bool = False) -> Tensor:
        """See `rtch.argmin`."""
        return argreduce(_ARGMIN, self, axis, keepdims)

    def __matmul__(self, other: Any, /) -> Tensor:
        """Matrix product over the last two axes, the others broadcast."""
        return F.matmul(self, other) if isinstance(other, Tensor) else NotImplemented

    def __rmatmul__(self, other: Any, /) -> Tensor:
        """Matrix product with this tensor on the right."""
        return F.matmul(other, self) if isinstance(other, Tensor) else NotImplemented

    def __imatmul__(self, other: Any, /) -> Tensor:
        """Matrix product over the last two axes, the others broadcast, written to x."""
        return inplace_matmul(self, other)

    def sigmoid(self) -> Tensor:
        """See `rtch.sigmoid`."""
        return unary(_SIGMOID, self)

    def index_add(self, /, axis: int, index: Any, source: Tensor, *, alpha: complex = 1) -> Tensor:
        """See `rtch.index_add`."""
        return F.index_add(self, axis, index, source, alpha=alpha)  # type: ignore[no-any-return]

    def gather(self, /, axis: int, index: Any) -> Tensor:
        """See `rtch.gather`."""
        return F.gather(self, axis, index)  # type: ignore[no-any-return]

    def scatter(self, /, axis: int, index: Any, src: Tensor | complex) -> Tensor:
        """See `rtch.scatter`."""
        return F.scatter(self, axis, index, src)  # type: ignore[no-any-return]

    def scatter_add(self, /, axis: int, index: Any, src: Tensor | complex) -> Tensor:
        """See `rtch.scatter_add`."""
        return F.scatter_add(self, axis, index, src)  # type: ignore[no-any-return]

    def index_put(self, /, indices: Any, values: Tensor | complex, accumulate: bool = False) -> Tensor:
        """See `rtch.index_put`."""
        return F.index_put(self, indices, values, accumulate)  # type: ignore[no-any-return]

    def masked_fill(self, /, mask: Tensor, value: Tensor | complex) -> Tensor:
        """See `rtch.masked_fill`."""
        return F.masked_fill(self, mask, value)  # type: ignore[no-any-return]

    def masked_select(self, /, mask: Tensor) -> Tensor:
        """See `rtch.masked_select`."""
        return F.masked_select(self, mask)  # type: ignore[no-any-return]

    def topk(self, /, k: int, axis: int = -1, largest: bool = True, sorted: bool = True) -> TopK:
        """See `rtch.topk`."""
        return F.topk(self, k, axis, largest, sorted)  # type: ignore[no-any-return]

    def swapaxes(self, /, axis0: int, axis1: int) -> Tensor:
        """See `rtch.swapaxes`."""
        return F.swapaxes(self, axis0, axis1)  # type: ignore[no-any-return]

    def flatten(self, /, start_axis: int = 0, end_axis: int = -1) -> Tensor:
        """See `rtch.flatten`."""
        return F.flatten(self, start_axis, end_axis)  # type: ignore[no-any-return]

    def unflatten(self, /, axis: int, sizes: int | Sequence[int]) -> Tensor:
        """See `rtch.unflatten`."""
        return F.unflatten(self, axis, sizes)  # type: ignore[no-any-return]

    def split(self, /, split_size_or_sections: int | Sequence[int], axis: int = 0) -> tuple[Tensor, ...]:
        """See `rtch.split`."""
        return F.split(self, split_size_or_sections, axis)  # type: ignore[no-any-return]

    def chunk(self, /, chunks: int, axis: int = 0) -> tuple[Tensor, ...]:
        """See `rtch.chunk`."""
        return F.chunk(self, chunks, axis)  # type: ignore[no-any-return]

    def dot(self, y: Tensor, /) -> Tensor:
        """See `rtch.dot`."""
        return F.dot(self, y)  # type: ignore[no-any-return]

    def inner(self, y: Tensor, /) -> Tensor:
        """See `rtch.inner`."""
        return F.inner(self, y)  # type: ignore[no-any-return]

    def outer(self, y: Tensor, /) -> Tensor:
        """See `rtch.outer`."""
        return F.outer(self, y)  # type: ignore[no-any-return]

    def kron(self, y: Tensor, /) -> Tensor:
        """See `rtch.kron`."""
        return F.kron(self, y)  # type: ignore[no-any-return]

    def addmm(self, /, mat1: Tensor, mat2: Tensor, *, beta: complex = 1, alpha: complex = 1) -> Tensor:
        """See `rtch.addmm`."""
        return F.addmm(self, mat1, mat2, beta=beta, alpha=alpha)  # type: ignore[no-any-return]

    def baddbmm(self, /, batch1: Tensor, batch2: Tensor, *, beta: complex = 1, alpha: complex = 1) -> Tensor:
        """See `rtch.baddbmm`."""
        return F.baddbmm(self, batch1, batch2, beta=beta, alpha=alpha)  # type: ignore[no-any-return]

    def nan_to_num(self, /, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Tensor:
        """See `rtch.nan_to_num`."""
        return F.nan_to_num(self, nan, posinf, neginf)  # type: ignore[no-any-return]

    def isclose(self, y: Tensor, /, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Tensor:
        """See `rtch.isclose`."""
        return F.isclose(self, y, rtol, atol, equal_nan)  # type: ignore[no-any-return]

    def allclose(self, y: Tensor, /, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
        """See `rtch.allclose`."""
        return F.allclose(self, y, rtol, atol, equal_nan)  # type: ignore[no-any-return]

    def lerp(self, /, end: Tensor, weight: Tensor | float) -> Tensor:
        """See `rtch.lerp`."""
        return F.lerp(self, end, weight)  # type: ignore[no-any-return]

    # end generated


def _empty_lists(shape: tuple[int, ...]) -> list[Any]:
    if shape[0] == 0 or len(shape) == 1:
        return []
    return [_empty_lists(shape[1:]) for _ in range(shape[0])]


def _restore(cls: type[Tensor], h: Any, requires_grad: bool) -> Tensor:
    out = _new(cls)
    out._h = h
    if requires_grad:
        out.requires_grad_()
    return out


def _unpickle(cls: type[Tensor], dtype: str, shape: tuple[int, ...], data: bytes, requires_grad: bool) -> Tensor:
    made = F.from_bytes(data, dtype, shape)
    return _restore(cls, lib.rt_detach(made._h), requires_grad)


class _Export:
    """Memory that NumPy looks at. Holding the header makes it an alias, so that our next write copies."""

    __slots__ = ("__array_interface__", "_keep")

    def __init__(self, t: Tensor) -> None:
        t = self._keep = snapshot(t)  # all that follows is of this header: t may get another one meanwhile
        item = t.dtype.itemsize
        self.__array_interface__ = {
            "version": 3,
            "shape": t.shape,
            "strides": tuple(s * item for s in t.strides),
            # NumPy has no bfloat16: only `repr` looks at one, at its bits.
            "typestr": ("|" if item == 1 else "<") + ("u" if t.dtype is bfloat16 else t.dtype.kind) + str(item),
            "data": (int(ffi.cast("uintptr_t", lib.rt_data(t._h))), True),
        }


F.where = where
F.getitem = getitem
