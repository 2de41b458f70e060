# SPDX-License-Identifier: MIT
"""What linear algebra refuses: one line, the function in front, a class of rtch.errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rtch
from rtch import linalg
from rtch.errors import ArgumentError, BroadcastError, DimensionError, DTypeError, LinAlgError

SQUARE = ("cholesky", "det", "eigh", "eigvalsh", "inv", "slogdet")
ANY = ("matrix_norm", "matrix_rank", "pinv", "qr", "svd", "svdvals")


@pytest.mark.parametrize("name", (*SQUARE, *ANY, "matrix_power", "solve", "lstsq"))
def test_matrices(name: str) -> None:
    """Two dimensions, of floating or complex numbers, square where it must be."""
    f: Any = getattr(linalg, name)
    more = {"matrix_power": (2,), "solve": (rtch.ones(3),), "lstsq": (rtch.ones(3),)}.get(name, ())
    with pytest.raises(DimensionError, match=rf"^{name}: two dimensions or more are needed; got shape \[3\]$"):
        f(rtch.ones(3), *more)
    for dtype in ("int64", "bool", "float16"):
        with pytest.raises(
            DTypeError, match=rf"^{name}: float32, float64 or complex is needed; got {dtype}; use astype$"
        ):
            f(rtch.ones((3, 3), dtype=dtype), *more)
    with pytest.raises(DTypeError, match=rf"^{name}: a Tensor is needed; got list"):
        f([[1.0]], *more)
    if name in (*SQUARE, "matrix_power", "solve"):
        with pytest.raises(ArgumentError, match=rf"^{name}: square matrices are needed; got shape \[2, 3\]$"):
            f(rtch.ones((2, 3)), *more)


@pytest.mark.parametrize("dtype", ["float32", "complex128"])
def test_the_matrix_in_trouble_is_named(dtype: str) -> None:
    """By its place in the batch; the error is a ValueError."""
    good = np.eye(2, dtype=dtype)
    bad = np.stack([[good, good, good], [good, good * 0, -good]])
    x, y = rtch.asarray(bad), rtch.ones((1, 3, 2, 1), dtype=dtype)
    for name, at, trouble, more in (
        ("inv", (1, 1), "is singular", ()),
        ("solve", (1, 1), "is singular", (y,)),
        ("cholesky", (1, 1), "is not positive definite", ()),
    ):
        with pytest.raises(
            ValueError, match=rf"^{name}: matrix \[1, 1\] {trouble}; got {dtype}\[2, 3, 2, 2\]$"
        ) as caught:
            getattr(linalg, name)(x, *more)
        assert isinstance(caught.value, LinAlgError)
        assert (caught.value.index, caught.value.shape) == (at, (2, 3, 2, 2))
        with pytest.raises(LinAlgError, match=rf"^{name}: matrix {trouble}; got {dtype}\[2, 2\]$"):
            getattr(linalg, name)(x[at], *(t[0, 1] for t in more))
    with pytest.raises(LinAlgError, match=r"^solve: matrix \[2\] is singular; got"):
        linalg.solve(rtch.asarray(np.stack([good, good, good * 0])), rtch.ones((2, 1), dtype=dtype))
    with pytest.raises(LinAlgError, match=r"^inv: matrix is singular"):
        linalg.matrix_power(x[1, 1], -1)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(
    "name", ["svd", "svdvals", "eigh", "eigvalsh", "pinv", "matrix_rank", "lstsq", "matrix_norm", "cholesky"]
)
def test_what_iterates_refuses_nan_and_infinity(name: str, value: float) -> None:
    """LAPACK was seen to go on for ever. The message names the matrix."""
    a = np.stack([np.eye(3)] * 2).astype("complex64")
    a[1, 1, 0] = a[1, 0, 1] = value
    f = {
        "lstsq": lambda x: linalg.lstsq(x, x),
        "matrix_norm": lambda x: linalg.matrix_norm(x, ord="nuc"),
    }.get(name, getattr(linalg, name))
    where = "svdvals" if name in ("matrix_rank", "matrix_norm") else name
    with pytest.raises(
        LinAlgError, match=rf"^{where}: matrix \[1\] holds NaN or an infinity; got complex64\[2, 3, 3\]$"
    ):
        f(rtch.asarray(a))
    if name in ("svdvals", "eigvalsh"):  # which are then svd and eigh
        with pytest.raises(LinAlgError, match=rf"^{where}: "):
            f(rtch.asarray(a).requires_grad_())


def test_what_cholesky_does_not_read_may_be_anything() -> None:
    """Only the lower triangle counts."""
    assert linalg.cholesky(rtch.asarray([[4.0, np.nan], [2.0, 2.0]])).tolist() == [[2.0, 0.0], [1.0, 1.0]]


@pytest.mark.parametrize("order", [1, -1, 2, -2, np.inf, -np.inf, "fro", "nuc"])
@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0), (2, 0, 3)])
def test_norms_of_no_elements(order: Any, shape: tuple[int, ...]) -> None:
    """As in PyTorch: 0, unless the smallest of none is asked for."""
    torch = pytest.importorskip("torch")
    try:
        wanted = torch.linalg.matrix_norm(torch.zeros(shape), ord=order)
    except IndexError:
        with pytest.raises(ArgumentError, match=rf"^matrix_norm: ord={order} of no elements has no value; got shape"):
            linalg.matrix_norm(rtch.zeros(shape), ord=order)
    else:
        got = linalg.matrix_norm(rtch.zeros(shape).requires_grad_(), ord=order)
        assert (got.tolist(), got.shape) == (wanted.tolist(), wanted.shape)
    with pytest.raises(ArgumentError, match=r"^vector_norm: ord=inf of no elements has no value; got shape"):
        linalg.vector_norm(rtch.zeros(shape), ord=np.inf)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("name", ["det", "slogdet", "inv", "solve", "qr", "cholesky"])
def test_what_does_not_iterate_shows_nan_and_infinity(name: str, value: float) -> None:
    """In its result, or it refuses them; an infinite pivot may leave zeros in an inverse."""
    a = np.eye(3)
    a[1, 0] = a[0, 1] = value
    x = rtch.asarray(a)
    try:
        got = linalg.solve(x, x) if name == "solve" else getattr(linalg, name)(x)
    except LinAlgError:
        assert name in ("cholesky", "inv", "solve")
    else:
        parts = got if isinstance(got, tuple) else (got,)
        assert (name == "inv" and value == np.inf) or not all(np.isfinite(t.numpy()).all() for t in parts)


def test_shapes_of_two() -> None:
    """solve, lstsq, cross, outer."""
    x = rtch.ones((3, 3)) + rtch.eye(3)
    for name in ("solve", "lstsq"):
        f = getattr(linalg, name)
        with pytest.raises(BroadcastError, match=rf"^{name}: as many rows on the right as on the left are needed; got"):
            f(x, rtch.ones((2, 3)))
        with pytest.raises(BroadcastError):
            f(rtch.stack([x, x]), rtch.ones((3, 3, 1)))
        with pytest.raises(DimensionError):
            f(x, rtch.ones(()))
        with pytest.raises(DTypeError):
            f(x, rtch.ones(3, dtype="int64"))
    for a, b, axis in (((2,), (2,), -1), ((3, 2), (3, 2), -1), ((3,), (1,), 0), ((2, 3), (2, 1), 1), ((3, 1), (3,), 0)):
        with pytest.raises(BroadcastError, match=r"^cross: vectors of three elements are needed; got"):
            linalg.cross(rtch.ones(a), rtch.ones(b), axis=axis)
    with pytest.raises(BroadcastError):
        linalg.cross(rtch.ones((2, 3)), rtch.ones((4, 3)))
    for axis in (1, -2):
        with pytest.raises(DimensionError, match=r"^cross: axis must be in \[-1, 1\); got"):
            linalg.cross(rtch.ones(3), rtch.ones(3), axis=axis)
    for a, b in (((), (2,)), ((2,), (2, 2))):
        with pytest.raises(DimensionError, match=r"^outer: two vectors are needed; got"):
            linalg.outer(rtch.ones(a), rtch.ones(b))
    for name in ("trace", "diagonal"):
        with pytest.raises(DimensionError, match=rf"^{name}: two dimensions or more are needed; got shape \[3\]$"):
            getattr(linalg, name)(rtch.ones(3))


def test_options() -> None:
    """Orders, modes, powers and cutoffs that do not exist."""
    x = rtch.ones((2, 2))
    for order in ("fro2", 3, 0, None, True, 1.5, [2]):
        with pytest.raises(
            ArgumentError, match=r"^matrix_norm: ord is one of 'fro', 'nuc', 1, -1, 2, -2, inf, -inf; got"
        ):
            linalg.matrix_norm(x, ord=order)
    for order in ("fro", None, True, float("nan"), 1j):
        with pytest.raises(ArgumentError, match=r"^vector_norm: ord must be a number; got"):
            linalg.vector_norm(x, ord=order)
    for order in (float("inf"), -float("inf")):
        with pytest.raises(ArgumentError):
            linalg.vector_norm(rtch.ones(0), ord=order)
    with pytest.raises(DimensionError, match=r"^vector_norm: axis must be in"):
        linalg.vector_norm(x, axis=2)
    with pytest.raises(DTypeError, match=r"^vector_norm: float32, float64 or complex is needed; got int64"):
        linalg.vector_norm(rtch.ones(2, dtype="int64"))
    for mode in ("r", "full", None):
        with pytest.raises(ArgumentError, match=r"^qr: mode is 'reduced' or 'complete'; got"):
            linalg.qr(x, mode=mode)
    for n in (1.0, True, None, "2"):
        with pytest.raises(ArgumentError, match=r"^matrix_power: n must be an integer; got"):
            linalg.matrix_power(x, n)
    for name, option in (("pinv", "rtol"), ("matrix_rank", "rtol")):
        for value in ("0", True, 1j):
            with pytest.raises(ArgumentError, match=rf"^{name}: {option} must be a number or a tensor; got"):
                getattr(linalg, name)(x, **{option: value})
    with pytest.raises(ArgumentError, match=r"^lstsq: rcond must be a number; got '0'$"):
        linalg.lstsq(x, x, "0")
