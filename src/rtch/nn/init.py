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
from rtch.nn.functional.arguments import need_floating, need_generator, need_integer, need_number
from rtch.random import Generator
from rtch.tensor import Tensor, need_tensors, refuse_lost_write

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
        slope = 0.01 if param is None else need_number("calculate_gain", "the slope", param)
        return math.sqrt(2.0 / (1 + slope * slope))
    if not isinstance(nonlinearity, str) or nonlinearity not in _GAINS:
        known = ", ".join((*_GAINS, "leaky_relu"))
        raise ArgumentError(f"calculate_gain: nonlinearity is one of {known}; got {nonlinearity!r:.60}")
    return _GAINS[nonlinearity]


def _give(where: str, tensor: Tensor, value: Tensor | float) -> Tensor:
    need_tensors(where, tensor)
    with rtch.no_grad():
        tensor[...] = value
    return tensor


def _fans(where: str, tensor: Tensor) -> tuple[int, int]:
    """Inputs and outputs of a weight (outputs, inputs, *kernel)."""
    need_floating(where, tensor)
    if tensor.ndim < 2:
        raise ArgumentError(
            f"{where}: a weight of 2 axes or more is needed; got shape {list(tensor.shape)}", shape=tensor.shape
        )
    receptive = math.prod(tensor.shape[2:])
    return tensor.shape[1] * receptive, tensor.shape[0] * receptive


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Numbers in [a, b).

    Args:
        tensor: float32 or float64.
        a: the least.
        b: the bound above.
        generator: where the numbers come from.

    Raises:
        ArgumentError: a or b is no finite number, or b below a.
        DTypeError: another dtype, or no tensor.
    """
    refuse_lost_write("uniform_", tensor)
    return _uniform("uniform_", tensor, need_number("uniform_", "a", a), need_number("uniform_", "b", b), generator)


def _uniform(where: str, tensor: Tensor, a: float, b: float, generator: Generator | None) -> Tensor:
    need_floating(where, tensor)
    return _give(where, tensor, need_generator(where, generator).uniform(tensor.shape, a, b, dtype=tensor.dtype))


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Normally distributed numbers.

    Args:
        tensor: float32 or float64.
        mean: their mean.
        std: their standard deviation.
        generator: where the numbers come from.

    Raises:
        ArgumentError: mean or std is no finite number, or std below 0.
        DTypeError: another dtype, or no tensor.
    """
    refuse_lost_write("normal_", tensor)
    mean, std = need_number("normal_", "mean", mean), need_number("normal_", "std", std)
    return _normal("normal_", tensor, mean, std, generator)


def _normal(where: str, tensor: Tensor, mean: float, std: float, generator: Generator | None) -> Tensor:
    need_floating(where, tensor)
    return _give(where, tensor, need_generator(where, generator).normal(tensor.shape, mean, std, dtype=tensor.dtype))


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Normally distributed numbers within [a, b]; see `Generator.truncated_normal`.

    Args:
        tensor: float32 or float64.
        mean: their mean, were they not cut.
        std: their standard deviation, likewise.
        a: the least.
        b: the largest.
        generator: where the numbers come from.

    Raises:
        ArgumentError: std is not above 0, b below a, or no number lies between.
        DTypeError: another dtype, or no tensor.
    """
    where = "trunc_normal_"
    refuse_lost_write(where, tensor)
    need_floating(where, tensor)
    names = {"mean": mean, "std": std, "a": a, "b": b}
    numbers = [need_number(where, name, value) for name, value in names.items()]
    drawn = need_generator(where, generator).truncated_normal(tensor.shape, *numbers, dtype=tensor.dtype)
    return _give(where, tensor, drawn)


def constant_(tensor: Tensor, val: float) -> Tensor:
    """One number everywhere.

    Args:
        tensor: any dtype.
        val: the number.

    Raises:
        DTypeError: no tensor, or val does not fit in its dtype.
    """
    refuse_lost_write("constant_", tensor)
    return _give("constant_", tensor, val)


def ones_(tensor: Tensor) -> Tensor:
    """1 everywhere.

    Args:
        tensor: of any dtype.

    Raises:
        DTypeError: no tensor.
    """
    refuse_lost_write("ones_", tensor)
    return _give("ones_", tensor, 1)


def zeros_(tensor: Tensor) -> Tensor:
    """0 everywhere.

    Args:
        tensor: of any dtype.

    Raises:
        DTypeError: no tensor.
    """
    refuse_lost_write("zeros_", tensor)
    return _give("zeros_", tensor, 0)


def eye_(tensor: Tensor) -> Tensor:
    """The identity matrix, as far as a matrix (rows, columns) holds it.

    Args:
        tensor: the matrix, of any dtype.

    Raises:
        ArgumentError: not 2 axes.
        DTypeError: no tensor.
    """
    refuse_lost_write("eye_", tensor)
    need_tensors("eye_", tensor)
    if tensor.ndim != 2:
        raise ArgumentError(f"eye_: a matrix is needed; got shape {list(tensor.shape)}", shape=tensor.shape)
    return _give("eye_", tensor, rtch.eye(*tensor.shape, dtype=tensor.dtype))


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """A convolution's weight (outputs, inputs, *kernel) that passes as many channels on as it can, in each group.

    Args:
        tensor: the weight.
        groups: those of the convolution.

    Raises:
        ArgumentError: not 3 to 5 axes, or outputs that groups do not divide.
        DTypeError: no tensor.
    """
    refuse_lost_write("dirac_", tensor)
    need_tensors("dirac_", tensor)
    if tensor.ndim not in (3, 4, 5):
        raise ArgumentError(
            f"dirac_: a weight of 3, 4 or 5 axes is needed; got shape {list(tensor.shape)}", shape=tensor.shape
        )
    groups = need_integer("dirac_", "groups", groups, 1)
    if tensor.shape[0] % groups:
        raise ArgumentError(f"dirac_: groups must divide {tensor.shape[0]} outputs; got {groups}", groups=groups)
    each = tensor.shape[0] // groups
    middle = tuple(n // 2 for n in tensor.shape[2:])
    value = rtch.zeros(tensor.shape, dtype=tensor.dtype)
    for group in range(groups):
        for i in range(min(each, tensor.shape[1])):
            value[(group * each + i, i, *middle)] = 1.0
    return _give("dirac_", tensor, value)


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Uniform in +-gain sqrt(6 / (inputs + outputs)) (Glorot and Bengio, 2010).

    Args:
        tensor: a weight (outputs, inputs, *kernel), float32 or float64.
        gain: a factor; see `calculate_gain`.
        generator: where the numbers come from.

    Raises:
        ArgumentError: less than 2 axes, or gain is no number.
        DTypeError: another dtype, or no tensor.
    """
    refuse_lost_write("xavier_uniform_", tensor)
    bound = math.sqrt(3.0) * _xavier_std("xavier_uniform_", tensor, gain)
    return _uniform("xavier_uniform_", tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Normal with standard deviation gain sqrt(2 / (inputs + outputs)) (Glorot and Bengio, 2010).

    Args:
        tensor: a weight (outputs, inputs, *kernel), float32 or float64.
        gain: a factor; see `calculate_gain`.
        generator: where the numbers come from.

    Raises:
        ArgumentError: less than 2 axes, or gain is no number.
        DTypeError: another dtype, or no tensor.
    """
    refuse_lost_write("xavier_normal_", tensor)
    return _normal("xavier_normal_", tensor, 0.0, _xavier_std("xavier_normal_", tensor, gain), generator)


def _xavier_std(where: str, tensor: Tensor, gain: float) -> float:
    # A weight without inputs and outputs gets no numbers, whatever their deviation.
    return need_number(where, "gain", gain) * math.sqrt(2.0 / max(sum(_fans(where, tensor)), 1))


def _kaiming_std(where: str, tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise ArgumentError(f"{where}: mode is 'fan_in' or 'fan_out'; got {mode!r:.60}", mode=mode)
    fan = _fans(where, tensor)[mode == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(max(fan, 1))


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0.0,
    mode: Literal["fan_in", "fan_out"] = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Uniform in +-gain sqrt(3 / inputs), or outputs (He et al., 2015).

    Args:
        tensor: a weight (outputs, inputs, *kernel), float32 or float64.
        a: the slope of "leaky_relu".
        mode: whether inputs or outputs count.
        nonlinearity: what `calculate_gain` knows.
        generator: where the numbers come from.

    Raises:
        ArgumentError: less than 2 axes, a is no number, or an unknown mode or nonlinearity.
        DTypeError: another dtype, or no tensor.
    """
    refuse_lost_write("kaiming_uniform_", tensor)
    bound = math.sqrt(3.0) * _kaiming_std("kaiming_uniform_", tensor, a, mode, nonlinearity)
    return _uniform("kaiming_uniform_", tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0.0,
    mode: Literal["fan_in", "fan_out"] = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Normal with standard deviation gain / sqrt(inputs), or outputs (He et al., 2015).

    Args:
        tensor: a weight (outputs, inputs, *kernel), float32 or float64.
        a: the slope of "leaky_relu".
        mode: whether inputs or outputs count.
        nonlinearity: what `calculate_gain` knows.
        generator: where the numbers come from.

    Raises:
        ArgumentError: less than 2 axes, a is no number, or an unknown mode or nonlinearity.
        DTypeError: another dtype, or no tensor.
    """
    refuse_lost_write("kaiming_normal_", tensor)
    std = _kaiming_std("kaiming_normal_", tensor, a, mode, nonlinearity)
    return _normal("kaiming_normal_", tensor, 0.0, std, generator)


def orthogonal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """gain times a random matrix (rows, the rest) with orthonormal rows or columns, whichever are fewer.

    Of a matrix of normal numbers by Gram and Schmidt's process, each vector twice; in float64.

    Args:
        tensor: a weight (rows, *), float32 or float64.
        gain: the factor.
        generator: where the numbers come from.

    Raises:
        ArgumentError: less than 2 axes, or gain is no number.
        DTypeError: another dtype, or no tensor.
    """
    refuse_lost_write("orthogonal_", tensor)
    _fans("orthogonal_", tensor)
    gain = need_number("orthogonal_", "gain", gain)
    if tensor.size == 0:
        return tensor
    rows, columns = tensor.shape[0], tensor.size // tensor.shape[0]
    drawn = need_generator("orthogonal_", generator).normal((rows, columns), dtype="float64")
    vectors = drawn if rows <= columns else drawn.T  # its rows become orthonormal
    basis = rtch.zeros(vectors.shape, dtype="float64")
    for i in range(vectors.shape[0]):
        v = vectors[i]
        for _ in range(2):
            v = v - (basis[:i] @ v) @ basis[:i] if i else v
        basis[i] = v / math.sqrt((v * v).sum().item())
    value = (basis if rows <= columns else basis.T) * gain
    return _give("orthogonal_", tensor, value.reshape(tensor.shape).astype(tensor.dtype))
