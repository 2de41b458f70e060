# SPDX-License-Identifier: MIT
"""The main namespace and the array object of the Python Array API standard, 2024.12, as its text lists them."""

from __future__ import annotations

CONSTANTS = ["e", "inf", "nan", "newaxis", "pi"]

DTYPES = [
    *["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"],
    *["float32", "float64", "complex64", "complex128"],
]

_UNARY = """
    abs acos acosh asin asinh atan atanh bitwise_invert ceil conj cos cosh exp expm1 floor imag isfinite isinf isnan log
    log1p log2 log10 logical_not negative positive real reciprocal round sign signbit sin sinh square sqrt tan tanh
    trunc
"""
_BINARY = """
    add atan2 bitwise_and bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor copysign divide equal
    floor_divide greater greater_equal hypot less less_equal logaddexp logical_and logical_or logical_xor maximum
    minimum multiply nextafter not_equal pow remainder subtract
"""
_REDUCES = "x, /, *, axis=None, keepdims=False"
_SUMS = "x, /, *, axis=None, dtype=None, keepdims=False"
_SCANS = "x, /, *, axis=None, dtype=None, include_initial=False"

# section -> function -> its parameters
FUNCTIONS: dict[str, dict[str, str]] = {
    "creation": {
        "arange": "start, /, stop=None, step=1, *, dtype=None, device=None",
        "asarray": "obj, /, *, dtype=None, device=None, copy=None",
        "empty": "shape, *, dtype=None, device=None",
        "empty_like": "x, /, *, dtype=None, device=None",
        "eye": "n_rows, n_cols=None, /, *, k=0, dtype=None, device=None",
        "from_dlpack": "x, /, *, device=None, copy=None",
        "full": "shape, fill_value, *, dtype=None, device=None",
        "full_like": "x, /, fill_value, *, dtype=None, device=None",
        "linspace": "start, stop, /, num, *, dtype=None, device=None, endpoint=True",
        "meshgrid": "*arrays, indexing='xy'",
        "ones": "shape, *, dtype=None, device=None",
        "ones_like": "x, /, *, dtype=None, device=None",
        "tril": "x, /, *, k=0",
        "triu": "x, /, *, k=0",
        "zeros": "shape, *, dtype=None, device=None",
        "zeros_like": "x, /, *, dtype=None, device=None",
    },
    "data types": {
        "astype": "x, dtype, /, *, copy=True, device=None",
        "can_cast": "from_, to, /",
        "finfo": "type, /",
        "iinfo": "type, /",
        "isdtype": "dtype, kind",
        "result_type": "*arrays_and_dtypes",
    },
    "elementwise": {
        **dict.fromkeys(_UNARY.split(), "x, /"),
        **dict.fromkeys(_BINARY.split(), "x1, x2, /"),
        "clip": "x, /, min=None, max=None",
    },
    "indexing": {
        "take": "x, indices, /, *, axis=None",
        "take_along_axis": "x, indices, /, *, axis=-1",
    },
    "inspection": {"__array_namespace_info__": ""},
    "linear algebra": {
        "matmul": "x1, x2, /",
        "matrix_transpose": "x, /",
        "tensordot": "x1, x2, /, *, axes=2",
        "vecdot": "x1, x2, /, *, axis=-1",
    },
    "manipulation": {
        "broadcast_arrays": "*arrays",
        "broadcast_to": "x, /, shape",
        "concat": "arrays, /, *, axis=0",
        "expand_dims": "x, /, axis",
        "flip": "x, /, *, axis=None",
        "moveaxis": "x, source, destination, /",
        "permute_dims": "x, /, axes",
        "repeat": "x, repeats, /, *, axis=None",
        "reshape": "x, /, shape, *, copy=None",
        "roll": "x, /, shift, *, axis=None",
        "squeeze": "x, /, axis",
        "stack": "arrays, /, *, axis=0",
        "tile": "x, repetitions, /",
        "unstack": "x, /, *, axis=0",
    },
    "searching": {
        "argmax": "x, /, *, axis=None, keepdims=False",
        "argmin": "x, /, *, axis=None, keepdims=False",
        "count_nonzero": _REDUCES,
        "nonzero": "x, /",
        "searchsorted": "x1, x2, /, *, side='left', sorter=None",
        "where": "condition, x1, x2, /",
    },
    "sets": dict.fromkeys(["unique_all", "unique_counts", "unique_inverse", "unique_values"], "x, /"),
    "sorting": dict.fromkeys(["argsort", "sort"], "x, /, *, axis=-1, descending=False, stable=True"),
    "statistics": {
        "cumulative_prod": _SCANS,
        "cumulative_sum": _SCANS,
        "max": _REDUCES,
        "mean": _REDUCES,
        "min": _REDUCES,
        "prod": _SUMS,
        "std": "x, /, *, axis=None, correction=0.0, keepdims=False",
        "sum": _SUMS,
        "var": "x, /, *, axis=None, correction=0.0, keepdims=False",
    },
    "utility": {
        "all": _REDUCES,
        "any": _REDUCES,
        "diff": "x, /, *, axis=-1, n=1, prepend=None, append=None",
    },
}

_ONE_AXIS = "x, /, *, n=None, axis=-1, norm='backward'"
_SEVERAL_AXES = "x, /, *, s=None, axes=None, norm='backward'"
EXTENSIONS: dict[str, dict[str, str]] = {
    "fft": {
        **dict.fromkeys(["fft", "ifft", "rfft", "irfft", "hfft", "ihfft"], _ONE_AXIS),
        **dict.fromkeys(["fftn", "ifftn", "rfftn", "irfftn"], _SEVERAL_AXES),
        **dict.fromkeys(["fftfreq", "rfftfreq"], "n, /, *, d=1.0, dtype=None, device=None"),
        **dict.fromkeys(["fftshift", "ifftshift"], "x, /, *, axes=None"),
    },
    "linalg": {
        **dict.fromkeys(["det", "eigh", "eigvalsh", "inv", "matrix_transpose", "slogdet", "svdvals"], "x, /"),
        **dict.fromkeys(["matmul", "outer", "solve"], "x1, x2, /"),
        "cholesky": "x, /, *, upper=False",
        "cross": "x1, x2, /, *, axis=-1",
        "diagonal": "x, /, *, offset=0",
        "matrix_norm": "x, /, *, keepdims=False, ord='fro'",
        "matrix_power": "x, n, /",
        "matrix_rank": "x, /, *, rtol=None",
        "pinv": "x, /, *, rtol=None",
        "qr": "x, /, *, mode='reduced'",
        "svd": "x, /, *, full_matrices=True",
        "tensordot": "x1, x2, /, *, axes=2",
        "trace": "x, /, *, offset=0, dtype=None",
        "vecdot": "x1, x2, /, *, axis=-1",
        "vector_norm": "x, /, *, axis=None, keepdims=False, ord=2",
    },
}

ATTRIBUTES = ["dtype", "device", "mT", "ndim", "shape", "size", "T"]

_IN_PLACE = ["add", "and", "floordiv", "lshift", "matmul", "mod", "mul", "or", "pow", "rshift", "sub", "truediv", "xor"]
METHODS: dict[str, str] = {
    **dict.fromkeys(
        [f"__{name}__" for name in ["abs", "bool", "complex", "float", "index", "int", "invert", "neg", "pos"]],
        "self, /",
    ),
    **dict.fromkeys([f"__{name}__" for name in ["eq", "ge", "gt", "le", "lt", "ne"]], "self, other, /"),
    **dict.fromkeys([f"__{p}{name}__" for p in ("", "r", "i") for name in _IN_PLACE], "self, other, /"),
    "__array_namespace__": "self, /, *, api_version=None",
    "__dlpack__": "self, /, *, stream=None, max_version=None, dl_device=None, copy=None",
    "__dlpack_device__": "self, /",
    "__getitem__": "self, key, /",
    "__setitem__": "self, key, value, /",
    "to_device": "self, device, /, *, stream=None",
}


def functions() -> dict[str, str]:
    """All of them, whatever their section."""
    return {name: parameters for section in FUNCTIONS.values() for name, parameters in section.items()}
