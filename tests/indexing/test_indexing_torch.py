# SPDX-License-Identifier: MIT
"""Indexing, products, parts and shapes on the samples of PyTorch's own operator tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import rtch
from rtch.nn import functional
from torch_opinfo import Case, check, check_errors, check_orders, matrix

RENAMED = {
    "dim": "axis",
    "dim0": "axis0",
    "dim1": "axis1",
    "start_dim": "start_axis",
    "end_dim": "end_axis",
}


def named(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with PyTorch's names of arguments."""
    return lambda *args, **kwargs: function(*args, **{RENAMED.get(k, k): v for k, v in kwargs.items()})


def along(x: rtch.Tensor, indices: rtch.Tensor, dim: int) -> rtch.Tensor:
    """PyTorch's take_along_dim."""
    return rtch.take_along_axis(x, indices, axis=dim)


OUT = {"out= is not taken": lambda sample: "out" in sample.kwargs}
CAST = {"a src that fits in the dtype is cast": lambda sample: sample.args[2].dtype != sample.input.dtype}
CASES = [
    Case("gather", named(rtch.gather), skip_errors=OUT),
    Case(
        "scatter",
        named(rtch.scatter),
        skip={"reduce= is scatter_add's, or not taken": lambda sample: "reduce" in sample.kwargs},
        skip_errors=CAST,
    ),
    Case("scatter_add", named(rtch.scatter_add), skip_errors=CAST),
    Case("index_add", named(rtch.index_add)),
    Case("index_put", named(rtch.index_put)),
    Case("masked_fill", named(rtch.masked_fill)),
    Case("masked_select", named(rtch.masked_select)),
    Case("topk", named(rtch.topk)),
    Case(
        "take_along_dim",
        along,
        skip={"PyTorch itself fails to flatten a permuted sample": lambda s: not s.kwargs and len(s.args) < 2},
    ),
    Case("lerp", named(rtch.lerp)),
    Case("nan_to_num", named(rtch.nan_to_num)),
    Case("isclose", named(rtch.isclose), gradients=False),
    Case("allclose", named(rtch.allclose), gradients=False),
    Case("addmm", named(rtch.addmm)),
    Case("baddbmm", named(rtch.baddbmm)),
    Case("dot", named(rtch.dot)),
    Case("inner", named(rtch.inner)),
    Case("outer", named(rtch.outer)),
    Case("kron", named(rtch.kron)),
    Case("einsum", lambda operands, equation: rtch.einsum(equation, operands)),
    Case("flatten", named(rtch.flatten)),
    Case("unflatten", named(rtch.unflatten)),
    Case("transpose", named(rtch.swapaxes)),
    Case("chunk", named(rtch.chunk)),
    Case("split", named(rtch.split)),
    Case("split", named(rtch.split), variant="list_args"),
    Case("split_with_sizes", named(rtch.split)),
    Case("hstack", named(rtch.hstack)),
    Case("vstack", named(rtch.vstack)),
    Case("nn.functional.one_hot", functional.one_hot, dtypes=("int64",), gradients=False),
]


@pytest.mark.parametrize(("case", "dtype", "strides"), matrix(CASES))
def test_as_pytorch(case: Case, dtype: str, strides: str) -> None:
    """Shapes, dtypes, values and gradients."""
    check(case, dtype, strides)


@pytest.mark.parametrize("case", [case for case in CASES if case.gradients], ids=str)
def test_gradients_to_second_order(case: Case) -> None:
    """gradcheck and gradgradcheck."""
    check_orders(case)


def has_invalid_samples(case: Case) -> bool:
    """Of our own to refuse: masked_select's are all of out=, which is not taken."""
    return case.info.error_inputs_func is not None and case.op != "masked_select"


@pytest.mark.parametrize("case", [case for case in CASES if has_invalid_samples(case)], ids=str)
def test_invalid_samples(case: Case) -> None:
    """What PyTorch refuses raises a typed error."""
    check_errors(case)
