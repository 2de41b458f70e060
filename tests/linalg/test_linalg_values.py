# SPDX-License-Identifier: MIT
"""Linear algebra against NumPy: every dtype, batches, empty ones too, matrices without elements, any memory order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rtch
from rtch import linalg

DTYPES = ("float32", "float64", "complex64", "complex128")
SQUARE = ((3, 3), (1, 1), (2, 3, 3), (0, 3, 3), (0, 0), (2, 0, 0), (2, 1, 4, 4))
SHAPES = (*SQUARE, (4, 2), (2, 4), (2, 4, 3), (3, 2, 5), (0, 3), (3, 0), (2, 0, 3), (0, 2, 3))
each_dtype = pytest.mark.parametrize("dtype", DTYPES)
each_square = pytest.mark.parametrize("shape", SQUARE, ids=str)
each_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)


def values(shape: tuple[int, ...], dtype: str, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    a = rng.standard_normal(shape)
    return (a + 1j * rng.standard_normal(shape)).astype(dtype) if "complex" in dtype else a.astype(dtype)


def both(a: np.ndarray) -> list[rtch.Tensor]:
    """Of one value a dense tensor, one in another order of memory, and one that requires grad."""
    turned = rtch.asarray(np.ascontiguousarray(np.swapaxes(a, -1, -2)[..., ::-1, :]))[..., ::-1, :].mT
    return [rtch.asarray(a), turned, rtch.asarray(a).requires_grad_()]


def close(expected: Any, got: rtch.Tensor, dtype: Any = None, scale: float = 1) -> None:
    """Of one shape and dtype, equal within rounding errors."""
    expected = np.asarray(expected)
    eps = np.finfo(got.dtype.name).eps
    assert (expected.shape, np.dtype(dtype or expected.dtype).name) == (got.shape, got.dtype.name)
    size = max(1, np.abs(expected).max(initial=0)) * scale
    np.testing.assert_allclose(got.detach().numpy(), expected, rtol=0, atol=100 * eps * size)


def real(dtype: str) -> str:
    return {"complex64": "float32", "complex128": "float64"}.get(dtype, dtype)


def hermitian(a: np.ndarray) -> np.ndarray:
    return a + np.conj(np.swapaxes(a, -1, -2))


def adjoint(x: rtch.Tensor) -> rtch.Tensor:
    return rtch.conj(x.mT)


@each_dtype
@each_square
def test_square(shape: tuple[int, ...], dtype: str) -> None:
    """det, slogdet, inv, powers."""
    a = values(shape, dtype)
    wide = a.astype("complex128" if "complex" in dtype else "float64")
    for x in both(a):
        close(np.linalg.det(wide), linalg.det(x), dtype)
        sign, log = linalg.slogdet(x)
        expected = np.linalg.slogdet(wide)
        close(expected[0], sign, dtype)
        close(expected[1], log, real(dtype))
        inverse = np.linalg.inv(wide)
        scale = max(1, np.abs(wide).max(initial=0)) ** 2
        close(inverse, linalg.inv(x), dtype, scale * max(1, np.abs(inverse).max(initial=0)))
        for n in (-2, -1, 0, 1, 2, 3, 7):
            power = np.linalg.matrix_power(wide, n)
            close(power, linalg.matrix_power(x, n), dtype, 10 * scale * max(1, np.abs(inverse).max(initial=0)) ** 2)


@each_dtype
@pytest.mark.parametrize(
    ("left", "right"),
    [
        *[((3, 3), (3,)), ((3, 3), (3, 2)), ((2, 3, 3), (3,)), ((2, 3, 3), (2, 3, 1)), ((2, 1, 3, 3), (4, 3, 2))],
        *[((3, 3), (2, 3, 2)), ((0, 3, 3), (3, 2)), ((3, 3), (3, 0)), ((0, 0), (0, 2)), ((2, 2, 2), (2, 2))],
    ],
)
def test_solve(left: tuple[int, ...], right: tuple[int, ...], dtype: str) -> None:
    """Batches broadcast; one dimension is one vector for all matrices, two are a matrix."""
    a, b = values(left, dtype) + 3 * np.eye(left[-1], dtype=dtype), values(right, dtype, 2)
    column = b[:, None] if b.ndim == 1 else b
    wide = "complex128" if "complex" in dtype else "float64"
    batch = np.broadcast_shapes(a.shape[:-2], column.shape[:-2])
    expected = np.linalg.solve(a.astype(wide), np.broadcast_to(column, (*batch, *column.shape[-2:])).astype(wide))
    expected = expected[..., 0] if b.ndim == 1 else expected
    for x in both(a):
        close(expected, linalg.solve(x, rtch.asarray(b)), dtype, 10)


def test_solve_promotes() -> None:
    """As any op of two tensors; each gradient has its input's dtype."""
    a, b = rtch.asarray(np.eye(2) * 2).requires_grad_(), rtch.asarray([2j, 4]).requires_grad_()
    out = linalg.solve(a, b)
    assert (out.dtype, out.tolist()) == (rtch.complex128, [1j, 2])
    rtch.abs(out).sum().backward()
    assert a.grad is not None
    assert b.grad is not None
    assert (a.grad.dtype, b.grad.dtype) == (rtch.float64, rtch.complex64)


@each_dtype
@each_square
def test_cholesky_and_eigh(shape: tuple[int, ...], dtype: str) -> None:
    """The factors make the matrix; only the lower triangle counts."""
    a = values(shape, dtype)
    positive = a @ np.conj(np.swapaxes(a, -1, -2)) + np.eye(shape[-1], dtype=dtype)
    for x in both(positive):
        lower = linalg.cholesky(x)
        close(positive, lower @ adjoint(lower))
        assert not np.triu(lower.detach().numpy(), 1).any()
        assert linalg.cholesky(x, upper=True).tolist() == adjoint(lower).tolist()
    other = positive + np.triu(np.ones_like(positive), 1)
    assert linalg.cholesky(rtch.asarray(other)).tolist() == linalg.cholesky(rtch.asarray(positive)).tolist()
    h = hermitian(a)
    for x in both(h):
        found = linalg.eigh(x)
        assert found._fields == ("eigenvalues", "eigenvectors")
        close(np.linalg.eigvalsh(h), found.eigenvalues, real(dtype))
        close(np.linalg.eigvalsh(h), linalg.eigvalsh(x), real(dtype))
        v = found.eigenvectors
        close(h, v * found.eigenvalues[..., None, :] @ adjoint(v))
        close(np.broadcast_to(np.eye(shape[-1], dtype=dtype), shape), adjoint(v) @ v)


@each_dtype
@each_shape
def test_svd_and_qr(shape: tuple[int, ...], dtype: str) -> None:
    """The factors make the matrix, and are orthonormal, in their full and reduced sizes."""
    a = values(shape, dtype)
    *batch, m, n = shape
    k = min(m, n)
    for x in both(a):
        for full in (True, False):
            u, s, vh = found = linalg.svd(x, full_matrices=full)
            assert found._fields == ("U", "S", "Vh")
            assert (u.shape, s.shape, vh.shape) == (
                ((*batch, m, m), (*batch, k), (*batch, n, n)) if full else ((*batch, m, k), (*batch, k), (*batch, k, n))
            )
            close(a, (u[..., :k] * s[..., None, :]) @ vh[..., :k, :])
            close(np.linalg.svd(a, compute_uv=False), s, real(dtype))
            close(np.broadcast_to(np.eye(u.shape[-1], dtype=dtype), (*batch, *u.shape[-1:] * 2)), adjoint(u) @ u)
            close(np.broadcast_to(np.eye(vh.shape[-2], dtype=dtype), (*batch, *vh.shape[-2:-1] * 2)), vh @ adjoint(vh))
        close(np.linalg.svd(a, compute_uv=False), linalg.svdvals(x), real(dtype))
        for mode in ("reduced", "complete"):
            q, r = pair = linalg.qr(x, mode=mode)
            assert pair._fields == ("Q", "R")
            rows = m if mode == "complete" else k
            assert (q.shape, r.shape) == ((*batch, m, rows), (*batch, rows, n))
            close(a, q @ r)
            close(np.broadcast_to(np.eye(rows, dtype=dtype), (*batch, rows, rows)), adjoint(q) @ q)
            assert not np.tril(r.detach().numpy(), -1).any()


@each_dtype
@each_shape
def test_pinv_rank_and_lstsq(shape: tuple[int, ...], dtype: str) -> None:
    """Of full rank and less; the cutoff is asked for, also one for each matrix."""
    *batch, m, n = shape
    full = values(shape, dtype)
    low = values((*batch, m, 1), dtype, 3) @ values((*batch, 1, n), dtype, 4)
    for a, rank in ((full, min(m, n)), (low, min(m, n, 1))):
        wide = a.astype("complex128" if "complex" in dtype else "float64")
        expected = np.linalg.pinv(wide, rcond=1e-5)
        b = values((*batch, m, 2), dtype, 5)
        for x in both(a):
            assert linalg.matrix_rank(x).tolist() == np.full(batch, rank).tolist()
            assert linalg.matrix_rank(x).dtype is rtch.int64
            close(expected, linalg.pinv(x), dtype, 10 * max(1, np.abs(expected).max(initial=0)))
            solution, residuals, ranks, s = found = linalg.lstsq(x, rtch.asarray(b))
            assert found._fields == ("solution", "residuals", "rank", "singular_values")
            close(expected @ b, solution, dtype, 10 * max(1, np.abs(expected).max(initial=0)))
            assert ranks.tolist() == np.full(batch, rank).tolist()
            close(np.linalg.svd(a, compute_uv=False), s, real(dtype))
            if m > n and rank == n:
                close((np.abs(wide @ (expected @ b) - b) ** 2).sum(-2), residuals, real(dtype), 10)
            else:
                assert (residuals.shape, residuals.dtype.name) == ((0,), real(dtype))
    if 0 not in shape:
        half = linalg.svdvals(rtch.asarray(full))
        cut = rtch.asarray(np.full(batch, 0.999), dtype=real(dtype))
        assert linalg.matrix_rank(rtch.asarray(full), rtol=cut).tolist() == np.full(batch, 1).tolist()
        assert linalg.matrix_rank(rtch.asarray(full), rtol=1.0).tolist() == np.full(batch, 0).tolist()
        top = linalg.pinv(rtch.asarray(full), rtol=cut)
        close(1 / half[..., 0].numpy(), linalg.svdvals(top)[..., 0], real(dtype))


def test_lstsq_of_a_vector() -> None:
    """One for all matrices: solutions and residuals lack the axis."""
    a, b = values((2, 4, 2), "float64"), values((4,), "float64", 2)
    found = linalg.lstsq(rtch.asarray(a), rtch.asarray(b))
    for i in range(2):
        expected, residual, *_ = np.linalg.lstsq(a[i], b, rcond=None)
        close(expected, found.solution[i])
        close(residual[0], found.residuals[i])


@each_dtype
def test_norms(dtype: str) -> None:
    """Of vectors over any axes, and of matrices, by every order; kept axes."""
    a = values((2, 3, 4), dtype)
    a[0, 1] = 0
    for x in both(a):
        for order in (0, 1, 2, 3, 0.5, -1, -2.5, np.inf, -np.inf):
            with np.errstate(all="ignore"):
                for axis in (-1, 1):
                    expected = np.linalg.norm(a, order, axis)
                    close(expected, linalg.vector_norm(x, axis=axis, ord=order), real(dtype))
                flat = np.linalg.norm(a[1].ravel(), order)
                close(flat, linalg.vector_norm(x[1], ord=order), real(dtype))
                close(flat.reshape(1, 1), linalg.vector_norm(x[1], axis=(1, 0), ord=order, keepdims=True), real(dtype))
        for order in ("fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf):
            expected = np.linalg.norm(a, order, (-2, -1))
            close(expected, linalg.matrix_norm(x, ord=order), real(dtype))
            close(expected[..., None, None], linalg.matrix_norm(x, ord=order, keepdims=True), real(dtype))
    close(np.linalg.norm(a), linalg.vector_norm(rtch.asarray(a)), real(dtype))
    assert linalg.vector_norm(rtch.zeros((0, 3)), axis=0).tolist() == [0, 0, 0]
    assert linalg.matrix_norm(rtch.zeros((2, 0, 3)), ord="nuc").tolist() == [0, 0]
    assert linalg.vector_norm(rtch.asarray(-3.0)).item() == 3


def test_products() -> None:
    """cross, outer, diagonal, trace, of integers exactly; the others are rtch's own."""
    rng = np.random.default_rng(1)
    a, b = rng.integers(-5, 5, (2, 4, 3)), rng.integers(-5, 5, (4, 3))
    x, y = rtch.asarray(a), rtch.asarray(b)
    assert linalg.cross(x, y).tolist() == np.cross(a, b).tolist()
    assert linalg.cross(x.mT, y.mT, axis=-2).tolist() == np.swapaxes(np.cross(a, b), -1, -2).tolist()
    assert linalg.cross(x.mT, y.mT[None], axis=1).tolist() == np.swapaxes(np.cross(a, b), -1, -2).tolist()
    assert linalg.outer(x[0, 0], y[:, 1]).tolist() == np.outer(a[0, 0], b[:, 1]).tolist()
    for offset in (-5, -1, 0, 2):
        assert linalg.diagonal(x, offset=offset).tolist() == np.diagonal(a, offset, -2, -1).tolist()
        assert linalg.trace(x, offset=offset).tolist() == np.trace(a, offset, -2, -1).tolist()
    assert linalg.trace(rtch.asarray(b), dtype="float64").dtype is rtch.float64
    assert rtch.shares_storage(linalg.diagonal(x), x)
    for name in ("matmul", "matrix_transpose", "tensordot", "vecdot"):
        assert getattr(linalg, name) is getattr(rtch, name)
