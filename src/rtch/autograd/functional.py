# SPDX-License-Identifier: MIT
"""Derivatives of functions of tensors: products with the Jacobian and the Hessian, and the two in full.

Arguments, shapes and nesting are those of ``torch.autograd.functional``: a tensor in gives a tensor, a tuple in gives a
tuple, and `jacobian` gives a tuple over outputs of tuples over inputs where both are tuples. The function is called
once, on tensors of its own: whatever it does to them, the tensors that were passed keep their values, their place in
the graph and their `.grad`.

``strict=False`` takes what does not depend on an input for a constant, whose derivative is 0. ``strict=True`` raises.
``create_graph=True`` gives results that depend on those inputs that require grad; otherwise no result requires grad.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from rtch.autograd.engine import grad
from rtch.autograd.modes import enable_grad, need_recording, set_grad_enabled
from rtch.creation import ones_like, zeros, zeros_like
from rtch.errors import ArgumentError, BroadcastError, DTypeError, MissingGradError, NonScalarLossError
from rtch.manipulation import reshape, stack
from rtch.tensor import Tensor

Tensors: TypeAlias = Tensor | Sequence[Tensor]
_Found: TypeAlias = list[Tensor | None]


def _tuple(where: str, what: str, given: Any) -> tuple[Tensor, ...]:
    parts = (given,) if isinstance(given, Tensor) else given
    if not isinstance(parts, (tuple, list)) or not parts or not all(isinstance(t, Tensor) for t in parts):
        raise ArgumentError(f"{where}: {what} must be one tensor or a tuple; got {given!r:.80}", argument=given)
    return tuple(parts)


def _gradients(
    outputs: Sequence[Tensor | None],
    inputs: Sequence[Tensor],
    seeds: Sequence[Tensor | None],
    create_graph: bool,
    retain_graph: bool | None = None,
) -> _Found:
    """`grad` that takes outputs which depend on nothing."""
    pairs = [(out, v) for out, v in zip(outputs, seeds, strict=True) if out is not None and out.requires_grad]
    if not pairs:
        return [None] * len(inputs)
    outs, vs = zip(*pairs, strict=True)
    found = grad(outs, inputs, vs, retain_graph=retain_graph, create_graph=create_graph, allow_unused=True)
    return list(found)


class _Call:
    """One call of a function on inputs that gradients flow to."""

    def __init__(self, where: str, func: Callable[..., Any], inputs: Any, create_graph: bool, strict: bool) -> None:
        need_recording(where)
        self.where = where
        self.create_graph = create_graph
        self.strict = strict
        self.one_input = isinstance(inputs, Tensor)
        with enable_grad():
            self.inputs = tuple(self._entry(i, x) for i, x in enumerate(_tuple(where, "inputs", inputs)))
            # Each a new tensor: the function may write to its arguments, and close over the tensors that were passed.
            given = func(*[reshape(x, x.shape) for x in self.inputs])
        self.one_output = isinstance(given, Tensor)
        self.outputs = _tuple(where, "what the function gives", given)
        for i, out in enumerate(self.outputs):
            if strict and not out.requires_grad:
                raise MissingGradError(f"{where}: strict=True, and output {i} does not depend on the inputs", index=i)

    def _entry(self, i: int, x: Tensor) -> Tensor:
        if not (x.dtype.is_floating or x.dtype.is_complex):
            raise DTypeError(
                f"{self.where}: inputs must be floating or complex; got {x.dtype.name} for input {i}", dtype=x.dtype
            )
        return reshape(x, x.shape) if self.create_graph and x.requires_grad else x.detach().requires_grad_()

    def scalar(self) -> Tensor:
        """The one output of one real element.

        Raises:
            NonScalarLossError: it has other elements.
            ArgumentError: there are several outputs.
        """
        if not self.one_output:
            n = len(self.outputs)
            raise ArgumentError(f"{self.where}: the function must give one tensor; got a tuple of {n}")
        out = self.outputs[0]
        if out.size != 1 or out.dtype.is_complex:
            raise NonScalarLossError(
                f"{self.where}: the function must give one real element; got {out.dtype.name}, shape {list(out.shape)}",
                shape=out.shape,
            )
        return out

    def vector(self, v: Any, like: Sequence[Tensor], single: bool) -> tuple[Tensor, ...]:
        """v as a tuple beside the tensors that it is a direction of; ones where it is left out."""
        if v is None:
            if len(like) != 1 or like[0].size != 1 or like[0].dtype.is_complex:
                shapes = [list(t.shape) for t in like]
                raise NonScalarLossError(f"{self.where}: v is needed but for one real element; got shapes {shapes}")
            return (ones_like(like[0]),)
        vs = _tuple(self.where, "v", v)
        if len(vs) != len(like):
            what = "one tensor" if single else f"a tuple of {len(like)} tensors"
            raise ArgumentError(f"{self.where}: v must be {what}; got {len(vs)}", argument=v)
        for i, (a, b) in enumerate(zip(vs, like, strict=True)):
            name = "v" if single else f"v[{i}]"
            if a.shape != b.shape:
                raise BroadcastError(
                    f"{self.where}: {name} must have shape {list(b.shape)}; got {list(a.shape)}",
                    shapes=(a.shape, b.shape),
                )
            if a.dtype is not b.dtype:
                raise DTypeError(f"{self.where}: {name} must be {b.dtype.name}; got {a.dtype.name}", dtype=a.dtype)
        return vs

    def checked(self, found: Sequence[Tensor | None], missing: str, differentiable: bool) -> None:
        """Refuse, where strict, derivatives that are missing or, where they are to be differentiated, constant."""
        if not self.strict:
            return
        for i, g in enumerate(found):
            if g is None:
                raise MissingGradError(f"{self.where}: strict=True, and {missing.format(i)}", index=i)
        for i, g in enumerate(found):
            if differentiable and g is not None and not g.requires_grad:
                raise MissingGradError(
                    f"{self.where}: strict=True, and derivative {i} does not depend on the inputs", index=i
                )

    def filled(self, found: Sequence[Tensor | None], like: Sequence[Tensor]) -> list[Tensor]:
        """Zeros for what is missing."""
        return [zeros_like(x) if g is None else g for g, x in zip(found, like, strict=True)]

    def given(self, tensors: Sequence[Tensor], single: bool) -> Any:
        """Tensors as the caller gets them."""
        kept = tuple(tensors) if self.create_graph else tuple(t.detach() for t in tensors)
        return kept[0] if single else kept

    def rows(self, result: str, out: Tensor | None, like: Tensor) -> tuple[Tensor, ...]:
        """The derivatives of every element of one tensor, of like's form, towards the inputs: like.shape + x.shape."""
        found: list[_Found] = [[] for _ in self.inputs]
        if out is not None and out.requires_grad:
            for j in range(out.size):
                seed = zeros(out.size, dtype=out.dtype)
                seed[j] = 1
                seeds = [reshape(seed, out.shape)]
                row = _gradients([out], self.inputs, seeds, self.create_graph, retain_graph=True)
                self.checked(row, f"{result} does not depend on input {{}}", self.create_graph)
                for parts, g in zip(found, row, strict=True):
                    parts.append(g)
        return tuple(self._stacked(parts, x, like.shape) for parts, x in zip(found, self.inputs, strict=True))

    def _stacked(self, parts: _Found, x: Tensor, shape: tuple[int, ...]) -> Tensor:
        shape = (*shape, *x.shape)
        if all(g is None for g in parts):
            return zeros(shape, dtype=x.dtype)
        none = zeros(x.shape, dtype=x.dtype)
        with set_grad_enabled(self.create_graph):
            return reshape(stack([none if g is None else g for g in parts]), shape)


def vjp(
    func: Callable[..., Any],
    inputs: Tensors,
    v: Tensors | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """The function's result, and the product of v with its Jacobian: the gradients that the seed v gives.

    Args:
        func: a function of tensors that gives a tensor or a tuple of tensors.
        inputs: where: a tensor or a tuple of tensors, floating or complex.
        v: of the shapes and dtypes of the outputs; may be left out where there is one real element.
        create_graph: record, for derivatives of the results.
        strict: refuse an output that does not depend on the inputs, or an input that no output depends on.

    Raises:
        ArgumentError: inputs, outputs or v are no tensors, or v has another number of them.
        AutogradError: called in `inference_mode`.
        BroadcastError: v has another shape.
        DTypeError: v has another dtype, or an input is neither floating nor complex.
        MissingGradError: strict, and a derivative is missing, or, with create_graph, constant.
        NonScalarLossError: v was left out, and there is not one real element.
    """
    call = _Call("vjp", func, inputs, create_graph, strict)
    vs = call.vector(v, call.outputs, call.one_output)
    found = _gradients(call.outputs, call.inputs, vs, create_graph)
    call.checked(found, "no output depends on input {}", create_graph)
    return call.given(call.outputs, call.one_output), call.given(call.filled(found, call.inputs), call.one_input)


def jvp(
    func: Callable[..., Any],
    inputs: Tensors,
    v: Tensors | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """The function's result, and the product of its Jacobian with v: the derivative in the direction v.

    `vjp` is linear in its seed, and the gradient of that is this product: two passes, whatever the sizes.

    Args:
        func: a function of tensors that gives a tensor or a tuple of tensors.
        inputs: where: a tensor or a tuple of tensors, floating or complex.
        v: of the shapes and dtypes of the inputs; may be left out where there is one real element.
        create_graph: record, for derivatives of the results.
        strict: refuse an output that does not depend on the inputs, or an input that no output depends on.

    Raises:
        ArgumentError: inputs, outputs or v are no tensors, or v has another number of them.
        AutogradError: called in `inference_mode`.
        BroadcastError: v has another shape.
        DTypeError: v has another dtype, or an input is neither floating nor complex.
        MissingGradError: strict, and a derivative is missing, or, with create_graph, constant.
        NonScalarLossError: v was left out, and there is not one real element.
    """
    call = _Call("jvp", func, inputs, create_graph, strict)
    vs = call.vector(v, call.inputs, call.one_input)
    seeds = [zeros_like(out).requires_grad_() if out.requires_grad else None for out in call.outputs]
    first = _gradients(call.outputs, call.inputs, seeds, True)
    call.checked(first, "no output depends on input {}", False)
    live = [seed for seed in seeds if seed is not None]
    towards = iter(_gradients(first, live, vs, create_graph) if live else ())
    found = [None if seed is None else next(towards) for seed in seeds]
    call.checked(found, "output {} does not depend on the inputs", create_graph)
    return call.given(call.outputs, call.one_output), call.given(call.filled(found, call.outputs), call.one_output)


def jacobian(func: Callable[..., Any], inputs: Tensors, create_graph: bool = False, strict: bool = False) -> Any:
    """Derivatives of every element of the result towards every element of the inputs, one pass for each of the former.

    Args:
        func: a function of tensors that gives a real tensor or a tuple of such.
        inputs: where: a tensor or a tuple of tensors, floating or complex.
        create_graph: record, for derivatives of the results.
        strict: refuse an output that does not depend on all inputs.

    Returns:
        A tensor of the output's shape followed by the input's, in the input's dtype. Of several outputs a tuple, of
        several inputs a tuple, of both ``jacobian[output][input]``.

    Raises:
        ArgumentError: inputs or outputs are no tensors.
        AutogradError: called in `inference_mode`.
        DTypeError: an output is complex, or an input neither floating nor complex.
        MissingGradError: strict, and a derivative is missing, or, with create_graph, constant.
    """
    call = _Call("jacobian", func, inputs, create_graph, strict)
    for i, out in enumerate(call.outputs):
        _need_real("jacobian", f"output {i}", out)
    results = [call.given(call.rows(f"output {i}", out, out), call.one_input) for i, out in enumerate(call.outputs)]
    return results[0] if call.one_output else tuple(results)


def hessian(func: Callable[..., Any], inputs: Tensors, create_graph: bool = False, strict: bool = False) -> Any:
    """Second derivatives of a scalar function, one pass for each element of the inputs.

    Args:
        func: a function of tensors that gives one real element.
        inputs: where: a tensor or a tuple of tensors, floating.
        create_graph: record, for derivatives of the results.
        strict: refuse a gradient that does not depend on all inputs, such as that of a linear function.

    Returns:
        A tensor of the input's shape, twice over; of a tuple of inputs ``hessian[i][j]``, of the shape of input i
        followed by that of input j.

    Raises:
        ArgumentError: inputs or the output are no tensors.
        AutogradError: called in `inference_mode`.
        DTypeError: an input is not floating.
        MissingGradError: strict, and a derivative is missing, or, with create_graph, constant.
        NonScalarLossError: the function gives other than one real element.
    """
    call = _Call("hessian", func, inputs, create_graph, strict)
    for i, x in enumerate(call.inputs):
        _need_real("hessian", f"input {i}", x)
    first = _gradients([call.scalar()], call.inputs, [None], True)
    call.checked(first, "the result does not depend on input {}", True)
    results = [
        call.given(call.rows(f"the gradient towards input {i}", g, x), call.one_input)
        for i, (g, x) in enumerate(zip(first, call.inputs, strict=True))
    ]
    return results[0] if call.one_input else tuple(results)


def vhp(
    func: Callable[..., Any],
    inputs: Tensors,
    v: Tensors | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """The function's result, and the product of v with its Hessian. See `hvp`, which gives the same."""
    return _hessian_product("vhp", func, inputs, v, create_graph, strict)


def hvp(
    func: Callable[..., Any],
    inputs: Tensors,
    v: Tensors | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """The function's result, and the product of its Hessian with v.

    It is the gradient of the product of the gradient with v: two passes, whatever the sizes. That is the product of v
    with the Hessian, which is symmetric.

    Args:
        func: a function of tensors that gives one real element.
        inputs: where: a tensor or a tuple of tensors, floating or complex.
        v: of the shapes and dtypes of the inputs; may be left out where there is one real element.
        create_graph: record, for derivatives of the results.
        strict: refuse a gradient that does not depend on all inputs, such as that of a linear function.

    Raises:
        ArgumentError: inputs, the output or v are no tensors, or v has another number of them.
        AutogradError: called in `inference_mode`.
        BroadcastError: v has another shape.
        DTypeError: v has another dtype, or an input is neither floating nor complex.
        MissingGradError: strict, and a derivative is missing, or, with create_graph, constant.
        NonScalarLossError: the function gives other than one real element, or v was left out, and there is not one.
    """
    return _hessian_product("hvp", func, inputs, v, create_graph, strict)


def _hessian_product(
    where: str, func: Callable[..., Any], inputs: Tensors, v: Tensors | None, create_graph: bool, strict: bool
) -> tuple[Any, Any]:
    call = _Call(where, func, inputs, create_graph, strict)
    vs = call.vector(v, call.inputs, call.one_input)
    first = _gradients([call.scalar()], call.inputs, [None], True)
    call.checked(first, "the result does not depend on input {}", True)
    found = _gradients(first, call.inputs, vs, create_graph)
    call.checked(found, "the gradient does not depend on input {}", create_graph)
    return call.given(call.outputs, True), call.given(call.filled(found, call.inputs), call.one_input)


def _need_real(where: str, what: str, t: Tensor) -> None:
    if t.dtype.is_complex:
        raise DTypeError(f"{where}: {what} must be real; got {t.dtype.name}", dtype=t.dtype)
