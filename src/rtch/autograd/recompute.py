# SPDX-License-Identifier: MIT
"""Activation checkpointing: values are computed again in the backward pass instead of being kept.

The function runs as always, recorded. Then its nodes let go of what they saved, and hold in its place where they stand
in the graph. When the backward pass comes to the first of them, the function runs again on the inputs, from the same
random numbers, and leaves a second graph of the same form. Each node finds its values at its place in that one, while
gradients flow through the first: what is added to what, and so every bit, is as without. The second graph is dropped
node by node, as the first is.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rtch._c import lib
from rtch._c.objects import node_object, set_node_object
from rtch.autograd.graph import CUSTOM, LEAF, Aside, Elsewhere, Held, freed, name_of, shape_of_node
from rtch.autograd.modes import inference_mode
from rtch.autograd.places import Frames, backward_error, capture, place_of, traceback_of
from rtch.creation import zeros
from rtch.errors import AnomalyError, ArgumentError, AutogradError, BackwardError
from rtch.ops.row import Op
from rtch.tensor import Tensor, grad_mode, share

_SCALAR = zeros(())


class _State(threading.local):
    depth = 0


_state = _State()


def is_recomputing() -> bool:
    """Whether this thread runs a function of `checkpoint` for the second time.

    What a layer does besides computing its result, it does not do then: batch normalisation leaves its running
    statistics alone.
    """
    return _state.depth > 0


@contextmanager
def _recomputing() -> Iterator[None]:
    _state.depth += 1
    try:
        with inference_mode(False):  # which records, whatever the mode around the pass
            yield
    finally:
        _state.depth -= 1


def _tensors(value: Any) -> Iterator[Tensor]:
    """The tensors in nested tuples, lists and dictionaries."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (tuple, list)):
        for part in value:
            yield from _tensors(part)
    elif isinstance(value, dict):
        for part in value.values():
            yield from _tensors(part)


def _shared(value: Any) -> Any:
    """The same nest, with tensors of its own that hold the values of now."""
    if isinstance(value, Tensor):
        return share(value) if type(value) is Tensor else value
    if type(value) in (tuple, list):
        return type(value)(_shared(part) for part in value)
    if type(value) is dict:
        return {key: _shared(part) for key, part in value.items()}
    return value


def _now() -> int:
    """The seq of a node that is new."""
    h = lib.rt_make_leaf(_SCALAR._h)
    seq = int(lib.rt_node_seq(h.node))
    lib.rt_release(h)
    return seq


def _nodes(out: Any, since: int) -> list[int]:
    """The nodes younger than `since` that lead to the tensors in out, each once, in an order that follows from the form
    of the graph; leaves are left out."""
    stack = [x._h.node for x in _tensors(out)]
    stack.reverse()
    seen, found = {0}, []
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        if lib.rt_node_seq(node) <= since or lib.rt_node_op(node) == LEAF:
            continue
        found.append(node)
        stack.extend(lib.rt_node_edge(node, i) for i in reversed(range(lib.rt_node_n_edges(node))))
    return found


class _Segment:
    """A call of a function that is made again when its values are needed."""

    __slots__ = ("args", "frames", "function", "kwargs", "lock", "n", "nodes", "roots", "states")

    def __init__(self, function: Callable[..., Any], args: Any, kwargs: Any, frames: Frames) -> None:
        self.nodes: list[int] | None = None  # of the second graph
        self.roots: list[int] = []  # shares of those that keep the others alive
        self.lock = threading.RLock()
        self.n = 0
        self.states: dict[Any, Any] = {}  # of the random generators that the function drew from
        self.function, self.args, self.kwargs, self.frames = function, _shared(args), _shared(kwargs), frames

    def __del__(self, _release: Any = lib.rt_node_release) -> None:
        self.nodes = None  # the collector may end this before what stands in the graph
        for node in self.roots:
            _release(node)

    @property
    def name(self) -> str:
        return f"checkpoint of {getattr(self.function, '__qualname__', type(self.function).__qualname__)}"

    def node(self, k: int, like: int) -> int:
        """The node at a place in the second graph.

        Raises:
            BackwardError: the function raised.
            AutogradError: that graph has another form.
        """
        with self.lock:
            if self.nodes is None:
                self._run()
            assert self.nodes is not None
            found = self.nodes[k] if len(self.nodes) == self.n else 0
            if not found or not _same(found, like):
                raise AutogradError(
                    f"{self.name}: run again, the function made another graph, at {name_of(like)}; it must do the same "
                    f"each time; its call was at {place_of(self.frames)}",
                    forward_traceback=traceback_of(self.frames),
                )
            return found

    def _run(self) -> None:
        from rtch.random import _replaying

        try:
            with _recomputing(), _replaying(self.states):
                since = _now()
                out = self.function(*_shared(self.args), **_shared(self.kwargs))
                nodes = _nodes(out, since)
        except (AnomalyError, BackwardError):
            raise
        except Exception as error:
            raise backward_error(self.name, self.frames, error) from error
        self.roots = [lib.rt_node_share(x._h.node) for x in _tensors(out) if x._h.node]
        self.nodes = nodes
        self.args, self.kwargs, self.states = (), {}, {}

    def drop(self, k: int) -> None:
        """The first graph's node at this place is done."""
        if self.nodes is not None and k < len(self.nodes):
            lib.rt_node_strip(self.nodes[k])
            set_node_object(self.nodes[k], False, None)


def _same(a: int, b: int) -> bool:
    return (
        lib.rt_node_op(a) == lib.rt_node_op(b)
        and lib.rt_node_dtype(a) == lib.rt_node_dtype(b)
        and lib.rt_node_n_edges(a) == lib.rt_node_n_edges(b)
        and lib.rt_node_saves(a) == lib.rt_node_saves(b)
        and shape_of_node(a) == shape_of_node(b)
        and name_of(a) == name_of(b)
    )


class _Stripped(Elsewhere):
    """What a node holds that has let go of its values."""

    __slots__ = ("k", "op", "segment")

    def __init__(self, segment: _Segment, k: int, op: Op | None) -> None:
        self.segment, self.k, self.op = segment, k, op
        self.frames = segment.frames

    def __del__(self) -> None:
        self.segment.drop(self.k)

    def source(self, node: int) -> int:
        """The node at the same place in the second graph."""
        return self.segment.node(self.k, node)

    def gradients(self, node: int, g: Tensor, create: bool, aside: Aside) -> list[Tensor | None]:
        """Of a call that computes them by itself: by what the second one of it holds."""
        held: Held | None = node_object(self.source(node), False)
        if held is None:
            raise freed(node)
        return held.gradients(node, g, create, aside)


def _strip(segment: _Segment, nodes: Sequence[int]) -> None:
    segment.n = len(nodes)
    for k, node in enumerate(nodes):
        held = node_object(node, False)
        if (held is None and not lib.rt_node_saves(node)) or lib.rt_node_is_freed(node):
            continue
        op = held.op if lib.rt_node_op(node) == CUSTOM else None
        set_node_object(node, False, _Stripped(segment, k, op))
        lib.rt_node_strip(node)


def checkpoint(
    function: Callable[..., Any],
    /,
    *args: Any,
    preserve_rng_state: bool = True,
    use_reentrant: bool = False,
    **kwargs: Any,
) -> Any:
    """Call a function whose intermediate values are not kept for the backward pass but computed again in it.

    What is kept are its tensor arguments, with the values they have now. Results and gradients have the same bits as
    without, at the cost of a second run. It nests, works in passes with create_graph, and for tensors that the function
    closes over, such as parameters; those must not have been written to between the two runs. A graph that is retained
    retains what was computed again.

    Random numbers are the same in both runs, whichever generators they come from. In the second `is_recomputing` is
    True, and layers leave their running statistics alone (PyTorch's move twice). Whatever else the function does
    happens twice. It must not close over its own result.

    Args:
        function: any; results in nested tuples, lists and dictionaries are seen to.
        args: its arguments.
        preserve_rng_state: draw the same random numbers in both runs.
        use_reentrant: only False: it is for PyTorch's callers.
        kwargs: further arguments of the function.

    Raises:
        ArgumentError: use_reentrant is True.
        AutogradError: in the backward pass, where the second run makes another graph.
        BackwardError: in the backward pass, where it raises.
    """
    if use_reentrant:
        raise ArgumentError("checkpoint: there is no reentrant one; got use_reentrant=True", argument=use_reentrant)
    if not grad_mode.enabled:
        return function(*args, **kwargs)
    from rtch.random import _noting

    segment = _Segment(function, args, kwargs, capture(2))
    since = _now()
    with _noting() as states:
        out = function(*args, **kwargs)
    if preserve_rng_state:
        segment.states = states
    _strip(segment, _nodes(out, since))
    return out


def checkpoint_sequential(
    functions: Any, segments: int, input: Any, *, preserve_rng_state: bool = True, use_reentrant: bool = False
) -> Any:
    """Call functions one after the other, each on the result of the one before, in so many parts, of which all but the
    last are checkpointed, as in PyTorch.

    Args:
        functions: an `nn.Sequential` or a list of functions.
        segments: how many parts, of as many functions each; the last has what is left over too.
        input: the argument of the first one.
        preserve_rng_state: see `checkpoint`.
        use_reentrant: see `checkpoint`.

    Raises:
        ArgumentError: fewer functions than segments, or no segments.
    """
    steps = list(functions.children()) if hasattr(functions, "children") else list(functions)
    if isinstance(segments, bool) or not isinstance(segments, int) or not 1 <= segments <= len(steps):
        raise ArgumentError(
            f"checkpoint_sequential: 1 to {len(steps)} segments are needed; got {segments!r}", argument=segments
        )

    def part(own: Sequence[Callable[..., Any]]) -> Callable[[Any], Any]:
        def run(x: Any) -> Any:
            for step in own:
                x = step(x)
            return x

        return run

    size = len(steps) // segments
    for start in range(0, size * (segments - 1), size):
        input = checkpoint(
            part(steps[start : start + size]),
            input,
            preserve_rng_state=preserve_rng_state,
            use_reentrant=use_reentrant,
        )
    return part(steps[size * (segments - 1) :])(input)
