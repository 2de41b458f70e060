# SPDX-License-Identifier: MIT
"""gradcheck and gradgradcheck: they pass what is right, catch what is wrong, and say where."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import rtch
from rtch._c import lib
from rtch.autograd import gradcheck, gradgradcheck, no_grad
from rtch.errors import AutogradError, DTypeError
from rtch.ops.row import Kind, Op, Rule
from rtch.tensor import Tensor, structure


def x64(*values: float) -> Tensor:
    return rtch.asarray(list(values), dtype="float64").requires_grad_()


def tanh_with(gradient: Callable[..., Any]) -> Callable[[Tensor], Tensor]:
    """tanh with another gradient."""
    row = Op(
        id=10_001,
        name="tanh_with",
        kind=Kind.STRUCTURE,
        rule=Rule.ANY,
        inputs=("x",),
        grads=(gradient,),
        summary="",
        detail="",
        operator=None,
        method=False,
        reference=lambda: None,
        domain=(0.0, 1.0),
    )

    def call(x: Tensor) -> Tensor:
        value = x.detach().tanh()
        return structure(row, lib.rt_retain(value._h), (x,))

    return call


RIGHT = tanh_with(lambda g, out: g * (1 - out * out))
WRONG = {
    "no square": tanh_with(lambda g, out: g * (1 - out)),
    "factor": tanh_with(lambda g, out: g * (1 - out * out) * 1.01),
    "sign": tanh_with(lambda g, out: -g * (1 - out * out)),
    "mirrored": tanh_with(lambda g, out: (g * (1 - out * out))[::-1]),
    "forgets the seed": tanh_with(lambda g, out: 1 - out * out),
    "zero": tanh_with(lambda g, out: g * 0),
}


def test_a_right_gradient_passes() -> None:
    """A row with the right gradient passes both checks."""
    assert gradcheck(RIGHT, x64(0.3, -0.6, 1.1))
    assert gradgradcheck(RIGHT, x64(0.3, -0.6, 1.1))


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_gradient_is_caught(name: str) -> None:
    """Every wrong gradient is refused, with input, element and both values in the message."""
    with pytest.raises(AutogradError, match=r"input 0, element \d: gradient .*, difference quotient") as caught:
        gradcheck(WRONG[name], [x64(0.3, -0.6, 1.1)])
    assert caught.value.input == 0


def test_a_wrong_second_order_is_caught() -> None:
    """A gradient with the right value that is a constant to the graph passes gradcheck and fails gradgradcheck."""
    cut = tanh_with(lambda g, out: g * (1 - out * out).detach())
    assert gradcheck(cut, x64(0.3, -0.6))
    with pytest.raises(AutogradError, match="difference quotient"):
        gradgradcheck(cut, x64(0.3, -0.6))


def test_the_element_is_named() -> None:
    """An error in one element of the second input is found there."""

    def f(x: Tensor, y: Tensor) -> Tensor:
        half = rtch.asarray([0.0, 0.0, 1.0], dtype="float64")
        return x * y + (y.detach() * half) * x.detach()

    with pytest.raises(AutogradError) as caught:
        gradcheck(f, [x64(1.0, 2.0, 3.0).detach(), x64(4.0, 5.0, 6.0)])
    assert (1, 2) == (caught.value.input, caught.value.element)


def test_a_function_that_ignores_the_graph() -> None:
    """A result outside the graph has the gradient zero: wrong where the function moves, right where it does not."""
    with pytest.raises(AutogradError):
        gradcheck(lambda x: x.detach() * 2, x64(1.0))
    assert gradcheck(lambda x: x.detach() * 0, x64(1.0))
    assert gradcheck(lambda x, y: x * 2, [x64(1.0), x64(2.0)])


def test_a_nan_does_not_pass() -> None:
    """NaN compares with nothing, so it is a failure."""
    with pytest.raises(AutogradError):
        gradcheck(lambda x: x.sqrt(), x64(-1.0))


def test_inputs_keep_their_grad_and_mode() -> None:
    """A check adds to no `.grad`, and works under no_grad."""
    x = x64(0.5, 0.7)
    with no_grad():
        assert gradcheck(lambda t: t * t, x)
        assert gradgradcheck(lambda t: t * t * t, x)
    assert x.grad is None


def test_arguments() -> None:
    """float64 inputs that require grad, and one float64 result, are needed."""
    with pytest.raises(DTypeError, match="float64 or complex128 is needed; got float32 for input 1"):
        gradcheck(lambda x, y: x * y, [x64(1.0), rtch.ones((1,)).requires_grad_()])
    for none in ([], [rtch.ones((2,), dtype="float64")]):
        with pytest.raises(AutogradError, match="no input requires grad"):
            gradcheck(lambda *x: x[0], none)
    with pytest.raises(DTypeError, match="one float64 or complex128 tensor; got float32"):
        gradcheck(lambda x: x.astype("float32"), x64(1.0))
    with pytest.raises(DTypeError, match="one float64 or complex128 tensor; got tuple"):
        gradcheck(lambda x: (x, x), x64(1.0))  # type: ignore[arg-type,return-value]
    with pytest.raises(AutogradError, match="no input requires grad"):
        gradgradcheck(lambda x: x, rtch.ones((2,), dtype="float64"))


def test_tolerances() -> None:
    """atol and rtol are what decides, and eps is the step."""
    loose = tanh_with(lambda g, out: g * (1 - out * out) * 1.01)
    assert gradcheck(loose, x64(0.3), rtol=0.02)
    assert gradcheck(loose, x64(0.3), atol=0.02)
    with pytest.raises(AutogradError):
        gradcheck(lambda x: x * x * x, x64(1.0), eps=0.1, rtol=1e-6, atol=1e-6)
