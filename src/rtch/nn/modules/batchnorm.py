# SPDX-License-Identifier: MIT
"""Batch and instance normalisation as modules: weight and bias are parameters, the running statistics buffers."""

from __future__ import annotations

from typing import Any

from rtch.creation import full, ones, zeros
from rtch.dtypes import int64
from rtch.errors import ArgumentError, DimensionError
from rtch.manipulation import expand_dims, squeeze
from rtch.nn import functional
from rtch.nn.module import Module
from rtch.nn.parameter import Parameter
from rtch.tensor import Tensor


class _Norm(Module):
    """Per channel: a weight that starts at 1 and a bias that starts at 0, a running mean and variance, and how many
    batches went into them."""

    weight: Parameter | None
    bias: Parameter | None
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(
        self, num_features: int, eps: float, momentum: float | None, affine: bool, track_running_stats: bool, dtype: Any
    ) -> None:
        super().__init__()
        if isinstance(num_features, bool) or not isinstance(num_features, int) or num_features < 1:
            raise ArgumentError(
                f"{type(self).__name__}: num_features must be a positive integer; got {num_features!r:.80}",
                argument=num_features,
            )
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        shape = (num_features,)
        self.register_parameter("weight", Parameter(ones(shape, dtype=dtype)) if affine else None)
        self.register_parameter("bias", Parameter(zeros(shape, dtype=dtype)) if affine else None)
        self.register_buffer("running_mean", zeros(shape, dtype=dtype) if track_running_stats else None)
        self.register_buffer("running_var", ones(shape, dtype=dtype) if track_running_stats else None)
        self.register_buffer("num_batches_tracked", zeros((), dtype=int64) if track_running_stats else None)

    def reset_running_stats(self) -> None:
        """Start the running statistics anew: mean 0, variance 1, no batch."""
        for name, value in (("running_mean", 0), ("running_var", 1), ("num_batches_tracked", 0)):
            running = getattr(self, name)
            if running is not None:
                setattr(self, name, full(running.shape, value, dtype=running.dtype))

    def reset_parameters(self) -> None:
        """Start anew: weight 1, bias 0, and the running statistics."""
        self.reset_running_stats()
        if self.weight is not None and self.bias is not None:
            self.weight = Parameter(ones(self.weight.shape, dtype=self.weight.dtype))
            self.bias = Parameter(zeros(self.bias.shape, dtype=self.bias.dtype))

    def _check_ndim(self, input: Tensor, *allowed: int) -> None:
        if input.ndim not in allowed:
            raise DimensionError(
                f"{type(self).__name__}: {' or '.join(map(str, allowed))} dimensions are needed; "
                f"got shape {list(input.shape)}",
                ndim=input.ndim,
            )

    def extra_repr(self) -> str:
        """The arguments."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"track_running_stats={self.track_running_stats}"
        )


class _BatchNorm(_Norm):
    _ndims: tuple[int, ...]

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        dtype: Any = None,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, dtype)

    def forward(self, input: Tensor) -> Tensor:
        """Normalise with the batch's statistics in training, or where none are tracked; else with the running ones."""
        self._check_ndim(input, *self._ndims)
        tracks = self.training and self.track_running_stats
        if tracks and self.num_batches_tracked is not None:
            self.num_batches_tracked = self.num_batches_tracked + 1
        momentum = 0.0 if self.momentum is None else self.momentum
        if tracks and self.momentum is None and self.num_batches_tracked is not None:
            momentum = 1 / self.num_batches_tracked.item()
        own = self.training or (self.running_mean is None and self.running_var is None)
        running = (self.running_mean, self.running_var) if tracks or not self.training else (None, None)
        return functional.batch_norm(input, *running, self.weight, self.bias, own, momentum, self.eps)


class BatchNorm1d(_BatchNorm):
    """Batch normalisation of (N, C) or (N, C, L); see `functional.batch_norm`.

    Args:
        num_features: C.
        eps: added to the variance.
        momentum: how far the running statistics move in a batch; None makes them the mean over all batches.
        affine: whether there are a weight and a bias.
        track_running_stats: whether there are running statistics, which evaluation uses.
        dtype: of parameters and statistics, float32 if left out.

    Raises:
        ArgumentError: num_features is no positive integer.
    """

    _ndims = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Batch normalisation of (N, C, H, W). See `BatchNorm1d` for the arguments and errors."""

    _ndims = (4,)


class _InstanceNorm(_Norm):
    _ndim: int

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        *,
        dtype: Any = None,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, dtype)

    def forward(self, input: Tensor) -> Tensor:
        """Normalise with the samples' statistics in training, or where none are tracked; else with the running ones."""
        self._check_ndim(input, self._ndim, self._ndim + 1)
        single = input.ndim == self._ndim
        batch = expand_dims(input, axis=0) if single else input
        own = self.training or not self.track_running_stats
        out = functional.instance_norm(
            batch, self.running_mean, self.running_var, self.weight, self.bias, own, self.momentum or 0.0, self.eps
        )
        return squeeze(out, axis=0) if single else out


class InstanceNorm1d(_InstanceNorm):
    """Instance normalisation of (N, C, L) or (C, L); see `functional.instance_norm`.

    Args:
        num_features: C.
        eps: added to the variance.
        momentum: how far the running statistics move in a batch.
        affine: whether there are a weight and a bias.
        track_running_stats: whether there are running statistics, which evaluation uses.
        dtype: of parameters and statistics, float32 if left out.

    Raises:
        ArgumentError: num_features is no positive integer.
    """

    _ndim = 2


class InstanceNorm2d(_InstanceNorm):
    """Instance normalisation of (N, C, H, W) or (C, H, W). See `InstanceNorm1d` for the arguments and errors."""

    _ndim = 3
