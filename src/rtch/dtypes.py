# SPDX-License-Identifier: MIT
"""The dtypes and their promotion: facts in pure Python, which the build's generator reads too.

`code` is the number that the C core knows a dtype by. float16 and bfloat16 are stored and converted; nothing is
computed in them.
"""

from __future__ import annotations

from rtch.errors import ArgumentError, DTypeError


class DType:
    """A tensor's element type. There is one object per type, so `is` and `==` compare. A name is no dtype,
    but wherever a dtype is asked for its name will do."""

    __slots__ = ("bits", "code", "itemsize", "kind", "name", "short")

    def __init__(self, name: str, short: str, code: int, itemsize: int, kind: str) -> None:
        self.name = name
        self.short = short  # as in C: i64, f32
        self.code = code
        self.itemsize = itemsize
        self.bits = 8 * itemsize
        self.kind = kind  # "b" boolean, "i" signed and "u" unsigned integer, "f" real and "c" complex floating

    def __repr__(self) -> str:
        return f"rtch.{self.name}"

    def __reduce__(self) -> str:
        return self.name if self.name != "bool" else "bool_"

    @property
    def is_floating(self) -> bool:
        """Whether this is a real type that is computed in with fractions: float32 or float64."""
        return self.kind == "f" and self.itemsize > 2

    @property
    def is_integer(self) -> bool:
        """Whether this is a signed or unsigned integer type."""
        return self.kind in "iu"

    @property
    def is_complex(self) -> bool:
        """Whether this is a complex floating type."""
        return self.kind == "c"

    @property
    def is_storage(self) -> bool:
        """Whether values are only stored in this type, and must be cast to compute with them."""
        return self.kind == "f" and self.itemsize == 2

    @property
    def real(self) -> DType:
        """The type of the real part."""
        return {complex64: float32, complex128: float64}.get(self, self)


bool_ = DType("bool", "bool", 0, 1, "b")
int8 = DType("int8", "i8", 1, 1, "i")
int16 = DType("int16", "i16", 2, 2, "i")
int32 = DType("int32", "i32", 3, 4, "i")
int64 = DType("int64", "i64", 4, 8, "i")
uint8 = DType("uint8", "u8", 5, 1, "u")
uint16 = DType("uint16", "u16", 6, 2, "u")
uint32 = DType("uint32", "u32", 7, 4, "u")
uint64 = DType("uint64", "u64", 8, 8, "u")
float16 = DType("float16", "f16", 9, 2, "f")
bfloat16 = DType("bfloat16", "bf16", 10, 2, "f")
float32 = DType("float32", "f32", 11, 4, "f")
float64 = DType("float64", "f64", 12, 8, "f")
complex64 = DType("complex64", "c64", 13, 8, "c")
complex128 = DType("complex128", "c128", 14, 16, "c")

ALL = (
    bool_,
    int8,
    int16,
    int32,
    int64,
    uint8,
    uint16,
    uint32,
    uint64,
    float16,
    bfloat16,
    float32,
    float64,
    complex64,
    complex128,
)
COMPUTED = tuple(dtype for dtype in ALL if not dtype.is_storage)
BY_CODE = {dtype.code: dtype for dtype in ALL}
BY_NAME = {dtype.name: dtype for dtype in ALL}
_PYTHON = {bool: bool_, int: int64, float: float32, complex: complex64}


def as_dtype(value: object) -> DType:
    """The dtype that a DType, its name, a Python type or a NumPy dtype or scalar type means.

    Raises:
        DTypeError: there is no such dtype.
    """
    if isinstance(value, DType):
        return value
    if isinstance(value, type) and value in _PYTHON:
        return _PYTHON[value]
    name = value if isinstance(value, str) else getattr(value, "name", None)
    if isinstance(value, type):  # NumPy's scalar types
        name = value.__name__.rstrip("_")
    found = BY_NAME.get(name) if isinstance(name, str) else None
    if found is None:
        raise DTypeError(f"dtype: one of {', '.join(BY_NAME)} is needed; got {value!r:.40}", dtype=value)
    return found


def of_python_scalar(value: object) -> DType:
    """Default dtype of a Python bool, int, float or complex."""
    if isinstance(value, bool):
        return bool_
    if isinstance(value, int):
        return int64
    return complex64 if isinstance(value, complex) else float32


def promote(a: DType, b: DType) -> DType | None:
    """The dtype that two operands are computed in, or None where there is none (uint64 with a signed integer).

    The Array API standard's tables; where they leave it open, PyTorch's rule: the operand of the higher category (bool,
    integer, floating, complex) decides.
    """
    if a is b:
        return a
    ranks = {"b": 0, "i": 1, "u": 1, "f": 2, "c": 3}
    if ranks[a.kind] > ranks[b.kind]:
        a, b = b, a
    if ranks[a.kind] < ranks[b.kind]:
        return complex128 if a is float64 and b is complex64 else b
    if a.kind == b.kind:
        if a.itemsize == b.itemsize:  # float16 with bfloat16
            return float32
        return a if a.itemsize > b.itemsize else b
    signed, unsigned = (a, b) if a.kind == "i" else (b, a)
    if signed.itemsize > unsigned.itemsize:
        return signed
    return {1: int16, 2: int32, 4: int64}.get(unsigned.itemsize)


def result_dtype(*dtypes: DType) -> DType:
    """`promote` over one or more dtypes.

    Raises:
        DTypeError: uint64 meets a signed integer, which the standard leaves undefined.
    """
    first, *rest = sorted(dtypes, key=lambda dtype: dtype.code, reverse=True)  # the highest category decides
    out = first
    for dtype in rest:
        both = promote(out, dtype)
        if both is None:
            raise DTypeError(f"promotion: {out.name} and {dtype.name} have no common dtype; use astype", dtypes=dtypes)
        out = both
    return out


def with_python_scalar(dtype: DType, scalar: object) -> DType:
    """The dtype that a tensor's dtype takes beside a Python scalar: its own, or where the scalar is of a higher
    category the default of that category (for complex, of the tensor's precision).
    """
    if isinstance(scalar, bool) or dtype.kind == "c":
        return dtype
    if isinstance(scalar, int):
        return int64 if dtype is bool_ else dtype
    if isinstance(scalar, complex):
        return complex128 if dtype is float64 else complex64
    return dtype if dtype.kind == "f" else float32


def nearest32(value: float) -> float:
    """The float32 nearest to a Python integer, which a float64 on the way could miss by rounding twice."""
    if not isinstance(value, int) or value.bit_length() <= 53:  # a float64 holds it
        return value
    spare = value.bit_length() - 24
    high, rest = divmod(abs(value), 1 << spare)
    half = 1 << spare - 1
    high += rest > half or (rest == half and high & 1)
    return float(high << spare) if value > 0 else -float(high << spare)


def as_float(where: str, value: float, dtype: DType) -> float:
    """A Python number as a floating or complex dtype takes it, rounded once.

    Raises:
        ArgumentError: an integer beyond the largest float.
    """
    try:
        return float(nearest32(value) if dtype.real.itemsize <= 4 else value)
    except OverflowError as error:
        raise ArgumentError(f"{where}: an integer too large for a float; got {value}", argument=value) from error


def bounds(dtype: DType) -> tuple[int, int]:
    """Smallest and largest value of an integer dtype."""
    if dtype.kind == "u":
        return 0, 2**dtype.bits - 1
    return -(2 ** (dtype.bits - 1)), 2 ** (dtype.bits - 1) - 1


def check_bounds(where: str, value: int, dtype: DType) -> None:
    """Raise where an integer does not fit in an integer dtype.

    Raises:
        ArgumentError: it does not.
    """
    if dtype.is_integer:
        low, high = bounds(dtype)
        if not low <= value <= high:
            raise ArgumentError(
                f"{where}: {dtype.name} holds {low} to {high}; got {value}", argument=value, dtype=dtype
            )
