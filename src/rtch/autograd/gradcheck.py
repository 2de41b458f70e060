# SPDX-License-Identifier: MIT
"""Gradients against central differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rtch.autograd.engine import grad
from rtch.autograd.modes import enable_grad
from rtch.creation import asarray, ones_like, zeros_like
from rtch.dtypes import float64
from rtch.errors import AutogradError, DTypeError
from rtch.tensor import Tensor, snapshot


def _numeric(f: Callable[..., Tensor], inputs: Sequence[Tensor], which: int, seed: Tensor, eps: float) -> list[float]:
    """d sum(f * seed) / d inputs[which], element by element."""
    x = inputs[which]
    flat = x.detach().reshape(-1).tolist()
    out: list[float] = []
    for i, value in enumerate(flat):
        sides = []
        for moved in (value + eps, value - eps):
            values = [*flat[:i], moved, *flat[i + 1 :]]
            arguments = [snapshot(t) for t in inputs]
            arguments[which] = asarray(values, dtype=float64).reshape(x.shape)
            sides.append((f(*arguments) * seed).sum().item())
        out.append((sides[0] - sides[1]) / (2 * eps))
    return out


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
        inputs: float64 tensors; those that require grad are checked.
        eps: half the step of a difference.
        atol: allowed absolute difference.
        rtol: allowed relative difference.

    Raises:
        AutogradError: a gradient differs; the message names input, element and both values.
        DTypeError: an input that requires grad, or the result, is not float64.
    """
    args = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    checked = [i for i, x in enumerate(args) if x.requires_grad]
    for i in checked:
        if args[i].dtype is not float64:
            raise DTypeError(
                f"gradcheck: float64 is needed; got {args[i].dtype.name} for input {i}", dtype=args[i].dtype
            )
    if not checked:
        raise AutogradError("gradcheck: no input requires grad")
    out = f(*args)
    if not isinstance(out, Tensor) or out.dtype is not float64:
        got = out.dtype.name if isinstance(out, Tensor) else type(out).__name__
        raise DTypeError(f"gradcheck: the function must give one float64 tensor; got {got}")
    # Unequal weights, so that errors in different elements can't cancel.
    seed = asarray([1.0 + (i * 7 % 11) / 8 for i in range(out.size)], dtype=float64).reshape(out.shape)
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
        found = grad(out, [live[i] for i in checked], ones_like(out), create_graph=True, allow_unused=True)
        total = (out * 0).sum()
        for k, g in enumerate(found):
            if g is not None:
                total = total + (g * g).sum() * (k + 1) + g.sum()
        return total

    return gradcheck(first, args, eps=eps, atol=atol, rtol=rtol)
