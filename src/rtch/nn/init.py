# SPDX-License-Identifier: MIT
"""First values of parameters: PyTorch's initialisers. Each fills a tensor in place and returns it; a view that nobody
else holds, as in ``zeros_(w[0])``, is refused with a LayoutError, since w would not change.

Random ones draw from ``generator``, or from `rtch.random.default_generator`: the same bits on every machine.
"""

from __future__ import annotations

import math
from typing import Literal

import rtch
from rtch.errors import ArgumentError
from rtch.random import Generator, default_generator
from rtch.tensor import Tensor, refuse_lost_write

_GAINS = {
    "linear": 1.0,
    "conv1d": 1.0,
    "conv2d": 1.0,
    "conv3d": 1.0,
    "conv_transpose1d": 1.0,
    "conv_transpose2d": 1.0,
    "conv_transpose3d": 1.0,
    "sigmoid": 1.0,
    "tanh": 5.0 / 3.0,
    "relu": math.sqrt(2.0),
    "selu": 0.75,
}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """What a nonlinearity's input should be scaled by, so that its output keeps the variance.

    Args:
        nonlinearity: "linear", "conv1d" to "conv_transpose3d", "sigmoid", "tanh", "relu", "leaky_relu" or "selu".
        param: the slope of "leaky_relu", 0.01 if left out.

    Raises:
        ArgumentError: another name, or a slope that is no number.
    """
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, (int, float)):
            raise ArgumentError(f"calculate_gain: the slope must be a number; got {slope!r:.60}", param=param)
        return math.sqrt(2.0 / (1 + slope * slope))
    if nonlinearity not in _GAINS:
        known = ", ".join((*_GAINS, "leaky_relu"))
        raise ArgumentError(f"calculate_gain: nonlinearity is one of {known}; got {nonlinearity!r:.60}")
    return _GAINS[nonlinearity]


def _give(tensor: Tensor, value: Tensor | float) -> Tensor:
    with rtch.no_grad():
        tensor[...] = value
    return tensor


def _floating(where: str, tensor: Tensor) -> None:
    if not isinstance(tensor, Tensor) or not tensor.dtype.is_floating:
        got = tensor.dtype.name if isinstance(tensor, Tensor) else type(tensor).__name__
        raise ArgumentError(f"{where}: a tensor of float32 or float64 is needed; got {got}", tensor=tensor)


def _fans(where: str, tensor: Tensor) -> tuple[int, int]:
    """Inputs and outputs of a weight (outputs, inputs, *kernel)."""
    _floating(where, tensor)
    if tensor.ndim < 2:
        raise ArgumentError(f"{where}: a weight of 2 axes or more is needed; got shape {list(tensor.shape)}")
    receptive = math.prod(tensor.shape[2:])
    return tensor.shape[1] * receptive, tensor.shape[0] * receptive


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Numbers in [a, b)."""
    refuse_lost_write("uniform_", tensor)
    _floating("uniform_", tensor)
    return _give(tensor, (generator or default_generator).uniform(tensor.shape, a, b, dtype=tensor.dtype))


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Normally distributed numbers."""
    refuse_lost_write("normal_", tensor)
    _floating("normal_", tensor)
    return _give(tensor, (generator or default_generator).normal(tensor.shape, mean, std, dtype=tensor.dtype))


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Normally distributed numbers within [a, b]; see `Generator.truncated_normal`."""
    refuse_lost_write("trunc_normal_", tensor)
    _floating("trunc_normal_", tensor)
    draw = generator or default_generator
    return _give(tensor, draw.truncated_normal(tensor.shape, mean, std, a, b, dtype=tensor.dtype))


def constant_(tensor: Tensor, val: float) -> Tensor:
    """One number everywhere."""
    refuse_lost_write("constant_", tensor)
    return _give(tensor, val)


def ones_(tensor: Tensor) -> Tensor:
    """1 everywhere."""
    refuse_lost_write("ones_", tensor)
    return _give(tensor, 1.0)


def zeros_(tensor: Tensor) -> Tensor:
    """0 everywhere."""
    refuse_lost_write("zeros_", tensor)
    return _give(tensor, 0.0)


def eye_(tensor: Tensor) -> Tensor:
    """The identity matrix, as far as a matrix (rows, columns) holds it.

    Raises:
        ArgumentError: not 2 axes.
    """
    refuse_lost_write("eye_", tensor)
    if tensor.ndim != 2:
        raise ArgumentError(f"eye_: a matrix is needed; got shape {list(tensor.shape)}")
    return _give(tensor, rtch.eye(*tensor.shape, dtype=tensor.dtype))


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """A convolution's weight (outputs, inputs, *kernel) that passes as many channels on as it can, in each group.

    Raises:
        ArgumentError: not 3 to 5 axes, or outputs that groups do not divide.
    """
    refuse_lost_write("dirac_", tensor)
    if tensor.ndim not in (3, 4, 5):
        raise ArgumentError(f"dirac_: a weight of 3, 4 or 5 axes is needed; got shape {list(tensor.shape)}")
    if isinstance(groups, bool) or not isinstance(groups, int) or groups < 1 or tensor.shape[0] % groups:
        raise ArgumentError(f"dirac_: groups must divide {tensor.shape[0]} outputs; got {groups!r}", groups=groups)
    each = tensor.shape[0] // groups
    middle = tuple(n // 2 for n in tensor.shape[2:])
    value = rtch.zeros(tensor.shape, dtype=tensor.dtype)
    for group in range(groups):
        for i in range(min(each, tensor.shape[1])):
            value[(group * each + i, i, *middle)] = 1.0
    return _give(tensor, value)


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Uniform in +-gain sqrt(6 / (inputs + outputs)) (Glorot and Bengio, 2010)."""
    refuse_lost_write("xavier_uniform_", tensor)
    fan_in, fan_out = _fans("xavier_uniform_", tensor)
    bound = math.sqrt(3.0) * (gain * math.sqrt(2.0 / (fan_in + fan_out)))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Normal with standard deviation gain sqrt(2 / (inputs + outputs)) (Glorot and Bengio, 2010)."""
    refuse_lost_write("xavier_normal_", tensor)
    fan_in, fan_out = _fans("xavier_normal_", tensor)
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / (fan_in + fan_out)), generator)


def _kaiming_std(where: str, tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    fans = dict(zip(("fan_in", "fan_out"), _fans(where, tensor), strict=True))
    if mode not in fans:
        raise ArgumentError(f"{where}: mode is 'fan_in' or 'fan_out'; got {mode!r}", mode=mode)
    return calculate_gain(nonlinearity, a) / math.sqrt(fans[mode])


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0.0,
    mode: Literal["fan_in", "fan_out"] = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Uniform in +-gain sqrt(3 / inputs), or outputs (He et al., 2015); a is the slope of "leaky_relu"."""
    refuse_lost_write("kaiming_uniform_", tensor)
    if isinstance(tensor, Tensor) and 0 in tensor.shape:
        return tensor
    bound = math.sqrt(3.0) * _kaiming_std("kaiming_uniform_", tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0.0,
    mode: Literal["fan_in", "fan_out"] = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Normal with standard deviation gain / sqrt(inputs), or outputs (He et al., 2015)."""
    refuse_lost_write("kaiming_normal_", tensor)
    if isinstance(tensor, Tensor) and 0 in tensor.shape:
        return tensor
    return normal_(tensor, 0.0, _kaiming_std("kaiming_normal_", tensor, a, mode, nonlinearity), generator)


def orthogonal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """gain times a random matrix (rows, the rest) with orthonormal rows or columns, whichever are fewer.

    Of a matrix of normal numbers by Gram and Schmidt's process, each vector twice; in float64.
    """
    refuse_lost_write("orthogonal_", tensor)
    _floating("orthogonal_", tensor)
    if tensor.ndim < 2:
        raise ArgumentError(f"orthogonal_: a weight of 2 axes or more is needed; got shape {list(tensor.shape)}")
    if tensor.size == 0:
        return tensor
    rows, columns = tensor.shape[0], tensor.size // tensor.shape[0]
    drawn = (generator or default_generator).normal((rows, columns), dtype="float64")
    vectors = drawn if rows <= columns else drawn.T  # its rows become orthonormal
    basis = rtch.zeros(vectors.shape, dtype="float64")
    for i in range(vectors.shape[0]):
        v = vectors[i]
        for _ in range(2):
            v = v - (basis[:i] @ v) @ basis[:i] if i else v
        basis[i] = v / math.sqrt((v * v).sum().item())
    value = (basis if rows <= columns else basis.T) * gain
    return _give(tensor, value.reshape(tensor.shape).astype(tensor.dtype))
