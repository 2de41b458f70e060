# SPDX-License-Identifier: MIT
"""The transforms against NumPy's, their gradients against differences and PyTorch's, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rtch
from rtch._c import lib
from rtch.autograd import gradcheck, gradgradcheck
from rtch.autograd.graph import name_of
from rtch.errors import ArgumentError, DimensionError, DTypeError
from rtch.ops.table import OPS

ONE = ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")
SEVERAL = ("fftn", "ifftn", "rfftn", "irfftn")
REAL_INPUT = ("rfft", "ihfft", "rfftn")
NORMS = ("backward", "ortho", "forward")
DTYPES = ("float32", "float64", "complex64", "complex128")


def values(shape: tuple[int, ...], dtype: str, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    a = rng.standard_normal(shape)
    return (a + 1j * rng.standard_normal(shape)).astype(dtype) if "complex" in dtype else a.astype(dtype)


def close(expected: np.ndarray, got: rtch.Tensor) -> None:
    """Shape and dtype are equal, values within a few rounding errors of the largest."""
    assert (expected.shape, expected.dtype.name) == (got.shape, got.dtype.name)
    eps = np.finfo(expected.dtype).eps
    np.testing.assert_allclose(
        got.detach().numpy(), expected, rtol=0, atol=20 * eps * max(1, np.abs(expected).max(initial=0))
    )


def single(expected: np.ndarray, dtype: str) -> np.ndarray:
    """In the precision of the input, which NumPy 1 does not keep."""
    if dtype in ("float64", "complex128"):
        return expected
    return expected.astype("complex64" if expected.dtype.kind == "c" else "float32")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", ONE)
def test_one_axis(name: str, norm: str, dtype: str) -> None:
    """Of every length: as it is, cut, filled up, one; axes in front; permuted and reversed memory; empty batches."""
    if name in REAL_INPUT and "complex" in dtype:
        return
    ours, theirs = getattr(rtch.fft, name), getattr(np.fft, name)
    for shape, axis in (((6,), -1), ((5, 4), 0), ((5, 4), -1), ((2, 3, 7), 1), ((0, 4), 1)):
        a = values(shape, dtype)
        for n in (None, 1, 2, 4, 5, 9):
            expected = single(theirs(a, n, axis, norm), dtype)
            close(expected, ours(rtch.asarray(a), n=n, axis=axis, norm=norm))
            turned = rtch.permute_dims(rtch.asarray(np.ascontiguousarray(a.T[::-1]))[::-1], range(a.ndim)[::-1])
            close(expected, ours(turned, n=n, axis=axis, norm=norm))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", SEVERAL)
def test_several_axes(name: str, norm: str, dtype: str) -> None:
    """All, some in any order, with lengths and without."""
    if name in REAL_INPUT and "complex" in dtype:
        return
    ours, theirs = getattr(rtch.fft, name), getattr(np.fft, name)
    a = values((3, 4, 5), dtype)
    for s, axes in (
        (None, None),
        (None, (2, 0)),
        (None, (1,)),
        ((2, 6), (0, 1)),
        ((5, 4, 3), (0, 1, 2)),
        ((4, 3), (-1, 0)),
    ):
        expected = single(theirs(a, s, axes, norm), dtype)
        close(expected, ours(rtch.asarray(a), s=s, axes=axes, norm=norm))
    close(single(theirs(a, (2, 4), (1, 2), norm), dtype), ours(rtch.asarray(a), s=(2, 4), norm=norm))
    close(single(theirs(a, (3, 6), (0, 1), norm), dtype), ours(rtch.asarray(a), s=(-1, 6), axes=(0, 1), norm=norm))


def test_integers_are_float32() -> None:
    """As in PyTorch; a real input of irfft is a complex one without imaginary parts."""
    for dtype in ("int64", "uint8", "bool"):
        a = np.array([1, 0, 1, 1]).astype(dtype)
        close(np.fft.fft(a).astype("complex64"), rtch.fft.fft(rtch.asarray(a)))
        close(np.fft.irfft(a).astype("float32"), rtch.fft.irfft(rtch.asarray(a)))
    assert rtch.fft.fftn(rtch.asarray([[1.0, 2.0]]), axes=()).dtype is rtch.complex64


def cases() -> list[tuple[str, Callable[..., Any], str]]:
    """(name, function, dtype of the input) for the checks of gradients."""
    made: list[tuple[str, Callable[..., Any], str]] = []
    for name in ONE:
        f = getattr(rtch.fft, name)
        for dtype in ("float64",) if name in REAL_INPUT else ("float64", "complex128"):
            made += [
                (name, lambda x, f=f, n=n, axis=axis, norm=norm: f(x, n=n, axis=axis, norm=norm), dtype)
                for n, axis, norm in ((None, -1, "backward"), (3, 0, "ortho"), (6, 1, "forward"), (1, 0, "ortho"))
            ]
    for name in SEVERAL:
        f = getattr(rtch.fft, name)
        for dtype in ("float64",) if name in REAL_INPUT else ("float64", "complex128"):
            made += [
                (name, lambda x, f=f, s=s, axes=axes, norm=norm: f(x, s=s, axes=axes, norm=norm), dtype)
                for s, axes, norm in ((None, None, "backward"), ((3, 4), (1, 0), "ortho"), ((2, 5), (0, 1), "forward"))
            ]
    made += [(name, getattr(rtch.fft, name), "complex128") for name in ("fftshift", "ifftshift")]
    return made


def test_every_row_is_tested() -> None:
    """The cases record all rows of the family."""
    found = set()
    for _, f, dtype in cases():
        made = f(rtch.asarray(values((3, 4), dtype)).requires_grad_())
        nodes = [made._h.node]
        while nodes:
            node = nodes.pop()
            found.add(name_of(node))
            nodes += [edge for i in range(lib.rt_node_n_edges(node)) if (edge := lib.rt_node_edge(node, i))]
    assert {name for name in found if name.startswith("fft_")} == {op.name for op in OPS if op.name.startswith("fft_")}


@pytest.mark.parametrize(("name", "f", "dtype"), cases())
def test_gradients(name: str, f: Callable[..., Any], dtype: str) -> None:
    """To second order; the function is made quadratic, so that there is one."""
    x = rtch.asarray(values((3, 4), dtype)).requires_grad_()
    assert gradcheck(f, x)
    assert gradgradcheck(lambda x: f(x * x), x, rtol=2e-3, atol=1e-4)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", (*ONE, *SEVERAL))
def test_gradients_as_in_pytorch(name: str, dtype: str) -> None:
    """Of a seed with unequal elements."""
    torch = pytest.importorskip("torch")
    if name in REAL_INPUT and "complex" in dtype:
        return
    a = values((3, 4), dtype)
    x, t = rtch.asarray(a).requires_grad_(), torch.tensor(a).requires_grad_()
    for n in (3, 6):
        sizes = ({"s": (n, 5), "axes": (1, 0)}, {"s": (n, 5), "dim": (1, 0)}) if name[-1] == "n" else ({"n": n},) * 2
        out, expected = getattr(rtch.fft, name)(x, **sizes[0]), getattr(torch.fft, name)(t, **sizes[1])
        seed = values(out.shape, out.dtype.name, 2)
        (got,) = rtch.autograd.grad(out, [x], rtch.asarray(seed))
        (wanted,) = torch.autograd.grad(expected, t, torch.tensor(seed))
        close(wanted.resolve_conj().numpy(), got)


@pytest.mark.parametrize("n", [1, 2, 5, 8])
@pytest.mark.parametrize("d", [1.0, 0.3, -2, 7])
def test_frequencies(n: int, d: float) -> None:
    """Correctly rounded quotients; the dtype is asked for."""
    for name in ("fftfreq", "rfftfreq"):
        counts = getattr(np.fft, name)(n) * n
        for dtype in ("float32", "float64"):
            got = getattr(rtch.fft, name)(n, d=d, dtype=dtype, device="cpu")
            assert got.dtype.name == dtype
            assert got.tolist() == (np.round(counts) / (n * d)).astype(dtype).tolist()
        assert getattr(rtch.fft, name)(n).dtype is rtch.float32


def test_shifts() -> None:
    """NumPy's, and each other's inverse."""
    a = np.arange(30).reshape(2, 3, 5)
    x = rtch.asarray(a)
    for axes in (None, 0, -1, (0, 2), [1, 2], ()):
        plain = tuple(axes) if isinstance(axes, list) else axes
        assert rtch.fft.fftshift(x, axes=axes).tolist() == np.fft.fftshift(a, plain).tolist()
        assert rtch.fft.ifftshift(x, axes=axes).tolist() == np.fft.ifftshift(a, plain).tolist()
        assert rtch.fft.ifftshift(rtch.fft.fftshift(x, axes=axes), axes=axes).tolist() == a.tolist()


@pytest.mark.parametrize("name", (*ONE, *SEVERAL))
def test_refusals(name: str) -> None:
    """Each rule with the function's name in front."""
    f = getattr(rtch.fft, name)
    x = rtch.ones((2, 3), dtype="float64")
    several = name in SEVERAL
    for norm in ("Ortho", None, 1, ["ortho"]):
        with pytest.raises(ArgumentError, match=rf"^{name}: norm is one of 'backward', 'ortho', 'forward'; got"):
            f(x, norm=norm)
    for n in (0, -2, 1.5, True, "3"):
        with pytest.raises(ArgumentError, match=rf"^{name}: an axis to transform has one element or more; got"):
            f(x, **({"s": (n,)} if several else {"n": n}))
    with pytest.raises(ArgumentError, match=rf"^{name}: an axis to transform has one element or more; got -?\d$"):
        f(rtch.ones((3, 0)))
    with pytest.raises(DimensionError, match=rf"^{name}: axis must be in \[-2, 2\); got 2$"):
        f(x, **({"axes": (2,)} if several else {"axis": 2}))
    with pytest.raises(DTypeError, match=rf"^{name}: float16 and bfloat16 are for storage; got float16"):
        f(x.astype("float16"))
    with pytest.raises(DTypeError, match=rf"^{name}: a Tensor is needed; got list"):
        f([1.0])
    if name in REAL_INPUT:
        with pytest.raises(DTypeError, match=rf"^{name}: a real tensor is needed; got complex128; use real$"):
            f(x.astype("complex128"))
    if several:
        with pytest.raises(DimensionError, match=rf"^{name}: axes must differ; got \(0, -2\)$"):
            f(x, axes=(0, -2))
        for option in ("s", "axes"):
            with pytest.raises(ArgumentError, match=rf"^{name}: {option} is a sequence of integers; got 1.5$"):
                f(x, **{option: 1.5})
        for s, axes in (((1, 2), (0,)), ((1, 2, 3), None), (3, (0, 1))):
            with pytest.raises(ArgumentError, match=rf"^{name}: a length per axis is needed; got s="):
                f(x, s=s, axes=axes)
    if name in ("rfftn", "irfftn"):
        with pytest.raises(DimensionError, match=rf"^{name}: one axis or more is needed; got shape \[\]$"):
            f(rtch.ones(()))


@pytest.mark.parametrize("name", SEVERAL)
def test_a_number_is_one_length_or_axis(name: str) -> None:
    """As a tuple of it; of the last axis, where only a length is given."""
    f = getattr(rtch.fft, name)
    x = rtch.asarray(np.random.default_rng(0).standard_normal((4, 3)))
    for options, same in (
        ({"s": 5}, {"s": (5,), "axes": (1,)}),
        ({"axes": 0}, {"axes": (0,)}),
        ({"s": -1, "axes": -2}, {"s": (-1,), "axes": (0,)}),
    ):
        assert f(x, **options).tolist() == f(x, **same).tolist()


def test_frequencies_refuse() -> None:
    """Counts, distances and dtypes out of range."""
    for name in ("fftfreq", "rfftfreq"):
        f = getattr(rtch.fft, name)
        for n in (0, -1, 1.0, True, None):
            with pytest.raises(ArgumentError, match=rf"^{name}: n must be an integer of 1 or more; got"):
                f(n)
        for d in (0, float("nan"), "1", None, True):
            with pytest.raises(ArgumentError, match=rf"^{name}: d must be a number other than 0; got"):
                f(4, d=d)
        for dtype in ("int64", "complex64", "float16"):
            with pytest.raises(DTypeError, match=rf"^{name}: dtype must be float32 or float64; got {dtype}$"):
                f(4, dtype=dtype)
    for name in ("fftshift", "ifftshift"):
        for axes in (2, (0, 0)):
            with pytest.raises(DimensionError, match=rf"^{name}: "):
                getattr(rtch.fft, name)(rtch.ones((2, 2)), axes=axes)
