# SPDX-License-Identifier: MIT
"""Gradients against central differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from rtch.autograd.engine import grad
from rtch.autograd.modes import enable_grad, need_recording
from rtch.creation import asarray, ones_like, zeros_like
from rtch.dtypes import complex128, float64
from rtch.errors import AutogradError, DTypeError
from rtch.functions import conj
from rtch.tensor import Tensor, snapshot

_Number: TypeAlias = float | complex


def _numeric(f: Callable[..., Tensor], inputs: Sequence[Tensor], which: int, seed: Tensor, eps: float) -> list[_Number]:
    """The gradient of Re sum(f * conj(seed)) towards inputs[which], element by element."""
    x = inputs[which]
    flat = x.detach().reshape(-1).tolist()
    seed = conj(seed)

    def slope(i: int, step: _Number) -> float:
        sides = []
        for moved in (flat[i] + step, flat[i] - step):
            values = [*flat[:i], moved, *flat[i + 1 :]]
            arguments = [snapshot(t) for t in inputs]
            arguments[which] = asarray(values, dtype=x.dtype).reshape(x.shape)
            sides.append((f(*arguments) * seed).sum().item().real)
        return (sides[0] - sides[1]) / (2 * eps)  # type: ignore[no-any-return]

    if x.dtype.is_complex:
        return [complex(slope(i, eps), slope(i, eps * 1j)) for i in range(len(flat))]
    return [slope(i, eps) for i in range(len(flat))]


@enable_grad()
def gradcheck(
    f: Callable[..., Tensor],
    inputs: Tensor | Sequence[Tensor],
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
) -> bool:
    """Compare the gradients of f with central differences; True, or an error that says where they part.

    Args:
        f: a function of tensors that gives one tensor.
        inputs: float64 or complex128 tensors; those that require grad are checked.
        eps: half the step of a difference.
        atol: allowed absolute difference.
        rtol: allowed relative difference.

    Raises:
        AutogradError: a gradient differs; the message names input, element and both values. Or no input requires grad,
            or in `inference_mode`.
        DTypeError: an input that requires grad, or the result, is neither float64 nor complex128.
    """
    need_recording("gradcheck")
    args = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    checked = [i for i, x in enumerate(args) if x.requires_grad]
    for i in checked:
        if args[i].dtype not in (float64, complex128):
            raise DTypeError(
                f"gradcheck: float64 or complex128 is needed; got {args[i].dtype.name} for input {i}",
                dtype=args[i].dtype,
            )
    if not checked:
        raise AutogradError("gradcheck: no input requires grad")
    out = f(*args)
    if not isinstance(out, Tensor) or out.dtype not in (float64, complex128):
        got = out.dtype.name if isinstance(out, Tensor) else type(out).__name__
        raise DTypeError(f"gradcheck: the function must give one float64 or complex128 tensor; got {got}")
    # Unequal weights, so that errors in different elements can't cancel; unequal parts, so that a lost conjugate shows.
    turn = 1 + 0.6j if out.dtype.is_complex else 1
    weights = [turn * (1.0 + (i * 7 % 11) / 8) for i in range(out.size)]
    seed = asarray(weights, dtype=out.dtype).reshape(out.shape)
    found: tuple[Tensor | None, ...] = (None,) * len(checked)
    if out.requires_grad:
        found = grad(out, [args[i] for i in checked], seed, allow_unused=True)
    for i, g in zip(checked, found, strict=True):
        analytic = (g if g is not None else zeros_like(args[i])).detach().reshape(-1).tolist()
        for at, (a, n) in enumerate(zip(analytic, _numeric(f, args, i, seed, eps), strict=True)):
            if not abs(a - n) <= atol + rtol * abs(n):
                raise AutogradError(
                    f"gradcheck: input {i}, element {at}: gradient {a!r}, difference quotient {n!r}",
                    input=i,
                    element=at,
                )
    return True


def gradgradcheck(
    f: Callable[..., Tensor],
    inputs: Tensor | Sequence[Tensor],
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
) -> bool:
    """`gradcheck` of the gradient of f: second order. Arguments and errors as there."""
    args = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    checked = [i for i, x in enumerate(args) if x.requires_grad]

    def first(*xs: Tensor) -> Tensor:
        live = [x if x.requires_grad else x.detach() for x in xs]
        for i in checked:
            if not live[i].requires_grad:
                live[i].requires_grad_()
        out = f(*live)
        seed = ones_like(out) * (1 - 0.4j) if out.dtype.is_complex else ones_like(out)
        found = grad(out, [live[i] for i in checked], seed, create_graph=True, allow_unused=True)
        total = (out * 0).sum()
        for k, g in enumerate(found):
            if g is not None:
                total = total + (g * g).sum() * (k + 1) + g.sum()
        return total

    return gradcheck(first, args, eps=eps, atol=atol, rtol=rtol)
