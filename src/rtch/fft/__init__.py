# SPDX-License-Identifier: MIT
"""Discrete Fourier transforms: the extension `fft` of the Array API standard, with gradients.

NumPy computes them, so that their bits are not promised (docs/numerics.md). float32 gives complex64, float64
complex128; bool and integers count as float32.
"""

from rtch.fft.frequencies import fftfreq, fftshift, ifftshift, rfftfreq
from rtch.fft.transforms import fft, fftn, hfft, ifft, ifftn, ihfft, irfft, irfftn, rfft, rfftn

__all__ = [
    "fft",
    "fftfreq",
    "fftn",
    "fftshift",
    "hfft",
    "ifft",
    "ifftn",
    "ifftshift",
    "ihfft",
    "irfft",
    "irfftn",
    "rfft",
    "rfftfreq",
    "rfftn",
]
