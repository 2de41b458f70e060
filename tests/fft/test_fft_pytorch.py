# SPDX-License-Identifier: MIT
"""The transforms on the samples of PyTorch's own tests."""

from __future__ import annotations

from typing import Any

import pytest

import rtch
from torch_opinfo import Case, check, matrix

COMPLEX = ("float32", "float64", "complex64", "complex128")
REAL = ("float32", "float64")


def one(name: str) -> Any:
    """PyTorch's parameters for rtch's function."""
    return lambda x, n=None, dim=-1, norm=None: getattr(rtch.fft, name)(x, n=n, axis=dim, norm=norm or "backward")


def several(name: str) -> Any:
    """Likewise; one number stands for a tuple."""

    def call(x: rtch.Tensor, s: Any = None, dim: Any = None, norm: Any = None) -> rtch.Tensor:
        s, axes = (v if v is None or isinstance(v, (tuple, list)) else (v,) for v in (s, dim))
        return getattr(rtch.fft, name)(x, s=s, axes=axes, norm=norm or "backward")

    return call


CASES = [
    *(Case(f"fft.{name}", one(name), dtypes=COMPLEX) for name in ("fft", "ifft", "irfft", "hfft")),
    *(Case(f"fft.{name}", one(name), dtypes=REAL) for name in ("rfft", "ihfft")),
    *(Case(f"fft.{name}", several(name), dtypes=COMPLEX) for name in ("fftn", "ifftn", "irfftn")),
    Case("fft.rfftn", several("rfftn"), dtypes=REAL),
    *(
        Case(f"fft.{name}", lambda x, dim=None, name=name: getattr(rtch.fft, name)(x, axes=dim), dtypes=COMPLEX)
        for name in ("fftshift", "ifftshift")
    ),
]


@pytest.mark.parametrize(("case", "dtype", "strides"), matrix(CASES))
def test_as_pytorch(case: Case, dtype: str, strides: str) -> None:
    """Shapes, dtypes, values and gradients."""
    check(case, dtype, strides)
