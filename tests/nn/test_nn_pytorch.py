# SPDX-License-Identifier: MIT
"""Activations, losses and distances against PyTorch on the samples of its operator tests, to second order."""

from __future__ import annotations

from typing import Any

import pytest

import rtch
from rtch.nn import functional
from torch_opinfo import Case, check, check_errors, check_orders, matrix, torch

F = "nn.functional."
BROADCASTS = "input and target of unequal shapes are refused"


def unequal(sample: Any) -> bool:
    """Whether the target has another shape than the input."""
    return bool(sample.args) and sample.args[0].shape != sample.input.shape


def loss(name: str, **options: Any) -> Case:
    return Case(F + name, getattr(functional, name), skip={BROADCASTS: unequal}, **options)


def small_vector(sample: Any) -> bool:
    """Whether the derivatives of x / |x| are too large for differences."""
    norm = torch.linalg.vector_norm(sample.input, dim=sample.kwargs.get("dim", 1), ord=sample.kwargs.get("p", 2))
    return bool((norm < 0.3).any())


ACTIVATIONS = [
    Case(F + name, getattr(functional, name))
    for name in (
        "relu",
        "relu6",
        "leaky_relu",
        "elu",
        "celu",
        "selu",
        "gelu",
        "silu",
        "mish",
        "hardswish",
        "hardsigmoid",
        "hardtanh",
        "softplus",
        "softsign",
        "tanhshrink",
        "logsigmoid",
        "threshold",
        "hardshrink",
        "softshrink",
        "prelu",
        "glu",
    )
]
FUNCTIONS = [
    *(Case(name, getattr(rtch, name)) for name in ("sigmoid", "erf", "rsqrt")),
    Case("exp2", rtch.exp2, skip_orders={"a large element drowns the others": lambda s: s.input.abs().max() > 5}),
]
LOSSES = [
    loss("mse_loss"),
    loss("l1_loss"),
    loss("smooth_l1_loss"),
    loss("huber_loss"),
    loss("binary_cross_entropy"),
    loss("binary_cross_entropy_with_logits"),
    loss("kl_div"),
    loss("soft_margin_loss"),
    loss("hinge_embedding_loss"),
    loss("margin_ranking_loss"),
]
DISTANCES = [
    *(Case(F + name, getattr(functional, name)) for name in ("cosine_similarity", "pairwise_distance")),
    Case(F + "normalize", functional.normalize, skip_orders={"a vector close to zero": small_vector}),
]
CASES = [*ACTIVATIONS, *FUNCTIONS, *LOSSES, *DISTANCES]


@pytest.mark.parametrize(("case", "dtype", "strides"), matrix(CASES))
def test_values_and_gradients_are_pytorchs(case: Case, dtype: str, strides: str) -> None:
    """Shapes, dtypes, values and first-order gradients."""
    check(case, dtype, strides)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_gradients_to_second_order(case: Case) -> None:
    """Against differences, in float64."""
    check_orders(case)


CORNERS = {
    "relu6": [0.0, 6.0],
    "hardtanh": [-1.0, 1.0],
    "hardsigmoid": [-3.0, 3.0],
    "hardswish": [-3.0, 3.0],
    "elu": [0.0],
    "celu": [0.0],
    "selu": [0.0],
    "leaky_relu": [0.0],
    "hardshrink": [-0.5, 0.5],
    "softshrink": [-0.5, 0.5],
    "relu": [0.0, -0.0],
    "softplus": [20.0],
}


@pytest.mark.parametrize("name", CORNERS)
def test_gradients_at_corners_are_pytorchs(name: str) -> None:
    """Where a piecewise function has two slopes."""
    x = rtch.asarray(CORNERS[name]).requires_grad_()
    getattr(functional, name)(x).sum().backward()
    peer = torch.tensor(CORNERS[name], requires_grad=True)
    getattr(torch.nn.functional, name)(peer).sum().backward()
    assert x.grad is not None
    assert peer.grad.tolist() == pytest.approx(x.grad.tolist(), abs=1e-6)


EXTREME = [0.0, -0.0, 1e-30, -1e-30, 30.0, -30.0, 120.0, -120.0, 1e10, -1e10, 3e38, -3e38]


@pytest.mark.parametrize("case", [*ACTIVATIONS, *FUNCTIONS], ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_huge_inputs_and_nan_are_pytorchs(case: Case, dtype: str) -> None:
    """Values and gradients of what overflows on the way; NaN gives NaN, save where a comparison hides it."""
    name = case.op.removeprefix(F)
    options = {"prelu": (0.25,), "threshold": (0.5, 2.0)}.get(name, ())
    x = rtch.asarray([*EXTREME, float("nan"), 1.0], dtype=dtype).requires_grad_()
    peer = torch.tensor([*EXTREME, float("nan"), 1.0], dtype=getattr(torch, dtype), requires_grad=True)
    if name == "prelu":
        ours, theirs = (
            case.function(x, rtch.asarray([0.25], dtype=dtype)),
            case.info.op(peer, torch.full((1,), 0.25, dtype=peer.dtype)),
        )
    else:
        ours, theirs = case.function(x, *options), case.info.op(peer, *options)
    ours.sum().backward()
    theirs.sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(torch.tensor(ours.tolist(), dtype=peer.dtype), theirs.detach(), equal_nan=True)
    mine, wanted = torch.tensor(x.grad.tolist(), dtype=peer.dtype), peer.grad.clone()
    if name in ("relu6", "hardtanh", "hardsigmoid", "hardswish"):
        mine[-2] = wanted[-2] = 0  # PyTorch's own kernels differ on the gradient at NaN
    torch.testing.assert_close(mine, wanted, equal_nan=True)


@pytest.mark.parametrize("case", [case for case in CASES if case.info.error_inputs_func is not None], ids=str)
def test_what_pytorch_refuses_is_refused(case: Case) -> None:
    """Its own invalid samples raise a TorchError."""
    check_errors(case)
