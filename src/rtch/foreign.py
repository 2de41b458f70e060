# SPDX-License-Identifier: MIT
"""The way to NumPy's LAPACK and FFT, the only results of rtch that don't come from its own kernels.

Their bits depend on the library and the machine, and stand outside the promise of docs/numerics.md. Nothing but
`rtch.linalg` and `rtch.fft` comes this way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rtch._c import lib
from rtch.creation import asarray
from rtch.dtypes import DType
from rtch.ops.row import Op
from rtch.tensor import Tensor, snapshot, structure

if TYPE_CHECKING:
    import numpy.typing as npt


def to_numpy(x: Tensor) -> npt.NDArray[Any]:
    """x as a read-only array, without its graph."""
    return snapshot(x).numpy()


def from_numpy(array: npt.ArrayLike, dtype: DType) -> Tensor:
    """A tensor with an array's values in row-major order."""
    import numpy

    return asarray(numpy.ascontiguousarray(array, dtype=dtype.name).reshape(numpy.shape(array)))


def recorded(op: Op, made: Tensor, inputs: tuple[Any, ...], attrs: dict[str, Any] | None = None) -> Tensor:
    """What a row makes of the inputs, entered into the graph."""
    return structure(op, lib.rt_retain(made._h), inputs, attrs)
