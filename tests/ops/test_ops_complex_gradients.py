# SPDX-License-Identifier: MIT
"""Gradients through complex values, for every row that takes them: to second order against differences, and PyTorch's.

The gradient of a real loss towards z is dL/dRe z + i dL/dIm z.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from test_ops_gradients import STRUCTURE, both, ids

import rtch
from rtch.autograd import grad, gradcheck
from rtch.errors import AutogradError, DTypeError, NonScalarLossError, OptimizerError
from rtch.ops.row import Kind, Op, Rule
from rtch.ops.table import BY_NAME, OPS
from tensor_draws import dense, layout

TAKES_COMPLEX = [op for op in OPS if op.differentiable and op.rule.computes("c128")]
ONE = [op for op in TAKES_COMPLEX if op.kind is Kind.UNARY]
TWO = [op for op in TAKES_COMPLEX if op.kind is Kind.BINARY]
REDUCTIONS = [op for op in TAKES_COMPLEX if op.kind is Kind.REDUCE]
TORCH = {"positive": "positive", "sign": "sgn", "pow": "pow"}


def numbers(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Of magnitude 0.4 to 1.6 all round the circle, off the branch cuts."""
    rng = np.random.default_rng(seed)
    return rng.uniform(0.4, 1.6, shape) * np.exp(
        1j * (rng.uniform(0.1, 0.4, shape) + rng.integers(0, 8, shape) * np.pi / 4)
    )


def leaf(shape: tuple[int, ...], seed: int, kind: str = "contiguous", dtype: str = "complex128") -> rtch.Tensor:
    """A leaf of a layout class, complex or real and positive."""
    a = numbers(dense(kind, shape), seed)
    return layout(kind, rtch.asarray(a if dtype == "complex128" else np.abs(a)), shape).requires_grad_()


@pytest.mark.parametrize("kind", ["contiguous", "transposed", "broadcast", "empty", "scalar"])
@pytest.mark.parametrize("op", ONE, **ids)
def test_one_input(op: Op, kind: str) -> None:
    """Of every layout class."""
    both(getattr(rtch, op.name), leaf((2, 3), 1, kind))


@pytest.mark.parametrize("op", TWO, **ids)
def test_two_inputs(op: Op) -> None:
    """Both complex, one of them real, one a Python number; broadcast."""
    f = getattr(rtch, op.name)
    z, w = leaf((2, 3), 1), leaf((1, 3), 2)
    real = leaf((2, 1), 3, dtype="float64")
    both(f, z, w)
    both(f, z, real)
    both(f, real, w)
    both(lambda x: f(x, 1.5 - 0.5j) + f(1.5 - 0.5j, x) + f(x, 2), z)
    both(lambda x: f(x, 1.5 - 0.5j) + f(-1.5, x * 1j), real)
    assert grad(f(z, real).sum(), [real], rtch.asarray(1 + 2j, dtype="complex128"))[0].dtype is rtch.float64


@pytest.mark.parametrize("op", REDUCTIONS, **ids)
def test_reductions(op: Op) -> None:
    """Over one axis and all."""
    f = getattr(rtch, op.name)
    for axis in (None, 0, (0, 1)):
        both(lambda x, axis=axis: f(x, axis=axis) * f(x, axis=axis, keepdims=True), leaf((2, 3), 1, "transposed"))


@pytest.mark.parametrize("name", [name for name in STRUCTURE if BY_NAME[name].rule.computes("c128")])
def test_structure(name: str) -> None:
    """The cases for real leaves with complex ones, and with a complex one among real ones."""
    for f, shapes in STRUCTURE[name]:
        if name == "astype":
            f = lambda x: rtch.astype(rtch.astype(x, "complex128") * x, rtch.complex128)  # noqa: E731
        both(f, *(leaf(shape, i) for i, shape in enumerate(shapes)))
        if name not in ("setitem", "setitem_add", "scatter_nd", "index_add"):
            both(f, *(leaf(shape, i, dtype="float64" if i else "complex128") for i, shape in enumerate(shapes)))


def test_every_row_is_tested() -> None:
    """None that takes complex values is left out."""
    tested = {op.name for op in (*ONE, *TWO, *REDUCTIONS)} | set(STRUCTURE)
    assert {op.name for op in TAKES_COMPLEX if not op.name.startswith(("fft_", "linalg_"))} <= tested


def test_casts_of_a_real_leaf() -> None:
    """Real to complex and back by its parts: the gradient is real, whatever the imaginary part of the seed."""
    x = leaf((2, 3), 1, dtype="float64")
    both(lambda x: rtch.astype(x, "complex128") * (1 + 2j), x)
    both(lambda x: rtch.real(x * (1 + 2j)) * rtch.imag(x * (3 - 1j)), x)
    z = rtch.asarray([1.0, 2.0]).requires_grad_()
    (rtch.abs(z.astype("complex64") * 1j) ** 2).sum().backward()
    assert z.grad is not None
    assert (z.grad.dtype, z.grad.tolist()) == (rtch.float32, [2.0, 4.0])


def test_the_convention() -> None:
    """dL/dRe z + i dL/dIm z: of |z|^2 it is 2 z, of Re(w z) it is conj(w)."""
    z = rtch.asarray([1 + 2j, 3 - 1j]).requires_grad_()
    rtch.real(z * rtch.conj(z)).sum().backward()
    assert z.grad is not None
    assert z.grad.tolist() == [2 + 4j, 6 - 2j]
    z.grad = None
    rtch.real(z * (5 + 7j)).sum().backward()
    assert z.grad.tolist() == [5 - 7j] * 2
    rtch.imag(z).sum().backward()
    assert z.grad.tolist() == [5 - 6j] * 2


def test_gradients_at_zero() -> None:
    """abs and sign have the gradient 0 there, as in PyTorch."""
    z = rtch.asarray([0j, 3 + 4j], dtype="complex128").requires_grad_()
    assert grad(rtch.abs(z).sum(), [z])[0].tolist() == pytest.approx([0, 0.6 + 0.8j])
    assert grad(rtch.real(rtch.sign(z)).sum(), [z])[0].tolist() == pytest.approx([0, 0.128 - 0.096j])


def test_a_lost_conjugate_is_caught() -> None:
    """gradcheck sees a gradient that is right for real values alone."""
    z = leaf((2, 3), 1)
    with pytest.raises(AutogradError, match=r"element 0: gradient \(.*j\), difference quotient"):
        gradcheck(lambda z: z * rtch.conj(z).detach() * 2, z)


def test_refusals() -> None:
    """A complex loss needs a seed; no optimiser steps complex parameters."""
    z = rtch.asarray([1 + 2j]).requires_grad_()
    with pytest.raises(
        NonScalarLossError, match=r"^backward: a complex tensor needs a seed gradient; got shape \[1\]$"
    ):
        (z * 2).backward()
    with pytest.raises(DTypeError):
        (z * 2).backward(rtch.ones(1))
    (z * 2).backward(rtch.asarray([1j]))
    assert z.grad is not None
    assert z.grad.tolist() == [2j]
    with pytest.raises(OptimizerError):
        rtch.optim.SGD([z], lr=0.1).step()


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
@pytest.mark.parametrize("op", ONE + TWO, **ids)
def test_as_in_pytorch(op: Op, dtype: str) -> None:
    """First and second order, real operands beside complex ones."""
    torch = pytest.importorskip("torch")
    theirs: Callable[..., Any] = getattr(torch, {"sign": "sgn"}.get(op.name, op.name))
    ours = getattr(rtch, op.name)
    if op.rule is Rule.ROUND:
        return  # PyTorch has no complex round
    arrays = [numbers((2, 3), i).astype(dtype) for i in range(len(op.inputs))]
    choices = [arrays]
    if op in TWO:
        choices += [[arrays[0], np.abs(arrays[1])], [np.abs(arrays[0]), arrays[1]]]
    for inputs in choices:
        x = [rtch.asarray(a).requires_grad_() for a in inputs]
        t = [torch.tensor(a).requires_grad_() for a in inputs]
        out, expected = ours(*x), theirs(*t)
        turn = 2 - 1j if out.dtype.is_complex else 1
        seed, seed_t = rtch.ones_like(out) * turn, torch.ones_like(expected) * turn
        first = grad(out, x, seed, create_graph=True)
        first_t = torch.autograd.grad(expected, t, seed_t, create_graph=True)
        ours_2, loss = (sum((g * f(g)).sum() for g in gs) for gs, f in ((first, rtch.conj), (first_t, torch.conj)))
        seeds = [rtch.ones_like(ours_2), torch.ones_like(loss)]
        second = grad(ours_2, x, seeds[0], allow_unused=True) if ours_2.requires_grad else [None] * len(x)
        second_t = torch.autograd.grad(loss, t, seeds[1], allow_unused=True) if loss.requires_grad else [None] * len(t)
        rtol = 3e-5 if dtype == "complex64" else 1e-12
        for got, wanted in zip((*first, *second), (*first_t, *second_t), strict=True):
            if wanted is None:
                assert got is None or not np.any(got.detach().numpy())
            else:
                np.testing.assert_allclose(
                    got.detach().numpy(), wanted.detach().resolve_conj().resolve_neg().numpy(), rtol=rtol, atol=rtol
                )
