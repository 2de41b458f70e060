# SPDX-License-Identifier: MIT
"""Softmax and its kin, the losses of classifiers and the normalising layers on PyTorch's own samples."""

from __future__ import annotations

import pytest

import rtch
from rtch.nn import functional
from torch_opinfo import Case, check, check_errors, check_orders, matrix

SINGLE = {"float32": (1e-5, 2e-5)}
CASES = [
    Case("softmax", rtch.softmax),
    Case("softmax", lambda x, dim, dtype: functional.softmax(x, dim, dtype=dtype), "with_dtype"),
    Case("log_softmax", rtch.log_softmax),
    Case("log_softmax", lambda x, dim, dtype: functional.log_softmax(x, dim, dtype=dtype), "with_dtype"),
    Case("logsumexp", rtch.logsumexp),
    # PyTorch's gradient of a permuted input ends in an error of its own.
    Case("nn.functional.nll_loss", functional.nll_loss, strides=("sample", "noncontiguous")),
    Case("nn.functional.cross_entropy", functional.cross_entropy),
    Case(
        "nn.functional.batch_norm",
        functional.batch_norm,
        skip={"no axis of channels, which PyTorch looks for only where there are elements": lambda s: s.input.ndim < 2},
        tolerances=SINGLE,
    ),
    # The gradient of a row of one element is 0; PyTorch's is an error of rounding, divided by the square root of eps.
    Case("nn.functional.layer_norm", functional.layer_norm, tolerances={"float32": (1e-5, 5e-5)}),
    Case("nn.functional.group_norm", functional.group_norm, tolerances=SINGLE),
    Case("nn.functional.instance_norm", functional.instance_norm, tolerances=SINGLE),
    Case("nn.functional.rms_norm", functional.rms_norm, tolerances=SINGLE),
]


@pytest.mark.parametrize(("case", "dtype", "strides"), matrix(CASES))
def test_as_pytorch(case: Case, dtype: str, strides: str) -> None:
    """Shapes, dtypes, values and gradients."""
    check(case, dtype, strides)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_gradients_to_second_order(case: Case) -> None:
    """Against central differences."""
    check_orders(case, largest=100, most=3)


@pytest.mark.parametrize("name", ["group_norm", "rms_norm"])
def test_refusals(name: str) -> None:
    """What PyTorch refuses is refused; the others have no invalid samples in the database."""
    (case,) = (case for case in CASES if case.op == f"nn.functional.{name}")
    check_errors(case)
