# SPDX-License-Identifier: MIT
"""Making tensors: from Python values, buffers and NumPy data, and filled with one value."""

from __future__ import annotations

import operator
from array import array
from typing import Any

from rtch._c import failure, ffi, lib
from rtch.device import check_device
from rtch.dlpack import import_header, is_cpu
from rtch.dtypes import (
    DType,
    as_dtype,
    as_float,
    bool_,
    check_bounds,
    complex128,
    float32,
    float64,
    int64,
    nearest32,
    of_python_scalar,
    result_dtype,
    uint64,
)
from rtch.errors import ArgumentError, DLPackError, DTypeError
from rtch.ops.row import F
from rtch.tensor import Tensor, need_tensors, scalar_numbers, snapshot, wrap

_SCALARS = (bool, int, float, complex)
_PLAIN = frozenset(_SCALARS)
_NESTED = (list, tuple, range)


def shape_of(where: str, shape: Any) -> tuple[int, ...]:
    """A shape as a tuple of non-negative integers."""
    try:
        sizes = tuple(operator.index(n) for n in (shape if isinstance(shape, (tuple, list)) else (shape,)))
    except TypeError as error:
        raise ArgumentError(f"{where}: a shape of integers is needed; got {shape!r:.80}", argument=shape) from error
    if any(n < 0 or n >= 2**63 for n in sizes) or len(sizes) > 32:
        raise ArgumentError(f"{where}: at most 32 sizes of 0 or more are needed; got {shape!r}", argument=shape)
    return sizes


def asarray(obj: Any, /, *, dtype: Any = None, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor with the values of a scalar, nested lists or ranges, an array, a tensor, or any object with a buffer.

    Python floats give float32 and integers int64 unless dtype says otherwise; an array or buffer keeps its dtype.
    Memory that is not rtch's is copied, unless copy is False: see `from_dlpack`. A tensor comes back as it is where
    dtype fits and copy is not True.

    Args:
        obj: the values.
        dtype: the dtype to convert to. Of what is no tensor, floating does not become an integer, nor complex real.
        device: "cpu", the one there is.
        copy: True for a tensor of its own, False for an error where memory would have to be copied.

    Raises:
        DTypeError: a dtype that rtch does not have, or that can't hold the values.
        ArgumentError: ragged lists, values that are not numbers, or copy=False where a copy is needed.
    """
    check_device("asarray", device)
    wanted = None if dtype is None else as_dtype(dtype)
    if isinstance(obj, Tensor):
        return _from_tensor(obj, wanted, copy)
    if copy is False:
        return _as_it_is(obj, wanted)
    if hasattr(obj, "__dlpack__") and not hasattr(obj, "__array_interface__"):
        made = from_dlpack(obj)
        return made if wanted is None else _converted(made, wanted)
    if hasattr(obj, "__array_interface__") or hasattr(obj, "__array__"):
        return _from_numpy(obj, wanted)
    if isinstance(obj, _SCALARS):
        return _filled("asarray", (), obj, wanted or of_python_scalar(obj))
    if not isinstance(obj, _NESTED):
        return _from_numpy(_buffer(obj), wanted)
    shape = _nested_shape(obj)
    flat: list[Any] = []
    _flatten(obj, shape, 0, flat)
    types = dict(zip(map(type, flat), flat, strict=True))
    if types.keys() <= _PLAIN:
        dtypes = {of_python_scalar(value) for value in types.values()}
    else:
        tensors = [value for value in flat if isinstance(value, Tensor)]
        if any(t.requires_grad for t in tensors):
            raise ArgumentError("asarray: a list of tensors that require grad would lose it; join them with rtch.stack")
        flat = [scalar_of(value) for value in flat]
        found = {type(value): of_python_scalar(value) for value in flat} if len(tensors) < len(flat) else {}
        dtypes = {*found.values(), *(t.dtype for t in tensors)}
        types = dict(zip(map(type, flat), flat, strict=True))
    if wanted is None:
        wanted = result_dtype(*dtypes) if dtypes else float32
    return _from_flat(flat, set(types), shape, wanted)


def _as_it_is(obj: Any, wanted: DType | None) -> Tensor:
    """`asarray` with copy=False for what is no Tensor."""
    if not hasattr(obj, "__dlpack__"):
        raise ArgumentError(f"asarray: {type(obj).__name__} must be copied; leave out copy=False", argument=obj)
    try:
        out = from_dlpack(obj, copy=False)
    except BufferError as error:
        raise ArgumentError(f"asarray: this memory must be copied; leave out copy=False ({error})") from error
    if wanted is not None and wanted is not out.dtype:
        raise ArgumentError(
            f"asarray: a copy is needed to change the dtype; got {out.dtype.name}, {wanted.name} and copy=False"
        )
    return out


def from_dlpack(x: Any, /, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor with the values of an array of another library, on the CPU, through DLPack.

    The memory is copied unless copy is False. Then the tensor looks at the producer's memory, keeps it alive, and never
    writes to it: a write gives the tensor memory of its own. What the producer writes there meanwhile is seen, which no
    other tensor does: don't, if results are to be the same again.

    Args:
        x: an array with `__dlpack__`.
        device: None, "cpu", a tensor's `device`, or (1, 0).
        copy: False for the same memory; True and None copy.

    Raises:
        NoDLPackError: x does not speak DLPack. It is an AttributeError.
        ArgumentError: its capsule was consumed before.
        DLPackError: memory of another device or a later DLPack. It is a BufferError.
        DTypeError, DimensionError, LayoutError: a dtype, shape or address that rtch can't use.
    """
    if isinstance(x, Tensor):
        if device is not None and not is_cpu(device):
            raise DLPackError(f"from_dlpack: tensors are on the CPU; got device={device!r:.80}")
        return wrap(checked("from_dlpack", lib.rt_copy(x._h), x.shape)) if copy else snapshot(x)
    return wrap(import_header(x, device, copy))


def _from_tensor(x: Tensor, wanted: DType | None, copy: bool | None) -> Tensor:
    if wanted is None or wanted is x.dtype:
        return F.astype(x, x.dtype) if copy else x
    if copy is False:
        raise ArgumentError(
            f"asarray: a copy is needed to get {wanted.name} from {x.dtype.name}; leave out copy=False", argument=copy
        )
    return F.astype(x, wanted)  # type: ignore[no-any-return]


def _buffer(obj: Any) -> memoryview:
    try:
        return memoryview(obj)
    except TypeError:
        got = type(obj).__name__
        raise ArgumentError(f"asarray: numbers, lists or an array are needed; got {got}", argument=obj) from None


def scalar_of(value: Any, where: str = "asarray") -> Any:
    """The Python scalar that a value is: a number, or a 0-d array or tensor."""
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        value = value.item()
    if isinstance(value, _SCALARS):
        return value
    if getattr(value, "shape", None):
        got = f"{type(value).__name__} of shape {list(value.shape)}; join arrays with rtch.stack"
    else:
        got = f"{value!r:.80}"
    raise ArgumentError(f"{where}: numbers are needed; got {got}", argument=value)


def _nested_shape(obj: Any) -> tuple[int, ...]:
    shape: list[int] = []
    while isinstance(obj, _NESTED):
        shape.append(len(obj))
        if len(shape) > 32:
            raise ArgumentError("asarray: at most 32 dimensions; got more", argument=len(shape))
        if not obj:
            break
        obj = obj[0]
    return tuple(shape)


def _flatten(obj: Any, shape: tuple[int, ...], depth: int, flat: list[Any]) -> None:
    if not isinstance(obj, _NESTED) or len(obj) != shape[depth]:
        raise ArgumentError(
            f"asarray: nested lists must be rectangular; got {type(obj).__name__} at depth {depth} where "
            f"{shape[depth]} items were due",
            argument=shape,
        )
    if depth < len(shape) - 1:
        for item in obj:
            _flatten(item, shape, depth + 1, flat)
        return
    flat.extend(obj)
    if any(issubclass(kind, _NESTED) for kind in set(map(type, obj))):
        raise ArgumentError(
            f"asarray: nested lists must be rectangular; got a list at depth {depth + 1} where a number was due",
            argument=shape,
        )


def _whole(where: str, value: Any, dtype: DType) -> int:
    """A scalar as a value of an integer dtype.

    Raises:
        DTypeError: a fraction or a complex number.
        ArgumentError: the dtype does not hold it.
    """
    if isinstance(value, complex) or (isinstance(value, float) and not value.is_integer()):
        raise DTypeError(f"{where}: {value!r} does not fit in {dtype.name}; use astype to truncate", dtype=dtype)
    check_bounds(where, int(value), dtype)
    return int(value)


def _from_flat(flat: list[Any], types: set[type], shape: tuple[int, ...], dtype: DType) -> Tensor:
    """Python scalars, of these types, to a tensor. Floating goes through float64, rounded once by our own cast."""
    if dtype.kind == "f" and types == {float}:
        data, made = ffi.from_buffer(array("d", flat)), float64
    elif dtype is int64 and types == {int} and min(flat) >= -(2**63) and max(flat) < 2**63:
        data, made = ffi.from_buffer(array("q", flat)), int64
    elif dtype is bool_:
        data, made = ffi.new("int8_t[]", [bool(v) for v in flat]), bool_
    elif dtype.is_integer:
        made = uint64 if dtype is uint64 else int64
        data = ffi.new("uint64_t[]" if dtype is uint64 else "int64_t[]", [_whole("asarray", v, dtype) for v in flat])
    elif any(isinstance(v, complex) for v in flat) and not dtype.is_complex:
        raise DTypeError(f"asarray: a complex number does not fit in {dtype.name}; take its real part", dtype=dtype)
    else:
        nearest = nearest32 if dtype.itemsize <= 4 or (dtype.itemsize == 8 and dtype.is_complex) else float
        made = complex128 if dtype.is_complex else float64
        try:
            if dtype.is_complex:
                parts = [part for v in flat for part in _parts(v, nearest)]
                data = ffi.new("double[]", parts)
            else:
                data = ffi.new("double[]", [nearest(v) for v in flat])
        except OverflowError as error:
            raise ArgumentError("asarray: an integer is too large for a float; got more than 1e308") from error
    out = wrap(checked("asarray", lib.rt_from_memory(made.code, len(shape), shape, data), shape))
    return out if made is dtype else wrap(checked("asarray", lib.rt_cast(out._h, dtype.code), shape))


def _parts(value: Any, nearest: Any) -> tuple[float, float]:
    return (value.real, value.imag) if isinstance(value, complex) else (nearest(value), 0.0)


def _from_numpy(obj: Any, dtype: DType | None) -> Tensor:
    import numpy

    values = numpy.asarray(obj)
    if values.dtype.byteorder == ">":
        values = values.astype(values.dtype.newbyteorder("="))
    source = as_dtype(values.dtype)
    values = numpy.ascontiguousarray(values).reshape(values.shape)
    data = ffi.from_buffer(values) if values.size else ffi.NULL
    out = wrap(checked("asarray", lib.rt_from_memory(source.code, values.ndim, values.shape, data), values.shape))
    return out if dtype is None else _converted(out, dtype)


def _converted(made: Tensor, dtype: DType) -> Tensor:
    """What came from outside, in the dtype that was asked for."""
    if dtype.is_integer and made.dtype.kind in "fc":
        raise DTypeError(
            f"asarray: {made.dtype.name} does not fit in {dtype.name}; use astype to truncate", dtype=made.dtype
        )
    return made if dtype is made.dtype else F.astype(made, dtype)


def from_bytes(data: bytes | bytearray | memoryview, dtype: Any, shape: Any) -> Tensor:
    """A tensor over a copy of row-major, little-endian bytes, such as `Tensor.tobytes` gives.

    Raises:
        ArgumentError: the number of bytes does not match.
    """
    made, sizes = as_dtype(dtype), shape_of("from_bytes", shape)
    n = made.itemsize
    for size in sizes:
        n *= size
    view = memoryview(data).cast("B") if len(data) else memoryview(b"")
    if view.nbytes != n:
        raise ArgumentError(f"from_bytes: {n} bytes are needed for {made.name}{list(sizes)}; got {view.nbytes}")
    pointer = ffi.from_buffer(view) if n else ffi.NULL
    return wrap(checked("from_bytes", lib.rt_from_memory(made.code, len(sizes), sizes, pointer), sizes))


def checked(where: str, h: Any, shape: tuple[int, ...]) -> Any:
    """The header h of a new tensor, or the error for there being none."""
    if not h:
        raise failure(where, list(shape), rule=_OUT_OF_MEMORY if lib.rt_last_status() == lib.RT_ERR_ALLOC else "")
    return h


_OUT_OF_MEMORY = "memory for this shape could not be had"


def _filled(where: str, shape: tuple[int, ...], value: Any, dtype: DType) -> Tensor:
    f, g, i = 0.0, 0.0, 0
    if dtype is bool_:
        i = int(bool(value))
    elif dtype.is_integer:
        _, _, _, i = scalar_numbers(where, _whole(where, value, dtype))
    elif isinstance(value, complex):
        if not dtype.is_complex:
            raise DTypeError(f"{where}: a complex number does not fit in {dtype.name}; got {value}", dtype=dtype)
        f, g = value.real, value.imag
    else:
        f = as_float(where, value, dtype)
    return wrap(checked(where, lib.rt_full(dtype.code, len(shape), shape, f, g, i), shape))


def _same(where: str, shape: Any, value: int, dtype: DType, device: Any) -> Tensor:
    """A tensor of zeros or ones."""
    check_device(where, device)
    sizes = shape_of(where, shape)
    if value:
        return _filled(where, sizes, value, dtype)
    return wrap(checked(where, lib.rt_empty(dtype.code, len(sizes), sizes), sizes))


def _same_like(where: str, x: Tensor, value: int, dtype: Any, device: Any) -> Tensor:
    need_tensors(where, x)
    return _same(where, x.shape, value, x.dtype if dtype is None else as_dtype(dtype), device)


def full(shape: Any, fill_value: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """A tensor of one value. Without dtype a float gives float32, an integer int64, a bool bool, a complex complex64.

    Raises:
        ArgumentError: a negative size, or a shape of too many elements.
        AllocationError: memory could not be had.
    """
    check_device("full", device)
    value = scalar_of(fill_value, "full")
    made = of_python_scalar(value) if dtype is None else as_dtype(dtype)
    return _filled("full", shape_of("full", shape), value, made)


def zeros(shape: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """A tensor of zeros; float32 unless dtype says otherwise. Raises as `full`."""
    return _same("zeros", shape, 0, float32 if dtype is None else as_dtype(dtype), device)


def empty(shape: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """A tensor of the shape, for values to come. It holds zeros: a run that replays can't depend on old memory."""
    return _same("empty", shape, 0, float32 if dtype is None else as_dtype(dtype), device)


def ones(shape: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """A tensor of ones; float32 unless dtype says otherwise. Raises as `full`."""
    return _same("ones", shape, 1, float32 if dtype is None else as_dtype(dtype), device)


def full_like(x: Tensor, /, fill_value: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """`full` with the shape and, unless given, the dtype of x."""
    need_tensors("full_like", x)
    check_device("full_like", device)
    made = x.dtype if dtype is None else as_dtype(dtype)
    return _filled("full_like", x.shape, scalar_of(fill_value, "full_like"), made)


def zeros_like(x: Tensor, /, *, dtype: Any = None, device: Any = None) -> Tensor:
    """`zeros` with the shape and, unless given, the dtype of x."""
    return _same_like("zeros_like", x, 0, dtype, device)


def empty_like(x: Tensor, /, *, dtype: Any = None, device: Any = None) -> Tensor:
    """`empty` with the shape and, unless given, the dtype of x."""
    return _same_like("empty_like", x, 0, dtype, device)


def ones_like(x: Tensor, /, *, dtype: Any = None, device: Any = None) -> Tensor:
    """`ones` with the shape and, unless given, the dtype of x."""
    return _same_like("ones_like", x, 1, dtype, device)


F.asarray = asarray
F.from_bytes = from_bytes
F.zeros_like = zeros_like
