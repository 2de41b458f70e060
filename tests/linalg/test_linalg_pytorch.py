# SPDX-License-Identifier: MIT
"""Linear algebra on the samples of PyTorch's own tests."""

from __future__ import annotations

from typing import Any

import pytest

import rtch
from rtch import linalg
from torch_opinfo import Case, _check_sample, check, check_errors, matrix, samples

ALL = ("float32", "float64", "complex64", "complex128")
# LAPACK runs in float64 here, and in float32 there; what is far from orthogonal makes the difference large.
LOOSE = {"float32": (1e-3, 1e-3), "complex64": (1e-3, 1e-3), "float64": (1e-6, 1e-7), "complex128": (1e-6, 1e-7)}
SHARED = "only the axes of the Array API standard are taken"
STRIDES = ("sample", "permuted")


def plain(name: str) -> Any:
    """PyTorch's `dim` and `keepdim` for rtch's names."""
    names = {"dim": "axis", "keepdim": "keepdims"}
    return lambda *args, **kwargs: getattr(linalg, name)(*args, **{names.get(k, k): v for k, v in kwargs.items()})


def vector_norm(x: rtch.Tensor, ord: Any = 2, dim: Any = None, keepdim: bool = False) -> rtch.Tensor:
    """PyTorch's order of arguments."""
    return linalg.vector_norm(x, axis=dim, keepdims=keepdim, ord=ord)


def matrix_norm(x: rtch.Tensor, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False) -> rtch.Tensor:
    """PyTorch's order of arguments."""
    return linalg.matrix_norm(x, keepdims=keepdim, ord=ord)


def other_axes(sample: Any) -> bool:
    """Whether a matrix norm is not of the last two."""
    return len(sample.args) > 1 and tuple(d % sample.input.ndim for d in sample.args[1]) != tuple(
        range(sample.input.ndim)[-2:]
    )


def vector_for_each_matrix(sample: Any) -> bool:
    """Whether the right side is what PyTorch alone takes for a stack of vectors."""
    left, right = sample.input, sample.args[0]
    return right.ndim > 1 and right.ndim == left.ndim - 1


CASES = [
    *(Case(f"linalg.{name}", plain(name), dtypes=ALL) for name in ("det", "inv", "matrix_power", "vecdot")),
    Case(
        "linalg.cross",
        plain("cross"),
        dtypes=ALL,
        skip_errors={"the standard broadcasts": lambda sample: sample.input.ndim != sample.args[0].ndim},
    ),
    Case("linalg.slogdet", plain("slogdet"), dtypes=ALL),
    Case("linalg.cholesky", plain("cholesky"), dtypes=ALL),
    Case("linalg.qr", plain("qr"), dtypes=ALL, tolerances=LOOSE),
    Case("linalg.svdvals", plain("svdvals"), dtypes=ALL),
    Case(
        "linalg.diagonal",
        plain("diagonal"),
        dtypes=ALL,
        skip={SHARED: lambda sample: "dim1" in sample.kwargs},
    ),
    Case(
        "linalg.solve",
        plain("solve"),
        dtypes=ALL,
        tolerances=LOOSE,
        skip={"the standard takes one dimension alone for a vector": vector_for_each_matrix},
    ),
    Case(
        "linalg.lstsq",
        lambda a, b, driver: linalg.lstsq(a, b)[:2],
        variant="grad_oriented",
        skip={"gives no residuals": lambda sample: sample.kwargs["driver"] == "gelsy"},
        dtypes=ALL,
        tolerances=LOOSE,
    ),
    *(
        Case(
            f"linalg.{name}",
            lambda x, atol=None, rtol=None, name=name: getattr(linalg, name)(x, rtol=rtol),
            dtypes=ALL,
            skip={"there is no atol": lambda sample: sample.kwargs.get("atol") is not None},
            gradients=name == "pinv",
        )
        for name in ("matrix_rank", "pinv")
    ),
    Case("linalg.pinv", lambda a, b: linalg.pinv(a @ b.mT), variant="singular", dtypes=ALL, tolerances=LOOSE),
    Case(
        "linalg.vector_norm",
        vector_norm,
        dtypes=ALL,
        skip={"0-d has no axis 0": lambda sample: sample.input.ndim == 0 and sample.kwargs.get("dim") is not None},
    ),
    Case("linalg.matrix_norm", matrix_norm, dtypes=ALL, skip={SHARED: other_axes}),
    Case("outer", linalg.outer, dtypes=ALL),
    Case("trace", linalg.trace, dtypes=ALL),
]


SVD = Case("linalg.svd", plain("svd"), dtypes=ALL, tolerances=LOOSE)
HERMITIAN = [
    Case("linalg.eigh", lambda x, **_: linalg.eigh(x), dtypes=ALL, tolerances=LOOSE),
    Case("linalg.eigvalsh", lambda x, **_: linalg.eigvalsh(x), dtypes=ALL, tolerances=LOOSE),
]


@pytest.mark.parametrize(("case", "dtype", "strides"), matrix(CASES, STRIDES))
def test_as_pytorch(case: Case, dtype: str, strides: str) -> None:
    """Shapes, dtypes, values and gradients."""
    check(case, dtype, strides)


@pytest.mark.parametrize("dtype", ALL)
def test_svd_as_pytorch(dtype: str) -> None:
    """What of the factors is unique: magnitudes, singular values, and the product of the vectors."""

    def unique(out: Any) -> Any:
        u, s, vh = out
        k = s.shape[-1]
        u, vh = u[..., :k], vh[..., :k, :]
        return abs(u), s, abs(vh), u @ vh

    for sample in samples(SVD, dtype):
        sample.output_process_fn_grad = unique
        _check_sample(SVD, sample)


@pytest.mark.parametrize("dtype", ALL)
@pytest.mark.parametrize("case", HERMITIAN, ids=str)
def test_eigh_as_pytorch(case: Case, dtype: str) -> None:
    """Of Hermitian matrices: eigenvalues, and magnitudes of eigenvectors."""
    for sample in samples(case, dtype):
        a = sample.input.detach()
        sample.input = ((a + a.mH) / 2).requires_grad_()
        if case.op == "linalg.eigh":
            sample.output_process_fn_grad = lambda out: (out[0], abs(out[1]))
        _check_sample(case, sample)


@pytest.mark.parametrize("case", [case for case in CASES if case.op == "linalg.cross"], ids=str)
def test_errors_as_pytorch(case: Case) -> None:
    """What PyTorch refuses raises a typed error."""
    check_errors(case)
