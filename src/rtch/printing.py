# SPDX-License-Identifier: MIT
"""How a tensor looks as text. NumPy lays out the numbers, by options that are fixed here and not the process's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy.typing as npt

THRESHOLD = 1000  # elements; of more, the edges are shown
_WIDTH = 80
_EDGE = 3
_OPTIONS: dict[str, Any] = {
    "precision": 8,
    "suppress": False,
    "edgeitems": _EDGE,
    "linewidth": _WIDTH,
    "nanstr": "nan",
    "infstr": "inf",
    "sign": "-",
    "floatmode": "maxprec",
    "formatter": None,
    "legacy": False,
}


def widen_bfloat16(bits: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """float32 values of bfloat16's bits. Of a large array only what is shown: along each dimension the edges, and one
    more, in the place of all that are elided.
    """
    import numpy

    if bits.size > THRESHOLD:
        for axis, size in enumerate(bits.shape):
            if size > 2 * _EDGE:
                rows = numpy.moveaxis(bits, axis, 0)
                bits = numpy.moveaxis(numpy.concatenate([rows[: _EDGE + 1], rows[-_EDGE:]]), 0, axis)
    return numpy.asarray(bits.astype("uint32") << 16).view("float32")


def describe(name: str, values: npt.NDArray[Any], shape: tuple[int, ...], size: int, facts: list[str]) -> str:
    """``name(values, facts)``, the shape among the facts where the values don't show it.

    Args:
        name: class of the tensor.
        values: the tensor's, or, of a large one, at least those at the edges.
        shape: the tensor's.
        size: the tensor's number of elements.
        facts: what follows the values.
    """
    import numpy

    indent = len(name) + 1
    threshold = THRESHOLD if size <= THRESHOLD else 0
    with numpy.printoptions(**_OPTIONS, threshold=threshold):
        body = numpy.array2string(values, separator=", ", prefix=" " * indent)
    if size == 0 or size > THRESHOLD:
        facts = [f"shape={shape}", *facts]
    tail = ", ".join(facts) + ")"
    last = body.rpartition("\n")[2]
    used = len(last) + (0 if "\n" in body else indent)
    between = ", " if used + 2 + len(tail) <= _WIDTH else ",\n" + " " * indent
    return f"{name}({body}{between}{tail}"
