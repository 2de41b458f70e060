# SPDX-License-Identifier: MIT
"""Gradients of linear algebra to second order, real and complex, and where there is none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rtch
from rtch import linalg
from rtch.autograd import grad, gradcheck, gradgradcheck
from rtch.errors import AutogradError
from rtch.ops.table import OPS

DTYPES = ("float64", "complex128")
WIDE, TALL = (2, 4), (4, 2)


def leaf(shape: tuple[int, ...], dtype: str, seed: int = 1) -> rtch.Tensor:
    rng = np.random.default_rng(seed)
    a = rng.standard_normal(shape)
    return rtch.asarray(a + 1j * rng.standard_normal(shape) if dtype == "complex128" else a).requires_grad_()


def positive(x: rtch.Tensor) -> rtch.Tensor:
    return x @ rtch.conj(x.mT) + rtch.eye(x.shape[-1], dtype="float64")


def hermitian(x: rtch.Tensor) -> rtch.Tensor:
    return x + rtch.conj(x.mT)


def unique(x: rtch.Tensor) -> rtch.Tensor:
    """What the factors of an svd say whatever their phases, all in one."""
    u, s, vh = linalg.svd(x, full_matrices=False)
    return rtch.abs(u).sum() * rtch.real(u @ vh).sum() + (s * s).sum() * rtch.abs(vh)[..., 0].sum()


CASES: dict[str, list[tuple[Callable[..., Any], tuple[tuple[int, ...], ...]]]] = {
    "linalg_inv": [(linalg.inv, ((2, 3, 3),)), (lambda x: linalg.matrix_power(x, -2), ((3, 3),))],
    "linalg_solve": [
        (linalg.solve, ((3, 3), (3,))),
        (linalg.solve, ((2, 1, 3, 3), (3, 3, 2))),
        (lambda x, y: linalg.solve(x, y) * y, ((3, 3), (3, 2))),
    ],
    "linalg_det": [(linalg.det, ((3, 3),)), (linalg.det, ((2, 2, 2),)), (linalg.det, ((1, 1),))],
    "linalg_slogdet": [
        (lambda x: linalg.slogdet(x).sign, ((3, 3),)),
        (lambda x: linalg.slogdet(x).logabsdet, ((2, 3, 3),)),
        (lambda x: rtch.multiply(*linalg.slogdet(x)), ((2, 3, 3),)),
    ],
    "linalg_pinv": [
        *((linalg.pinv, (shape,)) for shape in (WIDE, TALL, (2, 3, 3))),
        (lambda x, y: linalg.pinv(x @ y), ((3, 2), (2, 4))),
        (lambda x, y: linalg.lstsq(x, y).solution, ((2, *TALL), (4, 3))),
        (lambda x, y: linalg.lstsq(x, y).residuals, (TALL, (4,))),
    ],
    "linalg_cholesky": [
        (lambda x: linalg.cholesky(positive(x)), ((2, 3, 3),)),
        (lambda x: linalg.cholesky(positive(x), upper=True), ((3, 3),)),
    ],
    "linalg_qr": [
        *((lambda x: linalg.qr(x).Q, (shape,)) for shape in (WIDE, TALL, (2, 3, 3))),
        *((lambda x: linalg.qr(x).R, (shape,)) for shape in (WIDE, TALL, (2, 3, 3))),
        (lambda x: rtch.matmul(*linalg.qr(x, mode="complete")) * 2, (WIDE,)),
    ],
    "linalg_eigh": [
        (lambda x: linalg.eigh(hermitian(x)).eigenvalues, ((2, 3, 3),)),
        (lambda x: rtch.abs(linalg.eigh(hermitian(x)).eigenvectors), ((3, 3),)),
        (lambda x: linalg.eigvalsh(hermitian(x)), ((3, 3),)),
    ],
    "linalg_svd": [
        *((unique, (shape,)) for shape in (WIDE, TALL, (2, 3, 3))),
        (lambda x: linalg.svd(x).S, (TALL,)),
        (linalg.svdvals, ((2, *WIDE),)),
        (lambda x: rtch.abs(linalg.svd(x).U[:, :2]) + rtch.abs(linalg.svd(x).Vh).sum(), (TALL,)),
    ],
    "norms of vectors": [
        (lambda x, order=order: linalg.vector_norm(x, ord=order, axis=-1), ((2, 3),))
        for order in (0.5, 1, 2, 3, -1, np.inf, -np.inf)
    ],
    "norms of matrices": [
        (lambda x, order=order: linalg.matrix_norm(x, ord=order), ((2, 3, 2),))
        for order in ("fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf)
    ],
    "products": [
        (lambda x, y: linalg.cross(x, y, axis=-2), ((2, 3, 1), (3, 2))),
        (lambda x, y: linalg.outer(x, y) * x[0], ((3,), (2,))),
        (lambda x: linalg.trace(x, offset=1) * linalg.diagonal(x).sum(), ((2, 3, 3),)),
        (lambda x: linalg.matrix_power(x, 3), ((2, 3, 3),)),
    ],
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CASES)
def test_to_second_order(name: str, dtype: str) -> None:
    """Against differences."""
    for f, shapes in CASES[name]:
        inputs = [leaf(shape, dtype, i) for i, shape in enumerate(shapes)]
        assert gradcheck(f, inputs)
        assert gradgradcheck(f, inputs, rtol=2e-3, atol=1e-4)


def test_every_row_is_tested() -> None:
    """None of the family is left out."""
    assert {op.name for op in OPS if op.name.startswith("linalg_")} == {name for name in CASES if "_" in name}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["inv", "det", "cholesky", "eigvalsh", "svdvals", "pinv", "matrix_norm"])
def test_empty(name: str, dtype: str) -> None:
    """Batches of none, and matrices of no elements, have gradients of their shape."""
    for shape in ((0, 3, 3), (2, 0, 0)):
        x = leaf(shape, dtype)
        rtch.abs(getattr(linalg, name)(x)).sum().backward()
        assert x.grad is not None
        assert x.grad.shape == shape


def cofactors(a: np.ndarray) -> np.ndarray:
    """Signed minors of matrices, one by one."""
    out = np.empty_like(a)
    for *at, i, j in np.ndindex(a.shape):
        minor = np.delete(np.delete(a[tuple(at)], i, 0), j, 1)
        out[(*at, i, j)] = (-1) ** (i + j) * np.linalg.det(minor)
    return out


# Of ranks 2 (of which LAPACK may find a pivot of 1e-16 for the last one), 1, 3, 0 and 2.
SINGULAR = np.array(
    [
        [[1.0, 2, 3], [4, 5, 6], [5, 7, 9]],
        [[1, 2, 3], [2, 4, 6], [3, 6, 9]],
        [[1, 0, 2], [0, 3, 1], [1, 1, 1]],
        [[0, 0, 0], [0, 0, 0], [0, 0, 0]],
        [[0, 0, 0], [0, 2, 1], [1, 1, 1]],
    ]
)


@pytest.mark.parametrize("create_graph", [False, True])
def test_det_of_singular_matrices(create_graph: bool) -> None:
    """The gradient is the cofactors, beside a regular matrix; of a rank below n - 1 all are 0."""
    for a in (SINGULAR, SINGULAR * (1 + 1j), SINGULAR + 1j * SINGULAR[:, ::-1], SINGULAR.astype("float32")):
        x = rtch.asarray(a).requires_grad_()
        (g,) = grad(rtch.real(linalg.det(x)).sum(), [x], create_graph=create_graph)
        np.testing.assert_allclose(
            g.detach().numpy(), cofactors(a).conj(), atol=1e-4 if a.dtype == "float32" else 1e-13
        )
    row = rtch.asarray([[1j, 2], [0, 0]]).requires_grad_()
    (g,) = grad(rtch.real(linalg.det(row)), [row], create_graph=create_graph)
    np.testing.assert_allclose(g.detach().numpy(), [[0, 0], [-2, -1j]], atol=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
def test_det_of_singular_matrices_has_every_order(dtype: str) -> None:
    """Against differences; and all derivatives along a line, whose determinants are a polynomial."""
    x = rtch.asarray(SINGULAR.astype(dtype)).requires_grad_()
    assert gradgradcheck(linalg.det, [x])
    rng = np.random.default_rng(3)
    for rank in range(5):
        a = rng.standard_normal((4, rank)) @ rng.standard_normal((rank, 4))
        h, t = rng.standard_normal((4, 4)), rtch.asarray(np.zeros((), dtype)).requires_grad_()
        steps = np.linspace(-2, 2, 5)
        wanted = np.polynomial.Polynomial.fit(steps, [np.linalg.det(a + step * h) for step in steps], 4)
        value = rtch.real(linalg.det(rtch.asarray(a) + t * rtch.asarray(h)))
        for order in range(1, 5):
            (g,) = grad(value, [t], create_graph=True)
            value = rtch.real(g)
            assert value.item() == pytest.approx(wanted.deriv(order)(0), rel=1e-9, abs=1e-9), (rank, order)


@pytest.mark.parametrize("create_graph", [False, True])
def test_slogdet_of_a_singular_matrix_in_a_batch(create_graph: bool) -> None:
    """Its gradient is NaN, to second order too, and those of the others are what they are alone."""
    for dtype in DTYPES:
        a = SINGULAR[1:3].astype(dtype)
        x = rtch.asarray(a).requires_grad_()
        (g,) = grad(linalg.slogdet(x).logabsdet.sum(), [x], create_graph=create_graph)
        assert np.isnan(g.detach().numpy()[0]).all()
        np.testing.assert_allclose(g.detach().numpy()[1], np.linalg.inv(a[1]).T.conj(), rtol=1e-12)
        if create_graph:
            (second,) = grad(rtch.real(g).sum(), [x])
            assert np.isnan(second.detach().numpy()[0]).all()
            assert np.isfinite(second.detach().numpy()[1]).all()


def test_repeated_values() -> None:
    """Eigenvalues and singular values have gradients where they are equal; vectors have not."""
    x = rtch.eye(3, dtype="float64").requires_grad_()
    assert grad(linalg.eigh(x).eigenvalues.sum(), [x])[0].tolist() == np.eye(3).tolist()
    assert grad(linalg.matrix_norm(x, ord="nuc"), [x])[0].tolist() == np.eye(3).tolist()
    assert not np.isfinite(
        grad((linalg.eigh(x).eigenvectors * rtch.asarray(np.arange(9.0).reshape(3, 3))).sum(), [x])[0].numpy()
    ).all()


@pytest.mark.parametrize("order", [2, 3, 1.5])
def test_norms_that_vanish(order: float) -> None:
    """Have the gradient 0, also where no element is 0 but all powers are; as in PyTorch."""
    x = rtch.asarray([1e-250, -1e-250, 0.0], dtype="float64").requires_grad_()
    assert grad(linalg.vector_norm(x, ord=order), [x])[0].tolist() == [0, 0, 0]


def test_norms_of_zeros() -> None:
    """Have the gradient 0, as in PyTorch; so have elements that are 0."""
    for dtype in DTYPES:
        x = rtch.zeros((2, 3), dtype=dtype).requires_grad_()
        for order in (1, 2, 3, 1.5):
            assert not np.any(grad(linalg.vector_norm(x, ord=order), [x])[0].numpy())
        assert not np.any(grad(linalg.matrix_norm(x), [x])[0].numpy())


def test_no_gradient() -> None:
    """Phases that are arbitrary, qr with vectors that nothing determines."""
    z = leaf((3, 3), "complex128")
    with pytest.raises(
        AutogradError, match=r"^eigh: the phase of eigenvectors is arbitrary, and the loss depends on it"
    ):
        rtch.real(linalg.eigh(hermitian(z)).eigenvectors).sum().backward()
    with pytest.raises(
        AutogradError, match=r"^svd: the phase of singular vectors is arbitrary, and the loss depends on it"
    ):
        rtch.real(linalg.svd(z).U).sum().backward()
    x = leaf(TALL, "float64")
    with pytest.raises(
        AutogradError, match=r"^qr: mode='complete' has no gradient where there are more rows than columns"
    ):
        linalg.qr(x, mode="complete").Q.sum().backward()


def test_ranks_and_singular_values_of_lstsq_are_outside_the_graph() -> None:
    """And so is matrix_rank."""
    x = leaf(TALL, "float64")
    found = linalg.lstsq(x, rtch.ones((4, 1), dtype="float64"))
    assert (found.solution.requires_grad, found.rank.requires_grad, found.singular_values.requires_grad) == (
        True,
        False,
        False,
    )
    assert not linalg.matrix_rank(x).requires_grad
