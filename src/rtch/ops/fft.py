# SPDX-License-Identifier: MIT
"""Rows of the discrete Fourier transforms, whose functions are in `rtch.fft`. `scale` is none, sqrt or n, what the sum
is divided by."""

from __future__ import annotations

from rtch.ops.define import row
from rtch.ops.row import F, Kind, Rule

row(
    "fft_c2c",
    Kind.STRUCTURE,
    Rule.COMPLEX,
    "Fourier transform over axes, with exp(-2 pi i jk/n) where forward.",
    lambda g, axes, forward, scale: F.fft_c2c(g, axes, not forward, scale),
    detail="See `rtch.fft`.",
    wirtinger=True,
)
row(
    "fft_r2c",
    Kind.STRUCTURE,
    Rule.REAL_FLOAT,
    "Forward Fourier transform of real values along an axis: the half that is not the other's conjugate.",
    lambda g, x_shape, axis, scale: F.fft_c2r(F.fft_weighted(g, x_shape[axis], axis, 0.5), x_shape[axis], axis, scale),
    detail="See `rtch.fft`.",
    wirtinger=True,
)
row(
    "fft_c2r",
    Kind.STRUCTURE,
    Rule.COMPLEX,
    "Inverse Fourier transform along an axis to n real values, from the half that is not the other's conjugate.",
    lambda g, n, axis, scale: F.fft_weighted(F.fft_r2c(g, axis, scale), n, axis, 2.0),
    detail="See `rtch.fft`.",
    wirtinger=True,
)
