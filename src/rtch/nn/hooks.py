# SPDX-License-Identifier: MIT
"""Hooks: functions that a module calls before or after `forward`."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

from rtch._c import lib
from rtch.creation import zeros_like
from rtch.errors import ArgumentError
from rtch.manipulation import concat, reshape
from rtch.ops.row import Kind, Op, Rule
from rtch.tensor import Tensor, grad_mode, structure


class Hook(NamedTuple):
    """A function, and what it is called with."""

    function: Callable[..., Any]
    with_kwargs: bool
    always: bool = False  # also when forward raised


Hooks = dict[int, Hook]


def need_callable(where: str, hook: Any) -> None:
    """Raise where a hook can't be called.

    Raises:
        ArgumentError: it can't.
    """
    if not callable(hook):
        raise ArgumentError(f"{where}: a function is needed; got {hook!r:.60}", argument=hook)


def call(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run the hooks before, forward, and the hooks after, in order; each may put something else in the place of the
    arguments or of the result. Hooks on gradients see those of what forward gets and gives."""
    for hook in tuple(module._before.values()):
        if hook.with_kwargs:
            changed = hook.function(module, args, kwargs)
            if changed is not None:
                args, kwargs = changed
        else:
            changed = hook.function(module, args)
            if changed is not None:
                args = changed if isinstance(changed, tuple) else (changed,)
    backward = Backward.of(module)
    if backward is not None:
        args = backward.inputs(args)
    try:
        out = module.forward(*args, **kwargs)
    except BaseException:
        for hook in tuple(module._after.values()):
            if hook.always:
                _after(hook, module, args, kwargs, None)
        raise
    for hook in tuple(module._after.values()):
        changed = _after(hook, module, args, kwargs, out)
        if changed is not None:
            out = changed
    return out if backward is None else backward.outputs(out)


def _after(hook: Hook, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> Any:
    return hook.function(module, args, kwargs, out) if hook.with_kwargs else hook.function(module, args, out)


# A node of the graph that no kernel runs, so not in the table: its value is x, its gradient what `see` makes of g.
_SEEN = Op(
    id=-1,
    name="module_hook",
    kind=Kind.STRUCTURE,
    rule=Rule.ANY,
    inputs=("x",),
    grads=(lambda g, see: see(g),),
    summary="x.",
    detail="",
    operator=None,
    method=False,
    reference=lambda: None,
    domain=(-4.0, 4.0),
)


class Backward:
    """The hooks on gradients of one call of a module."""

    def __init__(self, module: Any, full: tuple[Any, ...], pre: tuple[Any, ...]) -> None:
        self.module, self.full, self.pre = module, full, pre
        self.grad_output: tuple[Any, ...] = ()
        self.n_inputs = 0
        self.watched: list[int] = []  # which arguments have a gradient

    @classmethod
    def of(cls, module: Any) -> Backward | None:
        """Those that there are, if gradients are recorded."""
        full, pre = module._hooks("full_backward_hook"), module._hooks("full_backward_pre_hook")
        return cls(module, full, pre) if (full or pre) and grad_mode.enabled else None

    def inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments, their gradients watched."""
        self.n_inputs = len(args)
        if self.full:
            args, self.watched = _watch(self.module, args, self.see_inputs)
        return args

    def outputs(self, out: Any) -> Any:
        """The results, their gradients watched.

        Raises:
            ArgumentError: they are neither a tensor nor a tuple or list with tensors.
        """
        if isinstance(out, Tensor):
            return _watch(self.module, (out,), self.see_outputs)[0][0]
        if isinstance(out, (tuple, list)):
            seen = _watch(self.module, tuple(out), self.see_outputs)[0]
            return type(out)(*seen) if hasattr(out, "_fields") else type(out)(seen)
        raise ArgumentError(
            f"{type(self.module).__name__}: hooks on gradients need a tensor, a tuple or a list from forward; "
            f"got {type(out).__name__}"
        )

    def see_outputs(self, grads: tuple[Any, ...]) -> tuple[Any, ...]:
        """Run the hooks before, and the others where no argument has a gradient."""
        for hook in self.pre:
            grads = _changed(self.module, hook(self.module, grads), grads)
        self.grad_output = grads
        if self.full and not self.watched:
            for hook in self.full:
                hook(self.module, (None,) * self.n_inputs, grads)
        return grads

    def see_inputs(self, grads: tuple[Any, ...]) -> tuple[Any, ...]:
        """Run the hooks on the gradients of inputs and results."""
        for hook in self.full:
            grads = _changed(self.module, hook(self.module, grads, self.grad_output), grads)
        return grads


def _changed(module: Any, given: Any, grads: tuple[Any, ...]) -> tuple[Any, ...]:
    """What a hook gave in the place of gradients."""
    if given is None:
        return grads
    made = tuple(given) if isinstance(given, (tuple, list)) else (given,)
    fits = len(made) == len(grads) and all(
        new is None or old is None or (isinstance(new, Tensor) and new.shape == old.shape)
        for new, old in zip(made, grads, strict=True)
    )
    if not fits:
        raise ArgumentError(
            f"{type(module).__name__}: a hook on gradients must give {len(grads)} of the shapes it was given, or None"
        )
    return made


def _watch(module: Any, values: tuple[Any, ...], see: Callable[..., tuple[Any, ...]]) -> tuple[Any, list[int]]:
    """Values, of which those with a gradient go through one node together: `see` gets all their gradients at once. Also
    which those are."""
    at = [i for i, value in enumerate(values) if isinstance(value, Tensor) and value._h.node]
    if not at:
        return values, at
    shapes = [values[i].shape for i in at]
    sizes = [values[i].size for i in at]
    if len({values[i].dtype for i in at}) > 1:
        raise ArgumentError(f"{type(module).__name__}: hooks on gradients need tensors of one dtype")

    def split(joined: Tensor) -> list[Tensor]:
        if len(at) == 1:
            return [joined]
        ends = list(itertools.accumulate(sizes))
        return [reshape(joined[end - size : end], shape) for end, size, shape in zip(ends, sizes, shapes, strict=True)]

    def of_joined(g: Tensor) -> Tensor:
        grads: list[Any] = [None] * len(values)
        for i, part in zip(at, split(g), strict=True):
            grads[i] = part
        seen = see(tuple(grads))
        parts = [seen[i] if seen[i] is not None else zeros_like(grads[i]) for i in at]
        return parts[0] if len(at) == 1 else concat([reshape(part, (-1,)) for part in parts])

    joined = values[at[0]] if len(at) == 1 else concat([reshape(values[i], (-1,)) for i in at])
    node = structure(_SEEN, lib.rt_retain(joined._h), (joined,), {"see": of_joined})
    out = list(values)
    for i, part in zip(at, split(node), strict=True):
        out[i] = part
    return tuple(out), at
