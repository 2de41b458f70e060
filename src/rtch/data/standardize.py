# SPDX-License-Identifier: MIT
"""Centring and scaling, fitted on training rows and carried with the model.

Means and population standard deviations (correction 0, two passes) are computed and kept in float64; a
standardised value is rounded once, to float32. A constant feature keeps scale 1, so that it becomes 0 and
not NaN.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import rtch
from rtch.data.dataset import Dataset
from rtch.errors import ArgumentError, DataError
from rtch.tensor import Tensor


@dataclasses.dataclass(frozen=True, eq=False)
class Standardizer:
    """``(x - mean) / scale`` over the first axis; ``mean`` and ``scale`` are float64 of shape (F,), or ()
    for a target.
    """

    mean: Tensor
    scale: Tensor

    @classmethod
    def fit(cls, x: Tensor) -> Standardizer:
        """The mean and standard deviation of ``x``, (N, F) or (N,), over its rows."""
        if not x.shape[0]:
            raise ArgumentError("Standardizer.fit: needs at least one row; got none", argument="x")
        wide = rtch.astype(x, rtch.float64)
        mean = rtch.mean(wide, axis=0)
        deviation = rtch.sqrt(rtch.mean(rtch.square(wide - mean), axis=0))
        constant = rtch.max(wide, axis=0) == rtch.min(wide, axis=0)
        return cls(mean, rtch.where(constant, 1.0, rtch.where(deviation == 0.0, 1.0, deviation)))

    def transform(self, x: Tensor) -> Tensor:
        """``x`` in standard units, float32."""
        return rtch.astype((rtch.astype(x, rtch.float64) - self.mean) / self.scale, rtch.float32)

    def inverse(self, z: Tensor) -> Tensor:
        """``z`` in the original units, float64."""
        return rtch.astype(z, rtch.float64) * self.scale + self.mean

    def state_dict(self) -> dict[str, Any]:
        """``mean`` and ``scale`` as numbers or lists of numbers, which JSON keeps exactly."""
        return {"mean": self.mean.tolist(), "scale": self.scale.tolist()}

    @classmethod
    def from_state_dict(cls, state: Mapping[str, Any]) -> Standardizer:
        """What `state_dict` was taken from; ArgumentError when it has another form."""
        try:
            mean, scale = (rtch.asarray(state[key], dtype=rtch.float64) for key in ("mean", "scale"))
        except (KeyError, TypeError, ValueError) as error:
            raise ArgumentError(f"Standardizer: not a state of a Standardizer: {error}", argument="state") from None
        if mean.shape != scale.shape or mean.ndim > 1:
            raise ArgumentError(
                f"Standardizer: mean and scale must have one shape; got {mean.shape} and {scale.shape}",
                argument="state",
            )
        return cls(mean, scale)


@dataclasses.dataclass(frozen=True, eq=False)
class Preparation:
    """What happens to rows before the model sees them: filling, then standardising ``x`` and the target.

    It is fitted on the training part alone. ``features`` or ``target`` is None where that is left as it is.
    """

    fill: Tensor
    features: Standardizer | None
    target: Standardizer | None

    @classmethod
    def fit(cls, train: Dataset, *, standardize: bool = True, standardize_target: bool = True) -> Preparation:
        """The preparation that ``train`` asks for.

        Raises DataError when all of its features are constant, or when they are so large that their square
        overflows.
        """
        low, high = rtch.min(train.x, axis=0), rtch.max(train.x, axis=0)
        if rtch.max(rtch.astype(low != high, rtch.float32)).item() == 0.0:
            raise DataError(
                f"training part: every feature is constant in its {len(train)} rows; "
                "use more rows or another seed for the split"
            )
        return cls(
            train.mean_of_present() if train.fill is None else train.fill,
            Standardizer.fit(train.x) if standardize else None,
            Standardizer.fit(train.y) if standardize_target else None,
        )

    def apply(self, dataset: Dataset) -> Dataset:
        """``dataset`` filled, with features and target in standard units."""
        filled = dataset.filled(self.fill)
        x = filled.x if self.features is None else self.features.transform(filled.x)
        y = filled.y if self.target is None else self.target.transform(filled.y)
        return dataclasses.replace(filled, x=x, y=y, missing=None, fill=None)

    def target_units(self, prediction: Tensor) -> Tensor:
        """A model's prediction in the target's own units, float64."""
        if self.target is None:
            return rtch.astype(prediction, rtch.float64)
        return self.target.inverse(prediction)

    def state_dict(self) -> dict[str, Any]:
        """All of it as JSON-able values."""
        return {
            "fill": self.fill.tolist(),
            "features": None if self.features is None else self.features.state_dict(),
            "target": None if self.target is None else self.target.state_dict(),
        }

    @classmethod
    def from_state_dict(cls, state: Mapping[str, Any]) -> Preparation:
        """What `state_dict` was taken from; ArgumentError when it has another form."""
        if not {"fill", "features", "target"} <= state.keys():
            raise ArgumentError("Preparation: not a state of a Preparation", argument="state")
        return cls(
            rtch.asarray(state["fill"], dtype=rtch.float32),
            None if state["features"] is None else Standardizer.from_state_dict(state["features"]),
            None if state["target"] is None else Standardizer.from_state_dict(state["target"]),
        )
