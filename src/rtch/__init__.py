# SPDX-License-Identifier: MIT
"""rtch: tensors, autograd and training whose runs replay bit for bit.

Names load when they are first used, so that `import rtch`, `rtch.store` and `rtch list` need neither the C core nor
NumPy. `__init__.pyi`, generated from the same lists, tells type checkers what there is.
"""

from __future__ import annotations

import importlib
from typing import Any

# module -> the public names that live there; the names in rtch.functions come from the op table.
_HOMES = {
    "rtch.tensor": ("Tensor", "shares_storage"),
    "rtch.dtypes": (
        "DType",
        "bfloat16",
        "bool_",
        "complex64",
        "complex128",
        "float16",
        "float32",
        "float64",
        "int8",
        "int16",
        "int32",
        "int64",
        "uint8",
        "uint16",
        "uint32",
        "uint64",
    ),
    "rtch.creation": (
        "asarray",
        "empty",
        "empty_like",
        "from_dlpack",
        "full",
        "full_like",
        "ones",
        "ones_like",
        "zeros",
        "zeros_like",
    ),
    "rtch.manipulation": (
        "astype",
        "broadcast_to",
        "concat",
        "expand_dims",
        "flip",
        "index_add",
        "matmul",
        "permute_dims",
        "reshape",
        "squeeze",
        "stack",
        "sum_to",
        "take",
    ),
    "rtch.ranges": ("arange", "linspace"),
    "rtch.grids": ("eye", "meshgrid", "tril", "triu"),
    "rtch.shapes": (
        "broadcast_arrays",
        "flatten",
        "moveaxis",
        "repeat",
        "roll",
        "swapaxes",
        "tile",
        "unflatten",
        "unstack",
    ),
    "rtch.parts": ("chunk", "hstack", "split", "vstack"),
    "rtch.contractions": (
        "addmm",
        "baddbmm",
        "dot",
        "inner",
        "kron",
        "matrix_transpose",
        "outer",
        "tensordot",
        "vecdot",
    ),
    "rtch.einstein": ("einsum",),
    "rtch.composed": ("allclose", "clip", "diff", "imag", "isclose", "lerp", "nan_to_num", "real"),
    "rtch.rowwise": ("log_softmax", "logsumexp", "softmax"),
    "rtch.dtype_functions": ("can_cast", "finfo", "iinfo", "isdtype", "result_type"),
    "rtch.constants": ("bool", "e", "inf", "nan", "newaxis", "pi"),
    "rtch.info": ("__array_namespace_info__",),
    "rtch.gathering": (
        "gather",
        "index_put",
        "masked_fill",
        "masked_select",
        "scatter",
        "scatter_add",
        "take_along_axis",
    ),
    "rtch.searching": (
        "argsort",
        "nonzero",
        "searchsorted",
        "sort",
        "topk",
        "unique_all",
        "unique_counts",
        "unique_inverse",
        "unique_values",
    ),
    "rtch.views": ("diagonal", "from_strides", "sliding_window_view"),
    "rtch.autograd": ("enable_grad", "inference_mode", "is_grad_enabled", "is_inference_mode_enabled", "no_grad"),
    "rtch._c": ("get_num_threads", "set_num_threads"),
    "rtch.version": ("__array_api_version__", "__version__", "numerics_version"),
    "rtch.checkpoint": ("load", "save"),
    "rtch.random": ("manual_seed",),
}
_MODULES = (
    "autograd",
    "checkpoint",
    "data",
    "errors",
    "fft",
    "linalg",
    "memory",
    "nn",
    "optim",
    "random",
    "service",
    "store",
    "telemetry",
    "train",
)
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"rtch.{name}")
    if name.startswith("__") and name not in _HOME_OF:
        raise AttributeError(f"module 'rtch' has no attribute {name!r}")
    home = importlib.import_module(_HOME_OF.get(name, "rtch.functions"))
    try:
        value = getattr(home, name)
    except AttributeError:
        raise AttributeError(f"module 'rtch' has no attribute {name!r}") from None
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    from rtch import functions

    return sorted({*_HOME_OF, *_MODULES, *functions.__all__})
