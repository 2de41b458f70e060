# SPDX-License-Identifier: MIT
"""Batch and instance normalisation as modules: weight and bias are parameters, the running statistics buffers."""

from __future__ import annotations

from typing import Any

from rtch.autograd import is_recomputing
from rtch.creation import full, ones, zeros
from rtch.device import check_device
from rtch.dtypes import int64
from rtch.errors import DimensionError
from rtch.manipulation import expand_dims, squeeze
from rtch.nn import functional
from rtch.nn.functional.arguments import need_flag, need_integer, need_number
from rtch.nn.module import Module, set_value
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
        self,
        num_features: int,
        eps: float,
        momentum: float | None,
        affine: bool,
        track_running_stats: bool,
        bias: bool,
        device: Any,
        dtype: Any,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        check_device(name, device)
        self.num_features = need_integer(name, "num_features", num_features, 1)
        self.eps = need_number(name, "eps", eps, 0.0)
        self.momentum = None if momentum is None else need_number(name, "momentum", momentum)
        self.affine = need_flag(name, "affine", affine)
        self.track_running_stats = need_flag(name, "track_running_stats", track_running_stats)
        shape = (self.num_features,)
        self.register_parameter("weight", Parameter(ones(shape, dtype=dtype)) if affine else None)
        shifts = need_flag(name, "bias", bias) and affine
        self.register_parameter("bias", Parameter(zeros(shape, dtype=dtype)) if shifts else None)
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
        for parameter, value in ((self.weight, 1.0), (self.bias, 0.0)):
            if parameter is not None:
                set_value(parameter, full(parameter.shape, value, dtype=parameter.dtype))

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
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, bias, device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        """Normalise with the batch's statistics in training, or where none are tracked; else with the running ones."""
        self._check_ndim(input, *self._ndims)
        tracks = self.training and self.track_running_stats
        if tracks and self.num_batches_tracked is not None and not is_recomputing():
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
        affine: whether there are a weight and, with `bias`, a bias.
        track_running_stats: whether there are running statistics, which evaluation uses.
        bias: whether an affine layer has a bias too.
        device: the CPU.
        dtype: of parameters and statistics, float32 if left out.

    Raises:
        ArgumentError: num_features is no positive integer, eps below 0, another device, or an argument none of these.
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
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, bias, device, dtype)

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
        affine: whether there are a weight and, with `bias`, a bias.
        track_running_stats: whether there are running statistics, which evaluation uses.
        bias: whether an affine layer has a bias too.
        device: the CPU.
        dtype: of parameters and statistics, float32 if left out.

    Raises:
        ArgumentError: num_features is no positive integer, eps below 0, another device, or an argument none of these.
    """

    _ndim = 2


class InstanceNorm2d(_InstanceNorm):
    """Instance normalisation of (N, C, H, W) or (C, H, W). See `InstanceNorm1d` for the arguments and errors."""

    _ndim = 3
