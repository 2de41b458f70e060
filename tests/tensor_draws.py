# SPDX-License-Identifier: MIT
"""What the tests of the tensor core share: values with all that is awkward, layouts of every class, equality of bits.

A layout is made twice, once by rtch and once by NumPy, from the same dense memory; NumPy is the reference.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import rtch

INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
FLOATS = ("float32", "float64")
COMPLEX = ("complex64", "complex128")
DTYPES = {name: getattr(rtch, name) for name in (*INTEGERS, *FLOATS, *COMPLEX)} | {"bool": rtch.bool_}
_AWKWARD = {
    "bool": [True, False],
    "int64": [0, 1, -1, 2**63 - 1, -(2**63), 2**53 + 1, 2**24 + 1],
    "uint64": [0, 1, 2**64 - 1, 2**63, 2**53 + 1, 2**24 + 1],
    "float32": [0.0, -0.0, np.nan, np.inf, -np.inf, 1e-45, -1e-45, 1.17549435e-38, 3.4028235e38, 1.0, -1.0, 0.5],
    "float64": [0.0, -0.0, np.nan, np.inf, -np.inf, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 1.0, -0.1],
}


def special(dtype: str) -> np.ndarray:
    """Values of a dtype that go wrong first."""
    made = np.dtype(dtype)
    if made.kind == "c":
        parts = special(f"float{made.itemsize * 4}")
        return np.array([complex(re, im) for re in parts for im in parts], dtype=made)
    if dtype in _AWKWARD:
        return np.array(_AWKWARD[dtype], dtype=made)
    info = np.iinfo(made)
    return np.array([0, 1, info.max, info.min, info.max // 2], dtype=made)


def promoted(*names: str) -> str:
    """The dtype of operands together: NumPy's rule within a kind, else the highest kind's own dtype decides."""
    kinds = ["b", "iu", "f", "c"]
    rank = max(next(i for i, kind in enumerate(kinds) if np.dtype(name).kind in kind) for name in names)
    deciding = [name for name in names if np.dtype(name).kind in kinds[rank]]
    if "complex64" in deciding and "float64" in names:
        return "complex128"
    return np.result_type(*deciding).name


def promotes(*names: str) -> bool:
    """Whether operands have a dtype together: uint64 has none with a signed integer."""
    kinds = {np.dtype(name).kind for name in names}
    return not ("uint64" in names and kinds <= {"b", "i", "u"} and "i" in kinds)


CLASSES = (
    "contiguous",
    "transposed",
    "reversed",
    "stepped",
    "padded",
    "broadcast",
    "repeated",
    "empty",
    "scalar",
    "tail",
)


def values(dtype: str, shape: tuple[int, ...], seed: int, low: float = -4.0, high: float = 4.0) -> np.ndarray:
    """Random values of a dtype in [low, high)."""
    rng = np.random.default_rng(seed)
    if dtype == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    kind = np.dtype(dtype).kind
    if kind in "iu":
        lowest = max(int(np.ceil(low)), 0 if kind == "u" else -(2**63))
        return rng.integers(lowest, int(high) + 1, shape).astype(dtype)
    if kind == "c":
        return (rng.uniform(low, high, shape) + 1j * rng.uniform(low, high, shape)).astype(dtype)
    return rng.uniform(low, high, shape).astype(dtype)


def awkward(dtype: str, shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Random values, a third of them special ones."""
    rng = np.random.default_rng(seed)
    out = values(dtype, shape, seed + 1)
    return np.where(rng.random(shape) < 1 / 3, rng.choice(special(dtype), shape), out).astype(dtype)


def dense(kind: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Shape of the dense memory from which `layout` makes a matrix of `shape`."""
    m, n = shape
    return {
        "transposed": (n, m),
        "stepped": (2 * m, 3 * n),
        "padded": (m, n + 3),
        "broadcast": (1, n),
        "repeated": (m, 1),
        "empty": (0, n),
        "scalar": (),
        "tail": (m + 1, n),
    }.get(kind, (m, n))


def layout(kind: str, t: Any, shape: tuple[int, ...]) -> Any:
    """A view of dense memory, a Tensor or an ndarray: one per layout class."""
    broadcast_to = np.broadcast_to if isinstance(t, np.ndarray) else rtch.broadcast_to
    return {
        "transposed": lambda: t.T,
        "reversed": lambda: t[::-1, ::-1],
        "stepped": lambda: t[1::2, ::3],
        "padded": lambda: t[:, 1:-2],
        "broadcast": lambda: broadcast_to(t, shape),
        "repeated": lambda: broadcast_to(t, shape),
        "tail": lambda: t[1:],
    }.get(kind, lambda: t)()


def bits(x: Any) -> np.ndarray:
    """Values as unsigned integers, all NaNs as one."""
    a = np.array(x.detach().numpy() if isinstance(x, rtch.Tensor) else x).reshape(-1)
    if a.dtype.kind == "c":
        a = a.view(f"f{a.itemsize // 2}")
    if a.dtype.kind == "f":
        a[np.isnan(a)] = np.nan
    return a.view(f"u{a.itemsize}")


def assert_same(expected: Any, actual: rtch.Tensor) -> None:
    """Same shape, dtype and bits."""
    expected = np.asarray(expected)
    assert (expected.shape, expected.dtype.name) == (actual.shape, actual.dtype.name)
    np.testing.assert_array_equal(bits(actual), bits(expected))


@st.composite
def pairs(draw: Any, dtypes: tuple[str, ...] = tuple(DTYPES), max_side: int = 5, extremes: bool = True) -> Any:
    """A Tensor and the ndarray it must equal: dense values seen through up to three random views."""
    dtype = draw(st.sampled_from(dtypes))
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=max_side))
    a = (awkward if extremes else values)(dtype, shape, draw(st.integers(0, 2**16)))
    return viewed(draw, rtch.asarray(a), a)


def viewed(draw: Any, t: rtch.Tensor, a: np.ndarray) -> tuple[rtch.Tensor, np.ndarray]:
    """The same random views of both."""
    for _ in range(draw(st.integers(0, 3))):
        kind = draw(st.sampled_from(("index", "permute", "broadcast")))
        if kind == "index":
            key = draw(hnp.basic_indices(a.shape, min_dims=0, max_dims=5, allow_newaxis=True, allow_ellipsis=True))
            t, a = t[key], a[key] if isinstance(a[key], np.ndarray) else np.asarray(a[key])
        elif kind == "permute":
            axes = draw(st.permutations(range(a.ndim)))
            t, a = rtch.permute_dims(t, axes), a.transpose(axes)
        elif a.ndim < 5:
            shape = (draw(st.integers(0, 3)), *(draw(st.integers(0, 3)) if n == 1 else n for n in a.shape))
            t, a = rtch.broadcast_to(t, shape), np.broadcast_to(a, shape)
    return t, a
