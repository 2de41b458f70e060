# SPDX-License-Identifier: MIT
"""Convolutions, pooling, padding, embedding and attention on the samples of PyTorch's own operator tests."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from rtch.nn import functional
from torch_opinfo import Case, check, check_errors, check_orders, matrix

F32 = {"float32": (2e-5, 2e-5)}  # sums of hundreds of products in another order


CASES = [
    Case("nn.functional.conv1d", functional.conv1d, tolerances=F32),
    Case("nn.functional.conv2d", functional.conv2d, tolerances=F32),
    Case("nn.functional.conv_transpose1d", functional.conv_transpose1d, tolerances=F32),
    Case("nn.functional.conv_transpose2d", functional.conv_transpose2d, tolerances=F32),
    Case(
        "nn.functional.max_pool1d",
        functional.max_pool1d,
        skip_errors={"no channels make an empty result": lambda s: s.input.ndim > 1 and s.input.shape[0] == 0},
    ),
    Case("nn.functional.max_pool2d", functional.max_pool2d),
    Case("nn.functional.avg_pool1d", functional.avg_pool1d),
    Case("nn.functional.avg_pool2d", functional.avg_pool2d),
    Case("nn.functional.adaptive_avg_pool1d", functional.adaptive_avg_pool1d),
    Case("nn.functional.adaptive_avg_pool2d", functional.adaptive_avg_pool2d),
    Case("nn.functional.pad", functional.pad, variant="constant"),
    Case("nn.functional.pad", functional.pad, variant="reflect"),
    Case("nn.functional.pad", functional.pad, variant="replicate"),
    Case("nn.functional.pad", functional.pad, variant="replicate_negative"),
    Case("nn.functional.pad", functional.pad, variant="circular"),
    Case(
        "nn.functional.embedding",
        lambda weight, index, **kwargs: functional.embedding(index, weight, **kwargs),
        skip={"max_norm, which changes the weight, is refused": lambda s: s.kwargs.get("max_norm") is not None},
    ),
    Case(
        "nn.functional.scaled_dot_product_attention",
        functional.scaled_dot_product_attention,
        skip={"dropout draws other numbers": lambda s: s.kwargs.get("dropout_p", 0) != 0},
        tolerances={"float32": (1e-4, 1e-4)},  # sums of large numbers that cancel
    ),
]


@pytest.mark.parametrize(("case", "dtype", "strides"), matrix(CASES))
def test_as_pytorch(case: Case, dtype: str, strides: str) -> None:
    """Shapes, dtypes, values and gradients agree, whatever the strides."""
    check(case, dtype, strides)


# Large samples alone: test_nn_images.py has small ones.
LARGE = ("nn.functional.pad.replicate_negative", "nn.functional.scaled_dot_product_attention")


@pytest.mark.parametrize("case", [case for case in CASES if str(case) not in LARGE], ids=str)
def test_gradients_to_second_order(case: Case) -> None:
    """gradcheck and gradgradcheck."""
    check_orders(case, largest=120, most=4)


def _with_errors(case: Case) -> bool:
    return case.info.error_inputs_func is not None


@pytest.mark.parametrize("case", [case for case in CASES if _with_errors(case)], ids=str)
def test_invalid_inputs(case: Case) -> None:
    """What PyTorch refuses is refused with a typed error."""
    check_errors(case)
