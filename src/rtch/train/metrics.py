# SPDX-License-Identifier: MIT
"""How far predictions are from the truth, in fixed bits.

Everything is computed in float64 by rtch's own reductions, whose order of summation does not depend on the
number of threads, so a replay gives the same numbers to the last bit.
"""

from __future__ import annotations

import rtch
from rtch.errors import ArgumentError
from rtch.tensor import Tensor


def regression_metrics(prediction: Tensor, target: Tensor) -> dict[str, float]:
    """``mse``, ``mae`` and ``r2`` of ``prediction`` (N,) against ``target`` (N,), N at least 1, in their
    units.

    With e = prediction - target: mse is the mean of e * e, mae the mean of abs(e), and r2 = 1 - sum(e * e)
    / sum((target - mean(target)) ** 2). For a constant target r2 is 1 if every e is 0, else 0. Raises
    ArgumentError for other shapes.
    """
    if prediction.ndim != 1 or prediction.shape != target.shape or not prediction.shape[0]:
        raise ArgumentError(
            f"regression_metrics: needs two tensors of one shape (N,); got {prediction.shape} and {target.shape}",
            argument="prediction",
        )
    truth = rtch.astype(target, rtch.float64)
    error = rtch.astype(prediction, rtch.float64) - truth
    squares = float(rtch.sum(rtch.square(error)).item())
    spread = float(rtch.sum(rtch.square(truth - rtch.mean(truth))).item())
    absolute = float(rtch.sum(abs(error)).item())
    count = target.shape[0]
    if spread == 0.0:
        r2 = 1.0 if squares == 0.0 else squares * 0.0  # 0, or NaN where the error is not finite
    else:
        r2 = 1.0 - squares / spread
    return {"mse": squares / count, "mae": absolute / count, "r2": r2}
