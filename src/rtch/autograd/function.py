# SPDX-License-Identifier: MIT
"""Functions with a backward of their own.

A call whose only differentiable result is y leaves one node. One with several leaves a node that joins them, which has
the edges to the inputs, and a small node for each result:

    inputs <-- join <-- result 0
                   <-- result 1

In the backward pass the small nodes put their gradients aside, with the pass, and the join, which runs when all of them
have, calls `backward` once.

The node holds the call: what was saved and the attributes of ctx. A saved result is kept outside the graph and tied to
it again where a recorded pass reads it, and what the caller gets are tensors of its own, so nothing that `forward` or
ctx sees leads back to the node.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from rtch._c import ffi, lib
from rtch.autograd.graph import FLOWS, Aside, Held, enter, tied
from rtch.autograd.modes import no_grad
from rtch.autograd.places import Frames, backward_error, capture, place_of, traceback_of
from rtch.creation import zeros
from rtch.dtypes import DType
from rtch.errors import (
    AnomalyError,
    ArgumentError,
    AutogradError,
    BackwardError,
    BroadcastError,
    DTypeError,
    TorchError,
)
from rtch.ops.table import BY_NAME
from rtch.tensor import Tensor, binary, grad_mode, share, snapshot, wrap

_NULL = ffi.NULL
_ADD = BY_NAME["add"]
_TOKEN = zeros(())  # what a result's node hands the join, and the value that the join is said to have
_Form: TypeAlias = tuple[tuple[int, ...], DType]


class FunctionCtx:
    """What `forward` and `backward` of one call of a `Function` share: any attributes, and these."""

    __slots__ = ("__dict__", "_call", "_node", "_outputs")
    _call: _Call

    def __init__(self, call: _Call, node: int, outputs: dict[int, int]) -> None:
        self.__dict__ = call.attributes
        self._call = call
        self._node = node  # the one that runs; 0: none does
        self._outputs = outputs  # nodes of results, by place

    @property
    def needs_input_grad(self) -> tuple[bool, ...]:
        """For each argument, whether a gradient flows to it."""
        return self._call.needs

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep tensors for `saved_tensors`: inputs, results or others, with the values they have when `forward` ends.

        Raises:
            AutogradError: `forward` has ended.
            DTypeError: one is neither a Tensor nor None.
        """
        self._call.need_open("save_for_backward")
        for i, x in enumerate(tensors):
            if x is not None and not isinstance(x, Tensor):
                raise DTypeError(
                    f"{self._call.name}: save_for_backward takes tensors and None; got {type(x).__name__} for {i}; "
                    "set an attribute of ctx for other values"
                )
        self._call.to_save = tensors

    @property
    def saved_tensors(self) -> tuple[Tensor | None, ...]:
        """What `save_for_backward` was given; in a recorded pass, inputs and results depend on what they did."""
        return self._call.saved_tensors(self._node if grad_mode.enabled else 0, self._outputs)

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Name results through which no gradient flows. Integer results need no mark.

        Raises:
            AutogradError: `forward` has ended.
        """
        self._call.need_open("mark_non_differentiable")
        self._call.marked = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Whether `backward` gets zeros for results that no gradient reached, as it does by default, or None."""
        self._call.materialize = bool(value)


class _Call(Held):
    """One call of a Function."""

    __slots__ = (
        "attributes",
        "differentiable",
        "function",
        "inputs",
        "marked",
        "materialize",
        "name",
        "needs",
        "outputs",
        "saved",
        "to_save",
    )

    def __init__(self, function: type[Function], args: tuple[Any, ...], frames: Frames) -> None:
        self.function = function
        self.name = function.__name__
        self.frames = frames
        self.attributes: dict[str, Any] = {}
        self.needs = tuple(isinstance(x, Tensor) and x._h.node != 0 for x in args)
        self.materialize = True
        self.marked: Sequence[Tensor] = ()
        self.to_save: Sequence[Tensor | None] | None = ()  # None: forward has ended
        # Values with the inputs (from 0 up) or results (from -1 down) that they are.
        self.saved: list[tuple[int | None, Tensor | None]] = []
        self.inputs: list[_Form | None] = []
        self.outputs: list[_Form | None] = []
        self.differentiable: list[int] = []

    def need_open(self, what: str) -> None:
        if self.to_save is None:
            raise AutogradError(f"{self.name}: {what} is for forward and setup_context")

    # Forward ----------------------------------------------------------------------------------------------------

    def results(self, args: tuple[Any, ...], handles: list[Any] | None, given: tuple[Any, ...]) -> list[Any]:
        """What forward gave, entered into the graph; handles: of the arguments, None where nothing is recorded."""
        self.differentiable = [
            k
            for k, y in enumerate(given)
            if isinstance(y, Tensor) and y._h.dtype in FLOWS and not any(y is other for other in self.marked)
        ]
        out = [snapshot(y) if isinstance(y, Tensor) and y._h.node else y for y in given]
        to_save, self.to_save = self.to_save, None
        if handles is None or not self.differentiable:
            return out
        assert to_save is not None
        self.saved = [self._entry(x, args, given) for x in to_save]
        self.outputs = [(y.shape, y.dtype) if isinstance(y, Tensor) else None for y in given]
        if len(self.differentiable) == 1:
            k = self.differentiable[0]
            out[k] = wrap(enter(self.name, lib.rt_retain(given[k]._h), handles, self))
            return out
        join = wrap(enter(self.name, lib.rt_retain(_TOKEN._h), handles, self))
        for k in self.differentiable:
            out[k] = self._part(k, given[k], join)
        return out

    def _part(self, k: int, y: Tensor, join: Tensor) -> Tensor:
        """y as result k, with a node that leads to the join."""
        return wrap(enter(self.name, lib.rt_retain(y._h), [join._h], _Part(k, self.frames)))

    def _entry(self, x: Any, args: tuple[Any, ...], given: tuple[Any, ...]) -> tuple[int | None, Tensor | None]:
        if x is None:
            return None, None
        for i, y in enumerate(args):
            if y is x:
                return i, share(x)
        for k, y in enumerate(given):
            if y is x:
                return ~k, snapshot(x)
        return None, share(x)

    # Backward ---------------------------------------------------------------------------------------------------

    def gradients(self, node: int, g: Tensor, create: bool, aside: Aside) -> list[Tensor | None]:
        """Those that the function's backward gives."""
        arrived: list[Any] = [None] * len(self.outputs)
        if len(self.differentiable) == 1:
            arrived[self.differentiable[0]] = g
            outputs = {self.differentiable[0]: node}
        else:
            outputs = {}
            for _, k, part, gradient in sorted(aside.pop(node, ()), key=lambda entry: entry[0]):
                arrived[k] = gradient if arrived[k] is None else binary(_ADD, arrived[k], gradient)
                outputs.setdefault(k, part)
        if self.materialize:
            for k, form in enumerate(self.outputs):
                if arrived[k] is None and form is not None:
                    arrived[k] = zeros(form[0], dtype=form[1])
        ctx = FunctionCtx(self, node, outputs)
        try:
            given = self.function.backward(ctx, *arrived)
        except (AnomalyError, BackwardError):  # of a pass inside
            raise
        except Exception as error:
            raise backward_error(f"{self.name}.backward", self.frames, error) from error
        finally:
            ctx._node = 0
        return self._checked(given if isinstance(given, (tuple, list)) else (given,), create)

    def _checked(self, given: Sequence[Any], create: bool) -> list[Tensor | None]:
        n = len(self.inputs)
        if len(given) < n or any(gradient is not None for gradient in given[n:]):
            raise self._wrong(AutogradError, f"a gradient for each of {n} inputs, or None, is needed; got {len(given)}")
        made: list[Tensor | None] = [None] * n
        for i, (gradient, form) in enumerate(zip(given, self.inputs, strict=False)):
            if gradient is None:
                continue
            if form is None:
                raise self._wrong(AutogradError, f"input {i} is no tensor: None is needed; got {gradient!r:.60}")
            if not isinstance(gradient, Tensor):
                got = type(gradient).__name__
                raise self._wrong(DTypeError, f"the gradient for input {i} must be a Tensor or None; got {got}")
            shape, dtype = form
            if not self.needs[i]:
                continue
            if gradient.shape != shape:
                raise self._wrong(
                    BroadcastError,
                    f"the gradient for input {i} must have shape {list(shape)}; got {list(gradient.shape)}",
                    shapes=(shape, gradient.shape),
                )
            if gradient.dtype is not dtype:
                raise self._wrong(
                    DTypeError,
                    f"the gradient for input {i} must be {dtype.name}; got {gradient.dtype.name}",
                    dtype=gradient.dtype,
                )
            made[i] = gradient if create or not gradient._h.node else snapshot(gradient)
        return made

    def _wrong(self, cls: type[TorchError], message: str, **facts: Any) -> TorchError:
        return cls(
            f"{self.name}.backward: {message}; the forward call was at {place_of(self.frames)}",
            forward_traceback=traceback_of(self.frames),
            **facts,
        )

    def saved_tensors(self, node: int, outputs: dict[int, int]) -> tuple[Tensor | None, ...]:
        """What was saved; tied into the graph where a node that runs is given."""
        if self.to_save is not None:
            return tuple(self.to_save)
        return tuple(None if x is None else self._tied(at, share(x), node, outputs) for at, x in self.saved)

    def _tied(self, at: int | None, x: Tensor, node: int, outputs: dict[int, int]) -> Tensor:
        if not node or at is None:
            return x
        if at >= 0:
            return tied(x, lib.rt_node_edge(node, at))
        k = ~at
        if k not in self.differentiable:
            return x
        if k in outputs:
            return tied(x, outputs[k])
        return self._part(k, x, tied(_TOKEN, node))  # no gradient has come by its node, which may be gone


class _Part(Held):
    """What the node of one of several results holds."""

    __slots__ = ("k",)

    def __init__(self, k: int, frames: Frames) -> None:
        self.k = k
        self.frames = frames

    def gradients(self, node: int, g: Tensor, create: bool, aside: Aside) -> list[Tensor | None]:
        """A token for the join; the gradient waits for it."""
        aside.setdefault(lib.rt_node_edge(node, 0), []).append((-lib.rt_node_seq(node), self.k, node, g))
        return [_TOKEN]


class _Once(Held):
    """What the node holds of a gradient that can't be differentiated."""

    __slots__ = ("name",)

    def __init__(self, name: str, frames: Frames) -> None:
        self.name = name
        self.frames = frames

    def gradients(self, node: int, g: Tensor, create: bool, aside: Aside) -> list[Tensor | None]:
        """There are none."""
        raise AutogradError(
            f"{self.name}.backward: it is once_differentiable, and can't be differentiated again; "
            f"the forward call was at {place_of(self.frames)}",
            forward_traceback=traceback_of(self.frames),
        )


def once_differentiable(backward: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a `backward` whose own calls are not to be recorded: to differentiate its gradients is an error."""

    @functools.wraps(backward)
    def wrapper(ctx: FunctionCtx, *grads: Any) -> Any:
        recorded = grad_mode.enabled
        with no_grad():
            given = backward(ctx, *grads)
        if not recorded:
            return given
        parts = list(given) if isinstance(given, (tuple, list)) else [given]
        call, node = ctx._call, ctx._node
        sources = [g._h for g in grads if isinstance(g, Tensor) and g._h.node]
        ties = []  # headers that lead to the inputs
        for i, x in enumerate(parts[: len(call.inputs)]):
            edge = lib.rt_node_edge(node, i)
            if isinstance(x, Tensor) and edge and call.inputs[i] == (x.shape, x.dtype):
                ties.append(tied(x, edge))
        for i, x in enumerate(parts):
            if isinstance(x, Tensor) and x._h.dtype in FLOWS:
                handles = [*sources, *(t._h for t in ties)]
                parts[i] = wrap(enter(call.name, lib.rt_retain(x._h), handles, _Once(call.name, call.frames)))
        return tuple(parts) if isinstance(given, (tuple, list)) else parts[0]

    return wrapper


class Function:
    """A function with its own backward. Subclasses define two static methods, and are called by `apply`:

        class Cube(autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return x * x * x

            @staticmethod
            def backward(ctx, g):
                (x,) = ctx.saved_tensors
                return 3 * x * x * g

        y = Cube.apply(x)

    Nothing that `forward` does is recorded; it may be written without ctx where there is a third method,
    ``setup_context(ctx, inputs, output)``. Arguments and results may be of any kind; gradients flow to tensors that are
    arguments themselves, and through floating and complex tensors that are the result or in a tuple which is.

    `backward` gets a gradient for each result, None for one that is no tensor, and gives one for each argument, of its
    shape and dtype, or None. It is recorded in a pass with create_graph, so that there are higher orders. What it
    raises is the cause of a `BackwardError`, which names the forward call.
    """

    @staticmethod
    def forward(*args: Any) -> Any:
        """What the function computes; a subclass defines it, with ctx as the first argument or not."""
        raise AutogradError("Function: forward is not defined")

    @staticmethod
    def setup_context(ctx: FunctionCtx, inputs: tuple[Any, ...], output: Any) -> None:
        """Save what `backward` needs, where `forward` takes no ctx; inputs hold the defaults of what was left out."""
        raise AutogradError("Function: setup_context is not defined")

    @staticmethod
    def backward(ctx: FunctionCtx, *grads: Any) -> Any:
        """The gradients towards the arguments; a subclass defines it."""
        raise AutogradError("Function: backward is not defined")

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Call the function. Keyword arguments are for those with `setup_context`.

        Raises:
            ArgumentError: arguments by keyword, and no setup_context.
            AutogradError: forward gave no tensor.
        """
        separate = cls.setup_context is not Function.setup_context
        if separate:
            args = _with_defaults(cls.forward, args, kwargs)
        elif kwargs:
            raise ArgumentError(f"{cls.__name__}.apply: arguments by keyword need a setup_context; got {[*kwargs]}")
        call = _Call(cls, args, capture(2))
        recording = grad_mode.enabled and any(call.needs)
        handles = None
        if recording:
            call.inputs = [(x.shape, x.dtype) if isinstance(x, Tensor) else None for x in args]
            handles = [x._h if isinstance(x, Tensor) else _NULL for x in args]
        ctx = FunctionCtx(call, 0, {})
        before = grad_mode.enabled
        grad_mode.enabled = False
        try:
            if separate:
                given = cls.forward(*args)
                cls.setup_context(ctx, args, given)
            else:
                given = cls.forward(ctx, *args)
        finally:
            grad_mode.enabled = before
        results = given if isinstance(given, tuple) else (given,)
        if not any(isinstance(y, Tensor) for y in results):
            got = f"a tuple of {len(given)} others" if isinstance(given, tuple) else type(given).__name__
            raise AutogradError(f"{cls.__name__}.forward: a Tensor or a tuple with one is needed; got {got}")
        out = call.results(args, handles, results)
        if not isinstance(given, tuple):
            return out[0]
        return type(given)(*out) if hasattr(given, "_fields") else tuple(out)


@functools.lru_cache(maxsize=256)
def _signature(function: Callable[..., Any]) -> inspect.Signature:
    return inspect.signature(function)


def _with_defaults(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
    """All arguments in order, defaults included."""
    try:
        bound = _signature(function).bind(*args, **kwargs)
    except TypeError as error:
        raise ArgumentError(f"{function.__qualname__}: {error}") from error
    bound.apply_defaults()
    if bound.kwargs:
        raise ArgumentError(f"{function.__qualname__}: arguments by keyword only can't be; got {[*bound.kwargs]}")
    return bound.args
